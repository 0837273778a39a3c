//! However a client ends, it sends a `close_notify`, which tells the server a
//! clean end from a cut.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    process::Command,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
};

use rustls::{ServerConfig, ServerConnection, Stream};
use testkit::{
    DEADLINE, Process,
    certificates::Authority,
    program,
    pty::Terminal,
    wire::{fake_server, frame},
};

/// A server that reports how each client ended.
struct GoodbyeHost {
    addr: String,
    authority: Authority,
    ends: Receiver<io::Result<()>>,
}

impl GoodbyeHost {
    /// A server that echoes, or answers messages that begin with `bad` with
    /// something else.
    fn new() -> Self {
        let authority = Authority::new("authority");
        let config = authority.server_config();
        let (tell, ends) = mpsc::channel();
        let addr = fake_server(move |stream| tell.send(serve(stream, &config)).unwrap());
        Self {
            addr: addr.to_string(),
            authority,
            ends,
        }
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        let ca = self.authority.file();
        let args = ["-h", &self.addr, "--tls", "--tls-ca", &ca];
        args.iter().chain(more).map(ToString::to_string).collect()
    }

    fn start(&self, client: &str, more: &[&str]) -> Process {
        Process::start(Command::new(program(client)).args(self.args(more)))
    }

    #[track_caller]
    fn assert_left(&self) {
        let end = self.ends.recv_timeout(DEADLINE).unwrap();
        assert!(end.is_ok(), "no close_notify: {end:?}");
    }
}

/// An end without `close_notify` is an error.
fn serve(mut socket: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let mut session = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = Stream::new(&mut session, &mut socket);
    let mut buf = [0; 1024];
    loop {
        let n = stream.read(&mut buf)?;
        match &buf[..n] {
            [] => return Ok(()),
            bad if bad.ends_with(b"bad") => stream.write_all(&frame(b"good")[..6])?,
            // Not a frame.
            worse if worse.ends_with(b"worse") => stream.write_all(&[0xff; 4])?,
            message => stream.write_all(message)?,
        }
    }
}

#[test]
fn a_session_from_a_pipe() {
    let host = GoodbyeHost::new();
    for (input, code) in [
        ("", 0),
        ("hello\n", 0),
        ("hello\nq\n", 0),
        ("worse\n", 1),
        ("bad\n", 1),
    ] {
        // Only the wait for the bad reply times out.
        let timeout = if input == "bad\n" { "500ms" } else { "30s" };
        let mut repl = host.start("repl-client", &["--timeout", timeout]);
        repl.stdin().write_all(input.as_bytes()).unwrap();
        let _ = repl.wait().expect_code(code);
        host.assert_left();
    }
    for signal in ["INT", "TERM", "HUP"] {
        let mut repl = host.start("repl-client", &[]);
        repl.stdin().write_all(b"hello\n").unwrap();
        let _ = repl.wait_for_stdout("hello");
        repl.signal(signal);
        host.assert_left();
    }
}

#[test]
fn a_session_at_a_terminal() {
    let host = GoodbyeHost::new();
    let args = host.args(&[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for term in ["xterm", "dumb"] {
        for keys in ["q\r", "\x04", "hello\rq\r"] {
            let mut repl = Terminal::repl_on(term, &args);
            repl.type_keys(keys);
            assert_eq!(repl.wait(), Some(0));
            host.assert_left();
        }
        for signal in ["INT", "TERM", "HUP"] {
            let mut repl = Terminal::repl_on(term, &args);
            repl.type_keys("half a li");
            repl.wait_for("half a li");
            repl.signal(signal);
            host.assert_left();
        }
    }
    let mut repl = Terminal::repl_on("xterm", &args);
    repl.type_keys("\x03");
    host.assert_left();
}

#[test]
fn the_other_clients() {
    let host = GoodbyeHost::new();
    for (args, code) in [
        (&["-n", "3"][..], 0),
        (&["-n", "1", "-m", "worse"], 1),
        (&["-n", "1", "-m", "bad", "--timeout", "500ms"], 1),
    ] {
        let _ = host.start("echo-client", args).wait().expect_code(code);
        host.assert_left();
    }
    let _ = host.start("bench-client", &["-c", "1", "-n", "3"]).wait();
    host.assert_left();
}

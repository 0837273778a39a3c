//! `repl-client` on a terminal.

use std::{
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::Command,
    sync::{
        Mutex,
        mpsc::{self, Sender},
    },
    thread,
};

use rustix::termios::{Action, tcflow};
use testkit::{
    ServerProcess, program,
    pty::Terminal,
    wire::{fake_server, frame},
};

const ENTER: &str = "\r";
const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_Z: &str = "\x1a";

#[test]
fn lines_are_edited_and_remembered() {
    let server = ServerProcess::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    repl.type_keys("hllo");
    repl.type_keys(LEFT.repeat(3));
    repl.type_keys("e");
    repl.type_keys(ENTER);
    repl.wait_for("\nhello\r\n");
    repl.wait_for(">>> ");
    repl.type_keys(UP);
    repl.type_keys(" again");
    repl.type_keys(ENTER);
    repl.wait_for("\nhello again\r\n");
    repl.type_keys("q");
    repl.type_keys(ENTER);
    assert_eq!(repl.wait(), Some(0));
}

#[test]
fn keys_typed_ahead_are_kept() {
    let server = ServerProcess::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    repl.type_keys("one\rtwo\rthree\r");
    for reply in ["one", "two", "three"] {
        repl.wait_for(&format!("\n{reply}\r\n"));
    }
    repl.wait_for(">>> ");
    repl.type_keys(CTRL_D);
    assert_eq!(repl.wait(), Some(0));
}

#[test]
fn ctrl_c_and_ctrl_d_end_the_session() {
    let server = ServerProcess::start(&[]);
    for key in [CTRL_C, CTRL_D] {
        let mut repl = Terminal::repl(&server.host());
        repl.type_keys(key);
        assert_eq!(repl.wait(), Some(0), "{key:?}");
    }
}

/// SIGINT is like Ctrl-C; other signals are failures.
#[test]
fn a_signal_ends_the_session_and_restores_the_terminal() {
    let server = ServerProcess::start(&[]);
    for term in ["xterm", "dumb"] {
        for (signal, code) in [("INT", 0), ("TERM", 143), ("HUP", 129)] {
            let mut repl = Terminal::repl_on(term, &["-h", &server.host()]);
            repl.type_keys("half a li");
            repl.wait_for("half a li");
            repl.signal(signal);
            assert_eq!(repl.wait(), Some(code), "{term} {signal}");
        }
    }
}

/// Its other threads block the signal, so that the editor gets it.
#[test]
fn ctrl_z_restores_the_terminal_and_then_the_line() {
    let server = ServerProcess::start(&[]);
    let mut command = Command::new(program("repl-client"));
    command.args(["-h", &server.host()]).env("TERM", "xterm");
    // The signal goes to the process group, which includes these tests.
    let mut repl = Terminal::start(command.process_group(0));
    repl.wait_for(">>> ");
    repl.type_keys("half");
    repl.wait_for("half");
    for _ in 0..20 {
        repl.type_keys(CTRL_Z);
        repl.wait_until_stopped();
        repl.signal("CONT");
        repl.wait_for(">>> half");
    }
    repl.type_keys(" a line\r");
    repl.wait_for("\nhalf a line\r\n");
    repl.wait_for(">>> ");
    repl.type_keys(CTRL_D);
    assert_eq!(repl.wait(), Some(0));
}

/// As after Ctrl-S. Stderr is elsewhere: it would block, too.
#[test]
fn a_stopped_terminal_is_restored() {
    let server = ServerProcess::start(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&-"]);
    command.arg(program("repl-client")).env("TERM", "xterm");
    let mut repl = Terminal::start(command.args(["-h", &server.host()]));
    repl.wait_for(">>> ");
    // All output is shown (the end of a synchronized update), and a key read.
    repl.wait_for("\x1b[?2026l");
    tcflow(repl.shared(), Action::OOff).unwrap();
    repl.type_keys("x");
    repl.wait_until_read();
    repl.signal("TERM");
    assert_eq!(repl.wait(), Some(143));
}

#[test]
fn a_lost_server_ends_the_session_while_a_line_is_typed() {
    let mut server = ServerProcess::start(&[]);
    let host = server.host();
    let mut repl = Terminal::repl(&host);
    // A reply proves that the connection was accepted: killing a server resets
    // queued ones.
    repl.type_keys("hello\r");
    repl.wait_for("\nhello\r\n");
    repl.wait_for(">>> ");
    repl.type_keys("half a li");
    repl.wait_for("half a li");
    server.process().kill();
    repl.wait_for(&format!("repl-client: {host} closed the connection"));
    assert_eq!(repl.wait(), Some(1));
}

/// An echo server that also sends unsolicited messages.
fn chatty_server() -> (String, Sender<Vec<u8>>) {
    let (news, to_send) = mpsc::channel::<Vec<u8>>();
    let to_send = Mutex::new(to_send);
    let addr = fake_server(move |stream| {
        let to_send = to_send.lock().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| io::copy(&mut &stream, &mut &stream));
            for bytes in to_send.iter() {
                (&stream).write_all(&bytes).unwrap();
            }
        });
    });
    (addr.to_string(), news)
}

/// Also in the middle of a line, which is shown again below.
#[test]
fn an_unsolicited_reply_does_not_disturb_the_line() {
    for term in ["xterm", "dumb"] {
        let (host, news) = chatty_server();
        let mut repl = Terminal::repl_on(term, &["-h", &host]);
        repl.type_keys("half a li");
        repl.wait_for("half a li");
        news.send(frame(b"news\x1b[2J")).unwrap();
        if term == "dumb" {
            // The terminal has the typed text, and shows it once.
            repl.wait_for("\r\nunsolicited reply: news\\x1b[2J\r\n>>> ");
        } else {
            // From the beginning of the line.
            repl.wait_for("\r\x1b[Kunsolicited reply: news\\x1b[2J\r\n>>> half a li");
        }
        repl.type_keys("ne\r");
        repl.wait_for("\nhalf a line\r\n");
        repl.wait_for(">>> ");
        news.send(frame(&vec![b'x'; 1 << 20])).unwrap();
        repl.wait_for("unsolicited reply of 1048576 bytes: xxx");
        repl.wait_for(">>> ");
        repl.type_keys("q\r");
        assert_eq!(repl.wait(), Some(0), "{term}");
    }
}

#[test]
fn a_flood_ends_the_session_while_a_line_is_typed() {
    let addr = fake_server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        while stream.write_all(&frame(b"x").repeat(1000)).is_ok() {}
    });
    for term in ["xterm", "dumb"] {
        let mut repl = Terminal::repl_on(term, &["-h", &addr.to_string()]);
        repl.type_keys("x\rhalf a li");
        repl.wait_for("repl-client: ");
        repl.wait_for(" is not an echo server: ");
        assert_eq!(repl.wait(), Some(1));
    }
}

/// The same with a terminal of unknown capabilities.
#[test]
fn a_terminal_without_an_editor_has_a_prompt() {
    let server = ServerProcess::start(&[]);
    for term in ["dumb", "emacs", ""] {
        let mut repl = Terminal::repl_on(term, &["-h", &server.host()]);
        repl.type_keys("hello\r");
        // The terminal's own echo, then the reply; no control sequence.
        let before = repl.wait_for(">>> ");
        assert_eq!(before, "hello\r\nhello\r\n");
        repl.type_keys(b"caf\xe9\r");
        repl.wait_for("\ncaf\\xe9\r\n");
        repl.wait_for(">>> ");
        repl.type_keys(CTRL_D);
        let before = repl.wait_for("\n");
        assert_eq!(before, "\r");
        assert_eq!(repl.wait(), Some(0), "{term}");
    }
}

#[test]
fn colors_are_off_on_request() {
    let server = ServerProcess::start(&[]);
    for (term, no_color, has_color) in [
        ("xterm", "", true),
        ("xterm", "1", false),
        ("dumb", "", false),
    ] {
        let mut command = Command::new(program("repl-client"));
        for (name, value) in [("TERM", term), ("NO_COLOR", no_color)] {
            command.env(name, value);
        }
        for name in ["CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        let mut repl = Terminal::start(command.args(["-h", &server.host()]));
        let line = repl.wait_for("connection established");
        assert_eq!(
            line.contains('\x1b'),
            has_color,
            "{term} {no_color}: {line}"
        );
    }
}

/// A line that the editor cannot hold is refused; the session continues.
#[test]
fn a_line_that_is_not_utf_8_is_refused() {
    let server = ServerProcess::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    // Latin-1; an invalid first byte; a character truncated at the end of the
    // line.
    for line in [&b"caf\xe9s\r"[..], b"\xff\r", b"\xe3\x81\r"] {
        repl.type_keys(line);
        repl.wait_for(" not sent: not UTF-8");
        repl.wait_for(">>> ");
    }
    repl.type_keys("hello\r");
    repl.wait_for("\nhello\r\n");
    repl.wait_for(">>> ");
    repl.type_keys(CTRL_D);
    assert_eq!(repl.wait(), Some(0));
}

#[test]
fn a_peers_bytes_do_not_reach_the_terminal() {
    let server = ServerProcess::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    // Ctrl-V quotes the next key: an escape sequence becomes text.
    repl.type_keys("\x16\x1b]0;title\r");
    repl.wait_for("\n\\x1b]0;title\r\n");
    repl.wait_for(">>> ");
    repl.type_keys(CTRL_D);
    assert_eq!(repl.wait(), Some(0));
}

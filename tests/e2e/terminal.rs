//! `repl-client` on a terminal.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

use e2e::{DEADLINE, Server, program};
use rustix::termios::{LocalModes, tcgetattr};
use rustix_openpty::openpty;

/// A program on a pseudo-terminal.
struct Terminal {
    child: Child,
    /// This side of the terminal: writes are typed, reads are the screen.
    keys: File,
    output: Receiver<Vec<u8>>,
    screen: String,
    /// Held open, so that the terminal outlives the program.
    other_side: File,
}

impl Terminal {
    fn start(command: &mut Command) -> Self {
        let pty = openpty(None, None).unwrap();
        let (keys, other_side) = (File::from(pty.controller), File::from(pty.user));
        let stream = || other_side.try_clone().unwrap();
        let child = command
            .env("TERM", "xterm")
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let (chunks, output) = mpsc::channel();
        let mut source = keys.try_clone().unwrap();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n) = source.read(&mut chunk) {
                if chunks.send(chunk[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keys,
            output,
            screen: String::new(),
            other_side,
        }
    }

    fn repl(host: &str) -> Self {
        let mut terminal = Self::start(Command::new(program("repl-client")).args(["-h", host]));
        terminal.wait_for(">>> ");
        terminal
    }

    fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` was shown after what was waited for before.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.screen.find(text) {
                self.screen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(chunk) => self.screen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(error) => panic!("{error}: no {text:?} in {:?}", self.screen),
            }
        }
    }

    /// Waits for the program's end; the terminal must be as it was before.
    #[track_caller]
    fn wait(mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let modes = tcgetattr(&self.other_side).unwrap().local_modes;
                assert!(modes.contains(LocalModes::ICANON), "left raw");
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "still running: {:?}",
                self.screen
            );
            thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ENTER: &str = "\r";
const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[test]
fn lines_are_edited_and_remembered() {
    let server = Server::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    repl.type_keys("hllo");
    repl.type_keys(&LEFT.repeat(3));
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
fn keys_typed_ahead_are_not_lost() {
    let server = Server::start(&[]);
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
    let server = Server::start(&[]);
    for key in [CTRL_C, CTRL_D] {
        let mut repl = Terminal::repl(&server.host());
        repl.type_keys(key);
        assert_eq!(repl.wait(), Some(0), "{key:?}");
    }
}

#[test]
fn a_lost_server_ends_the_session_while_a_line_is_typed() {
    let mut server = Server::start(&[]);
    let host = server.host();
    let mut repl = Terminal::repl(&host);
    // A reply proves that the connection was accepted: killing a server resets
    // those in its queue.
    repl.type_keys("hello\r");
    repl.wait_for("\nhello\r\n");
    repl.wait_for(">>> ");
    repl.type_keys("half a li");
    repl.wait_for("half a li");
    server.process().kill();
    repl.wait_for(&format!("repl-client: {host} closed the connection"));
    assert_eq!(repl.wait(), Some(1));
}

#[test]
fn a_peers_bytes_do_not_reach_the_terminal() {
    let server = Server::start(&[]);
    let mut repl = Terminal::repl(&server.host());
    // Ctrl-V quotes the next key: an escape sequence becomes text.
    repl.type_keys("\x16\x1b]0;title\r");
    repl.wait_for("\n\\x1b]0;title\r\n");
    repl.wait_for(">>> ");
    repl.type_keys(CTRL_D);
    assert_eq!(repl.wait(), Some(0));
}

//! A program on a pseudo-terminal.

use std::{
    fs::File,
    io::{Read, Write},
    mem,
    process::{Child, Command},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

use crate::{DEADLINE, process::assert_no_panic, program, send_signal, wait_until};
use rustix::{
    io::{ioctl_fionbio, ioctl_fionread},
    process::{Pid, WaitId, WaitIdOptions, waitid},
    termios::{LocalModes, tcgetattr},
};
use rustix_openpty::{Pty, openpty};

/// A program on a pseudo-terminal.
pub struct Terminal {
    child: Child,
    /// The controlling side: writes are typed, reads are the screen.
    keys: File,
    output: Receiver<Vec<u8>>,
    screen: String,
    /// Held open, so that the terminal outlives the program.
    other_side: File,
}

impl Terminal {
    /// Starts a program on a new terminal.
    pub fn start(command: &mut Command) -> Self {
        Self::start_on(openpty(None, None).unwrap(), command)
    }

    /// The same on a terminal that another process has set to non-blocking.
    pub fn start_non_blocking(command: &mut Command) -> Self {
        let pty = openpty(None, None).unwrap();
        ioctl_fionbio(&pty.user, true).unwrap();
        Self::start_on(pty, command)
    }

    fn start_on(pty: Pty, command: &mut Command) -> Self {
        let (keys, other_side) = (File::from(pty.controller), File::from(pty.user));
        let stream = || other_side.try_clone().unwrap();
        let child = command
            .env_remove("RUST_LOG")
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

    /// Starts `repl-client` and waits for its prompt.
    pub fn repl(host: &str) -> Self {
        Self::repl_on("xterm", &["-h", host])
    }

    /// The same on a terminal of type `term`; with an empty `term`, of no type.
    pub fn repl_on(term: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program("repl-client"));
        if term.is_empty() {
            command.env_remove("TERM");
        } else {
            command.env("TERM", term);
        }
        let mut terminal = Self::start(command.args(args));
        terminal.wait_for(">>> ");
        terminal
    }

    /// Types keys.
    pub fn type_keys(&mut self, keys: impl AsRef<[u8]>) {
        self.keys.write_all(keys.as_ref()).unwrap();
    }

    /// Waits until the program has read all typed keys.
    #[track_caller]
    pub fn wait_until_read(&self) {
        wait_until(format_args!("read: {:?}", self.screen), || {
            ioctl_fionread(&self.other_side).unwrap() == 0
        });
    }

    /// Waits until the program is stopped; the terminal must be restored.
    #[track_caller]
    pub fn wait_until_stopped(&self) {
        let id = Pid::from_raw(self.child.id().cast_signed());
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        wait_until(format_args!("stopped: {:?}", self.screen), || {
            waitid(WaitId::Pid(id.unwrap()), options).unwrap().is_some()
        });
        self.assert_as_before();
    }

    #[track_caller]
    fn assert_as_before(&self) {
        let modes = tcgetattr(&self.other_side).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON), "left raw");
    }

    /// The terminal as the program and others see it.
    pub const fn shared(&self) -> &File {
        &self.other_side
    }

    /// Waits until `text` appears after the text last waited for, and returns
    /// what precedes it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.screen.find(text) {
                let rest = self.screen.split_off(at + text.len());
                let mut before = mem::replace(&mut self.screen, rest);
                before.truncate(at);
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(chunk) => self.screen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(error) => panic!("{error}: no {text:?} in {:?}", self.screen),
            }
        }
    }

    /// Sends the program a signal by name.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Waits for the program to exit; the terminal must be restored.
    #[track_caller]
    pub fn wait(mut self) -> Option<i32> {
        let mut status = None;
        wait_until(format_args!("ended: {:?}", self.screen), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.assert_as_before();
        status.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            let rest = self.output.try_iter().flatten().collect::<Vec<u8>>();
            let said = format!("{}{}", self.screen, String::from_utf8_lossy(&rest));
            assert_no_panic(&said, &"a program on a terminal");
        }
    }
}

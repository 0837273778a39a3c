//! `echo-server` as a child process.

use std::{net::SocketAddr, process::Command};

use crate::{Process, ProcessOutput, program};

/// An echo server on a free port.
pub struct ServerProcess {
    process: Process,
    addr: SocketAddr,
}

impl ServerProcess {
    /// Starts `echo-server` with `args` and waits until it listens. Unless
    /// `args` set `--stats`, statistics go to stdout, where
    /// [`ProcessOutput::expect_stat`] reads them.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(program("echo-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        if !args.contains(&"--stats") {
            command.args(["--stats", "-"]);
        }
        Self::announced_by(Process::start(&mut command))
    }

    /// Waits for the `listening on` line of a server.
    #[must_use]
    pub fn announced_by(mut process: Process) -> Self {
        let line = process.wait_for_stdout("listening on ");
        let addr = line.trim_start_matches("listening on ").parse();
        let addr = addr.unwrap_or_else(|_| panic!("no address in {line:?}"));
        Self { process, addr }
    }

    /// The server's address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The server's address, as an argument.
    #[must_use]
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The server's process.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops the server (SIGTERM) and returns its output.
    #[cfg(unix)]
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> ProcessOutput {
        self.process.signal("TERM");
        self.wait()
    }

    /// Returns its output once it has exited.
    #[must_use]
    #[track_caller]
    pub fn wait(self) -> ProcessOutput {
        self.process.wait()
    }

    /// The same, where a panic is allowed.
    #[must_use]
    #[track_caller]
    pub fn wait_whatever_it_says(self) -> ProcessOutput {
        self.process.wait_whatever_it_says()
    }
}

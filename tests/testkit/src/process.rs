//! Children: started, watched, waited for, never left behind.

use std::{
    fmt, fs,
    io::{self, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Once},
    thread,
    time::{Duration, Instant},
};

use signal_hook::{consts::SIGINT, flag};

use crate::{Lines, program};

/// How long anything may take before a test gives up. Far more than it takes
/// on a slow and busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// A child that ended.
#[derive(Debug)]
pub struct Output {
    command: String,
    /// Its exit code, as shells report it.
    pub code: Option<i32>,
    /// All of its stdout.
    pub stdout: String,
    /// All of its stderr.
    pub stderr: String,
}

impl Output {
    /// Checks the exit code.
    #[must_use]
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Checks that stderr has a line with `part` in it.
    #[must_use]
    #[track_caller]
    pub fn expect_stderr(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "no {part:?} in {self}");
        self
    }

    /// Checks what stands behind a label in a server's summary; more may follow
    /// it, but no digit.
    #[must_use]
    #[track_caller]
    pub fn expect_summary(self, label: &str, value: &str) -> Self {
        let is_whole = |line: &str| {
            let (_, found) = line.split_once(&format!(" INFO {label:<12} "))?;
            let rest = found.strip_prefix(value)?;
            Some(!rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        let found = self.stderr.lines().find_map(is_whole);
        assert_eq!(found, Some(true), "no {label} {value} in {self}");
        self
    }

    /// Checks that stdout has exactly this line.
    #[must_use]
    #[track_caller]
    pub fn expect_stdout_line(self, line: &str) -> Self {
        assert!(
            self.stdout.lines().any(|each| each == line),
            "no {line:?} in {self}"
        );
        self
    }

    /// Checks all of stdout.
    #[must_use]
    #[track_caller]
    pub fn expect_stdout(self, stdout: &str) -> Self {
        assert_eq!(self.stdout, stdout, "{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}\ncode: {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )
    }
}

/// Runs a program to its end.
#[must_use]
pub fn run(name: &str, args: &[&str]) -> Output {
    run_with_input(name, args, b"")
}

/// Runs a program to its end, with `input` on its stdin.
#[must_use]
pub fn run_with_input(name: &str, args: &[&str], input: &[u8]) -> Output {
    let mut process = Process::start(Command::new(program(name)).args(args));
    // A program may end before it has read everything.
    let _ = process.stdin().write_all(input);
    process.wait()
}

/// Checks that bad usage is refused: one line that has `named` in it, exit 2.
#[track_caller]
pub fn assert_usage_error(program: &str, args: &[&str], named: &str) {
    let output = run(program, args).expect_code(2).expect_stdout("");
    let long_name = if named == "h" {
        "host"
    } else if named == "c" {
        "connections"
    } else {
        named
    };
    let output = output
        .expect_stderr(&format!("{program}: "))
        .expect_stderr(long_name);
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
}

/// A running child, killed when dropped.
pub struct Process {
    command: String,
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Process {
    /// Starts a command with all three streams piped.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self::start_with_stdout(command, Stdio::piped())
    }

    /// Starts a command whose stdout is `stdout` and whose other streams are
    /// piped.
    #[must_use]
    pub fn start_with_stdout(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        Self::start_with(command, Stdio::piped(), stdout, Stdio::piped())
    }

    /// Starts a command whose stdin is `stdin` and whose other streams are
    /// piped.
    #[must_use]
    pub fn start_with_stdin(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        Self::start_with(command, stdin, Stdio::piped(), Stdio::piped())
    }

    /// Starts a command whose stderr is `stderr` and whose other streams are
    /// piped.
    #[must_use]
    pub fn start_with_stderr(command: &mut Command, stderr: impl Into<Stdio>) -> Self {
        Self::start_with(command, Stdio::piped(), Stdio::piped(), stderr)
    }

    fn start_with(
        command: &mut Command,
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Self {
        heed_interrupts();
        command
            .env_remove("RUST_LOG")
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        Self {
            stdout: stdout.map_or_else(|| Lines::of(io::empty()), Lines::of),
            stderr: stderr.map_or_else(|| Lines::of(io::empty()), Lines::of),
            command: format!("{command:?}"),
            child,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has used so far, in steps of 10 ms.
    #[cfg(target_os = "linux")]
    #[must_use]
    #[track_caller]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        let stat = stat.expect("a running process");
        // Behind the name, which is in parentheses: utime and stime are fields
        // 14 and 15 (proc(5)), in ticks of 1/100 s.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The way into the child; closed by [`wait`](Self::wait).
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("stdin is open")
    }

    /// Waits for a line of stdout with `part` in it.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, part: &str) -> String {
        let line = self.stdout.wait_for(part);
        line.unwrap_or_else(|| panic!("no {part:?} on stdout of {self}"))
    }

    /// Waits for a line of stderr with `part` in it.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, part: &str) -> String {
        let line = self.stderr.wait_for(part);
        line.unwrap_or_else(|| panic!("no {part:?} on stderr of {self}"))
    }

    /// Sends a signal by its name: `TERM`, `INT`, `KILL`, `STOP`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(status.expect("kill runs").success(), "kill -{name} {self}");
    }

    /// Kills the child at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child that was not waited for");
    }

    /// Closes stdin, waits for the child's end and takes all it said.
    #[track_caller]
    #[must_use]
    pub fn wait(mut self) -> Output {
        drop(self.child.stdin.take());
        let Some(status) = self.wait_until(Instant::now() + DEADLINE) else {
            panic!("still running: {self}");
        };
        Output {
            command: self.command.clone(),
            code: exit_code(status),
            stdout: self.stdout.rest(),
            stderr: self.stderr.rest(),
        }
    }

    fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            let status = self.child.try_wait().expect("a child can be waited for");
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            thread::sleep(POLL);
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
        write!(f, "{}\nstdout:\n{stdout}\nstderr:\n{stderr}", self.command)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets children end on SIGINT even where these tests were started as a
/// background job of a script, with SIGINT ignored. A signal with a handler
/// here, if only one that does nothing, is back at its default in them.
fn heed_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = fs::read_to_string("/proc/self/status").is_ok_and(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            let mask = mask.map(|mask| u64::from_str_radix(mask.trim(), 16));
            matches!(mask, Some(Ok(mask)) if mask & (1 << (SIGINT - 1)) != 0)
        });
        if ignored {
            flag::register(SIGINT, Arc::default()).expect("a handler");
        }
    });
}

/// An echo server on a free port.
pub struct Server {
    process: Process,
    addr: SocketAddr,
}

impl Server {
    /// Starts `echo-server` with `args` and waits until it listens.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(program("echo-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(args);
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

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens, as an argument.
    #[must_use]
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// Its process.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it to stop (SIGTERM) and takes all it said.
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> Output {
        self.process.signal("TERM");
        self.wait()
    }

    /// Takes all it said once it has ended.
    #[must_use]
    #[track_caller]
    pub fn wait(self) -> Output {
        self.process.wait()
    }
}

/// As shells report it: of a program that a signal has ended, 128 more than the
/// signal.
fn exit_code(status: ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Some(128 + signal);
    }
    status.code()
}

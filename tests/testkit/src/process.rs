//! Child processes: started, observed, waited for, killed when dropped.

use std::{
    fmt, fs,
    io::{self, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Once},
    thread,
    time::Duration,
};

use signal_hook::{consts::SIGINT, flag};

use crate::{OutputLines, ProcessOutput, program, wait::poll};

/// How long to read the stderr of a killed child: its own children may hold it
/// open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a program to its end.
#[must_use]
pub fn run(name: &str, args: &[&str]) -> ProcessOutput {
    run_with_input(name, args, b"")
}

/// Runs a program to its end, with `input` on its stdin.
#[must_use]
pub fn run_with_input(name: &str, args: &[&str], input: &[u8]) -> ProcessOutput {
    let mut process = Process::start(Command::new(program(name)).args(args));
    // A program may exit before it has read all input.
    let _ = process.stdin().write_all(input);
    process.wait()
}

/// Checks that bad usage is rejected: one line that contains `named`, exit code
/// 2.
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
    stdout: OutputLines,
    stderr: OutputLines,
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
            stdout: stdout.map_or_else(|| OutputLines::of(io::empty()), OutputLines::of),
            stderr: stderr.map_or_else(|| OutputLines::of(io::empty()), OutputLines::of),
            command: format!("{command:?}"),
            child,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time used so far, in steps of 10 ms.
    #[cfg(target_os = "linux")]
    #[must_use]
    #[track_caller]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        let stat = stat.expect("a running process");
        // After the name, which is in parentheses: utime and stime are fields
        // 14 and 15 (proc(5)), in ticks of 1/100 s.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The child's stdin; [`wait`](Self::wait) closes it.
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("stdin is open")
    }

    /// Waits for a line of stdout that contains `part`.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, part: &str) -> String {
        let line = self.stdout.wait_for(part);
        line.unwrap_or_else(|| panic!("no {part:?} on stdout of {self}"))
    }

    /// Waits for a line of stderr that contains `part`.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, part: &str) -> String {
        let line = self.stderr.wait_for(part);
        line.unwrap_or_else(|| panic!("no {part:?} on stderr of {self}"))
    }

    /// Sends a signal by its name: `TERM`, `INT`, `HUP`, `STOP`, `CONT`.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Kills the child at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child that was not waited for");
    }

    /// Closes stdin, waits for the child to exit and returns its output. The
    /// child must not have panicked.
    #[track_caller]
    #[must_use]
    pub fn wait(self) -> ProcessOutput {
        let output = self.wait_whatever_it_says();
        assert_no_panic(&output.stderr, &output);
        output
    }

    /// The same, where a panic is allowed.
    #[track_caller]
    #[must_use]
    pub fn wait_whatever_it_says(mut self) -> ProcessOutput {
        drop(self.child.stdin.take());
        let mut status = None;
        let has_ended = poll(|| {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        assert!(has_ended, "still running: {self}");
        ProcessOutput {
            command: self.command.clone(),
            code: status.and_then(exit_code),
            stdout: self.stdout.rest(),
            stderr: self.stderr.rest(),
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
        if !thread::panicking() {
            assert_no_panic(&self.stderr.rest_within(LAST_WORDS), &self.command);
        }
    }
}

/// Checks a child's output for a panic of one of its threads.
#[track_caller]
pub(crate) fn assert_no_panic(said: &str, child: &dyn fmt::Display) {
    assert!(!said.contains("panicked at"), "{child}\n{said}");
}

/// Sends a signal to a process.
#[cfg(unix)]
#[track_caller]
pub fn send_signal(id: u32, name: &str) {
    use rustix::process::{Pid, Signal, kill_process};

    let signal = match name {
        "CONT" => Signal::CONT,
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "STOP" => Signal::STOP,
        "TERM" => Signal::TERM,
        _ => panic!("no signal {name}"),
    };
    let id = Pid::from_raw(id.cast_signed()).expect("a process id");
    kill_process(id, signal).unwrap_or_else(|error| panic!("SIG{name} to {id:?}: {error}"));
}

/// Lets children end on SIGINT even if these tests run as a background job of a
/// script, with SIGINT ignored. A signal with a handler in this process, even
/// one that does nothing, has its default action in children.
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

/// As shells report it: for a program ended by a signal, 128 plus the signal.
fn exit_code(status: ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Some(128 + signal);
    }
    status.code()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A program that continues after a thread has panicked.
    fn panicking() -> Process {
        let script = "echo \"thread 'x' panicked at y\" >&2";
        Process::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    #[should_panic(expected = "panicked at y")]
    fn a_panic_is_seen_at_the_end() {
        let _ = panicking().wait();
    }

    #[test]
    #[should_panic(expected = "panicked at y")]
    fn a_panic_is_seen_when_a_child_is_dropped() {
        let _ = panicking().wait_for_stderr("panicked");
    }
}

//! A child's output, and checks of it.

use std::fmt;

use serde_json::Value;

/// The output of a child that has ended.
#[derive(Debug)]
pub struct ProcessOutput {
    pub(crate) command: String,
    /// Its exit code, as shells report it.
    pub code: Option<i32>,
    /// All of its stdout.
    pub stdout: String,
    /// All of its stderr.
    pub stderr: String,
}

impl ProcessOutput {
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

    /// Checks the value after a label in a server's summary; anything but a
    /// digit may follow it.
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

    /// A value in the last line of a server's statistics (`--stats -`).
    #[track_caller]
    pub fn stat(&self, name: &str) -> u64 {
        let count = self.stats()[name].as_u64();
        count.unwrap_or_else(|| panic!("no count {name} in {self}"))
    }

    /// The number of connections that a server has closed for a reason.
    #[track_caller]
    pub fn closed(&self, reason: &str) -> u64 {
        let count = self.stats()["closed"][reason].as_u64();
        count.unwrap_or_else(|| panic!("no reason {reason} in {self}"))
    }

    /// Checks a value of a server's statistics.
    #[must_use]
    #[track_caller]
    pub fn expect_stat(self, name: &str, count: u64) -> Self {
        assert_eq!(self.stat(name), count, "{name} of {self}");
        self
    }

    /// Checks the number of closed connections for every reason, written as `2
    /// clean, 1 write_timeout`, in any order.
    #[must_use]
    #[track_caller]
    pub fn expect_closed(self, expected: &str) -> Self {
        let stats = self.stats();
        let closed = stats["closed"].as_object().expect("reasons");
        let mut closed: Vec<String> = closed
            .iter()
            .filter(|(_, count)| **count != 0)
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let mut expected: Vec<&str> = expected.split(", ").collect();
        closed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(closed, expected, "{self}");
        self
    }

    #[track_caller]
    fn stats(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: no stats in {self}"))
    }
}

impl fmt::Display for ProcessOutput {
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

//! A shell transcript, run again.

use std::{env, process::Command};

use tempfile::TempDir;
use testkit::{Process, ProcessOutput, program};

use super::{
    document::{Block, root},
    transcript::{ANY_LINES, TranscriptFigures, difference},
};

/// Duration of a measurement here: a rate of 5000 gives 1,000 samples.
const SHORT: &str = "300ms";

/// The programs' default address.
const ADDR: &str = "127.0.0.1:60000";

/// Runs the commands of a transcript, in a temporary folder, and compares their
/// output.
///
/// A command that ends with `&` is a server, on a free port; `kill` with `%1`
/// ends it. Later clients connect to it. A run of `bench-client` is shortened,
/// so its figures are not compared. Returns the differences.
pub(super) fn repeat(block: &Block) -> Vec<String> {
    let mut session = DocumentSession::new(&block.place);
    for SessionStep { command, expected } in steps(block) {
        session.run(&command, &expected);
    }
    session.end();
    session.differences
}

/// Runs the commands that are programs of the workspace, and expects each to
/// succeed. Clients get a server, even if none is started.
pub(super) fn succeed(place: &str, commands: &[&str]) {
    let mut session = DocumentSession::new(place);
    let commands = commands
        .iter()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for command in commands {
        let command = command.strip_suffix(" &").unwrap_or(command);
        match command.split(' ').next() {
            Some("echo-server") => {
                session.end();
                session.serve(command, &[ANY_LINES]);
            }
            Some("echo-client" | "repl-client" | "bench-client") => {
                if session.server.is_none() {
                    session.serve("echo-server", &[ANY_LINES]);
                }
                session.expect_success(command);
            }
            _ if command.starts_with("cargo run ") && !command.contains("--bin") => {
                session.expect_success(command);
            }
            // An installation, or too long.
            _ => assert!(command.starts_with("cargo "), "{place}: {command}"),
        }
    }
    session.end();
}

struct SessionStep<'a> {
    command: String,
    /// The expected output.
    expected: Vec<&'a str>,
}

/// The lines of a block, by command.
fn steps<'a>(block: &Block<'a>) -> Vec<SessionStep<'a>> {
    let mut steps: Vec<SessionStep> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(SessionStep {
                command: command.to_owned(),
                expected: Vec::new(),
            }),
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.pop();
                step.command.push_str(line.trim_start());
            }
            (None, Some(step)) => step.expected.push(line),
            (None, None) => panic!("{}: it begins without a command", block.place),
        }
    }
    steps
}

struct DocumentSession<'a> {
    /// The place of the transcript.
    place: &'a str,
    folder: TempDir,
    server: Option<SessionServer<'a>>,
    differences: Vec<String>,
}

struct SessionServer<'a> {
    process: Process,
    addr: String,
    expected: Vec<&'a str>,
}

impl<'a> DocumentSession<'a> {
    fn new(place: &'a str) -> Self {
        Self {
            place,
            folder: tempfile::tempdir().expect("a folder"),
            server: None,
            differences: Vec::new(),
        }
    }

    /// Runs a command to its end, or until it listens.
    fn run(&mut self, command: &str, expected: &[&'a str]) {
        if let Some(command) = command.strip_suffix(" &") {
            assert!(self.server.is_none(), "{}: one server, please", self.place);
            self.serve(command, expected);
        } else if command == "kill %1" {
            if let Some(server) = &mut self.server {
                server.expected.extend(expected);
            }
            self.end();
        } else {
            let figures = if command.contains("bench-client") {
                TranscriptFigures::Any
            } else {
                TranscriptFigures::Same
            };
            let output = self.output(command).stdout;
            let output = self
                .server
                .iter()
                .fold(output, |output, server| output.replace(&server.addr, ADDR));
            self.compare(command, &output, expected, figures);
        }
    }

    /// Starts a server, and waits until it listens.
    fn serve(&mut self, command: &str, expected: &[&'a str]) {
        let command = command.replace("0.0.0.0:60000", ADDR);
        let command = command.replace("127.0.0.1:9100", "127.0.0.1:0");
        let command = if command.contains(" --listen ") {
            command.replace(ADDR, "127.0.0.1:0")
        } else {
            command.replacen("echo-server", "echo-server --listen 127.0.0.1:0", 1)
        };
        let mut process = self.start(&format!("exec {command}"));
        let line = process.wait_for_stdout("listening on ");
        self.server = Some(SessionServer {
            process,
            addr: line.replace("listening on ", ""),
            expected: expected.to_vec(),
        });
    }

    /// Runs a command to its end; a measurement is shortened.
    fn output(&self, command: &str) -> ProcessOutput {
        // They are already built.
        let command = command.replace("cargo run --release --bin bench-client --", "bench-client");
        let mut command = short(&self.addressed(&command));
        if let Some(server) = &self.server {
            command = command.replace("%1", &server.process.id().to_string());
        }
        self.start(&command).wait()
    }

    fn expect_success(&self, command: &str) {
        let is_endless = command.starts_with("bench-client -") && !command.contains(" -d ");
        let end = if is_endless { " -d 1s" } else { "" };
        let output = self.output(&format!("{command}{end}"));
        // On a busy machine an expectation may be missed.
        let is_missed = output.code == Some(3) && command.contains("--expect");
        assert!(
            output.code == Some(0) || is_missed,
            "{}: {output}",
            self.place
        );
    }

    /// Stops the server, if any, and compares its output.
    fn end(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        server.process.signal("TERM");
        let output = server.process.wait().expect_code(0);
        let output = output.stdout.replace(&server.addr, ADDR);
        self.compare(
            "echo-server",
            &output,
            &server.expected,
            TranscriptFigures::Any,
        );
    }

    fn compare(
        &mut self,
        command: &str,
        output: &str,
        expected: &[&str],
        figures: TranscriptFigures,
    ) {
        if let Some(difference) = difference(output, expected, figures) {
            let place = self.place;
            self.differences
                .push(format!("{place}, {command}: {difference}"));
        }
    }

    /// The command with the server's address.
    fn addressed(&self, command: &str) -> String {
        // The lab has its own.
        let Some(server) = self.server.as_ref().filter(|_| !command.contains(" lab")) else {
            return command.to_owned();
        };
        if command.contains(ADDR) {
            return command.replace(ADDR, &server.addr);
        }
        ["echo-client", "repl-client", "bench-client"]
            .iter()
            .fold(command.to_owned(), |command, client| {
                command.replace(client, &format!("{client} -h {}", server.addr))
            })
    }

    /// Starts a shell with stderr redirected to stdout.
    fn start(&self, command: &str) -> Process {
        let programs = program("echo-server").parent().expect("a folder");
        let mut path = programs.as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec 2>&1; {command}")])
            .env("PATH", path)
            .current_dir(&self.folder);
        if command.starts_with("cargo ") {
            shell.current_dir(root());
        }
        for (name, _) in env::vars_os() {
            // Cargo's variables for a test would cause a rebuild.
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                shell.env_remove(name);
            }
        }
        Process::start(&mut shell)
    }
}

/// The command with a shorter measurement.
fn short(command: &str) -> String {
    let words = command.split(' ');
    let mut is_time = false;
    let words = words.map(|word| {
        let short = if is_time { SHORT } else { word };
        is_time = ["-d", "--warmup"].contains(&word);
        short
    });
    words.collect::<Vec<_>>().join(" ")
}

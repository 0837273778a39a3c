//! `echo-client check`: ours keeps every rule, and of servers that break one, just
//! that one is named.

use std::{
    fs,
    io::{self, Read, Write},
    mem,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use socket2::SockRef;
use testkit::{
    DEADLINE, Process, ServerProcess, program, run, tokio_peer,
    wire::{fake_server, silent_server},
};

/// What `check` finds, as JSON.
fn check(host: &str, args: &[&str], code: impl Into<Option<i32>>) -> Value {
    let args = [&["check", "-h", host, "--json", "-"], args].concat();
    let output = run("echo-client", &args);
    let found: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let expected = i32::from(found["failed"] != json!([]));
    let _ = output.expect_code(code.into().unwrap_or(expected));
    found
}

/// What came of a rule.
fn outcome<'a>(found: &'a Value, rule: &str) -> &'a Value {
    let rules = found["rules"].as_array().unwrap();
    rules.iter().find(|row| row["name"] == rule).unwrap()
}

#[test]
fn our_server_keeps_every_rule() {
    for (mode, rules) in [(&[][..], 21), (&["--raw"], 9)] {
        let server = ServerProcess::start(mode);
        let args = [mode, &["--timeout", "16s", "--max-frame", "1MiB"]].concat();
        let found = check(&server.host(), &args, 0);
        let rows = found["rules"].as_array().unwrap();
        assert_eq!(rows.len(), rules);
        let readme = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../crates/echo-client/README.md"
        );
        let readme = fs::read_to_string(readme).unwrap();
        for row in rows {
            let is_good = row["outcome"] == "pass" || row["outcome"] == "info";
            assert!(is_good, "{row}");
            let name = row["name"].as_str().unwrap();
            assert!(readme.contains(&format!("| `{name}` | ")), "{name}");
        }
        if mode.is_empty() {
            assert_eq!(outcome(&found, "limit")["came"], "8388608 bytes");
            assert_eq!(outcome(&found, "heartbeat")["came"], "echoed");
            for coding in ["checksum", "compression"] {
                let came = &outcome(&found, coding)["came"];
                assert!(came.as_str().unwrap().starts_with("verified"), "{came}");
            }
        }
    }
}

#[test]
fn the_codec_of_tokio_util_keeps_every_rule() {
    let (listening, addr) = mpsc::channel();
    thread::spawn(move || tokio_peer::serve(|addr| listening.send(addr).unwrap()));
    let addr = addr.recv_timeout(DEADLINE).unwrap();
    let found = check(&addr.to_string(), &["--timeout", "16s"], 0);
    assert_eq!(outcome(&found, "urgent")["outcome"], "warn", "{found:#}");
    assert_eq!(outcome(&found, "limit")["came"], "8388608 bytes");
    for coding in ["checksum", "compression"] {
        let came = &outcome(&found, coding)["came"];
        assert!(came.as_str().unwrap().starts_with("none: "), "{came}");
    }
}

/// Servers that are wrong in one way, by the rule that each breaks, and no other.
/// There is one for each rule that a server must keep.
const MUTANTS: [(&str, &str); 28] = [
    ("clears the high bits", "echo"),
    ("adds a line end", "echo"),
    ("drops the rest of a read", "split"),
    ("expects few single bytes", "drip"),
    ("takes 64 frames of a read", "sticky"),
    ("merges two frames", "sticky"),
    ("stalls after 70 frames", "sticky"),
    ("expects a frame in two reads", "across"),
    ("takes an empty frame for nothing", "empty"),
    ("has a length of 16 bits", "sizes"),
    ("refuses 65,536 bytes", "sizes"),
    ("drops the last byte of a page", "sizes"),
    ("has long lengths as little-endian", "sizes"),
    ("expects a payload with its header", "two-writes"),
    ("resets in place of FIN", "half-close"),
    ("drops the replies at FIN", "half-close"),
    ("sends FIN late", "half-close"),
    ("keeps a part of a frame", "reset"),
    ("confuses connections", "crowd"),
    ("writes under a lock", "slow-reader"),
    ("sorts the replies", "order"),
    ("swaps two frames", "order"),
    ("waits for what is announced", "huge"),
    ("echoes what is announced", "huge"),
    ("echoes a cut header", "cut-header"),
    ("fills up a cut message", "cut-header"),
    ("has signed lengths", "garbage"),
    ("echoes after the error", "garbage"),
];

#[test]
fn a_broken_rule_is_named_and_no_other() {
    thread::scope(|scope| {
        for (mutation, rule) in MUTANTS {
            scope.spawn(move || {
                let host = Mutant::start(mutation).to_string();
                // On a busy machine two writes can be one read, and nothing shows.
                let found = (0..5).find_map(|_| {
                    let found = check(&host, &["--timeout", "8s"], None);
                    (found["failed"] != json!([])).then_some(found)
                });
                let found = found.unwrap_or_else(|| panic!("{mutation}: that is not noticed"));
                assert_eq!(found["failed"], json!([rule]), "{mutation}: {found:#}");
                let row = outcome(&found, rule);
                let is_told = |part: &str| row[part].as_str().is_some_and(|text| !text.is_empty());
                assert!(["sent", "came", "why"].into_iter().all(is_told), "{row}");
                assert_eq!(outcome(&found, "urgent")["outcome"], "pass");
            });
        }
    });
}

#[test]
fn a_lost_urgent_byte_is_a_warning() {
    let host = Mutant::start("loses an urgent byte").to_string();
    let found = check(&host, &["--timeout", "8s"], 0);
    assert_eq!(outcome(&found, "urgent")["outcome"], "warn", "{found:#}");
}

#[test]
fn the_table_fits_a_terminal_and_the_outcome_is_one_line() {
    let host = silent_server().to_string();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let json = json.to_str().unwrap();
    let args = ["check", "-h", &host, "--timeout", "100ms", "--json", json];
    let output = run("echo-client", &args).expect_code(1);
    let too_wide = output.stdout.lines().find(|line| line.chars().count() > 80);
    assert_eq!(too_wide, None, "{output}");
    let output = output.expect_stderr("breaks rules of an echo server: echo, split, ");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    for part in ["sent: ", "came: nothing within 100ms", "why:  "] {
        assert!(output.stdout.contains(part), "{output}");
    }
    let found: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(found["wire"], "framed");
}

#[test]
fn what_a_server_sends_cannot_drive_the_terminal() {
    let host = fake_server(|mut stream| {
        let _ = stream.write_all(b"\x1b[2J\x07\xff\n".repeat(100).as_slice());
        let _ = stream.read(&mut [0; 64]);
    });
    let args = ["check", "-h", &host.to_string(), "--timeout", "100ms"];
    let output = run("echo-client", &args).expect_code(1);
    let is_harmless = |c: char| c == '\n' || !c.is_control();
    assert!(output.stdout.chars().all(is_harmless), "{output}");
    assert!(output.stdout.contains(r"\x1b[2J\x07\xff"), "{output}");
}

/// Of one that is gone, the rules that are not tried are not broken.
#[test]
fn a_server_that_dies_ends_the_check() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(40) {
            let stream = stream.unwrap();
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let json = json.to_str().unwrap();
    let args = ["check", "-h", &addr.to_string(), "--json", json];
    let output = run("echo-client", &args).expect_code(1);
    let output = output.expect_stderr("breaks rules of an echo server: sizes; is gone since sizes");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    let found: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(found["failed"], json!(["sizes"]));
}

/// Also where no rule is broken.
#[test]
fn a_server_that_is_killed_has_not_passed() {
    let mut server = ServerProcess::start(&[]);
    let mut check = Command::new(program("echo-client"));
    let mut check = Process::start(check.args(["check", "-h", &server.host()]));
    let _ = check.wait_for_stdout("garbage ");
    server.process().kill();
    let output = check.wait().expect_code(1);
    let output = output.expect_stderr(" is gone since ");
    assert!(!output.stderr.contains("breaks"), "{output}");
}

/// What this host lacks is no fault of the server.
#[test]
#[cfg(unix)]
fn a_client_without_descriptors_does_not_blame_the_server() {
    let server = ServerProcess::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let command = format!(
        "ulimit -n 64 && exec {} check -h {} --json {}",
        program("echo-client").display(),
        server.addr(),
        json.display()
    );
    let mut shell = Command::new("sh");
    let output = Process::start(shell.args(["-c", &command])).wait();
    let output = output.expect_code(1).expect_stderr(
        "cannot check crowd: this host opens no connection: Too many open files (os error 24); \
         150 descriptors are enough: ulimit -n 150",
    );
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    assert!(!output.stdout.contains("FAIL"), "{output}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "half a file"
    );
}

#[test]
#[cfg(unix)]
fn an_interrupted_check_leaves_no_file() {
    let server = ServerProcess::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let mut check = Command::new(program("echo-client"));
    check
        .args(["check", "-h", &server.host(), "--json"])
        .arg(json);
    let mut check = Process::start(&mut check);
    let _ = check.wait_for_stdout("echo ");
    check.signal("INT");
    let output = check.wait().expect_code(130);
    assert!(!output.stdout.contains("garbage"), "{output}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "leftovers");
}

#[test]
fn a_closed_stdout_does_not_change_what_is_found() {
    let host = silent_server().to_string();
    let args = ["check", "-h", &host, "--timeout", "100ms"];
    let mut command = Command::new(program("echo-client"));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let check = Process::start_with_stdout(command.args(args), writer);
    let output = check.wait().expect_code(1);
    let _ = output.expect_stderr("breaks rules of an echo server: echo, split, ");
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_before_the_check() {
    for path in ["/nowhere/found.json", "/"] {
        // No server is needed.
        let args = ["check", "-h", "127.0.0.1:1", "--json", path];
        let output = run("echo-client", &args).expect_code(1).expect_stdout("");
        let output = output.expect_stderr(&format!("cannot write {path}: "));
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
}

/// A server of frames that is wrong in one way.
struct Mutant {
    mutation: &'static str,
    /// Connections being served.
    live: AtomicUsize,
    writing: Mutex<()>,
    /// What connections share and must not: the last reply, a part of a frame.
    reply: Mutex<Vec<u8>>,
    part: Mutex<Vec<u8>>,
}

impl Mutant {
    fn start(mutation: &'static str) -> SocketAddr {
        let mutant = Self {
            mutation,
            live: AtomicUsize::new(0),
            writing: Mutex::default(),
            reply: Mutex::default(),
            part: Mutex::default(),
        };
        fake_server(move |stream| {
            mutant.live.fetch_add(1, Ordering::Relaxed);
            // A client that vanishes is no concern of the others.
            let _ = mutant.serve(&stream);
            mutant.live.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn is(&self, mutation: &str) -> bool {
        self.mutation == mutation
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_out_of_band_inline(!self.is("loses an urgent byte"))?;
        stream.set_nodelay(true)?;
        let mut buf = vec![0; 64 << 10];
        // What a connection before left, if it is about that.
        let mut pending = mem::take(&mut *self.part.lock().unwrap());
        let (mut reads, mut single_bytes, mut frames) = (0, 0, 0);
        loop {
            let read = stream.read(&mut buf)?;
            if read == 0 {
                break;
            }
            pending.extend_from_slice(&buf[..read]);
            reads += 1;
            single_bytes += usize::from(read == 1);
            if self.gives_up(&pending, read, reads, single_bytes) {
                return Ok(());
            }
            let Some(mut replies) = self.take_frames(&mut pending) else {
                return Ok(());
            };
            if !replies.is_empty() {
                reads = 0;
            }
            self.spoil(&mut replies, &mut pending);
            frames += replies.len();
            if self.is("stalls after 70 frames") {
                replies.truncate((70 + replies.len()).saturating_sub(frames));
            }
            if self.is("drops the replies at FIN") && replies.len() == 64 && has_fin(stream)? {
                return Ok(());
            }
            let lock = self.is("writes under a lock").then(|| self.writing.lock());
            stream.write_all(&replies.concat())?;
            drop(lock);
            // Behind a message of all byte values, and in a segment of its own.
            if self.is("adds a line end") && replies.concat().starts_with(&[0, 0, 1, 0, 0]) {
                thread::sleep(Duration::from_millis(5));
                stream.write_all(b"\r\n")?;
            }
        }
        match self.mutation {
            "echoes a cut header" if pending.len() < 4 => stream.write_all(&pending)?,
            "fills up a cut message" if pending.len() > 4 => {
                pending.resize(4 + pending[3] as usize, 0);
                stream.write_all(&pending)?;
            }
            // Later than the client waits.
            "sends FIN late" if pending.is_empty() && frames == 0 => {
                thread::sleep(Duration::from_secs(9));
            }
            _ => {}
        }
        if self.is("resets in place of FIN") {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Whether what a read brought is too much, or too little.
    fn gives_up(&self, pending: &[u8], read: usize, reads: usize, single_bytes: usize) -> bool {
        let announced = pending
            .first_chunk()
            .map_or(0, |len| u32::from_be_bytes(*len));
        match self.mutation {
            "expects few single bytes" => single_bytes > 2,
            "expects a frame in two reads" => (2500..3500).contains(&announced) && reads > 2,
            "expects a payload with its header" => {
                read == 4 && pending.len() == 4 && announced == 100
            }
            _ => false,
        }
    }

    /// Takes the whole frames off what has arrived; `None`: one is refused.
    fn take_frames(&self, pending: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let limit = match self.mutation {
            "waits for what is announced" => 1 << 30,
            "refuses 65,536 bytes" => 65_535,
            _ => 8 << 20,
        };
        while let Some(header) = pending.first_chunk() {
            let word = u32::from_be_bytes(*header);
            let is_negative = word.cast_signed() < 0;
            let len = if is_negative && self.is("has signed lengths") {
                0
            } else {
                word as usize
            };
            if word == 1 << 31 && self.is("echoes after the error") {
                pending.drain(..4);
                continue;
            }
            if len > limit {
                if word == 1 << 28 && self.is("echoes what is announced") {
                    pending.resize(1000, 0);
                    return Some(vec![mem::take(pending)]);
                }
                return None;
            }
            if pending.len() < 4 + len {
                break;
            }
            frames.push(pending.drain(..4 + len).collect());
        }
        Some(frames)
    }

    /// Breaks what is fine so far.
    fn spoil(&self, replies: &mut Vec<Vec<u8>>, pending: &mut Vec<u8>) {
        // Those of the rule about order.
        let are_long = replies.iter().all(|reply| reply.len() > 20);
        match self.mutation {
            "clears the high bits" => {
                let payloads = replies.iter_mut().flat_map(|reply| &mut reply[4..]);
                payloads.for_each(|byte| *byte &= 0x7f);
            }
            // Part of the next frame, in the same read.
            "drops the rest of a read" if !replies.is_empty() => pending.clear(),
            "merges two frames" if replies.len() > 64 && replies[0].len() == 15 => {
                let second = replies.remove(1);
                replies[0].extend_from_slice(&second[4..]);
                replies[0][3] += second[3];
            }
            "drops the last byte of a page" => {
                for reply in replies.iter_mut().filter(|reply| reply.len() == 4096) {
                    let _ = reply.pop();
                }
            }
            "has long lengths as little-endian" => {
                let long = replies.iter_mut().filter(|reply| reply.len() > 1 << 16);
                long.for_each(|reply| reply[..4].reverse());
            }
            "takes 64 frames of a read" => replies.truncate(64),
            "takes an empty frame for nothing" => replies.retain(|reply| reply.len() > 4),
            "has a length of 16 bits" => {
                for reply in replies {
                    let len = (reply.len() - 4) & 0xffff;
                    reply.truncate(4 + len);
                    reply[..2].fill(0);
                }
            }
            // Of a length that only the rule's message leaves.
            "keeps a part of a frame" if pending.len() == 17 => {
                self.part.lock().unwrap().clone_from(pending);
            }
            "keeps a part of a frame" => self.part.lock().unwrap().clear(),
            "confuses connections" if self.live.load(Ordering::Relaxed) > 50 => {
                let mut last = self.reply.lock().unwrap();
                for reply in replies {
                    mem::swap(reply, &mut last);
                }
            }
            // The short ones overtake the long ones.
            "sorts the replies" if are_long => replies.sort_by_key(Vec::len),
            "swaps two frames" if are_long && replies.len() > 1 => replies.swap(0, 1),
            _ => {}
        }
    }
}

/// Whether the client has shut its direction down.
fn has_fin(stream: &TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let has_fin = stream.peek(&mut [0]).is_ok_and(|len| len == 0);
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(has_fin)
}

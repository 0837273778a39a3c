//! `echo-client check`: ours keeps every rule, and of servers that break one, just
//! that one is named.

use std::{
    io::{self, Read, Write},
    mem,
    net::{SocketAddr, TcpStream},
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
    DEADLINE, Server, run, tokio_peer,
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
        let server = Server::start(mode);
        let args = [mode, &["--timeout", "16s", "--max-frame", "1MiB"]].concat();
        let found = check(&server.host(), &args, 0);
        let rows = found["rules"].as_array().unwrap();
        assert_eq!(rows.len(), rules);
        let readme = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../crates/echo-client/README.md"
        );
        let readme = std::fs::read_to_string(readme).unwrap();
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

/// All rules that a server must keep; each has a server that breaks it, and no
/// other.
const BROKEN: [&str; 16] = [
    "echo",
    "split",
    "drip",
    "sticky",
    "across",
    "empty",
    "sizes",
    "two-writes",
    "half-close",
    "reset",
    "crowd",
    "slow-reader",
    "order",
    "huge",
    "cut-header",
    "garbage",
];

#[test]
fn a_broken_rule_is_named_and_no_other() {
    thread::scope(|scope| {
        for rule in BROKEN {
            scope.spawn(move || {
                let host = Mutant::start(rule).to_string();
                // On a busy machine two writes can be one read, and nothing shows.
                let found = (0..5).find_map(|_| {
                    let found = check(&host, &["--timeout", "8s"], None);
                    (found["failed"] != json!([])).then_some(found)
                });
                let found =
                    found.unwrap_or_else(|| panic!("{rule} is broken, and that is not noticed"));
                assert_eq!(found["failed"], json!([rule]), "{found:#}");
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
    let host = Mutant::start("urgent").to_string();
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
    let found: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
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

/// A server of frames that breaks one rule.
struct Mutant {
    rule: &'static str,
    /// Connections being served.
    live: AtomicUsize,
    writing: Mutex<()>,
    /// What connections share and must not: the last reply, a part of a frame.
    reply: Mutex<Vec<u8>>,
    part: Mutex<Vec<u8>>,
}

impl Mutant {
    fn start(rule: &'static str) -> SocketAddr {
        let mutant = Self {
            rule,
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

    fn breaks(&self, rule: &str) -> bool {
        self.rule == rule
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_out_of_band_inline(!self.breaks("urgent"))?;
        stream.set_nodelay(true)?;
        let mut buf = vec![0; 64 << 10];
        // What a connection before left, if it is about that.
        let mut pending = mem::take(&mut *self.part.lock().unwrap());
        let (mut reads, mut single_bytes) = (0, 0);
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
            let lock = self.breaks("slow-reader").then(|| self.writing.lock());
            stream.write_all(&replies.concat())?;
            drop(lock);
        }
        if self.breaks("cut-header") {
            stream.write_all(&pending)?;
        }
        if self.breaks("half-close") {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Whether what a read brought is too much, or too little.
    fn gives_up(&self, pending: &[u8], read: usize, reads: usize, single_bytes: usize) -> bool {
        let announced = pending
            .first_chunk()
            .map_or(0, |len| u32::from_be_bytes(*len));
        match self.rule {
            "drip" => single_bytes > 2,
            "across" => (2500..3500).contains(&announced) && reads > 2,
            "two-writes" => read == 4 && pending.len() == 4 && announced == 100,
            _ => false,
        }
    }

    /// Takes the whole frames off what has arrived; `None`: one is refused.
    fn take_frames(&self, pending: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let limit = if self.breaks("huge") {
            1 << 30
        } else {
            8 << 20
        };
        while let Some(header) = pending.first_chunk() {
            let word = u32::from_be_bytes(*header);
            let is_negative = word.cast_signed() < 0;
            let len = if is_negative && self.breaks("garbage") {
                0
            } else {
                word as usize
            };
            if len > limit {
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
        match self.rule {
            "echo" => {
                let payloads = replies.iter_mut().flat_map(|reply| &mut reply[4..]);
                payloads.for_each(|byte| *byte &= 0x7f);
            }
            // Part of the next frame, in the same read.
            "split" if !replies.is_empty() => pending.clear(),
            "sticky" => replies.truncate(64),
            "empty" => replies.retain(|reply| reply.len() > 4),
            "sizes" => {
                for reply in replies {
                    let len = (reply.len() - 4) & 0xffff;
                    reply.truncate(4 + len);
                    reply[..2].fill(0);
                }
            }
            // Of a length that only the rule's message leaves.
            "reset" if pending.len() == 17 => self.part.lock().unwrap().clone_from(pending),
            "reset" => self.part.lock().unwrap().clear(),
            "crowd" if self.live.load(Ordering::Relaxed) > 50 => {
                let mut last = self.reply.lock().unwrap();
                for reply in replies {
                    mem::swap(reply, &mut last);
                }
            }
            // The short ones overtake the long ones.
            "order" if replies.iter().all(|reply| reply.len() > 20) => {
                replies.sort_by_key(Vec::len);
            }
            _ => {}
        }
    }
}

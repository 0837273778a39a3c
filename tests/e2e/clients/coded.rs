//! Checksums and compression, between the real programs over TCP.

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicUsize, Ordering},
};

use testkit::{
    Process, ServerProcess,
    measured::{measure, measure_with},
    run, run_with_input,
    wire::{assert_refused, coded, exchange, fake_server, frame},
};
#[cfg(target_os = "linux")]
use testkit::{
    memory,
    wire::{connect, send_and_read_back},
};

const CODINGS: [&[&str]; 3] = [
    &["--checksum"],
    &["--compress"],
    &["--checksum", "--compress"],
];

#[test]
fn every_client_has_the_options_and_the_server_needs_none() {
    let server = ServerProcess::start(&["-v"]);
    let host = server.host();
    let text = "abc".repeat(50);
    for coding in CODINGS {
        let args = [&["-h", &host, "-n", "2", "-m", &text], coding].concat();
        let _ = run("echo-client", &args)
            .expect_code(0)
            .expect_stdout(&format!("1   {text}\n2   {text}\n"));
        let args = [&["-h", &host], coding].concat();
        let _ = run_with_input("repl-client", &args, format!("{text}\nq\n").as_bytes())
            .expect_code(0)
            .expect_stdout(&format!("{text}\n"));
        let load = ["-n", "300", "-s", "70000", "--entropy", "0"];
        let args = [&["-h", &host, "-c", "3"], &load[..], coding].concat();
        let measured = measure_with(&args, 0);
        assert_eq!(measured.at("/failures"), &serde_json::json!({}));
        let is_smaller = measured.count("/messages/wire_bytes") < 300 * 7000;
        assert_eq!(is_smaller, coding.contains(&"--compress"));
    }
    // The log shows the message, not its encoding.
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stderr(&format!("read message: 2   {text}"));
}

#[test]
fn raw_bytes_have_no_coding_and_no_heartbeats() {
    for client in ["echo-client", "repl-client", "bench-client"] {
        for option in ["--checksum", "--compress", "--heartbeat=1s"] {
            let output = run(client, &["--raw", option])
                .expect_code(2)
                .expect_stderr("--raw")
                .expect_stderr(option.trim_end_matches("=1s"));
            assert_eq!(output.stderr.lines().count(), 1, "{output}");
        }
    }
    let _ = run("echo-server", &["--raw", "--require-checksum"])
        .expect_code(2)
        .expect_stderr("--require-checksum");
}

#[test]
fn a_server_can_require_checksums() {
    let mut server = ServerProcess::start(&["-v", "--require-checksum"]);
    let good = [
        coded(b"good", true, false),
        frame(b""),
        coded(&[b'x'; 500], true, true),
    ]
    .concat();
    assert_eq!(exchange(server.addr(), &good), (good.clone(), true));
    let _ = run("echo-client", &["-h", &server.host()])
        .expect_code(1)
        .expect_stderr("closed the connection before reply 1");
    let _ = server
        .process()
        .wait_for_stderr("no checksum, and one is required");
    let bytes = [&good[..], &frame(b"plain")].concat();
    let (back, clean) = exchange(server.addr(), &bytes);
    assert!(back == good && clean);
}

#[test]
fn errors_of_coded_frames_are_named() {
    let mut server = ServerProcess::start(&["-v"]);
    let good = coded(b"good", true, false);

    let mut bad = coded(b"bad", true, false);
    bad[5] ^= 1;
    assert_refused(
        &mut server,
        &[&good[..], &bad].concat(),
        &good,
        "bad checksum: ",
    );

    let mut bad = coded(&[b'x'; 500], false, true);
    *bad.last_mut().unwrap() = 0;
    bad[7] ^= 1;
    assert_refused(&mut server, &bad, b"", "bad compression: ");
}

/// A frame that a relay changes on the way to the server is not echoed.
#[test]
fn corrupted_frames_are_never_echoed() {
    const CORRUPTIONS: usize = 10_000;
    const THREADS: usize = 4;

    let server = ServerProcess::start(&["--require-checksum"]);
    let addr = server.addr();
    let good = coded(&(0..100).collect::<Vec<u8>>(), true, false);
    let (len, bits) = (good.len(), good.len() * 8);
    let relayed = AtomicUsize::new(0);
    let relay = fake_server(move |mut client| {
        let i = relayed.fetch_add(1, Ordering::Relaxed);
        let mut bytes = vec![0; len];
        client.read_exact(&mut bytes).unwrap();
        // Every bit in turn, then every bit with its neighbour, ...
        let bit = i % bits;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let other = (bit + i / bits) % bits;
        if other != bit {
            bytes[other / 8] ^= 1 << (other % 8);
        }
        let (back, _) = exchange(addr, &bytes);
        client.write_all(&back).unwrap();
    });
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..CORRUPTIONS / THREADS {
                    let (back, _) = exchange(relay, &good);
                    assert!(back.is_empty(), "echoed: {back:?}");
                }
            });
        }
    });
    let _ = run("echo-client", &["-h", &server.host(), "--checksum"]).expect_code(0);
    let _ = server.stop().expect_code(0).expect_stat("accepted", 10_001);
}

/// A reply that is changed on the way back is detected, with the number of the
/// message.
#[test]
fn every_client_reports_a_corrupted_reply() {
    // Flips a bit of every third message.
    let addr = fake_server(|mut stream| {
        let mut buf = [0; 4096];
        let mut message = 0;
        while let Ok(n @ 1..) = stream.read(&mut buf) {
            message += 1;
            if message % 3 == 0 {
                buf[6] ^= 4;
            }
            if stream.write_all(&buf[..n]).is_err() {
                return;
            }
        }
    });
    let host = addr.to_string();
    let _ = run("echo-client", &["-h", &host, "--checksum"])
        .expect_code(1)
        .expect_stdout("1   Hello World!\n2   Hello World!\n")
        .expect_stderr("reply 3 from ")
        .expect_stderr(": bad checksum: ");
    let _ = run_with_input("repl-client", &["-h", &host, "--checksum"], b"a\nb\nc\nd\n")
        .expect_code(1)
        .expect_stdout("a\nb\n")
        .expect_stderr("bad checksum: ");
    let measured = measure(&host, "--checksum -c 2 -n 100", 1);
    assert_eq!(measured.count("/failures/corrupt"), 2);
}

/// A gigabyte of zeros in four megabytes: refused at the limit, whatever length
/// the frame announces, without using memory.
#[test]
fn a_decompression_bomb_is_refused() {
    let mut server = ServerProcess::start(&["-v"]);
    // LZ4 block format: no literals, a match of 15 + 4 and then 255 for every
    // further byte, one byte back.
    let produced = 1_u32 << 30;
    let mut block = vec![0x1f, 0, 1, 0];
    block.resize(block.len() + (produced / 255) as usize, 255);
    block.extend([0, 0x50, 0, 0, 0, 0, 0]);
    for (announced, reason) in [
        (
            produced,
            "frame of 1073741824 bytes exceeds the limit of 8388608",
        ),
        (
            8 << 20,
            "bad compression: 8388608 bytes announced, its block holds more",
        ),
        (
            100,
            "bad compression: 100 bytes announced, its block holds more",
        ),
    ] {
        let len = u32::try_from(block.len() + 4).unwrap() | 1 << 30;
        let bomb = [&len.to_be_bytes()[..], &announced.to_be_bytes(), &block].concat();
        assert_refused(&mut server, &bomb, b"", reason);
    }
    // One frame, and nothing of its contents.
    #[cfg(target_os = "linux")]
    assert!(memory::of_server(&mut server, "VmHWM") < 20 << 10);
}

/// A decompressed payload is not kept while its connection is idle.
#[test]
#[cfg(target_os = "linux")]
fn idle_connections_hold_no_payload() {
    let mut server = ServerProcess::start(&["-v"]);
    let frame = coded(&vec![0; 8 << 20], false, true);
    let idle: Vec<_> = (0..60)
        .map(|_| {
            let stream = connect(server.addr());
            send_and_read_back(&stream, &frame);
            stream
        })
        .collect();
    // Their frames are still in their buffers.
    assert!(memory::of_server(&mut server, "VmRSS") < 20 << 10);
    drop(idle);
}

/// LZ4 blocks and checksums of another implementation, both ways.
#[test]
#[ignore = "needs PyPI's lz4 and crc32c: pip install lz4 crc32c; cargo test -p e2e -- --ignored other_implementations"]
fn other_implementations_agree() {
    let script = "
import socket, struct, sys, lz4.block, crc32c
assert crc32c.crc32c(b'123456789') == 0xE3069283
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
def whole(n):
    data = b''
    while len(data) < n:
        data += s.recv(n - len(data))
    return data
for size in [1000, 100000, 4000000]:
    text = (b'what others wrote, we read. ' * size)[:size]
    body = struct.pack('!I', size) + lz4.block.compress(text, store_size=False)
    covered = struct.pack('!I', 0xC0000000 | (len(body) + 4)) + body
    frame = covered + struct.pack('!I', crc32c.crc32c(covered))
    s.sendall(frame)
    assert whole(len(frame)) == frame
ours = sys.stdin.buffer.read()
word, size = struct.unpack('!II', ours[:8])
assert word >> 28 == 0b1100, hex(word)
assert crc32c.crc32c(ours[:-4]) == struct.unpack('!I', ours[-4:])[0]
assert lz4.block.decompress(ours[8:-4], uncompressed_size=size) == b'what we wrote, others read. ' * 1000
print('agreed')
";
    let server = ServerProcess::start(&["--require-checksum"]);
    let ours = coded(&b"what we wrote, others read. ".repeat(1000), true, true);
    let Some(mut python) = testkit::installed("python3") else {
        return;
    };
    python.args(["-c", script, &server.addr().port().to_string()]);
    let mut python = Process::start(&mut python);
    python.stdin().write_all(&ours).unwrap();
    let _ = python.wait().expect_code(0).expect_stdout("agreed\n");
}

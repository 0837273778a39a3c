//! What Wireshark shows of what was sent: frames by the dissector, and segments.

use std::{
    collections::BTreeMap,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use serde_json::Value;
use testkit::{
    Process, ServerProcess, installed,
    link::{Host, command},
    program,
    wire::{coded, connect, frame, read_to_end},
};

const DISSECTOR: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/proto/wireshark/echoframe.lua"
);

/// The length of the last frame, and of no other.
const LAST: usize = 4321;

/// The bytes that are sent behind the pictures, in one segment.
const MARKER: usize = 777;

/// The payload of a frame whose checksum is that of another.
const DAMAGED: &[u8; 10] = b"on its wax";

/// Time between two writes that are to be two segments.
const PAUSE: Duration = Duration::from_millis(20);

/// The writes of each connection.
fn conversations() -> Vec<Vec<Vec<u8>>> {
    let split = frame(b"split across segments");
    let next = [&split[9..], &frame(b"next"), &[0, 0]].concat();
    let sticky = [frame(b"a"), frame(b""), frame(b"Hello World!")].concat();
    let flags = [
        coded(b"with a checksum", true, false),
        coded(&[b'x'; 500], false, true),
        coded(&[b'y'; 500], true, true),
    ];
    let mut damaged = coded(b"on its way", true, false);
    damaged[4..14].copy_from_slice(DAMAGED);
    vec![
        vec![
            sticky,
            split[..2].to_vec(),
            split[2..9].to_vec(),
            next,
            vec![0, 0],
        ],
        vec![frame(&[b'l'; 200_000]), frame(b"behind a long one")],
        vec![flags.concat()],
        vec![damaged],
        vec![frame(&[b'z'; LAST])],
    ]
}

#[test]
#[ignore = "needs root, unshare, ip and tshark: cargo test -p e2e -- --ignored wireshark"]
fn frames_are_shown_as_they_were_sent() {
    let Some(mut tshark) = installed("tshark") else {
        return;
    };
    let host = Host::new();
    let _ = host.enter(|| command("ip link set lo up"));
    let mut server = Command::new(program("echo-server"));
    server.args(["--listen", "127.0.0.1:0"]);
    let server = ServerProcess::announced_by(host.enter(|| Process::start(&mut server)));
    let addr = server.addr();
    let port = addr.port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcapng");
    let dissector = [
        format!("-Xlua_script:{DISSECTOR}"),
        format!("-oechoframe.port:{port}"),
    ];
    tshark.args(["-n", "-i", "lo", "-l", "-P", "-w"]);
    tshark.arg(&file).args(&dissector);
    let mut capture = host.enter(|| Process::start(&mut tshark));
    let _ = capture.wait_for_stderr("Capture started");

    let mut sent = BTreeMap::new();
    for writes in conversations() {
        let (client, echoed) = host.enter(|| converse(addr, &writes));
        let frames = expected(&writes.concat());
        sent.insert((client, port), frames.clone());
        if !echoed.is_empty() {
            assert!(echoed == writes.concat());
            sent.insert((port, client), frames);
        }
    }
    // There and back.
    for _ in 0..2 {
        let _ = capture.wait_for_stdout(&format!("{LAST} bytes"));
    }
    capture.signal("INT");
    let _ = capture.wait();
    assert_eq!(shown(&file, &dissector), sent);
}

/// What `lab` sends, and the sizes of its segments: with an MTU of 1500, as on a
/// link, and with no segments that leave the host together.
#[test]
#[ignore = "needs root, unshare, ip and tshark: cargo test -p e2e -- --ignored wireshark"]
fn the_segments_of_a_picture_are_those_on_the_wire() {
    let Some(mut tshark) = installed("tshark") else {
        return;
    };
    let host = Host::new();
    let _ = host.enter(|| command("ip link set lo mtu 1500 gso_max_segs 1 up"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcapng");
    tshark.args(["-n", "-i", "lo", "-f", "tcp", "-l", "-P", "-w"]);
    let mut capture = host.enter(|| Process::start(tshark.arg(&file)));
    let _ = capture.wait_for_stderr("Capture started");

    let mut pictures = Vec::new();
    for options in [
        "--reader one-read",
        "--reader framed --cut 2,20",
        "--reader framed --messages 1 --cut 4 --nagle",
        "--reader delimiter --pause 1ms --read-buffer 7",
        "--reader framed --messages 2 --size 4000",
    ] {
        let mut lab = Command::new(program("echo-client"));
        lab.arg("lab").args(options.split(' '));
        let picture = host.enter(|| Process::start(&mut lab)).wait();
        pictures.push((options, segment_row(&picture.expect_code(0).stdout)));
    }
    let _marker = host.enter(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = connect(listener.local_addr().unwrap());
        stream.write_all(&[0; MARKER]).unwrap();
        stream
    });
    let _ = capture.wait_for_stdout(&format!("Len={MARKER}"));
    capture.signal("INT");
    let _ = capture.wait();
    let captured = data_segments(&file);
    for (captured, (options, drawn)) in captured.iter().zip(&pictures) {
        // Before the picture begins, bytes go back and forth one by one.
        let is_single = |len: &&usize| options.contains("--nagle") && **len == 1;
        let captured: Vec<usize> = captured.iter().skip_while(is_single).copied().collect();
        assert_eq!(*drawn, captured, "{options}");
    }
    assert_eq!(captured.len(), pictures.len() + 1, "connections");
}

/// The sizes in the row of a picture.
fn segment_row(picture: &str) -> Vec<usize> {
    let row = picture.lines().find(|line| line.contains(" segment"));
    let pieces = row
        .unwrap_or_else(|| panic!("{picture}"))
        .split('├')
        .skip(1);
    let digits = |piece: &str| {
        piece
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    pieces.map(|piece| digits(piece).parse().unwrap()).collect()
}

/// The sizes of the segments with data that each client has sent, in order of the
/// connections.
fn data_segments(file: &Path) -> Vec<Vec<usize>> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-n", "-T", "fields"]);
    tshark.args(["-e", "tcp.stream", "-e", "tcp.srcport", "-e", "tcp.len"]);
    let output = Process::start(&mut tshark).wait().expect_code(0);
    let mut clients = Vec::new();
    for packet in output.stdout.lines() {
        let fields = packet
            .split('\t')
            .map(|field| field.parse::<usize>().unwrap());
        let fields: Vec<usize> = fields.collect();
        // The first packet of a stream is the client's.
        if fields[0] == clients.len() {
            clients.push((fields[1], Vec::new()));
        }
        let (port, lens) = &mut clients[fields[0]];
        if *port == fields[1] && fields[2] > 0 {
            lens.push(fields[2]);
        }
    }
    clients.into_iter().map(|(_, lens)| lens).collect()
}

/// Writes piece by piece. Returns the port, and what came back.
fn converse(addr: SocketAddr, writes: &[Vec<u8>]) -> (u16, Vec<u8>) {
    let stream = connect(addr);
    thread::scope(|scope| {
        scope.spawn(|| {
            for piece in writes {
                (&stream).write_all(piece).unwrap();
                thread::sleep(PAUSE);
            }
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        });
        (stream.local_addr().unwrap().port(), read_to_end(&stream).0)
    })
}

/// What each frame of a stream is shown as. Only the damaged one is bad.
fn expected(mut stream: &[u8]) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some((header, rest)) = stream.split_first_chunk() {
        let word = u32::from_be_bytes(*header);
        let (k, z, len) = (word >> 31, word >> 30 & 1, word & 0x0fff_ffff);
        let (body, rest) = rest.split_at(len as usize);
        let payload = &body[4 * z as usize..body.len() - 4 * k as usize];
        let checksum = match k {
            0 => "-",
            _ if payload == DAMAGED => "0",
            _ => "1",
        };
        let hex: Vec<String> = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        frames.push(format!("{len} K={k} Z={z} {checksum} {}", hex.join(":")));
        stream = rest;
    }
    frames
}

/// The same of a capture, by the ports from and to which a stream goes.
fn shown(file: &Path, dissector: &[String]) -> BTreeMap<(u16, u16), Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(dissector);
    tshark.args(["-n", "-Y", "echoframe", "-T", "json", "--no-duplicate-keys"]);
    let output = Process::start(&mut tshark).wait().expect_code(0);
    let packets: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let mut streams: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for packet in packets {
        let layers = &packet["_source"]["layers"];
        let port = |end: &str| layers["tcp"][end].as_str().unwrap().parse().unwrap();
        let stream = streams.entry((port("tcp.srcport"), port("tcp.dstport")));
        let stream = stream.or_default();
        // Of one frame, an object; of several, a list.
        match &layers["echoframe"] {
            Value::Array(frames) => stream.extend(frames.iter().map(shown_frame)),
            frame => stream.push(shown_frame(frame)),
        }
    }
    streams
}

fn shown_frame(frame: &Value) -> String {
    let field = |name: &str| {
        frame[format!("echoframe.{name}")]
            .as_str()
            .unwrap_or_default()
    };
    let flag = |name: &str| u8::from(["1", "True"].contains(&field(&format!("flags.{name}"))));
    let len = field("length");
    let is_heartbeat = ["1", "True"].contains(&field("heartbeat"));
    assert_eq!(is_heartbeat, len == "0", "{frame}");
    let checksum = match field("checksum.status") {
        "" => "-",
        status => status,
    };
    let (k, z) = (flag("checksum"), flag("compressed"));
    format!("{len} K={k} Z={z} {checksum} {}", field("payload"))
}

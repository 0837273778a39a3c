//! A frame truncated at each of its bytes, by a close, a reset or silence. Only
//! the complete frame before it is echoed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use testkit::{
    ServerProcess,
    wire::{coded, connect, exchange, frame, read_to_end, reset},
};

/// A plain frame and one with a checksum.
fn frames() -> [Vec<u8>; 2] {
    [frame(b"cut"), coded(b"cut", true, false)]
}

/// Both frames, truncated: 2 before their first byte and 16 after it.
fn cuts() -> Vec<Vec<u8>> {
    let cuts = frames()
        .into_iter()
        .flat_map(|frame| (0..frame.len()).map(move |at| frame[..at].to_vec()));
    cuts.collect()
}

fn whole() -> Vec<u8> {
    frame(b"whole")
}

/// Sends the complete frame and the beginning of another.
fn send(addr: SocketAddr, cut: &[u8]) -> TcpStream {
    let mut stream = connect(addr);
    stream.write_all(&[&whole(), cut].concat()).unwrap();
    stream
}

/// Stops the server and checks the reasons, and that it has echoed only the
/// complete frames.
#[track_caller]
fn assert_accounts(server: ServerProcess, closed: &str) {
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 18)
        .expect_stat("frames", 18)
        .expect_stat("bytes", 162)
        .expect_closed(closed);
}

#[test]
fn by_a_close() {
    let mut server = ServerProcess::start(&["-v"]);
    for frame in frames() {
        for at in 0..frame.len() {
            let bytes = [&whole(), &frame[..at]].concat();
            assert_eq!(exchange(server.addr(), &bytes), (whole(), true), "{at}");
            let reason = match at {
                0 => continue,
                1..4 => format!("truncated: closed after {at} of the header's 4 bytes"),
                _ => format!(
                    "truncated: closed after {at} of the frame's {} bytes",
                    frame.len()
                ),
            };
            let _ = server.process().wait_for_stderr(&reason);
        }
    }
    assert_accounts(server, "2 clean, 16 truncated");
}

#[test]
fn by_a_reset() {
    let mut server = ServerProcess::start(&["-v"]);
    for cut in cuts() {
        let mut stream = send(server.addr(), &cut);
        let mut back = vec![0; whole().len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, whole());
        reset(stream);
        let _ = server.process().wait_for_stderr("connection lost from");
    }
    assert_accounts(server, "18 reset");
}

#[test]
fn by_silence() {
    let server = ServerProcess::start(&["--frame-timeout", "500ms", "--idle-timeout", "1s"]);
    let streams: Vec<TcpStream> = cuts().iter().map(|cut| send(server.addr(), cut)).collect();
    for stream in &streams {
        let (back, end) = read_to_end(stream);
        assert_eq!(back, whole());
        end.unwrap();
    }
    assert_accounts(server, "2 idle, 16 frame_timeout");
}

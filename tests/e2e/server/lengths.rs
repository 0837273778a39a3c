//! Boundary lengths, over TCP.

use std::{io::Write, net::Shutdown};

use testkit::{
    ServerProcess,
    wire::{assert_refused, connect, exchange, frame, read_to_end},
};

/// Headers above a limit of 1000: by their length, and from 2^28 on by their
/// flag bits.
const TOO_LARGE: [u32; 6] = [1001, 1 << 27, (1 << 28) - 1, 1 << 28, 1 << 31, u32::MAX];

/// The server's log line with -vv after it has read the first part of a frame.
const INSIDE: &str = "inside a frame: true";

#[test]
fn a_frame_at_the_limit_passes_and_one_above_does_not() {
    let mut server = ServerProcess::start(&["-v", "--max-frame", "1000"]);
    for len in [0, 1, 3, 4, 5, 999, 1000] {
        let bytes = frame(&vec![b'x'; len]);
        assert_eq!(exchange(server.addr(), &bytes), (bytes, true), "{len}");
    }
    for header in TOO_LARGE {
        let reason = match header {
            0x1000_0000 => "reserved flag bit 28 is set in header 0x10000000",
            0x8000_0000 => "header 0x80000000 announces fewer bytes than its flags need",
            0xffff_ffff => "reserved flag bits 29 and 28 are set in header 0xffffffff",
            len => &format!("frame of {len} bytes exceeds the limit of 1000"),
        };
        assert_refused(&mut server, &header.to_be_bytes(), b"", reason);
    }
}

#[test]
fn the_default_limit_is_exact_too() {
    const MAX: usize = 8 << 20;

    let mut server = ServerProcess::start(&[]);
    for len in [MAX - 1, MAX] {
        let bytes = frame(&vec![b'x'; len]);
        assert!(exchange(server.addr(), &bytes) == (bytes, true), "{len}");
    }
    let header = u32::try_from(MAX + 1).unwrap().to_be_bytes();
    let reason = "frame of 8388609 bytes exceeds the limit of 8388608";
    assert_refused(&mut server, &header, b"", reason);
}

/// The rest of a header arrives after the server has read its first part.
#[test]
fn a_header_may_be_split_at_each_byte() {
    let mut server = ServerProcess::start(&["-vv", "--max-frame", "1000"]);
    let whole = [0, 1, 5, 1000].map(|len| frame(&vec![b'x'; len]));
    let refused = TOO_LARGE.map(|header| header.to_be_bytes().to_vec());
    let mut cuts = 0;
    for (bytes, is_echoed) in whole
        .iter()
        .map(|bytes| (bytes, true))
        .chain(refused.iter().map(|bytes| (bytes, false)))
    {
        for cut in 1..4 {
            let mut stream = connect(server.addr());
            stream.write_all(&bytes[..cut]).unwrap();
            let _ = server.process().wait_for_stderr(INSIDE);
            stream.write_all(&bytes[cut..]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let (back, end) = read_to_end(&stream);
            let due = if is_echoed { &bytes[..] } else { &[] };
            assert!(back == due && end.is_ok(), "{bytes:?} cut at {cut}");
            cuts += 1;
        }
    }
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("split_reads", cuts);
}

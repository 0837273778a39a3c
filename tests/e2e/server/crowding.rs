//! Many misbehaving peers, and places that are reused at once.

use std::{io::Write, net::TcpStream, time::Instant};

use testkit::{
    ServerProcess,
    wire::{assert_echoes, connect, read_to_end},
};

/// A thread that is about to end does not cause the next client to be refused.
#[test]
fn a_client_is_served_when_another_leaves() {
    let server = ServerProcess::start(&["--max-connections", "100"]);
    let mut inside: Vec<TcpStream> = (0..100).map(|_| connect(server.addr())).collect();
    for _ in 0..20 {
        for stream in &mut inside {
            assert_echoes(stream, b"hi");
        }
        // One by one, and then all at once.
        for stream in &mut inside {
            stream.shutdown(std::net::Shutdown::Both).unwrap();
            *stream = connect(server.addr());
        }
        for stream in &mut inside {
            assert_echoes(stream, b"hi");
        }
        inside.clear();
        inside.extend((0..100).map(|_| connect(server.addr())));
    }
    drop(inside);
    let output = server.stop().expect_code(0);
    assert_eq!((output.closed("limit"), output.closed("spawn")), (0, 0));
}

/// One line per second and reason, with the count; `-v` shows each.
#[test]
fn bad_peers_do_not_fill_the_log() {
    for (args, is_verbose) in [(&[][..], false), (&["-v"], true)] {
        let server = ServerProcess::start(args);
        let start = Instant::now();
        for _ in 0..200 {
            let mut stream = connect(server.addr());
            stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
            let _ = read_to_end(&stream);
        }
        let seconds = 2 + start.elapsed().as_secs();
        let output = server.stop().expect_code(0);
        assert_eq!(output.closed("bad_header"), 200);
        let warnings: Vec<&str> = output
            .stderr
            .lines()
            .filter(|line| line.contains(" WARN "))
            .collect();
        assert!(warnings.len() as u64 <= seconds, "{warnings:#?}");
        let each = output.stderr.matches(": closing ").count()
            + output.stderr.matches(" closing 127.0.0.1:").count();
        if is_verbose {
            assert_eq!(each, 200, "{output}");
        } else {
            // Lines that are held back are counted.
            let more = |line: &&str| -> u64 {
                let count = line
                    .split_once("closed ")
                    .or_else(|| line.split_once("flags; "))
                    .map_or("", |(_, rest)| rest);
                let count = count.split(' ').next().unwrap_or_default();
                count.parse().unwrap_or(0)
            };
            let held_back: u64 = warnings.iter().map(more).sum();
            assert!(held_back > 100, "{warnings:#?}");
        }
    }
}

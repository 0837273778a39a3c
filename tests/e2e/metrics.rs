//! The accounts over HTTP, for Prometheus.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr},
    time::{Duration, Instant},
};

use e2e::{Server, run};

use crate::wire::{connect, exchange};

fn start() -> (Server, SocketAddr) {
    let mut server = Server::start(&["--metrics", "127.0.0.1:0"]);
    let line = server.process().wait_for_stderr("metrics on http://");
    let (_, addr) = line.split_once("http://").unwrap();
    let addr = addr.trim_end_matches("/metrics").parse().unwrap();
    (server, addr)
}

fn get(addr: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut stream = connect(addr);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn value(answer: &str, name: &str) -> f64 {
    let line = answer.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {answer}"));
    line.trim().parse().unwrap()
}

#[test]
fn a_scrape_shows_the_accounts() {
    let (server, addr) = start();
    let idle = connect(server.addr());
    let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
    // The end of a connection is noticed a moment after the client's.
    let start = Instant::now();
    let answer = loop {
        let answer = get(addr, "/metrics");
        if value(&answer, "echo_connections_closed_total{reason=\"clean\"} ") > 0.5 {
            break answer;
        }
        assert!(start.elapsed() < e2e::DEADLINE, "{answer}");
    };
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    for (name, expected) in [
        ("echo_connections_accepted_total ", 2.0),
        ("echo_connections_live ", 1.0),
        ("echo_frames_total ", 10.0),
        ("echo_bytes_total ", 200.0),
        ("echo_payload_bytes_total ", 160.0),
    ] {
        let found = value(body, name);
        assert!((found - expected).abs() < 0.5, "{name}{found}");
    }
    assert!(get(addr, "/other").starts_with("HTTP/1.1 404 "));
    drop(idle);
    let _ = server.stop().expect_code(0);
}

#[test]
fn garbage_and_silence_are_harmless() {
    let (server, addr) = start();
    let endless = vec![b'x'; 100_000];
    for garbage in [&b"\0\0\0\x02hi"[..], b"\r\n\r\n", b"", &endless] {
        let (answer, _) = exchange(addr, garbage);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "));
    }
    // Each of the silent holds the others up for a second at most.
    let silent = [connect(addr), connect(addr)];
    let start = Instant::now();
    assert!(get(addr, "/metrics").contains("200 OK"));
    assert!(start.elapsed() < Duration::from_secs(4));
    let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
    for stream in silent {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let output = server.stop().expect_code(0);
    assert!(!output.stderr.contains("panicked"), "{output}");
}

//! Statistics over HTTP, for Prometheus.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use testkit::{
    ServerProcess, run, wait_until,
    wire::{connect, exchange},
};

fn start() -> (ServerProcess, SocketAddr) {
    let mut server = ServerProcess::start(&["--metrics", "127.0.0.1:0"]);
    let line = server.process().wait_for_stderr("metrics on http://");
    let (_, addr) = line.split_once("http://").unwrap();
    let addr = addr.trim_end_matches("/metrics").parse().unwrap();
    (server, addr)
}

fn get(addr: SocketAddr, path: &str) -> String {
    ask(addr, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// Sends a request and reads the response to its end.
fn ask(addr: SocketAddr, request: &str) -> String {
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
fn a_scrape_shows_the_statistics() {
    let (server, addr) = start();
    let idle = connect(server.addr());
    let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
    // The server sees the close a moment after the client's.
    let mut answer = String::new();
    wait_until("closed", || {
        answer = get(addr, "/metrics");
        value(&answer, "echo_connections_closed_total{reason=\"clean\"} ") > 0.5
    });
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
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"));
    }
    let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
    let _ = server.stop().expect_code(0);
}

/// Requests as written by tools and by hand, and the status of each.
#[test]
fn requests_of_many_kinds() {
    let (server, addr) = start();
    for (request, status) in [
        ("GET /metrics HTTP/1.1\r\n\r\n", "200"),
        ("GET /metrics?name[]=a HTTP/1.1\r\n\r\n", "200"),
        ("GET http://localhost/metrics HTTP/1.1\r\n\r\n", "200"),
        ("GET /metrics HTTP/1.0\n\n", "200"),
        ("\r\nGET /metrics HTTP/1.1\r\n\r\n", "200"),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "200"),
        ("GET /metricsx HTTP/1.1\r\n\r\n", "404"),
        ("HEAD / HTTP/1.1\r\n\r\n", "404"),
        ("HEAD /metrics HTTP/9.9\r\n\r\n", "400"),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405",
        ),
        ("hello\r\n\r\n", "400"),
    ] {
        let answer = ask(addr, request);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(body.is_empty(), request.starts_with("HEAD"), "{answer}");
        assert_eq!(head.contains("Allow: GET, HEAD"), status == "405");
        assert!(head.contains("Connection: close"));
    }
    let fields = "x-field: y\r\n".repeat(1000);
    for (method, ends_with) in [("GET", "lines\n"), ("HEAD", "\r\n\r\n")] {
        let answer = ask(addr, &format!("{method} /metrics HTTP/1.1\r\n{fields}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(answer.ends_with(ends_with), "{answer}");
    }
    let _ = server.stop().expect_code(0);
}

#[test]
fn the_format_is_the_accepted_one() {
    let (server, addr) = start();
    let accepting = |accept: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\naccept: {accept}\r\n\r\n");
        ask(addr, &request)
    };
    let open = accepting("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert!(open.contains("Content-Type: application/openmetrics-text; version=1.0.0"));
    assert!(open.contains("# TYPE echo_frames counter\n"));
    assert!(open.ends_with("# EOF\n"));
    for accept in ["*/*", "text/plain;version=0.0.4"] {
        let text = accepting(accept);
        assert!(text.contains("Content-Type: text/plain; version=0.0.4"));
        assert!(text.contains("# TYPE echo_frames_total counter\n"));
        assert!(!text.contains("# EOF"), "{text}");
    }
    let _ = server.stop().expect_code(0);
}

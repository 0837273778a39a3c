//! `bench-client`: network options of its connections.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use testkit::{ServerProcess, assert_usage_error, measured::measure, run, wire::answering_server};

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "127.0.0.2 is local on Linux only")]
fn connections_take_the_sources_in_turn() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let seen = Arc::clone(&seen);
        answering_server(move |stream, bytes| {
            seen.lock()
                .unwrap()
                .push(stream.peer_addr()?.ip().to_string());
            stream.write_all(bytes)
        })
    };
    let args = "-c 5 -n 5 --source 127.0.0.2,127.0.0.3";
    let measured = measure(&server.to_string(), args, 0);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let (second, third) = ("127.0.0.2", "127.0.0.3");
    assert_eq!(seen, [second, second, second, third, third]);
    assert_eq!(measured.at("/arguments/sources"), &json!([second, third]));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the reasons are those of Linux")]
fn what_the_system_refuses_is_one_line() {
    let server = ServerProcess::start(&[]);
    for (args, what) in [
        ("--source 192.0.2.1", "cannot connect from 192.0.2.1: "),
        (
            "--congestion no-such",
            "cannot use the congestion control \"no-such\": ",
        ),
        ("-6", "it has no IPv6 address"),
        ("--source ::1", "it has no IPv6 address"),
    ] {
        let args = format!("-h {} -c 1 -n 1 --no-noise-floor {args}", server.host());
        let output = run("bench-client", &args.split(' ').collect::<Vec<_>>());
        let output = output.expect_code(1).expect_stderr(what);
        let errors = output
            .stderr
            .lines()
            .filter(|line| line.starts_with("bench-client: "));
        assert_eq!(errors.count(), 1, "{output}");
    }
}

#[test]
fn options_are_in_the_results() {
    let server = ServerProcess::start(&[]);
    let args = "-c 2 -n 20 -4 --dscp 46";
    let measured = measure(&server.host(), args, 0);
    assert_eq!(measured.at("/arguments/ip_version"), 4);
    assert_eq!(measured.at("/arguments/dscp"), 46);
    assert_eq!(measured.at("/arguments/congestion"), &json!(null));
}

#[test]
fn options_are_checked() {
    for (args, what) in [
        ("--dscp 64", "--dscp"),
        ("--source localhost", "--source"),
        ("--source 0.0.0.0", "--source: 0.0.0.0 is not the address"),
        ("--source ::", "--source: :: is not the address"),
        ("--source 127.0.0.1,224.0.0.1", "--source: 224.0.0.1 is not"),
        (
            "--source 255.255.255.255",
            "--source: 255.255.255.255 is not",
        ),
        (
            "--with-server --source 127.0.0.1,::1",
            "--source: expected IPv4 or IPv6 addresses, not both",
        ),
        ("--congestion=", "--congestion"),
        ("-4 -6", "--ipv6"),
        ("-4 --source ::1", "--source: ::1 is not an IPv4 address"),
        (
            "-6 --source 127.0.0.1",
            "--source: 127.0.0.1 is not an IPv6 address",
        ),
    ] {
        assert_usage_error("bench-client", &args.split(' ').collect::<Vec<_>>(), what);
    }
}

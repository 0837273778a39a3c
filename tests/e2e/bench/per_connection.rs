//! `bench-client --per-connection`: connections that follow one another.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

use serde_json::json;
use testkit::{ServerProcess, measured::measure};

#[test]
fn each_connection_has_its_messages_and_is_closed_in_order() {
    for (wire, args) in [
        (&[][..], "-n 300"),
        (&[], "-n 300 --pipeline 4"),
        (&[], "-n 300 -r 3000"),
        (&[], "-n 300 --heartbeat 1s --checksum"),
        (&["--raw"], "-n 300 --raw"),
    ] {
        let server = ServerProcess::start(wire);
        // 10 connections each; the last has no successor.
        let args = format!("{args} -c 3 --per-connection 10");
        let measured = measure(&server.host(), &args, 0);
        assert_eq!(measured.count("/messages/replies"), 300, "{args}");
        assert_eq!(measured.count("/connections/opened"), 3, "{args}");
        assert_eq!(measured.count("/connect_latency/count"), 27, "{args}");
        assert_eq!(measured.at("/tcp"), &json!(null));
        let p50 = measured.figure("/connect_latency/p50_us");
        assert!(p50 > 1.0 && p50 < 1e6, "{p50}");
        let _ = server.stop().expect_closed("30 clean");
    }
}

#[test]
fn a_run_ends_on_time_in_any_state() {
    let server = ServerProcess::start(&[]);
    for args in ["-d 500ms --warmup 200ms", "-d 500ms -r 500 --ramp 200ms"] {
        let args = format!("{args} -c 4 --per-connection 1 --pipeline 3");
        let measured = measure(&server.host(), &args, 0);
        let sent = measured.count("/messages/sent");
        assert!(sent > 20, "{sent}");
        assert_eq!(measured.count("/messages/replies"), sent);
        let connects = measured.count("/connect_latency/count");
        assert!(
            connects > sent / 2 && connects <= sent + 4,
            "{connects} for {sent}"
        );
    }
    let output = server.stop();
    assert_eq!(output.stat("accepted"), output.closed("clean"), "{output}");
}

/// The time includes the handshake.
#[test]
fn encrypted_connections_take_longer() {
    let p50 = |tls: &str| {
        let args = format!("--with-server -c 1 -n 60 --per-connection 2{tls}");
        let args: Vec<&str> = args.split(' ').collect();
        let measured = testkit::measured::measure_with(&args, 0);
        assert_eq!(measured.count("/connect_latency/count"), 29);
        measured.figure("/connect_latency/p50_us")
    };
    assert!(p50(" --tls") > 2.0 * p50(""));
}

#[test]
fn a_later_connection_that_fails_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buf) {
            stream.write_all(&buf[..n]).unwrap();
        }
    });
    let measured = measure(&host, "-c 1 -r 100 -d 500ms --per-connection 3", 1);
    server.join().unwrap();
    assert_eq!(measured.count("/messages/replies"), 3);
    assert_eq!(measured.at("/failures"), &json!({ "refused": 1 }));
    assert_eq!(measured.count("/connect_latency/count"), 0);
}

/// A thread that is still in a handshake long after the end is not waited for,
/// and the run has failed: what that thread had counted is lost.
#[test]
fn a_connection_that_never_opens_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let server = ServerProcess::start(&["--tls-self-signed", "--tls-write-cert", ca]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let upstream = TcpStream::connect(server.addr()).unwrap();
    let relay = thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = io::copy(&mut &client, &mut &upstream);
                let _ = upstream.shutdown(Shutdown::Write);
            });
            let _ = io::copy(&mut &upstream, &mut &client);
        });
        let (mut second, _) = listener.accept().unwrap();
        io::copy(&mut second, &mut io::sink())
    });
    let args = format!(
        "--tls --tls-ca {ca} -c 1 -d 200ms --per-connection 1 --timeout 100ms --connect-timeout 60s"
    );
    let measured = measure(&host, &args, 1);
    assert_eq!(measured.at("/failures"), &json!({ "timeout": 1 }));
    assert_eq!(measured.at("/verdict/valid"), false);
    relay.join().unwrap().unwrap();
}

/// The server is not to blame, and its log says nothing.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs root, unshare and ip: cargo test -p e2e -- --ignored faults"]
fn faults_of_used_up_ports_are_explained() {
    use testkit::link::{Host, command};

    Host::new().enter(|| {
        command("ip link set lo up");
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40050").unwrap();
        let server = ServerProcess::start(&[]);
        let measured = measure(&server.host(), "-c 1 -d 5s --per-connection 1", 1);
        let explanation = "no local address with a free port: Cannot assign requested address";
        let output = &measured.output;
        assert!(output.stderr.contains(explanation), "{output}");
        let reasons = measured.at("/verdict/reasons").to_string();
        assert!(
            reasons.contains("(1 connect): see the warning,"),
            "{reasons}"
        );
    });
}

//! TLS with every program, and with independent peers.

use std::{io::Write, process::Command};

use testkit::{
    Process, ServerProcess,
    certificates::{Authority, Files},
    installed,
    measured::measure_with,
    openssl, run, run_with_input,
};

/// A server with a valid certificate, and the trust options of its clients.
fn server(authority: &Authority, args: &[&str]) -> ServerProcess {
    ServerProcess::start(&[&authority.issue().server()[..], &["-v"], args].concat())
}

fn trusting<'a>(host: &'a str, ca: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["-h", host, "--tls", "--tls-ca", ca], args].concat()
}

#[test]
fn every_client_talks_over_tls() {
    let authority = Authority::new("authority");
    let ca = authority.file();
    for mode in [
        &[][..],
        &["--raw"],
        &["--checksum", "--compress", "--heartbeat", "1s"],
    ] {
        let raw = mode.contains(&"--raw");
        let server = server(&authority, if raw { mode } else { &[] });
        let host = server.host();
        let args = trusting(&host, &ca, mode);
        let _ = run("echo-client", &[&args[..], &["-n", "2"]].concat())
            .expect_code(0)
            .expect_stdout("1   Hello World!\n2   Hello World!\n");
        let _ = run("echo-client", &[&args[..], &["--no-wait"]].concat()).expect_code(0);
        let _ = run_with_input("repl-client", &args, b"a\nb\nq\n")
            .expect_code(0)
            .expect_stdout("a\nb\n");
        for size in ["1", "100k"] {
            let load = ["-c", "3", "-n", "30", "-s", size];
            let measured = measure_with(&[&args[..], &load].concat(), 0);
            assert_eq!(measured.count("/messages/replies"), 30);
        }
        let _ = server.stop().expect_code(0).expect_stat("accepted", 9);
    }
}

#[test]
fn a_self_signed_server_needs_no_files() {
    let mut server = ServerProcess::start(&["--tls-self-signed"]);
    let host = server.host();
    let line = server.process().wait_for_stderr("fingerprint (SHA-256): ");
    let (_, pin) = line.rsplit_once(' ').unwrap();
    let other = pin.replace(|c: char| c.is_ascii_digit(), "A");
    let client = |pin: &str| run("echo-client", &["-h", &host, "--tls", "--tls-pin", pin]);
    let _ = client(pin).expect_code(0);
    let _ = client(&pin.replace(':', "").to_lowercase()).expect_code(0);
    let _ = client(&other)
        .expect_code(1)
        .expect_stderr(&format!("its fingerprint is {pin}, not the one given"));
    let _ = run("echo-client", &["-h", &host, "--tls", "--tls-pin", "AB:CD"])
        .expect_code(2)
        .expect_stderr("expected a SHA-256 fingerprint: 64 hexadecimal digits");

    let _ = run(
        "bench-client",
        &["--with-server", "--tls", "-c", "2", "-n", "10"],
    )
    .expect_code(0);
}

#[test]
fn a_written_certificate_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pem");
    let file = file.to_str().unwrap();
    let server = ServerProcess::start(&["--tls-self-signed", "--tls-write-cert", file]);
    let host = server.host();
    let _ = run("echo-client", &trusting(&host, file, &[])).expect_code(0);
    let port = server.addr().port();
    let _ = run(
        "echo-client",
        &trusting(&format!("localhost:{port}"), file, &[]),
    )
    .expect_code(0);
}

#[test]
fn each_wrong_certificate_has_its_own_error() {
    let authority = Authority::new("authority");
    let stranger = Authority::new("stranger");
    let ca = authority.file();
    let refused = |files: &Files, args: &[&str], why: &str| {
        let server = ServerProcess::start(&files.server());
        let host = server.host();
        for client in ["echo-client", "bench-client", "repl-client"] {
            let _ = run(client, &[&["-h", &host, "--tls"], args].concat())
                .expect_code(1)
                .expect_stderr(&format!(
                    "cannot connect to {host}: certificate refused: {why}"
                ));
        }
        let _ = server
            .stop()
            .expect_stderr("the peer refused our certificate");
    };
    let trust = ["--tls-ca", &ca];
    refused(
        &authority.issue_for("other.example"),
        &trust,
        "it is not for 127.0.0.1 but for other.example;",
    );
    refused(
        &authority.issue(),
        &["--tls-ca", &ca, "--tls-name", "other.example"],
        "it is not for other.example but for localhost, 127.0.0.1;",
    );
    refused(
        &authority.issue_expired(),
        &trust,
        "it expired at 2021-01-01T00:00:00Z",
    );
    refused(&stranger.issue(), &trust, "its issuer is unknown;");
    refused(
        &authority.self_signed(false),
        &trust,
        "it is self-signed and not given with --tls-ca;",
    );
    refused(
        &authority.self_signed(true),
        &trust,
        "it is the certificate of a CA, not of a server (CA:TRUE);",
    );
}

#[test]
fn only_clients_with_a_valid_certificate_are_served() {
    let authority = Authority::new("authority");
    let (members, strangers) = (Authority::new("members"), Authority::new("strangers"));
    let ca = authority.file();
    let member_ca = members.file();
    let mut server = server(&authority, &["--tls-client-ca", &member_ca]);
    let host = server.host();
    let client = |name, args: &[&str]| run(name, &trusting(&host, &ca, args));

    let member = members.issue();
    for name in ["echo-client", "repl-client"] {
        let _ = client(name, &member.client()).expect_code(0);
    }
    let _ = client(
        "bench-client",
        &[&member.client()[..], &["-n", "10"]].concat(),
    )
    .expect_code(0);

    let _ = client("echo-client", &[])
        .expect_code(1)
        .expect_stderr("the peer demands a client certificate: give --tls-client-cert");
    let _ = server
        .process()
        .wait_for_stderr("the peer has no certificate, and --tls-client-ca demands one");
    let _ = client("echo-client", &strangers.issue().client())
        .expect_code(1)
        .expect_stderr("the peer refused our certificate");
    let _ = server
        .process()
        .wait_for_stderr("certificate refused: its issuer is unknown");
    let _ = client("bench-client", &["-n", "10"]).expect_code(1);
    // Nothing was echoed for them.
    let _ = server.stop().expect_code(0).expect_stat("frames", 20);
}

#[test]
fn a_mismatch_of_plain_and_tls_is_reported() {
    let authority = Authority::new("authority");
    let ca = authority.file();
    let mut tls = server(&authority, &[]);
    let host = tls.host();
    let _ = run("echo-client", &["-h", &host])
        .expect_code(1)
        .expect_stderr("the peer speaks TLS, not frames");
    let _ = tls.process().wait_for_stderr("the peer does not speak TLS");
    let _ = run("echo-client", &["-h", &host, "--raw"])
        .expect_code(1)
        .expect_stderr("it speaks TLS");
    let _ = run_with_input("repl-client", &["-h", &host], b"hello\n")
        .expect_code(1)
        .expect_stderr("the peer speaks TLS, not frames");

    let mut plain = ServerProcess::start(&[]);
    let host = plain.host();
    let _ = run("echo-client", &trusting(&host, &ca, &[]))
        .expect_code(1)
        .expect_stderr("closed the connection during the TLS handshake; does it speak TLS?");
    let _ = plain
        .process()
        .wait_for_stderr("the peer speaks TLS, not frames");
    let raw = ServerProcess::start(&["--raw"]);
    let _ = run("echo-client", &trusting(&raw.host(), &ca, &[]))
        .expect_code(1)
        .expect_stderr("it does not speak TLS, leave out --tls");
}

/// More than the sockets and the sessions hold, in both directions.
#[test]
fn large_transfers_both_ways_never_hang() {
    for mode in [
        &["--raw", "-s", "64MiB"][..],
        &["--max-frame", "17MiB", "-s", "16MiB"],
        &[
            "--raw",
            "-s",
            // Both windows can stay below a segment, with 10 kB/s by the persist timer.
            "256KiB",
            "--send-buffer",
            "4k",
            "--recv-buffer",
            "4k",
        ],
    ] {
        let args = [
            "--with-server",
            "--tls",
            "-c",
            "1",
            "-n",
            "1",
            "--timeout",
            "50s",
        ];
        let _ = run("bench-client", &[&args[..], mode].concat()).expect_code(0);
    }
}

/// Every load of `bench-client`, with more in flight than the sockets hold.
#[test]
fn every_load_runs_over_tls() {
    for load in [
        &["--pipeline", "32", "-s", "65536", "-n", "200"][..],
        &["--raw", "--pipeline", "32", "-s", "65536", "-n", "200"],
        &[
            "--pipeline",
            "64",
            "-s",
            "1..3000",
            "-n",
            "2000",
            "--checksum",
        ],
        &["-r", "2000", "-n", "200"],
    ] {
        let args = ["--with-server", "--tls", "-c", "2", "--send-buffer", "8k"];
        let measured = measure_with(&[&args[..], load].concat(), 0);
        assert_eq!(measured.at("/failures"), &serde_json::json!({}));
    }
}

#[test]
fn incomplete_options_are_a_usage_error() {
    for (program, args) in [
        ("echo-server", &["--tls-cert", "x"][..]),
        ("echo-server", &["--tls-key", "x"]),
        ("echo-server", &["--tls-write-cert", "x"]),
        ("echo-server", &["--tls-client-ca", "x"]),
        (
            "echo-server",
            &["--tls-self-signed", "--tls-cert", "x", "--tls-key", "x"],
        ),
        ("echo-server", &["--handshake-timeout", "0s"]),
        ("echo-client", &["--tls-ca", "x"]),
        ("echo-client", &["--tls-pin", "x"]),
        ("echo-client", &["--tls-name", "x"]),
        ("bench-client", &["--tls", "--tls-client-cert", "x"]),
        ("repl-client", &["--tls", "--tls-client-key", "x"]),
        ("repl-client", &["--tls", "--tls-name", "a b"]),
    ] {
        let output = run(program, args).expect_code(2);
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
    for (program, args) in [
        ("echo-server", &["--tls-cert", "x", "--tls-key", "x"][..]),
        ("echo-client", &["--tls", "--tls-ca", "/dev/null"]),
    ] {
        let output = run(program, args).expect_code(1);
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
}

/// OpenSSL's own client, in both versions of the protocol.
#[test]
fn openssl_talks_to_the_server() {
    let authority = Authority::new("authority");
    let ca = authority.file();
    let server = server(&authority, &["--raw"]);
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(mut openssl) = installed("openssl") else {
            return;
        };
        let mut client = Process::start(
            openssl
                .args(["s_client", "-quiet", "-verify_return_error", version])
                .args(["-connect", &server.host(), "-CAfile", &ca])
                .args(["-verify_hostname", "localhost"]),
        );
        client.stdin().write_all(b"hello over TLS\n").unwrap();
        let _ = client.wait_for_stdout("hello over TLS");
        client.kill();
    }
    for refused in ["-tls1", "-tls1_1"] {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &server.host(), refused])
            .args(["-cipher", "ALL:@SECLEVEL=0"])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{output:?}");
    }
}

#[test]
fn the_clients_talk_to_openssl() {
    let authority = Authority::new("authority");
    let ca = authority.file();
    for (version, name) in [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")] {
        let Some(mut server) = openssl::serve(&authority, version) else {
            return;
        };
        let host = server.host();
        for mode in [&[][..], &["--raw"], &["--no-wait"]] {
            let _ = run("echo-client", &trusting(&host, &ca, mode)).expect_code(0);
            let _ = server
                .process()
                .wait_for_stdout(&format!("closed well {name}"));
        }
        let load = trusting(&host, &ca, &["-c", "1", "-n", "10", "-s", "200k"]);
        let _ = run("bench-client", &load).expect_code(0);
        let _ = server.process().wait_for_stdout("closed well");
        let _ = run_with_input("repl-client", &trusting(&host, &ca, &[]), b"a\nq\n")
            .expect_code(0)
            .expect_stdout("a\n");
    }
}

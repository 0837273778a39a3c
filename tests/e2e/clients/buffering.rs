//! The effect of buffers, as the summaries show it.

use testkit::{ServerProcess, run};

/// Ten frames of twenty bytes arrive in one segment: one read.
const TOGETHER: [&str; 3] = ["--no-wait", "--write-buffer", "64k"];

#[test]
fn a_client_collects_messages_before_a_write() {
    for (buffer, writes) in [("1", "10 writes"), ("50", "4 writes"), ("64k", "1 write")] {
        let server = ServerProcess::start(&[]);
        let args = ["-h", &server.host(), "--no-wait", "--write-buffer", buffer];
        // The client's statistics are for people only.
        let _ = run("echo-client", &args)
            .expect_code(0)
            .expect_stderr(&format!("10 messages in {writes} and "));
        let _ = server
            .stop()
            .expect_code(0)
            .expect_stat("frames", 10)
            .expect_stat("bytes", 200);
    }
}

#[test]
fn a_server_collects_echoes_before_a_write() {
    for (options, writes) in [
        (&[][..], 1),
        (&["--write-buffer", "1"], 10),
        (&["--write-buffer", "50"], 4),
    ] {
        let server = ServerProcess::start(options);
        let host = server.host();
        let args = [&["-h", &host], &TOGETHER[..]].concat();
        let _ = run("echo-client", &args).expect_code(0);
        let _ = server
            .stop()
            .expect_code(0)
            .expect_stat("frames", 10)
            .expect_stat("reads", 1)
            .expect_stat("writes", writes);
    }
}

/// Whatever the write buffer, pending replies are sent before waiting.
#[test]
fn nothing_is_held_back() {
    let server = ServerProcess::start(&["--write-buffer", "1MiB"]);
    let host = server.host();
    for client in [
        &["echo-client", "-n", "3"][..],
        &["echo-client", "-n", "3", "--no-wait"],
        &["bench-client", "-n", "30"],
    ] {
        let args = [&client[1..], &["-h", &host, "--write-buffer", "1MiB"]].concat();
        let _ = run(client[0], &args).expect_code(0);
    }
}

#[test]
fn a_clients_read_buffer_splits_replies() {
    let server = ServerProcess::start(&["--raw"]);
    let args = [
        "-h",
        &server.host(),
        "--raw",
        "--no-wait",
        "--read-buffer",
        "15",
    ];
    let output = run("echo-client", &args).expect_code(0);
    assert!(
        output.stdout.lines().all(|read| read.len() <= 15),
        "{output}"
    );
    let args = [
        "-h",
        &server.host(),
        "--raw",
        "-n",
        "10",
        "-c",
        "1",
        "--read-buffer",
        "4",
    ];
    let _ = run("bench-client", &args)
        .expect_code(0)
        .expect_stdout_line("system calls 1.00 writes and 3.00 reads per message");
}

/// The kernel reports the actual sizes; Linux doubles them.
#[test]
fn sockets_get_the_requested_buffers() {
    let sizes = [
        "--send-buffer",
        "16k",
        "--recv-buffer",
        "32k",
        "--no-nodelay",
        "-v",
    ];
    let granted = if cfg!(target_os = "linux") {
        "send buffer 32768 bytes, receive buffer 65536 bytes"
    } else {
        "send buffer 16384 bytes, receive buffer 32768 bytes"
    };
    let server = ServerProcess::start(&sizes);
    let host = server.host();
    let args = [&["-h", &host, "-n", "2"], &sizes[..]].concat();
    let _ = run("echo-client", &args)
        .expect_code(0)
        .expect_stderr(granted);
    let _ = server.stop().expect_code(0).expect_stderr(granted);
}

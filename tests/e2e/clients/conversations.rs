//! Each client with the server, framed and raw, and the tutorial's transcripts.

use std::io::{Read, Write};

use testkit::{
    ServerProcess,
    measured::{measure, measure_with},
    run, run_with_input,
    wire::{answering_server, connect, fake_server, silent_server},
};

const TEN_REPLIES: &str = "\
1   Hello World!
2   Hello World!
3   Hello World!
4   Hello World!
5   Hello World!
6   Hello World!
7   Hello World!
8   Hello World!
9   Hello World!
10  Hello World!
";

/// The options of both modes.
const MODES: [&[&str]; 2] = [&[], &["--raw"]];

/// The log's messages, without times and levels.
fn messages(log: &str) -> Vec<&str> {
    log.lines()
        .filter_map(|line| line.split_once("DEBUG ").or(line.split_once("INFO ")))
        .map(|(_, message)| message)
        .filter(|message| message.contains(" message: "))
        .collect()
}

#[test]
fn ten_messages_and_the_servers_log() {
    for mode in MODES {
        let server = ServerProcess::start(&[mode, &["-v"]].concat());
        let host = server.host();
        let _ = run("echo-client", &[mode, &["--host", &host]].concat())
            .expect_code(0)
            .expect_stdout(TEN_REPLIES)
            .expect_stderr("connection established to tcp://");

        let output = server.stop().expect_code(0);
        let mut expected = Vec::new();
        for reply in TEN_REPLIES.lines() {
            expected.push(format!("read message: {reply}"));
            expected.push(format!("send message: {reply}"));
        }
        assert_eq!(messages(&output.stderr), expected, "{output}");
        let _ = output.expect_stat("accepted", 1).expect_stat("frames", 10);
    }
}

#[test]
fn count_and_message_are_options() {
    let server = ServerProcess::start(&[]);
    let _ = run(
        "echo-client",
        &[
            "-h",
            &server.host(),
            "-n",
            "2",
            "-m",
            "caf\u{e9}\t\u{1b}[2J",
        ],
    )
    .expect_code(0)
    .expect_stdout("1   caf\u{e9}\\t\\x1b[2J\n2   caf\u{e9}\\t\\x1b[2J\n");
}

/// The tutorial's section 5: raw messages merge, frames do not.
#[test]
fn without_waiting_frames_stay_apart() {
    let server = ServerProcess::start(&[]);
    let _ = run("echo-client", &["-h", &server.host(), "--no-wait"])
        .expect_code(0)
        .expect_stdout(TEN_REPLIES);

    let server = ServerProcess::start(&["--raw"]);
    let output = run("echo-client", &["-h", &server.host(), "--no-wait", "--raw"]).expect_code(0);
    let unbroken = |text: &str| text.replace('\n', "");
    assert_eq!(unbroken(&output.stdout), unbroken(TEN_REPLIES), "{output}");
}

/// The tutorial's section 5 again: a reader with a small buffer.
#[test]
fn a_small_read_buffer_splits_raw_messages_and_no_frames() {
    let server = ServerProcess::start(&["--raw", "--read-buffer", "15", "-v"]);
    let _ = run("echo-client", &["-h", &server.host(), "--raw"])
        .expect_code(0)
        .expect_stdout(TEN_REPLIES);
    let output = server.stop().expect_code(0);
    let first: Vec<&str> = messages(&output.stderr).into_iter().take(3).collect();
    assert_eq!(
        first,
        [
            "read message: 1   Hello World",
            "send message: 1   Hello World",
            "read message: !"
        ],
        "{output}"
    );

    let server = ServerProcess::start(&["--read-buffer", "15"]);
    let _ = run("echo-client", &["-h", &server.host()])
        .expect_code(0)
        .expect_stdout(TEN_REPLIES);
    let output = server.stop().expect_code(0);
    let _ = output
        .expect_stat("reads", 20)
        .expect_stat("split_reads", 10)
        .expect_stat("frames", 10);
}

#[test]
fn more_than_the_sockets_hold_is_sent_without_waiting() {
    for mode in MODES {
        let server = ServerProcess::start(mode);
        let text = "x".repeat(100_000);
        let args = ["-h", &server.host(), "--no-wait", "-n", "300", "-m", &text];
        let output = run("echo-client", &[mode, &args].concat()).expect_code(0);
        let bytes = output.stdout.bytes().filter(|&byte| byte == b'x').count();
        assert_eq!(bytes, 300 * text.len());
    }
}

/// The tutorial's section 3: spaces are sent, empty lines are not, `q` ends.
#[test]
fn lines_from_a_pipe() {
    for mode in MODES {
        let server = ServerProcess::start(mode);
        let host = server.host();
        let args = [mode, &["-h", &host]].concat();
        let lines = b"hello\n    world!\n      \n\n\r\n123\r\nq\nnot sent\n";
        let _ = run_with_input("repl-client", &args, lines)
            .expect_code(0)
            .expect_stdout("hello\n    world!\n      \n123\n");
        let _ = run_with_input("repl-client", &args, b"Q\n")
            .expect_code(0)
            .expect_stdout("");
        let _ = run_with_input("repl-client", &args, b"")
            .expect_code(0)
            .expect_stdout("");
        let _ = run_with_input("repl-client", &args, b"no newline")
            .expect_code(0)
            .expect_stdout("no newline\n");
        let output = server.stop().expect_code(0);
        let _ = output.expect_stat("accepted", 4).expect_stat("frames", 5);
    }
}

#[test]
fn a_line_over_the_limit_is_refused_and_the_session_goes_on() {
    let server = ServerProcess::start(&[]);
    let args = ["-h", &server.host(), "--max-frame", "5"];
    let _ = run_with_input("repl-client", &args, b"123456\n12345\nq\n")
        .expect_code(1)
        .expect_stdout("12345\n")
        .expect_stderr("line 1 not sent: longer than the limit of 5 bytes (--max-frame)")
        .expect_stderr("repl-client: 1 line was not sent\n");
    // The checksum counts too, and is known only when the frame is encoded.
    let args = [&args[..], &["--checksum"]].concat();
    let _ = run_with_input("repl-client", &args, b"12345\n1\n22\n")
        .expect_code(1)
        .expect_stdout("1\n")
        .expect_stderr("line 1 not sent: frame of 9 bytes exceeds the limit of 5")
        .expect_stderr("repl-client: 2 lines were not sent\n");
}

#[test]
fn a_lost_server_ends_a_piped_session_at_once() {
    let mut server = ServerProcess::start(&[]);
    let mut command = std::process::Command::new(testkit::program("repl-client"));
    let mut repl = testkit::Process::start(command.args(["-h", &server.host()]));
    repl.stdin().write_all(b"hello\n").unwrap();
    let _ = repl.wait_for_stdout("hello");
    server.process().kill();
    // Stdin stays open without input: the line is printed all the same.
    let _ = repl.wait_for_stderr("closed the connection");
    let _ = repl.wait().expect_code(1);
}

#[test]
fn clients_detect_a_server_that_is_not_an_echo_server() {
    let addr = answering_server(|stream, _| stream.write_all(b"\0\0\0\x02no"));
    let host = addr.to_string();
    let _ = run("echo-client", &["-h", &host])
        .expect_code(1)
        .expect_stderr("is not an echo server: it returned");
    let _ = run_with_input("repl-client", &["-h", &host], b"yes\nno\nyes\n")
        .expect_code(1)
        .expect_stdout("no\nno\nno\n")
        .expect_stderr("the reply to line 3 differs from it")
        .expect_stderr("repl-client: 2 replies differed from their lines\n");
}

#[test]
fn clients_name_another_protocol() {
    let addr = fake_server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let host = addr.to_string();
    let hint = "the peer speaks HTTP, not frames";
    let _ = run("echo-client", &["-h", &host])
        .expect_code(1)
        .expect_stderr(hint);
    let _ = run_with_input("repl-client", &["-h", &host], b"hi\n")
        .expect_code(1)
        .expect_stderr(hint);
    let measured = measure(&host, "-c 1 -n 1", 1);
    assert_eq!(measured.count("/failures/not_a_frame"), 1);
}

#[test]
fn clients_do_not_wait_for_ever() {
    let args = ["-h", &silent_server().to_string(), "--timeout", "200ms"];
    let _ = run("echo-client", &args)
        .expect_code(1)
        .expect_stderr("within 200ms");
    let _ = run_with_input("repl-client", &args, b"hi\nq\n")
        .expect_code(1)
        .expect_stderr("within 200ms");
    let measured = measure_with(&[&args[..], &["-c", "2", "-d", "5s"]].concat(), 1);
    assert_eq!(measured.count("/failures/timeout"), 2);
}

#[test]
fn a_server_that_never_reads_is_given_up() {
    let addr = fake_server(|stream| {
        // Until the client disconnects.
        let mut buf = [0];
        while matches!(stream.peek(&mut buf), Ok(n) if n > 0) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    });
    let host = addr.to_string();
    for mode in MODES {
        let args = [&["-h", &host, "--timeout", "300ms"], mode].concat();
        // More than the sockets hold.
        let input = "x".repeat(8 << 20) + "\n";
        let _ = run_with_input("repl-client", &args, input.as_bytes())
            .expect_code(1)
            .expect_stderr(&format!(
                "cannot send: {host} accepted no byte within 300ms"
            ));
        let text = "x".repeat(100_000);
        let echo = [&args[..], &["--no-wait", "-n", "1000", "-m", &text]].concat();
        let _ = run("echo-client", &echo)
            .expect_code(1)
            .expect_stderr("within 300ms");
    }
}

/// A raw reply has as many bytes as were sent; later bytes are not part of it.
#[test]
fn a_raw_reply_is_as_long_as_its_line() {
    let addr = answering_server(|stream, bytes| stream.write_all(&bytes.repeat(2)));
    let args = ["-h", &addr.to_string(), "--raw"];
    let _ = run_with_input("repl-client", &args, b"hello\n")
        .expect_code(0)
        .expect_stdout("hello\n")
        .expect_stderr("unsolicited reply: hello");
}

#[test]
fn without_a_server_each_client_fails_with_one_line() {
    // Bound, not listening, so that no other program takes the port.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any_port: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any_port.into()).unwrap();
    let host = socket
        .local_addr()
        .unwrap()
        .as_socket()
        .unwrap()
        .to_string();
    for client in ["echo-client", "repl-client", "bench-client"] {
        let output = run(client, &["-h", &host])
            .expect_code(1)
            .expect_stdout("")
            .expect_stderr(&format!("{client}: cannot connect to {host}: "))
            .expect_stderr("is a server listening there?");
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
}

#[test]
fn a_taken_port_is_explained() {
    let server = ServerProcess::start(&[]);
    let output = run("echo-server", &["--listen", &server.host()])
        .expect_code(1)
        .expect_stdout("")
        .expect_stderr(&format!(
            "echo-server: cannot listen on {}; ",
            server.host()
        ));
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_privileged_port_is_explained() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    let Some(port) = first.trim().parse::<u16>().unwrap().checked_sub(1) else {
        return; // Every port is unprivileged here.
    };
    let server = testkit::program("echo-server");
    let mut command = std::process::Command::new(server);
    if rustix::process::geteuid().is_root() {
        let Some(setpriv) = testkit::installed("setpriv") else {
            return;
        };
        command = setpriv;
        command.arg("--bounding-set=-net_bind_service").arg(server);
    }
    command.arg(format!("--listen=127.0.0.1:{port}"));
    let output = testkit::Process::start(&mut command)
        .wait()
        .expect_code(1)
        .expect_stdout("")
        .expect_stderr(&format!(
            "echo-server: cannot listen on 127.0.0.1:{port}; ports below {} need root or \
             CAP_NET_BIND_SERVICE: ",
            port + 1
        ));
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
}

#[test]
fn a_name_and_ipv6_work() {
    for listen in ["localhost:0", "[::1]:0"] {
        if listen.starts_with('[') && std::net::TcpListener::bind(listen).is_err() {
            testkit::skip("no ::1 here");
            continue;
        }
        let mut command = std::process::Command::new(testkit::program("echo-server"));
        let process = testkit::Process::start(command.args(["--listen", listen]));
        let server = ServerProcess::announced_by(process);
        let _ = run("echo-client", &["-h", &server.host(), "-n", "1"])
            .expect_code(0)
            .expect_stdout("1   Hello World!\n");
        drop(connect(server.addr()));
    }
}

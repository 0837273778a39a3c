//! Servers that send too much: a client ends with a clear error, and takes no
//! more memory than a message needs.

use std::{
    io::{Read, Write},
    process::Command,
};

use testkit::{
    Process, ServerProcess, memory, program,
    wire::{fake_server, frame, silent_server},
};

/// A server that sends the same bytes repeatedly, at once or after the first
/// message.
fn flooding_server(chunk: Vec<u8>, waits: bool) -> String {
    let addr = fake_server(move |mut stream| {
        if waits {
            let _ = stream.read(&mut [0; 1024]);
        }
        while stream.write_all(&chunk).is_ok() {}
    });
    addr.to_string()
}

/// Floods of every kind, each with the client's options.
fn floods() -> Vec<(Vec<u8>, &'static [&'static str])> {
    vec![
        (frame(b"x").repeat(10_000), &[]),
        (frame(&vec![b'x'; 8 << 20]), &[]),
        (frame(b"").repeat(10_000), &[]),
        (vec![b'x'; 64 * 1024], &["--raw"]),
    ]
}

/// A client limited to a gigabyte of address space: threads and allocator
/// reserve space that they do not use.
fn start(client: &str, args: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""]);
    Process::start(shell.arg(program(client)).args(args))
}

#[test]
fn a_flood_ends_a_session_with_an_error() {
    for (chunk, options) in floods() {
        for waits in [false, true] {
            let host = flooding_server(chunk.clone(), waits);
            let args = [&["-h", &host], options].concat();
            let mut repl = start("repl-client", &args);
            if waits {
                repl.stdin().write_all(b"hello\n").unwrap();
            }
            let line = repl.wait_for_stderr("is not an echo server: ");
            assert!(line.contains(" unsolicited messages, "), "{line}");
            let _ = repl.wait().expect_code(1);
        }
    }
}

/// A line of stdin above the limit is refused before its end, and skipped.
#[test]
fn a_line_that_never_ends_takes_no_memory() {
    for options in [&[][..], &["--raw"]] {
        let server = ServerProcess::start(options);
        let mut repl = start("repl-client", &[&["-h", &server.host()], options].concat());
        repl.stdin().write_all(&vec![b'x'; 200 << 20]).unwrap();
        let _ = repl.wait_for_stderr("longer than the limit of 8388608 bytes");
        repl.stdin().write_all(b"\nafter it\n").unwrap();
        let _ = repl.wait_for_stdout("after it");
        let peak = memory::of_process(repl.id(), "VmHWM");
        assert!(peak < 40 << 10, "{peak} KiB");
        let _ = repl.wait();
    }
}

/// A server that reads everything and answers nothing does not make the client
/// send, or use memory, for ever.
#[test]
fn echo_client_does_not_send_to_a_silent_server_for_ever() {
    let text = "x".repeat(1000);
    for options in [&[][..], &["--raw"], &["--write-buffer", "64k"]] {
        let host = silent_server().to_string();
        let args = ["-h", &host, "--no-wait", "-n", "1000000000", "-m", &text];
        let _ = start(
            "echo-client",
            &[&args[..], &["--timeout", "500ms"], options].concat(),
        )
        .wait()
        .expect_code(1)
        .expect_stderr("waiting for a reply: nothing from ");
    }
}

#[test]
fn echo_client_reads_no_more_than_it_sent() {
    for (chunk, options) in floods() {
        for pace in [&[][..], &["--no-wait"]] {
            let host = flooding_server(chunk.clone(), false);
            let args = [&["-h", &host], options, pace].concat();
            let _ = start("echo-client", &args)
                .wait()
                .expect_code(1)
                .expect_stderr("is not an echo server: it returned ");
        }
    }
}

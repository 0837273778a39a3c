//! A peer's bytes that could control a terminal or forge a line reach no output
//! unescaped.

use std::io::Write;

use testkit::{
    ProcessOutput, ServerProcess, run, run_with_input,
    wire::{answering_server, exchange, frame},
};

/// Every single byte, terminal control sequences, and characters that reorder
/// text.
fn nasty() -> Vec<Vec<u8>> {
    let sequences = [
        &b"\x1b[2J"[..],
        b"\x1b]0;title\x07",
        b"\x1b]52;c;aGk=\x1b\\",
        b"\x1bP+q544e\x1b\\",
        b"\x9b31m",
        b"\r\n2026-01-01T00:00:00.000000Z  INFO forged",
        "\u{9b}31m \u{85} \u{202e}txet\u{2066}\u{2028}\u{200f}\u{61c}".as_bytes(),
        b"\xed\xa0\x80 \xc0\x9b31m \xf8\x88\x80\x80\x9b",
    ];
    let bytes = (0..=u8::MAX).map(|byte| vec![b'<', byte, b'>']);
    bytes.chain(sequences.map(<[u8]>::to_vec)).collect()
}

/// Checks all output of a program.
#[track_caller]
fn assert_harmless(output: &ProcessOutput) {
    for text in [&output.stdout, &output.stderr] {
        // Invalid UTF-8 was replaced while it was read.
        let acts = |c: char| {
            c != '\n' && c.is_control()
                || matches!(c, '\u{fffd}' | '\u{61c}' | '\u{200e}'..='\u{200f}')
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let at = text.find(acts);
        assert_eq!(at, None, "{:?}", at.map(|at| &text[at..]));
        assert!(!text.contains("\n2026-01-01"), "a forged line");
    }
}

#[test]
fn the_servers_log() {
    for mode in [&["-vv"][..], &["-vv", "--raw"]] {
        let server = ServerProcess::start(mode);
        for bytes in nasty() {
            let _ = exchange(server.addr(), &frame(&bytes));
            // As a header, too, and truncated.
            let _ = exchange(server.addr(), &bytes);
        }
        let output = server.stop().expect_code(0);
        assert_harmless(&output);
        let shown = output.stderr.matches("read message: ").count();
        assert!(shown >= nasty().len(), "{shown} messages");
    }
}

#[test]
fn the_replies_of_a_session() {
    let server = ServerProcess::start(&[]);
    let mut lines = nasty();
    lines.retain(|line| !line.contains(&b'\n'));
    for mode in [&[][..], &["--raw"]] {
        let server = if mode.is_empty() {
            &server
        } else {
            &ServerProcess::start(mode)
        };
        let host = server.host();
        let args = [&["-h", &host], mode].concat();
        let output = run_with_input("repl-client", &args, &lines.join(&b'\n')).expect_code(0);
        assert_harmless(&output);
        assert_eq!(output.stdout.lines().count(), lines.len(), "{output}");
    }
}

/// Servers that answer with other bytes than were sent.
#[test]
fn unexpected_replies() {
    for is_framed in [true, false] {
        let host = answering_server(move |stream, _| {
            let mut replies = nasty().into_iter();
            replies.try_for_each(|bytes| {
                let reply = if is_framed { frame(&bytes) } else { bytes };
                stream.write_all(&reply)
            })
        })
        .to_string();
        let mode: &[&str] = if is_framed { &[] } else { &["--raw"] };
        for (client, more) in [
            ("echo-client", &["-n", "3", "-v"][..]),
            ("bench-client", &["-n", "3", "-v", "--timeout", "1s"]),
            ("repl-client", &["-v"]),
        ] {
            let args = [&["-h", &host], mode, more].concat();
            assert_harmless(&run_with_input(client, &args, b"one\ntwo\nthree\n"));
        }
    }
    let server = ServerProcess::start(&[]);
    for bytes in nasty() {
        // An argument has no NUL and is UTF-8.
        if let Ok(text) = str::from_utf8(&bytes)
            && !text.contains('\0')
        {
            let args = ["-h", &server.host(), "-n", "1", "-m", text];
            assert_harmless(&run("echo-client", &args).expect_code(0));
        }
    }
}

//! `bench-client` against faulty servers: each fault is counted by its kind,
//! and no run with a fault succeeds.

use std::{io::Write, net::TcpListener, thread, time::Duration};

use testkit::{
    Behaviour, Liar,
    measured::{MeasuredRun, measure},
    run,
};

/// The first faulty message of each connection, of [`MESSAGES`].
const LIE: u64 = 21;
const MESSAGES: u64 = 40;
const CONNECTIONS: u64 = 2;

/// The payload size: to be distinct, messages need room for their marks.
const SIZE: usize = 64;

/// Runs against a fault and checks that it is counted as `kind` only.
#[track_caller]
fn assert_counted(liar: &Liar, mode: &str, pipeline: u64, kind: &str) {
    // No correct reply may be late on a busy machine, and no test may be slow.
    let timeout = if kind == "timeout" { "3s" } else { "30s" };
    let messages = CONNECTIONS * MESSAGES;
    let args = format!(
        "{mode} -c {CONNECTIONS} -n {messages} -s {SIZE} --pipeline {pipeline} --timeout {timeout}"
    );
    let measured = measure(&liar.host(), &args, 1);
    assert_eq!(kinds(&measured), [kind], "{}", measured.output);
    // Replies before the fault were correct. Some may still be in flight, and a
    // reset discards those.
    let replies = measured.count("/messages/replies");
    let right = CONNECTIONS * (LIE - pipeline);
    assert!(replies >= right, "{replies} in {}", measured.output);
    let _ = measured.output.expect_stderr(&kind.replace('_', " "));
}

/// The kinds of failure that happened.
fn kinds(measured: &MeasuredRun) -> Vec<&str> {
    let failures = measured.at("/failures").as_object().unwrap();
    failures.keys().map(String::as_str).collect()
}

#[test]
fn wrong_replies() {
    for (behaviour, kind) in [
        (Behaviour::WrongByte { from: LIE }, "corrupt"),
        (Behaviour::ShortReply { from: LIE }, "short"),
        (Behaviour::LongReply { from: LIE }, "extra"),
        (Behaviour::ExtraBytes { from: LIE }, "extra"),
        (Behaviour::Duplicate { from: LIE }, "duplicate"),
        (
            Behaviour::OtherConnections { from: LIE },
            "other_connection",
        ),
    ] {
        for pipeline in [1, 4] {
            assert_counted(&Liar::start(behaviour), "", pipeline, kind);
        }
    }
}

/// Two in flight are needed to swap them.
#[test]
fn swapped_replies() {
    let liar = Liar::start(Behaviour::Swapped { nth: LIE });
    assert_counted(&liar, "", 4, "reordered");
}

#[test]
fn connections_that_end() {
    for (behaviour, kind) in [
        (Behaviour::CloseMidRun { nth: LIE }, "closed"),
        (Behaviour::Reset { nth: LIE }, "reset"),
    ] {
        for pipeline in [1, 4] {
            assert_counted(&Liar::start(behaviour), "", pipeline, kind);
        }
    }
}

#[test]
fn no_reply_in_time() {
    let by = Duration::from_secs(10);
    for behaviour in [
        Behaviour::Silent { from: LIE },
        Behaviour::Late { nth: LIE, by },
    ] {
        for pipeline in [1, 4] {
            assert_counted(&Liar::start(behaviour), "", pipeline, "timeout");
        }
    }
}

#[test]
fn bare_bytes() {
    for (behaviour, kind) in [
        (Behaviour::WrongByte { from: LIE }, "corrupt"),
        (Behaviour::CloseMidRun { nth: LIE }, "closed"),
        (Behaviour::Silent { from: LIE }, "timeout"),
    ] {
        for pipeline in [1, 4] {
            let liar = Liar::start_raw(behaviour, SIZE);
            assert_counted(&liar, "--raw", pipeline, kind);
        }
    }
}

/// Empty frames make the message fail before it is sent, and it never is: the
/// run must end and say so.
#[test]
fn a_flood_that_keeps_messages_from_being_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let zeros = vec![0; 1 << 16];
        while stream.write_all(&zeros).is_ok() {}
    });
    let measured = measure(&host, "-c 1 -d 200ms -s 8000000 --timeout 500ms", 1);
    server.join().unwrap();
    let output = &measured.output;
    assert!(!output.stderr.contains("did not end"), "{output}");
    assert!(kinds(&measured).contains(&"extra"), "{output}");
}

/// Half of the load is missing, so the figures are not reliable.
#[test]
fn half_of_the_connections_refused() {
    let liar = Liar::start(Behaviour::RefuseHalf);
    let measured = measure(&liar.host(), "-c 10 -n 200", 1);
    // A close that crosses a message is a reset.
    let failures = measured.at("/failures");
    let ended = ["closed", "reset"].map(|kind| failures[kind].as_u64().unwrap_or(0));
    assert_eq!(ended.iter().sum::<u64>(), 5, "{}", measured.output);
    let served = measured.replies().iter().filter(|&&n| n > 0).count();
    assert_eq!(served, 5, "{}", measured.output);
    assert_eq!(measured.at("/verdict/valid"), false);

    let args = ["-h", &liar.host(), "-c", "10", "-n", "200"];
    let output = run("bench-client", &args).expect_code(1);
    assert!(output.stdout.contains("SUSPECT"), "{output}");
}

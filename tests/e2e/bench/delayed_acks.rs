//! `bench-client`: Nagle's algorithm against delayed acknowledgements. Who waits is
//! named, and a server that is as slow for another reason is not.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use testkit::{Behaviour, Liar, measured::measure, wire::fake_server};

/// Answers each message with its header and its payload in two writes, while
/// Nagle's algorithm is on.
fn answer_in_parts(mut stream: TcpStream) {
    let mut message = [0; 16];
    while stream.read_exact(&mut message).is_ok() {
        let (header, payload) = message.split_at(4);
        if stream.write_all(header).is_err() || stream.write_all(payload).is_err() {
            return;
        }
    }
}

/// Answers two messages at once, after both have arrived.
fn answer_in_pairs(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut messages = [0; 32];
    while stream.read_exact(&mut messages).is_ok() {
        if stream.write_all(&messages).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_waits_for_acknowledgements_is_named() {
    let host = fake_server(answer_in_parts).to_string();
    let measured = measure(&host, "-c 2 -n 100", 0);
    let notes = measured.notes();
    assert!(notes.contains("the server sends 2.0"), "{notes}");
    assert!(!notes.contains("this client holds"), "{notes}");
    assert!(!notes.contains("retransmitted"), "{notes}");
    measured.assert_blamed(&["server_or_path"], 11);
}

#[test]
fn a_client_that_waits_for_acknowledgements_is_named() {
    let host = fake_server(answer_in_pairs).to_string();
    let args = "-c 1 -n 100 --pipeline 2 --write-buffer 1";
    let measured = measure(&host, &format!("{args} --no-nodelay"), 0);
    let notes_of_both = measured.notes();
    assert!(
        notes_of_both.contains("this client holds messages back"),
        "{notes_of_both}"
    );
    assert!(
        !notes_of_both.contains("the server sends"),
        "{notes_of_both}"
    );
    // Without delayed acknowledgements there is no plateau.
    let measured = measure(&host, args, 0);
    assert!(!measured.notes().contains("40 ms"), "{}", measured.output);
}

/// Several messages in one segment, and their replies in two.
#[test]
fn a_server_that_waits_is_named_with_messages_in_flight() {
    let host = fake_server(answer_in_parts).to_string();
    let measured = measure(&host, "-c 2 -n 200 --pipeline 4", 0);
    let notes = measured.notes();
    assert!(notes.contains("the server sends 2."), "{notes}");
}

/// Thinks, and then answers with a segment for the header and one for the payload.
fn think_and_answer_in_parts(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut message = [0; 16];
    while stream.read_exact(&mut message).is_ok() {
        thread::sleep(Duration::from_millis(41));
        let (header, payload) = message.split_at(4);
        if stream.write_all(header).is_err() || stream.write_all(payload).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_thinks_and_writes_in_parts_is_not_named() {
    let host = fake_server(think_and_answer_in_parts).to_string();
    for args in ["-c 2 -n 60", "-c 4 -n 60 -r 40"] {
        let measured = measure(&host, args, 0);
        assert!(measured.figure("/latency/p50_us") > 40_000.0);
        assert!(!measured.notes().contains("40 ms"), "{}", measured.output);
    }
}

/// The same latencies without a delayed segment.
#[test]
fn a_server_that_thinks_as_long_is_not_named() {
    let liar = Liar::start(Behaviour::Delay(Duration::from_millis(41)));
    for args in ["-c 2 -n 60", "-c 2 -n 60 --no-nodelay"] {
        let measured = measure(&liar.host(), args, 0);
        assert!(measured.figure("/latency/p50_us") > 40_000.0);
        assert!(!measured.notes().contains("40 ms"), "{}", measured.output);
        // A busy machine has waits of its own.
        measured.assert_blamed(&["server_or_path"], 11);
    }
}

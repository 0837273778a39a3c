//! Whether a server treats connections as TCP means them.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use cli::format::Quantity;
use socket2::SockRef;

use super::{
    fault::Outcome,
    framing::text,
    server::{CheckedServer, PAUSE, Peer},
};

/// Clients at once.
const CROWD: usize = 100;

/// Bytes that are sent and not read back, in case the server takes any number.
const MAX_UNREAD: usize = 16 << 20;

/// A connection on which nothing moves for so long is stuck.
const STUCK: Duration = Duration::from_millis(200);

pub(super) fn half_close(server: &CheckedServer, sent: &mut String) -> Outcome {
    for count in [0, 1, 64] {
        *sent = format!("FIN after {count} of 0, 1 and 64 messages");
        let messages = server.numbered(count);
        let peer = server.dial()?;
        // One segment has the last bytes and the FIN.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&peer.stream).set_tcp_cork(true);
        peer.write(&[&messages]);
        peer.finish();
        peer.expect(&messages)?;
        if !peer.end(server.timeout, &[])? {
            return Err("all of it, then a reset".into());
        }
    }
    "FIN after 0, 1 and 64 messages".clone_into(sent);
    Ok(())
}

pub(super) fn urgent(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("a message that ends in an urgent byte, and another");
    let message = server.message(b"an urgent !");
    let (first, last) = message.split_at(message.len() - 1);
    // Where the byte is lost, the server takes one of these for it.
    let next = server.message(b"the next message");
    let peer = server.dial()?;
    peer.write(&[first]);
    let urgent = SockRef::from(&peer.stream).send_out_of_band(last);
    urgent.map_err(|error| error.to_string())?;
    peer.write(&[&next]);
    peer.expect(&[&message[..], &next].concat())
}

pub(super) fn reset(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("a reset within a message");
    let message = server.message(b"this is not all of it");
    let peer = server.dial()?;
    peer.write(&[&message[..message.len() - 8]]);
    // The server reads it before the reset.
    thread::sleep(PAUSE);
    // The close sends a reset then (socket(7), SO_LINGER).
    let _ = SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO));
    drop(peer);
    server.still_serves()
}

pub(super) fn crowd(server: &CheckedServer, sent: &mut String) -> Outcome {
    *sent = format!("two messages on each of {CROWD} connections");
    let clients = (0..CROWD).map(|i| {
        let message = server.message(format!("from client {i:03}").as_bytes());
        Ok((server.dial()?, message))
    });
    let clients: Vec<(Peer, Vec<u8>)> = clients.collect::<Outcome<_>>()?;
    for (peer, message) in clients.iter().chain(&clients) {
        peer.write(&[message]);
    }
    for ((peer, message), number) in clients.iter().zip(1..) {
        let came = peer.expect(&message.repeat(2));
        came.map_err(|fault| fault.on(&format!("on connection {number}")))?;
    }
    Ok(())
}

pub(super) fn slow_reader(server: &CheckedServer, sent: &mut String) -> Outcome {
    let message = server.message(b"read at once");
    let slow = server.dial()?;
    let messages = server.message(&text(90)).repeat(MAX_UNREAD / 90);
    let unread = fill(&slow, &messages);
    let round_trips = format!("50 round trips beside {} KiB unread", unread >> 10);
    round_trips.clone_into(sent);
    let fast = server.dial()?;
    let mut worst = Duration::ZERO;
    for _ in 0..50 {
        let started = Instant::now();
        fast.write(&[&message]);
        fast.expect(&message)?;
        worst = worst.max(started.elapsed());
    }
    *sent = format!("{round_trips}: {} at most", Quantity::from(worst));
    Ok(())
}

pub(super) fn late_reader(server: &CheckedServer, sent: &mut String) -> Outcome {
    let peer = server.dial()?;
    let messages = server.message(&text(90)).repeat(MAX_UNREAD / 90);
    let unread = fill(&peer, &messages);
    *sent = format!("{} KiB, and read none of it before", unread >> 10);
    // Of a frame that is cut, nothing is due.
    let cut = if server.is_raw { 0 } else { unread % 94 };
    // A slow server need not be waited for to the end.
    let came = peer.expect_within(&messages[..unread - cut], server.timeout)?;
    *sent = format!("{sent}; {} KiB came", came >> 10);
    Ok(())
}

/// Writes messages and reads nothing, until that is stuck. Returns the bytes
/// written.
fn fill(peer: &Peer, messages: &[u8]) -> usize {
    let _ = peer.stream.set_write_timeout(Some(STUCK));
    let mut written = 0;
    while let Ok(n @ 1..) = (&peer.stream).write(&messages[written..]) {
        written += n;
    }
    written
}

pub(super) fn order(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("64 messages of different lengths at once");
    // Long and short ones in turn.
    let payloads = (0..64).map(|i| text(30 + i * 57 % 70));
    let messages: Vec<Vec<u8>> = payloads.map(|payload| server.message(&payload)).collect();
    server.exchange(&[&messages.concat()]).map(drop)
}

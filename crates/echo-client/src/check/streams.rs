//! Whether a server treats connections as TCP means them.

use std::{
    io::Write,
    net::Shutdown,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{
    finding::{Finding, finding},
    framing::text,
    target::{CheckedServer, PAUSE, Peer},
};

/// Clients at once.
const CROWD: usize = 100;

/// Bytes that are sent and not read back, in case the server takes any number.
const MAX_UNREAD: usize = 16 << 20;

/// A connection on which nothing moves for so long is stuck.
const STUCK: Duration = Duration::from_millis(200);

pub(super) fn half_close(target: &CheckedServer) -> Finding {
    for count in [0, 1, 64] {
        let messages = target.numbered(count);
        let outcome = target.dial().and_then(|peer| {
            peer.write(&[&messages], Duration::ZERO);
            // A server that is gone shows in what comes.
            let _ = peer.stream.shutdown(Shutdown::Write);
            peer.expect(&messages)?;
            let is_fin = peer.end(target.timeout)?;
            is_fin
                .then_some(())
                .ok_or_else(|| "all of it, then a reset".to_owned())
        });
        finding(
            format!("FIN after {count} of 0, 1 and 64 messages"),
            outcome,
        )?;
    }
    Ok("FIN after 0, 1 and 64 messages".to_owned())
}

pub(super) fn urgent(target: &CheckedServer) -> Finding {
    let message = target.message(b"an urgent !");
    let (first, last) = message.split_at(message.len() - 1);
    // Where the byte is lost, the server takes one of these for it.
    let next = target.message(b"the next message");
    let outcome = target.dial().and_then(|peer| {
        peer.write(&[first], Duration::ZERO);
        let sent = SockRef::from(&peer.stream).send_out_of_band(last);
        sent.map_err(|error| error.to_string())?;
        peer.write(&[&next], PAUSE);
        peer.expect(&[&message[..], &next].concat())
    });
    finding(
        "a message that ends in an urgent byte, and another",
        outcome,
    )
}

pub(super) fn reset(target: &CheckedServer) -> Finding {
    let message = target.message(b"this is not all of it");
    let outcome = target.dial().and_then(|peer| {
        peer.write(&[&message[..message.len() - 8]], PAUSE);
        // The close sends a reset then (socket(7), SO_LINGER).
        let _ = SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO));
        drop(peer);
        target.still_serves()
    });
    finding("a reset within a message", outcome)
}

pub(super) fn crowd(target: &CheckedServer) -> Finding {
    let messages = (0..CROWD).map(|i| target.message(format!("from client {i:03}").as_bytes()));
    let messages: Vec<Vec<u8>> = messages.collect();
    let judge = || {
        let peers: Vec<Peer> = messages
            .iter()
            .map(|_| target.dial())
            .collect::<Result<_, _>>()?;
        for (peer, message) in peers
            .iter()
            .zip(&messages)
            .chain(peers.iter().zip(&messages))
        {
            peer.write(&[message], Duration::ZERO);
        }
        for (peer, message) in peers.iter().zip(&messages) {
            peer.expect(&message.repeat(2))?;
        }
        Ok(())
    };
    finding(
        format!("two messages on each of {CROWD} connections"),
        judge(),
    )
}

pub(super) fn slow_reader(target: &CheckedServer) -> Finding {
    let (mut unread, mut worst) = (0, Duration::ZERO);
    let message = target.message(b"read at once");
    let mut judge = || {
        let slow = target.dial()?;
        unread = fill(&slow, &target.message(&text(1000)));
        let fast = target.dial()?;
        for _ in 0..100 {
            let started = Instant::now();
            fast.write(&[&message], Duration::ZERO);
            fast.expect(&message)?;
            worst = worst.max(started.elapsed());
        }
        Ok(())
    };
    let outcome = judge();
    let sent = format!("100 round trips beside {} KiB unread", unread >> 10);
    Ok(format!("{}: {worst:.1?} at most", finding(sent, outcome)?))
}

/// Writes a message over and over and reads nothing, until that is stuck.
/// Returns the bytes written.
fn fill(peer: &Peer, message: &[u8]) -> usize {
    let messages = message.repeat(64);
    let _ = peer.stream.set_write_timeout(Some(STUCK));
    let mut written = 0;
    while written < MAX_UNREAD
        && let Ok(n) = (&peer.stream).write(&messages[written % messages.len()..])
    {
        written += n;
    }
    written
}

pub(super) fn order(target: &CheckedServer) -> Finding {
    // Long and short ones in turn.
    let payloads = (0..64).map(|i| text(30 + i * 577 % 500));
    let messages: Vec<Vec<u8>> = payloads.map(|payload| target.message(&payload)).collect();
    let outcome = target.exchange(&[&messages.concat()], Duration::ZERO);
    finding("64 messages of different lengths at once", outcome)
}

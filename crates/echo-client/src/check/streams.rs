//! Whether a server treats connections as TCP means them.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use cli::format::Quantity;
use socket2::SockRef;

use super::{
    parts::{each, text},
    peer::{CheckResult, PAUSE, Peer},
    server::CheckedServer,
};

/// A connection on which nothing moves for so long is stuck.
const STUCK: Duration = Duration::from_millis(200);

pub(super) fn echo(server: &CheckedServer, _: &mut String) -> CheckResult {
    // Not in one, nor at once: long ones and many have rules of their own.
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    bytes.chunks(64).try_for_each(|part| {
        let (message, peer) = (server.message(part), server.dial()?);
        peer.write(&message);
        peer.expect(&message)?;
        peer.expect_no_more()
    })
}

pub(super) fn half_close(server: &CheckedServer, count: &mut String) -> CheckResult {
    each([0, 1, 64], count, |&count| {
        let (messages, peer) = (server.numbered(count), server.dial()?);
        // One segment has the last bytes and the FIN.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&peer.stream).set_tcp_cork(true);
        peer.write(&messages);
        peer.finish();
        peer.expect(&messages)?;
        if !peer.end(server.timeout, &[])? {
            return Err("all of it, then a reset".into());
        }
        Ok(())
    })
}

pub(super) fn urgent(server: &CheckedServer, _: &mut String) -> CheckResult {
    let message = server.message(b"an urgent !");
    let (first, last) = message.split_at(message.len() - 1);
    // Where the byte is lost, the server takes one of these for it.
    let next = server.message(b"the next message");
    let peer = server.dial()?;
    peer.write(first);
    let urgent = SockRef::from(&peer.stream).send_out_of_band(last);
    urgent.map_err(|error| error.to_string())?;
    peer.write(&next);
    peer.expect(&[&message[..], &next].concat())
}

pub(super) fn reset(server: &CheckedServer, _: &mut String) -> CheckResult {
    let message = server.message(b"this is not all of it");
    let peer = server.dial()?;
    peer.write(&message[..message.len() - 8]);
    // The server reads it before the reset.
    thread::sleep(PAUSE);
    // The close sends a reset then (socket(7), SO_LINGER).
    let _ = SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO));
    drop(peer);
    server.still_serves()
}

pub(super) fn crowd(server: &CheckedServer, _: &mut String) -> CheckResult {
    let clients = (1..=100).map(|i| {
        let message = server.message(format!("from client {i:03}").as_bytes());
        Ok((server.dial()?, message))
    });
    let clients: Vec<(Peer, Vec<u8>)> = clients.collect::<CheckResult<_>>()?;
    for (peer, message) in clients.iter().chain(&clients) {
        peer.write(message);
    }
    for ((peer, message), number) in clients.iter().zip(1..) {
        let came = peer.expect(&message.repeat(2));
        came.map_err(|fault| fault.on(&format!("on connection {number}")))?;
    }
    Ok(())
}

pub(super) fn slow_reader(server: &CheckedServer, figures: &mut String) -> CheckResult {
    let message = server.message(b"read at once");
    let (_slow, fast) = (fill(server, figures)?, server.dial()?);
    let mut worst = Duration::ZERO;
    for _ in 0..50 {
        let started = Instant::now();
        fast.write(&message);
        fast.expect(&message)?;
        worst = worst.max(started.elapsed());
    }
    *figures = format!("{figures}, {} at most", Quantity::from(worst));
    Ok(())
}

pub(super) fn late_reader(server: &CheckedServer, figures: &mut String) -> CheckResult {
    let (peer, messages, written) = fill(server, figures)?;
    let (_, rest) = messages.split_at(written);
    // A slow server need not be waited for to the end.
    let read = || peer.expect_within(&messages, server.timeout);
    // Some wait for the rest of a message before they reply to those in front.
    let came = peer.while_writing(&[rest], read)?;
    *figures = format!("{figures}, {} came", kib(came));
    Ok(())
}

/// Writes messages and reads nothing, until that is stuck. Returns them, and how much
/// of the last is written.
fn fill(server: &CheckedServer, figures: &mut String) -> CheckResult<(Peer, Vec<u8>, usize)> {
    let (message, peer) = (server.message(&text(90)), server.dial()?);
    // In case the server takes any number: 16 MiB.
    let mut messages = message.repeat((16 << 20) / message.len());
    let _ = peer.stream.set_write_timeout(Some(STUCK));
    let mut written = 0;
    while let Ok(n @ 1..) = (&peer.stream).write(&messages[written..]) {
        written += n;
    }
    let _ = peer.stream.set_write_timeout(Some(server.timeout));
    *figures = kib(written);
    messages.truncate(written.next_multiple_of(message.len()));
    Ok((peer, messages, written))
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

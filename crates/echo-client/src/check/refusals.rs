//! Whether a server refuses what is not a frame, and what it takes for one.

use std::time::Duration;

use proto::{Framing, HEADER_LEN, MAX_LEN, Wire, Writer};

use super::{
    parts::{each, text},
    peer::{CheckResult, Fault},
    server::CheckedServer,
};

/// Expects that bytes end their connection, that nothing comes back, and that another
/// client is served.
pub(super) fn refuse(server: &CheckedServer, bytes: &[u8]) -> CheckResult {
    let peer = server.dial()?;
    peer.write(bytes);
    // By a reset as well: there may be bytes that were not read.
    peer.end(server.timeout, &[])?;
    server.still_serves()
}

pub(super) fn cut(server: &CheckedServer, at: &mut String) -> CheckResult {
    let message = server.message(b"hello");
    each([1, 2, 3, 8], at, |&len| {
        let peer = server.dial()?;
        peer.write(&message[..len]);
        peer.finish();
        // A payload may be echoed as it comes, a header may not.
        let may_come = if len < HEADER_LEN { 0 } else { len };
        peer.end(server.timeout, &message[..may_come])?;
        server.still_serves()
    })
}

pub(super) fn garbage(server: &CheckedServer, kind: &mut String) -> CheckResult {
    let negative = [&[0x80, 0, 0, 0][..], &server.message(b"hello")].concat();
    let kinds: [(&str, &[u8]); 3] = [
        ("a request of HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a header of 0x80000000, and a message", &negative),
        ("16 bytes of 0xff", &[0xff; 16]),
    ];
    for (name, bytes) in kinds {
        name.clone_into(kind);
        refuse(server, bytes)?;
    }
    kind.clear();
    Ok(())
}

/// The longest announced length that does not end the connection, halved at a time.
/// No payload is sent.
pub(super) fn limit(server: &CheckedServer, found: &mut String) -> CheckResult {
    let (mut accepted, mut refused) = (0, MAX_LEN + 1);
    let within = (server.timeout / 16).min(Duration::from_secs(1));
    while refused - accepted > 1 {
        let len = accepted.midpoint(refused);
        let peer = server.dial()?;
        peer.write(&len.to_be_bytes());
        match peer.end(within, &[]) {
            Ok(_) => refused = len,
            Err(_) => accepted = len,
        }
    }
    *found = match accepted {
        MAX_LEN => format!("none up to {MAX_LEN} bytes"),
        longest => format!("{longest} bytes"),
    };
    Ok(())
}

/// What becomes of a frame with a flag, and of a damaged one.
pub(super) fn flagged(server: &CheckedServer, found: &mut String, checksum: bool) -> CheckResult {
    let mut writer = Writer::new(Wire::Framed(Framing {
        checksum,
        compress: !checksum,
        ..Framing::default()
    }));
    let _ = writer.add(&text(200)); // It is below every limit.
    let mut frame = writer.as_bytes().to_vec();
    server.exchange([&frame[..]])?;
    // A byte of the payload; of a compressed one, of its original length.
    frame[HEADER_LEN] ^= 1;
    *found = match server.exchange([&frame[..]]) {
        Ok(()) => "echoed and not verified".to_owned(),
        Err(Fault::Server(came)) => format!("verified: to a damaged frame, {came}"),
        Err(own) => return Err(own),
    };
    Ok(())
}

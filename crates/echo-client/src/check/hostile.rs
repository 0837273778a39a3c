//! Whether a server refuses what is not a frame, and serves the next client.

use proto::HEADER_LEN;

use super::{fault::Outcome, server::CheckedServer};

pub(super) fn huge(server: &CheckedServer, sent: &mut String) -> Outcome {
    sent.push_str("a header that announces 256 MiB, and 15 bytes");
    let header = (1_u32 << 28).to_be_bytes();
    refuse(server, &[&header[..], b"and a few bytes"].concat())
}

pub(super) fn cut(server: &CheckedServer, sent: &mut String) -> Outcome {
    let message = server.message(b"hello");
    for len in [1, 2, 3, 8] {
        *sent = format!("a message of 9 bytes cut at {len}, then FIN");
        let peer = server.dial()?;
        peer.write(&[&message[..len]]);
        peer.finish();
        // A payload may be echoed as it comes, a header may not.
        let may_come = if len < HEADER_LEN { 0 } else { len };
        peer.end(server.timeout, &message[..may_come])?;
        server.still_serves()?;
    }
    "a message of 9 bytes cut at 1, 2, 3 and 8, then FIN".clone_into(sent);
    Ok(())
}

pub(super) fn garbage(server: &CheckedServer, sent: &mut String) -> Outcome {
    let negative = [&[0x80, 0, 0, 0][..], &server.message(b"hello")].concat();
    let kinds: [(&str, &[u8]); 3] = [
        ("a request of HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a header of 0x80000000, and a message", &negative),
        ("16 bytes of 0xff", &[0xff; 16]),
    ];
    for (kind, bytes) in kinds {
        kind.clone_into(sent);
        refuse(server, bytes)?;
    }
    "HTTP, and lengths of 2^31 and above".clone_into(sent);
    Ok(())
}

/// Expects that bytes end their connection, and that nothing comes back.
fn refuse(server: &CheckedServer, bytes: &[u8]) -> Outcome {
    let peer = server.dial()?;
    peer.write(&[bytes]);
    // By a reset as well: there may be bytes that were not read.
    peer.end(server.timeout, &[])?;
    server.still_serves()
}

//! Whether a server refuses what is not a frame, and serves the next client.

use std::{net::Shutdown, time::Duration};

use super::{
    finding::{Finding, finding},
    target::CheckedServer,
};

pub(super) fn huge(target: &CheckedServer) -> Finding {
    let bytes = [&(1_u32 << 28).to_be_bytes()[..], b"and a few bytes"].concat();
    let outcome = refuse(target, &bytes, false);
    finding("a header that announces 256 MiB, and 15 bytes", outcome)
}

pub(super) fn cut_header(target: &CheckedServer) -> Finding {
    for len in 1..4 {
        let outcome = refuse(target, &[0; 3][..len], true);
        finding(format!("a header cut at {len}, then FIN"), outcome)?;
    }
    Ok("headers cut at 1, 2 and 3, then FIN".to_owned())
}

pub(super) fn garbage(target: &CheckedServer) -> Finding {
    let kinds: [(&str, &[u8]); 3] = [
        ("a request of HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a header of 0x80000000", &[0x80, 0, 0, 0]),
        ("16 bytes of 0xff", &[0xff; 16]),
    ];
    for (kind, bytes) in kinds {
        finding(kind, refuse(target, bytes, false))?;
    }
    Ok("HTTP, and lengths of 2^31 and above".to_owned())
}

/// Expects that bytes end their connection, and that nothing comes back.
fn refuse(target: &CheckedServer, bytes: &[u8], then_fin: bool) -> Result<(), String> {
    let peer = target.dial()?;
    peer.write(&[bytes], Duration::ZERO);
    if then_fin {
        let _ = peer.stream.shutdown(Shutdown::Write);
    }
    // By a reset as well: there may be bytes that were not read.
    peer.end(target.timeout)?;
    target.still_serves()
}

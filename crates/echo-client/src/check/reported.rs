//! What a server can do, or not.

use std::time::{Duration, Instant};

use proto::{Framing, HEADER_LEN, MAX_LEN, Wire, Writer};

use super::{finding::Finding, framing::text, target::CheckedServer};

/// Lengths that are tried at once.
const PROBES: u32 = 16;

pub(super) fn limit(target: &CheckedServer) -> Finding {
    Ok(match longest_accepted(target)? {
        MAX_LEN => format!("none up to {MAX_LEN} bytes"),
        longest => format!("{longest} bytes"),
    })
}

/// The longest announced length that does not end the connection, narrowed down
/// to a sixteenth at a time. No payload is sent.
fn longest_accepted(target: &CheckedServer) -> Result<u32, String> {
    let (mut accepted, mut refused) = (0, MAX_LEN + 1);
    while refused - accepted > 1 {
        let step = (refused - accepted).div_ceil(PROBES);
        let lengths = (1..=PROBES).map(|i| accepted + i * step);
        let lengths = lengths.take_while(|&len| len < refused);
        let probes = lengths.map(|len| {
            let peer = target.dial()?;
            peer.write(&[&len.to_be_bytes()], Duration::ZERO);
            Ok((len, peer))
        });
        let probes: Vec<_> = probes.collect::<Result<_, String>>()?;
        let until = Instant::now() + target.timeout / 8;
        for (len, peer) in probes {
            if peer
                .end(until.saturating_duration_since(Instant::now()))
                .is_ok()
            {
                refused = len;
                break;
            }
            accepted = len;
        }
    }
    Ok(accepted)
}

pub(super) fn heartbeat(target: &CheckedServer) -> Finding {
    target.exchange(&[&[0; HEADER_LEN]], Duration::ZERO)?;
    Ok("echoed".to_owned())
}

pub(super) fn checksum(target: &CheckedServer) -> Finding {
    let framing = Framing {
        checksum: true,
        ..Framing::default()
    };
    flagged(target, framing)
}

pub(super) fn compression(target: &CheckedServer) -> Finding {
    let framing = Framing {
        compress: true,
        ..Framing::default()
    };
    flagged(target, framing)
}

/// What becomes of a frame with a flag, and of a damaged one.
fn flagged(target: &CheckedServer, framing: Framing) -> Finding {
    let mut writer = Writer::new(Wire::Framed(framing));
    let _ = writer.add(&text(200)); // It is below every limit.
    let mut frame = writer.as_bytes().to_vec();
    target.exchange(&[&frame], Duration::ZERO)?;
    // A byte of the payload; of a compressed one, of its original length.
    frame[HEADER_LEN] ^= 1;
    let damaged = target.exchange(&[&frame], Duration::ZERO);
    Ok(damaged.map_or_else(
        |came| format!("verified: to a damaged frame, {came}"),
        |()| "echoed and not verified".to_owned(),
    ))
}

//! What a server can do, or not.

use std::time::Instant;

use proto::{Framing, HEADER_LEN, MAX_LEN, Wire, Writer};

use super::{
    fault::{Fault, Outcome},
    framing::text,
    server::CheckedServer,
};

/// Lengths that are tried at once.
const PROBES: u32 = 16;

/// The longest announced length that does not end the connection, narrowed down
/// to a sixteenth at a time. No payload is sent.
pub(super) fn limit(server: &CheckedServer, found: &mut String) -> Outcome {
    let (mut accepted, mut refused) = (0, MAX_LEN + 1);
    while refused - accepted > 1 {
        let step = (refused - accepted).div_ceil(PROBES);
        let lengths = (1..PROBES).map(|i| accepted + i * step);
        let probes = lengths.take_while(|&len| len < refused).map(|len| {
            let peer = server.dial()?;
            peer.write(&[&len.to_be_bytes()]);
            Ok((len, peer))
        });
        let probes: Vec<_> = probes.collect::<Outcome<_>>()?;
        let until = Instant::now() + server.timeout / 8;
        let left = || until.saturating_duration_since(Instant::now());
        for (len, peer) in probes {
            if peer.end(left(), &[]).is_ok() {
                refused = len;
                break;
            }
            accepted = len;
        }
    }
    *found = match accepted {
        MAX_LEN => format!("none up to {MAX_LEN} bytes"),
        longest => format!("{longest} bytes"),
    };
    Ok(())
}

pub(super) fn heartbeat(server: &CheckedServer, found: &mut String) -> Outcome {
    server.exchange(&[&[0; HEADER_LEN]])?;
    found.push_str("echoed");
    Ok(())
}

pub(super) fn checksum(server: &CheckedServer, found: &mut String) -> Outcome {
    flagged(server, found, true)
}

pub(super) fn compression(server: &CheckedServer, found: &mut String) -> Outcome {
    flagged(server, found, false)
}

/// What becomes of a frame with a flag, and of a damaged one.
fn flagged(server: &CheckedServer, found: &mut String, checksum: bool) -> Outcome {
    let mut writer = Writer::new(Wire::Framed(Framing {
        checksum,
        compress: !checksum,
        ..Framing::default()
    }));
    let _ = writer.add(&text(200)); // It is below every limit.
    let mut frame = writer.as_bytes().to_vec();
    server.exchange(&[&frame])?;
    // A byte of the payload; of a compressed one, of its original length.
    frame[HEADER_LEN] ^= 1;
    *found = match server.exchange(&[&frame]) {
        Ok(_) => "echoed and not verified".to_owned(),
        Err(Fault::Server(came)) => format!("verified: to a damaged frame, {came}"),
        Err(own) => return Err(own),
    };
    Ok(())
}

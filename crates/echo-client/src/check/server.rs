//! The server that is checked.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use transport::{Dialer, Stream};

use super::{
    CheckArgs,
    peer::{CheckResult, Fault, PAUSE, Peer},
};

/// The server that is checked.
pub(super) struct CheckedServer {
    dialer: Dialer,
    /// One address, so that all rules are about one server.
    addr: SocketAddr,
    pub(super) is_raw: bool,
    /// Maximum wait for the next bytes that are due.
    pub(super) timeout: Duration,
    /// Longest message to send, in bytes.
    pub(super) max_frame: usize,
}

impl CheckedServer {
    /// Connects once: no server is not one that breaks every rule.
    pub(super) fn find(args: &CheckArgs) -> Result<Self> {
        let mut dialer = Dialer::new(&args.host);
        dialer.timeout = args.timeout;
        let [_, addr] = dialer.dial()?.addrs()?;
        Ok(Self {
            dialer,
            addr,
            is_raw: args.raw,
            timeout: args.timeout,
            max_frame: args.max_frame.get() as usize,
        })
    }

    /// A message as it is on the wire.
    pub(super) fn message(&self, payload: &[u8]) -> Vec<u8> {
        if self.is_raw {
            return payload.to_vec();
        }
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        [&len.to_be_bytes(), payload].concat()
    }

    /// That many messages of one length, no two of which are the same.
    pub(super) fn numbered(&self, count: usize) -> Vec<u8> {
        let messages = (0..count).map(|i| self.message(format!("message {i:03}").as_bytes()));
        messages.flatten().collect()
    }

    pub(super) fn dial(&self) -> CheckResult<Peer> {
        match self.dialer.dial_addr(&self.addr, &|| true) {
            Ok(Stream::Plain(stream)) => Ok(Peer::new(stream, self.timeout)),
            Ok(Stream::Tls(_)) => Err("TLS, which was not requested".into()),
            Err(error) => Err(Fault::of_connecting(&error)),
        }
    }

    /// Sends pieces on a new connection, with pauses between, and expects all of
    /// them back.
    pub(super) fn exchange<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> CheckResult {
        let pieces: Vec<&[u8]> = pieces.into_iter().collect();
        let mut peer = self.dial()?;
        // The pauses are not the server's.
        peer.timeout += PAUSE * u32::try_from(pieces.len() - 1).unwrap_or(u32::MAX);
        peer.while_writing(&pieces, || peer.expect(&pieces.concat()))
    }

    /// Whether another client is served.
    pub(super) fn still_serves(&self) -> CheckResult {
        let served = self.exchange([&self.message(b"the next client")[..]]);
        served.map_err(|fault| fault.on("to the next client"))
    }
}

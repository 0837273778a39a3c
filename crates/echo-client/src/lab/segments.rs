//! The segments of a stream, by the kernel's counters.

use std::{
    io,
    net::{SocketAddr, TcpStream},
};

use transport::{TcpInfo, sock_diag};

use super::piece::Piece;

/// The segments of a stream, found by reading the counters again and again.
pub(super) struct Segments {
    ends: [SocketAddr; 2],
    /// What the counters were; `None` once it is not known where a segment ends.
    before: Option<TcpInfo>,
    found: Vec<Piece>,
    /// Bytes of the stream.
    len: usize,
}

impl Segments {
    /// Counts from now on, up to so many bytes.
    pub(super) fn new(socket: &TcpStream, len: usize) -> io::Result<Self> {
        let ends = [socket.local_addr()?, socket.peer_addr()?];
        Ok(Self {
            ends,
            before: sock_diag::find(ends),
            found: Vec::new(),
            len,
        })
    }

    /// Adds what was sent since the last time.
    pub(super) fn sample(&mut self) {
        let Some(before) = self.before.filter(|_| self.sent() < self.len) else {
            return;
        };
        let now = sock_diag::find(self.ends);
        let lens = now.and_then(|now| lens(&before, &now));
        self.before = now.filter(|_| lens.is_some());
        for len in lens.into_iter().flatten() {
            let start = self.sent();
            self.found.push(Piece::sized(start..start + len));
        }
    }

    fn sent(&self) -> usize {
        self.found.last().map_or(0, |segment| segment.span.end)
    }

    /// All of the stream, `None` if that is not known.
    pub(super) fn all(self) -> Option<Vec<Piece>> {
        (self.sent() == self.len).then_some(self.found)
    }
}

/// The lengths of the segments between two samples. Several at once are known if
/// they can only be full but for the last.
fn lens(before: &TcpInfo, now: &TcpInfo) -> Option<Vec<usize>> {
    let count = now
        .data_segments_out
        .checked_sub(before.data_segments_out)?;
    let bytes = usize::try_from(now.bytes_sent.checked_sub(before.bytes_sent)?).ok()?;
    let full = if count == 1 { bytes } else { now.mss as usize };
    let is_known =
        now.retransmitted == before.retransmitted && bytes.div_ceil(full.max(1)) == count as usize;
    let starts = (0..bytes).step_by(full.max(1));
    is_known.then(|| starts.map(|start| full.min(bytes - start)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_between_samples() {
        let info = |data_segments_out, bytes_sent| {
            let mut info = TcpInfo::default();
            info.data_segments_out = data_segments_out;
            info.bytes_sent = bytes_sent;
            info.mss = 100;
            info
        };
        let found = |count: u32, bytes: u64| lens(&info(7, 70), &info(7 + count, 70 + bytes));
        assert_eq!(found(0, 0), Some(vec![]));
        assert_eq!(found(1, 12), Some(vec![12]));
        assert_eq!(found(3, 250), Some(vec![100, 100, 50]));
        // Two of 12 bytes together: where is the boundary?
        assert_eq!(found(2, 24), None);
        assert_eq!(found(0, 1), None);
        let mut again = info(8, 82);
        again.retransmitted = 1;
        assert_eq!(lens(&info(7, 70), &again), None);
    }
}

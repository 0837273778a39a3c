//! Traffic counters.

use std::ops::AddAssign;

use proto::{Batch, qps::Counter};

/// Traffic of one connection or of all.
///
/// # Examples
///
/// ```
/// let mut total = echo_server::Traffic::default();
/// let mut one = total;
/// one.frames = 3;
/// total += one;
/// assert_eq!(total.frames, 3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Frames echoed in full; of raw bytes, reads.
    pub frames: u64,
    /// Bytes written, headers included, also of a partly written frame.
    pub bytes: u64,
    /// Payload bytes of frames echoed in full, decompressed.
    pub payload_bytes: u64,
    /// Reads that returned data.
    pub reads: u64,
    /// Reads that ended inside a frame.
    pub split_reads: u64,
    /// Writes that accepted data.
    pub writes: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.payload_bytes += other.payload_bytes;
        self.reads += other.reads;
        self.split_reads += other.split_reads;
        self.writes += other.writes;
    }
}

/// One connection's traffic so far. Only its thread adds to it; others read it
/// a few times per second.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    frames: Counter,
    bytes: Counter,
    payload_bytes: Counter,
    reads: Counter,
    split_reads: Counter,
    writes: Counter,
}

impl Counters {
    /// Counts one read.
    pub(crate) fn count_read(&self, batch: &Batch<'_>) {
        self.reads.add(1);
        if batch.has_partial() {
            self.split_reads.add(1);
        }
    }

    /// Counts one write.
    pub(crate) fn count_write(&self, bytes: usize) {
        self.writes.add(1);
        self.bytes.add(bytes as u64);
    }

    /// Counts the frames of a batch once they are written.
    pub(crate) fn count_frames(&self, batch: &Batch<'_>) {
        self.frames.add(batch.len() as u64);
        self.payload_bytes.add(batch.payload_len() as u64);
    }

    /// The same if only the first `written` bytes were written: complete frames
    /// count.
    #[cold]
    pub(crate) fn count_frames_within(&self, batch: &Batch<'_>, written: usize) {
        let mut left = written;
        // Chunks of at least one byte are one frame each.
        for (raw, frame) in batch.chunks(1).zip(batch.frames()) {
            match left.checked_sub(raw.len()) {
                Some(rest) => left = rest,
                None => return,
            }
            self.frames.add(1);
            self.payload_bytes.add(frame.payload_len() as u64);
        }
    }

    pub(crate) fn total(&self) -> Traffic {
        Traffic {
            frames: self.frames.total(),
            bytes: self.bytes.total(),
            payload_bytes: self.payload_bytes.total(),
            reads: self.reads.total(),
            split_reads: self.split_reads.total(),
            writes: self.writes.total(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use proto::{Framing, Reader, Received, Wire, Writer};

    use super::*;

    fn counted(wire: Wire, bytes: &[u8], written: usize) -> (u64, u64) {
        let mut reader = Reader::new(wire);
        let Received::Batch(batch) = reader.read(&mut &*bytes).unwrap() else {
            panic!("closed");
        };
        let counters = Counters::default();
        counters.count_frames_within(&batch, written);
        let total = counters.total();
        (total.frames, total.payload_bytes)
    }

    #[test]
    fn a_partial_write_counts_complete_frames_only() {
        let wire = Wire::Framed(Framing {
            compress: true,
            ..Framing::default()
        });
        let mut writer = Writer::new(wire);
        for payload in [&b"one"[..], b"", &[b'x'; 500], b"four"] {
            writer.add(payload).unwrap();
        }
        let bytes = writer.as_bytes();
        let third = bytes.len() - 8;
        assert!(third < 100, "not compressed");
        for (written, frames, payload) in [
            (0, 0, 0),
            (6, 0, 0),
            (7, 1, 3),
            (10, 1, 3),
            (11, 2, 3),
            (third - 1, 2, 3),
            (third, 3, 503),
            (bytes.len() - 1, 3, 503),
            (bytes.len(), 4, 507),
        ] {
            assert_eq!(
                counted(wire, bytes, written),
                (frames, payload),
                "{written}"
            );
        }
        assert_eq!(counted(Wire::Raw, b"bare", 3), (0, 0));
        assert_eq!(counted(Wire::Raw, b"bare", 4), (1, 4));
    }
}

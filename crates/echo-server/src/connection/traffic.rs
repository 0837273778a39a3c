//! What goes through connections, counted.

use std::ops::AddAssign;

use proto::{Batch, qps::Counter};

/// What went through one connection or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames echoed; of bare bytes, reads.
    pub frames: u64,
    /// Bytes echoed as they were on the wire, headers included.
    pub bytes: u64,
    /// Bytes of payload among them, decompressed.
    pub payload_bytes: u64,
    /// Reads that brought something.
    pub reads: u64,
    /// Reads that ended inside a frame.
    pub split_reads: u64,
    /// Writes that took something.
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

/// One connection's traffic so far. Its thread alone adds to it; others read it
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
    /// Counts one read and what it brought.
    pub(crate) fn count_read(&self, batch: &Batch<'_>) {
        self.reads.add(1);
        if !batch.is_empty() {
            self.frames.add(batch.len() as u64);
            self.bytes.add(batch.as_bytes().len() as u64);
            self.payload_bytes.add(batch.payload_len() as u64);
        }
        if batch.has_partial() {
            self.split_reads.add(1);
        }
    }

    /// Counts one write.
    pub(crate) fn count_write(&self) {
        self.writes.add(1);
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

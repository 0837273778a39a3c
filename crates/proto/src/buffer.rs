//! The bytes that have arrived and were not handed over.

use std::{fmt, io, mem};

/// Least that is allocated for a buffer that has grown, in bytes; what is not
/// touched of it costs no memory.
///
/// Allocators map a block of this size on its own, and it goes back to the
/// system when it is freed: it exceeds glibc's `M_MMAP_THRESHOLD` and what an
/// arena may have left (`M_TRIM_THRESHOLD` and `M_TOP_PAD`, 128 KiB each).
/// Smaller blocks stay with the process for as long as any later one is in use:
/// 2,000 connections kept the 60 KiB that each once had a burst of.
const OWN_MAPPING: usize = 256 * 1024;

/// Memory comes in pages, of at least so many bytes.
const PAGE: usize = 4096;

/// Where in its first page a buffer that has grown begins, in bytes.
///
/// Data in the kernel mostly begin where a page does. Copying between places
/// whose addresses differ by whole pages and little more is slow: the processor
/// compares the lower twelve bits first, and takes what it reads for what it has
/// just written. A bare loop of recv and send took 520 µs of processor time for
/// 1 MiB at 16 bytes, four in flight, and 305 to 320 anywhere from 64 to 4,032.
const OFFSET: usize = 1024;

/// Bytes in front of it that are not used. Where an allocator maps a block on
/// its own, 16 bytes of its own stand before.
const UNUSED: usize = OFFSET - 16;

/// A buffer that begins small and grows as it is told.
pub(crate) struct Buffer {
    /// All there is while it is small. It lies where its owner does: on a
    /// thread's stack, mostly, in a page that is there anyway.
    first: [u8; Self::FIRST],
    /// Once it has grown: some bytes that are not used, then all there is, zero
    /// where nothing arrived. Before that empty.
    grown: Vec<u8>,
    /// Bytes of either that are in use.
    size: usize,
    /// What arrived and was not taken.
    start: usize,
    end: usize,
}

impl Buffer {
    /// Size in bytes up to which nothing is allocated.
    pub(crate) const FIRST: usize = 1024;

    pub(crate) const fn new() -> Self {
        Self {
            first: [0; Self::FIRST],
            grown: Vec::new(),
            size: 0,
            start: 0,
            end: 0,
        }
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Bytes that a buffer of `size` takes beside its owner, in whole pages.
    pub(crate) const fn allocated(size: usize) -> usize {
        if size > Self::FIRST {
            OFFSET.saturating_add(size).div_ceil(PAGE) * PAGE
        } else {
            0
        }
    }

    /// How much is pending, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// What arrived and was not taken.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes().get(self.start..self.end).unwrap_or_default()
    }

    /// Where more can arrive: at most `most` bytes.
    #[inline]
    pub(crate) fn room(&mut self, most: usize) -> &mut [u8] {
        let room = self.end..self.size.min(self.end.saturating_add(most));
        self.bytes_mut().get_mut(room).unwrap_or_default()
    }

    /// Notes that the first `n` bytes of the room were filled.
    pub(crate) fn arrived(&mut self, n: usize) {
        self.end = self.size.min(self.end.saturating_add(n));
    }

    /// Takes the first `n` pending bytes off.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> &[u8] {
        let n = n.min(self.len());
        self.start += n;
        let taken = self.start - n..self.start;
        self.bytes().get(taken).unwrap_or_default()
    }

    /// Moves what is pending to the front.
    pub(crate) fn compact(&mut self) {
        if self.start > 0 {
            let pending = self.start..self.end;
            self.bytes_mut().copy_within(pending, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Makes it `size` bytes large, unless it is already.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; it is as it was.
    pub(crate) fn grow_to(&mut self, size: usize) -> io::Result<()> {
        let len = UNUSED.saturating_add(size);
        if size > Self::FIRST && len > self.grown.len() {
            // A machine without memory is no reason to abort: others go on.
            let missing = len.max(OWN_MAPPING) - self.grown.len();
            self.grown.try_reserve_exact(missing)?;
            if self.grown.is_empty() {
                self.grown.resize(UNUSED, 0);
                self.grown.extend_from_slice(&self.first);
            }
            self.grown.resize(len, 0);
        }
        self.size = self.size.max(size);
        Ok(())
    }

    /// Begins anew, without what is pending, and gives memory back to the
    /// system.
    ///
    /// A mapped block that is freed whole is a habit to glibc: from then on it
    /// maps none of that size, and keeps twice as much in every arena
    /// (mallopt(3), `M_MMAP_THRESHOLD`). Cut before, a block leaves nothing
    /// behind.
    pub(crate) fn release(&mut self) {
        let mut grown = mem::take(&mut self.grown);
        grown.truncate(UNUSED);
        grown.shrink_to_fit();
        (self.size, self.start, self.end) = (0, 0, 0);
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.grown.get(UNUSED..).unwrap_or(&self.first)
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.grown.get_mut(UNUSED..).unwrap_or(&mut self.first)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("size", &self.size)
            .field("pending", &(self.start..self.end))
            .finish_non_exhaustive()
    }
}

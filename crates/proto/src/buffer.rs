//! The read buffer: bytes that have arrived and are not handed over yet.

use std::{fmt, io, mem};

/// Minimum allocation for a grown buffer, in bytes; untouched pages cost no
/// memory.
///
/// Allocators map a block of this size on its own and return it to the system
/// when it is freed: it exceeds glibc's `M_MMAP_THRESHOLD` and the free space
/// of an arena (`M_TRIM_THRESHOLD` and `M_TOP_PAD`, 128 KiB each). Smaller
/// blocks stay with the process while any later block is in use: 2,000
/// connections kept the 60 KiB each of an earlier burst.
const OWN_MAPPING: usize = 256 * 1024;

/// Size of a memory page, in bytes: the minimum.
const PAGE: usize = 4096;

/// Offset of a grown buffer in its first page, in bytes.
///
/// Data in the kernel mostly begins at a page boundary. Copies between addresses
/// that differ by whole pages and little more are slow (4K aliasing): the
/// processor compares the lower twelve bits first, and mistakes its reads for
/// recent writes. A bare loop of recv and send took 520 µs of CPU time for 1 MiB
/// at 16 bytes, four in flight, and 305 to 320 at any offset from 64 to 4,032.
const OFFSET: usize = 1024;

/// Unused bytes before it. In a block that the allocator maps on its own, its
/// 16-byte header comes first.
const UNUSED: usize = OFFSET - 16;

/// A buffer that starts small and grows on request.
pub(crate) struct Buffer {
    /// All bytes while the buffer is small. It is part of its owner, mostly on
    /// a thread's stack, in a page that is resident anyway.
    first: [u8; Self::FIRST],
    /// All bytes once the buffer has grown, after the unused ones; zero where
    /// nothing arrived. Empty before that.
    grown: Vec<u8>,
    /// Bytes in use, of either.
    size: usize,
    /// The bytes that arrived and are not taken.
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

    /// Bytes that a buffer of `size` allocates, in whole pages.
    pub(crate) const fn allocated(size: usize) -> usize {
        if size > Self::FIRST {
            OFFSET.saturating_add(size).div_ceil(PAGE) * PAGE
        } else {
            0
        }
    }

    /// Number of pending bytes.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// The bytes that arrived and are not taken.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes().get(self.start..self.end).unwrap_or_default()
    }

    /// Room for more bytes, at most `most`.
    #[inline]
    pub(crate) fn room(&mut self, most: usize) -> &mut [u8] {
        let room = self.end..self.size.min(self.end.saturating_add(most));
        self.bytes_mut().get_mut(room).unwrap_or_default()
    }

    /// Notes that the first `n` bytes of the room are filled.
    pub(crate) fn arrived(&mut self, n: usize) {
        self.end = self.size.min(self.end.saturating_add(n));
    }

    /// Takes the first `n` pending bytes.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> &[u8] {
        let n = n.min(self.len());
        self.start += n;
        let taken = self.start - n..self.start;
        self.bytes().get(taken).unwrap_or_default()
    }

    /// Moves the pending bytes to the front.
    pub(crate) fn compact(&mut self) {
        if self.start != 0 {
            let pending = self.start..self.end;
            self.bytes_mut().copy_within(pending, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Grows the buffer to `size` bytes, which must not be fewer than now.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; the buffer is unchanged.
    pub(crate) fn grow_to(&mut self, size: usize) -> io::Result<()> {
        if size == self.size {
            return Ok(());
        }
        if size > Self::FIRST {
            let len = UNUSED.saturating_add(size);
            let missing = len.max(OWN_MAPPING).saturating_sub(self.grown.len());
            // A lack of memory must not abort: other connections continue.
            self.grown.try_reserve_exact(missing)?;
            if self.grown.is_empty() {
                self.grown.resize(UNUSED, 0);
                self.grown.extend_from_slice(&self.first);
            }
            self.grown.resize(len, 0);
        }
        self.size = size;
        Ok(())
    }

    /// Empties the buffer, pending bytes included, and returns its memory to
    /// the system.
    ///
    /// glibc adapts to the size of a mapped block that is freed: from then on
    /// it maps no block of that size, and keeps twice as much in every arena
    /// (mallopt(3), `M_MMAP_THRESHOLD`). A block that is cut before it is freed
    /// has no such effect.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_kibibyte_is_inline_and_more_is_in_whole_pages() {
        for (size, allocated) in [
            (0, 0),
            (1024, 0),
            (1025, PAGE),
            (3072, PAGE),
            (3073, 2 * PAGE),
            (1 << 20, (1 << 20) + PAGE),
        ] {
            assert_eq!(Buffer::allocated(size), allocated, "{size}");
        }
    }

    #[test]
    fn pending_bytes_survive_growth() {
        let mut buffer = Buffer::new();
        let (mut sent, mut taken) = (0_u8, 0_u8);
        for size in [3, 1000, 1024, 1025, 5000, 300_000, 600_000] {
            buffer.compact();
            buffer.grow_to(size).unwrap();
            assert_eq!((buffer.size(), buffer.start), (size, 0));
            assert_eq!(buffer.grown.is_empty(), size <= 1024);
            let room = buffer.room(usize::MAX);
            room.fill_with(|| {
                sent = sent.wrapping_add(1);
                sent
            });
            let n = room.len();
            buffer.arrived(n);
            assert_eq!(buffer.len(), size);
            // Take all but two bytes.
            for byte in buffer.take(size - 2) {
                taken = taken.wrapping_add(1);
                assert_eq!(*byte, taken, "{size}");
            }
            assert_eq!(buffer.pending(), [sent.wrapping_sub(1), sent]);
        }
    }

    #[test]
    fn an_allocation_is_as_small_as_a_mapping_allows() {
        let mut buffer = Buffer::new();
        buffer.grow_to(1024).unwrap();
        assert_eq!(buffer.grown.capacity(), 0);
        for (size, least) in [(1025, 256 << 10), (300_000, 300_000), (600_000, 600_000)] {
            buffer.grow_to(size).unwrap();
            let capacity = buffer.grown.capacity();
            assert!((least..least + 8192).contains(&capacity), "{capacity}");
        }
        buffer.release();
        assert_eq!((buffer.size(), buffer.grown.capacity()), (0, 0));
    }

    /// Where glibc maps the block on its own.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    fn a_grown_buffer_begins_a_quarter_into_a_page() {
        let mut buffer = Buffer::new();
        buffer.grow_to(8 << 20).unwrap();
        assert_eq!(buffer.room(1).as_ptr().addr() % PAGE, OFFSET);
    }

    #[test]
    fn room_and_arrivals_end_with_the_buffer() {
        let mut buffer = Buffer::new();
        assert!(buffer.room(10).is_empty());
        buffer.grow_to(100).unwrap();
        assert_eq!(buffer.room(10).len(), 10);
        buffer.arrived(95);
        assert_eq!(buffer.room(10).len(), 5);
        // A stream that claims more bytes than its room.
        buffer.arrived(10);
        assert_eq!(buffer.len(), 100);
        assert_eq!(buffer.take(200).len(), 100);
        assert_eq!(buffer.len(), 0);
        assert_eq!(
            format!("{buffer:?}"),
            "Buffer { size: 100, pending: 100..100, .. }"
        );
    }
}

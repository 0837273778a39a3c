//! A complete frame: checksum and payload.

use crate::{CHECKSUM_LEN, FrameError, HEADER_LEN, Header, MaxFrame, lz4};

/// A complete message, borrowed from the read buffer.
///
/// # Examples
///
/// ```
/// use proto::{Framing, Reader, Received, Wire, Writer};
///
/// let mut writer = Writer::new(Wire::Framed(Framing { compress: true, ..Framing::default() }));
/// writer.add(&[b'x'; 1000])?;
///
/// let mut reader = Reader::new(Wire::default());
/// let Received::Batch(batch) = reader.read(&mut writer.as_bytes())? else {
///     panic!("closed");
/// };
/// let frame = batch.frames().next().unwrap();
/// assert!(frame.is_compressed());
/// assert_eq!(frame.payload_len(), 1000);
/// let mut scratch = Vec::new(); // reusable for every frame
/// assert_eq!(frame.payload(&mut scratch)?, [b'x'; 1000]);
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    compressed: bool,
    /// The bytes after the header, without the checksum.
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A message of raw bytes.
    pub(crate) const fn bare(bytes: &'a [u8]) -> Self {
        Self {
            compressed: false,
            body: bytes,
        }
    }

    /// Splits a frame, without checking its contents.
    pub(crate) fn split(header: Header, raw: &'a [u8]) -> Self {
        let checksum = if header.checksum { CHECKSUM_LEN } else { 0 };
        let end = raw.len().saturating_sub(checksum);
        Self {
            compressed: header.compressed,
            body: raw.get(HEADER_LEN..end).unwrap_or_default(),
        }
    }

    /// Whether the payload is empty: a heartbeat.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload_len() == 0
    }

    /// Whether the payload is compressed.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Length of the payload in bytes, decompressed.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        if self.compressed {
            lz4::announced(self.body) as usize
        } else {
            self.body.len()
        }
    }

    /// The payload; a compressed one is decompressed into `scratch`.
    ///
    /// # Errors
    ///
    /// [`FrameError::NoMemory`] when there is no memory to decompress into. The
    /// contents cannot be wrong: they were checked when they were read.
    pub fn payload<'b>(&self, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], FrameError>
    where
        'a: 'b,
    {
        if !self.compressed {
            return Ok(self.body);
        }
        lz4::decompress(self.body, scratch)?;
        Ok(scratch)
    }
}

/// Verifies the checksum and the compressed payload of a complete frame.
/// Returns the length of its payload in bytes, decompressed.
pub(crate) fn check(header: Header, raw: &[u8], max: MaxFrame) -> Result<usize, FrameError> {
    if header.checksum {
        verify_checksum(raw)?;
    }
    let body = Frame::split(header, raw).body;
    if header.compressed {
        lz4::check(body, max)
    } else {
        Ok(body.len())
    }
}

fn verify_checksum(raw: &[u8]) -> Result<(), FrameError> {
    let (covered, announced) = raw.split_last_chunk().unwrap_or((&[], &[0; CHECKSUM_LEN]));
    let announced = u32::from_be_bytes(*announced);
    let computed = checksum(covered);
    if announced == computed {
        Ok(())
    } else {
        Err(FrameError::BadChecksum {
            announced,
            computed,
        })
    }
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) over header and payload.
pub(crate) fn checksum(covered: &[u8]) -> u32 {
    crc32c::crc32c(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32/ISCSI in the catalogue of parametrised CRCs.
    #[test]
    fn checksum_of_the_published_example() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }
}

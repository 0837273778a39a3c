//! Length-prefixed big-endian frames over any [`Read`](std::io::Read) and
//! [`Write`](std::io::Write), and a counter of queries per second.
//!
//! TCP carries a stream of bytes without message boundaries: one `read` may
//! return half a message or seven and a half. A frame puts the length before
//! the message, so that the receiver can find its end.
//!
//! ```text
//!  31 30 29 28 27                                                  0
//! +--+--+--+--+----------------------------------------------------+
//! |K |Z |0 |0 |   length of what follows, in bytes   (28 bits)     |   one big-endian u32
//! +--+--+--+--+----------------------------------------------------+
//! |   payload (Z: original length as big-endian u32, then LZ4)     |
//! |   K: CRC-32C, big-endian u32, over header and payload          |
//! +----------------------------------------------------------------+
//! ```
//!
//! A plain frame has K = Z = 0 and equals the common "u32 big-endian length,
//! then payload". The flags are per frame, so the sender can choose for each.
//! Bits 29 and 28 are reserved: if one is set, the error names it.
//!
//! # Examples
//!
//! ```
//! use proto::{Reader, Received, Wire, Writer};
//!
//! let mut wire = Vec::new();
//! let mut writer = Writer::new(Wire::default());
//! writer.add(b"abc")?;
//! writer.add(b"123")?;
//! writer.write_to(&mut wire)?; // both frames in one write
//! assert_eq!(wire, b"\x00\x00\x00\x03abc\x00\x00\x00\x03123");
//!
//! let mut reader = Reader::new(Wire::default());
//! let Received::Batch(batch) = reader.read(&mut wire.as_slice())? else {
//!     panic!("closed");
//! };
//! let mut scratch = Vec::new();
//! let mut frames = batch.frames();
//! assert_eq!(frames.next().unwrap().payload(&mut scratch)?, b"abc");
//! assert_eq!(frames.next().unwrap().payload(&mut scratch)?, b"123");
//! assert!(frames.next().is_none());
//! # Ok::<(), proto::Error>(())
//! ```
#![warn(clippy::indexing_slicing)]

mod batch;
mod buffer;
mod error;
mod escape;
mod foreign;
mod format;
mod frame;
mod header;
mod lz4;
mod max_frame;
pub mod qps;
mod reader;
mod wire;
mod writer;

pub use batch::{Batch, Chunks, Frames};
pub use error::{Error, FrameError};
pub use escape::Escaped;
pub use foreign::Foreign;
pub use format::{CHECKSUM_LEN, HEADER_LEN, MAX_LEN, ORIGINAL_LEN};
pub use frame::Frame;
pub use header::Header;
pub use max_frame::{LimitError, MaxFrame};
pub use reader::{Reader, Received};
pub use wire::{Framing, Wire};
pub use writer::Writer;

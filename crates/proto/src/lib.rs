//! Length-prefixed big-endian frames over any [`Read`](std::io::Read) and
//! [`Write`](std::io::Write), and the counting of queries per second.
//!
//! TCP carries a stream of bytes and knows nothing of messages: one `read` may
//! return half a message or seven and a half. A frame puts the message's
//! length in front of it, so that the receiver can tell where it ends.
//!
//! ```text
//!  31 30 29 28 27                                                  0
//! +--+--+--+--+----------------------------------------------------+
//! |K |Z |0 |0 |   payload length in bytes            (28 bits)     |   one big-endian u32
//! +--+--+--+--+----------------------------------------------------+
//! |   payload                                                      |
//! +----------------------------------------------------------------+
//! ```
//!
//! K (checksum) and Z (compressed) are known and not spoken yet; bits 29 and
//! 28 are reserved. A header with any of the four set is an error that names
//! them, so a plain frame is byte for byte the common "u32 big-endian length,
//! then payload".
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
//! let mut reader = Reader::new(Wire::default(), 64 * 1024);
//! let Received::Batch(batch) = reader.read(&mut wire.as_slice())? else {
//!     panic!("closed");
//! };
//! assert_eq!(batch.payloads().collect::<Vec<_>>(), [b"abc", b"123"]);
//! # Ok::<(), proto::Error>(())
//! ```
#![warn(clippy::indexing_slicing)]

mod error;
mod escape;
mod foreign;
mod header;
pub mod qps;
mod reader;
mod wire;
mod writer;

pub use error::{Error, HeaderError, LimitError};
pub use escape::Escaped;
pub use foreign::Foreign;
pub use header::{HEADER_LEN, MAX_LEN, MaxFrame, decode_header, encode_header};
pub use reader::{Batch, Payloads, Reader, Received};
pub use wire::Wire;
pub use writer::Writer;

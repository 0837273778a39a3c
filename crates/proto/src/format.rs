//! The sizes that the format fixes.

/// Length of a frame's header, in bytes.
pub const HEADER_LEN: usize = 4;

/// Length of the checksum after a payload, in bytes.
pub const CHECKSUM_LEN: usize = 4;

/// Length of the original length before a compressed payload, in bytes.
pub const ORIGINAL_LEN: usize = 4;

/// Maximum length in a header, in bytes: 2^28 − 1, because its four upper bits
/// are flags.
pub const MAX_LEN: u32 = (1 << 28) - 1;

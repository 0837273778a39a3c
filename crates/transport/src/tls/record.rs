//! The sizes of TLS records.

/// Maximum plaintext in one record, in bytes (RFC 8446, section 5.1).
pub(super) const MAX_PLAINTEXT: usize = 1 << 14;

/// Maximum bytes of a record beside its plaintext: the header, and the
/// expansion by encryption (RFC 8446, section 5.2).
pub(super) const MAX_OVERHEAD: usize = 5 + 256;

/// The largest record, in bytes.
pub(super) const MAX_RECORD: usize = MAX_PLAINTEXT + MAX_OVERHEAD;

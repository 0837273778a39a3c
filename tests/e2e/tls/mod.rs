//! TLS: with every program, with OpenSSL, and with hostile peers.

// Sessions and records count for `--max-memory`.
#[cfg(target_os = "linux")]
mod budget;
// Every client, every load, certificates that are wrong, OpenSSL.
mod encryption;
// A client that leaves says so.
mod goodbyes;
// Handshakes by hand, stalled, cut or hostile; half-closes.
mod handshakes;
// Records that carry nothing to read, and parts of records.
mod records;

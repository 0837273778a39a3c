//! TLS: with every program, with OpenSSL, and with hostile peers.

// Sessions and records count against `--max-memory`.
#[cfg(target_os = "linux")]
mod budget;
// Every client, every load, wrong certificates, OpenSSL.
mod encryption;
// Clients send a close_notify.
mod goodbyes;
// Handshakes by hand, stalled, truncated or hostile; half-closes.
mod handshakes;
// Records without data, and partial records.
mod records;

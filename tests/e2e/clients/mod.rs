//! `echo-client`, `repl-client`, and the command line of all programs.

// Read, write and socket buffers.
mod buffering;
// `echo-client check`: what it shows and writes, and how it ends.
mod checking;
// Checksums and compression.
mod coded;
// Each client with the server, framed and raw; the tutorial's transcripts.
mod conversations;
// Servers that send too much.
#[cfg(target_os = "linux")]
mod floods;
// `echo-client lab`, and the bytes that `repl-client` shows.
mod lab;
// Servers that break one rule of `echo-client check`.
mod mutants;
// Standard streams that do not block.
mod nonblocking;
// Peers of other languages and libraries: Python, tokio-util.
mod peers;
// A peer's bytes that could control a terminal.
mod printing;
// Signals, handled and ignored.
mod signals;
// `repl-client` on a terminal.
mod terminal;
// Bad usage, help and version.
mod usage;
// The dissector for Wireshark.
#[cfg(target_os = "linux")]
mod wireshark;
// Zones of IPv6 addresses.
#[cfg(target_os = "linux")]
mod zones;

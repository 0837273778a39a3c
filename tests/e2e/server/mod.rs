//! `echo-server`: its connections, and what it says of them.

// Statistics that add up: accepted = closed, by reason, + live.
mod accounting;
// Bytes that are not frames, and rude peers.
mod bad_input;
// `--max-memory` with many peers at once.
#[cfg(target_os = "linux")]
mod budget;
// `--max-connection-age` and `--max-connection-bytes`.
mod busy;
// Many bad peers, and connections that replace one another.
#[cfg(target_os = "linux")]
mod crowding;
// A stop loses no frame that had fully arrived.
mod draining;
// Many short streams of garbage.
#[cfg(target_os = "linux")]
mod garbage;
// Ten thousand idle connections.
#[cfg(target_os = "linux")]
mod idle;
// The lengths that are special: 0, the limit, one more, flags.
mod lengths;
// Limits of connections and memory, and what is refused.
mod limits;
// `--metrics`: Prometheus over HTTP.
mod metrics;
// A stdout or stderr that is full, closed or never read.
mod outlets;
// A process that may have no more memory; memory given back.
#[cfg(target_os = "linux")]
mod shortage;
// `--stats`: files that are full, cut off, moved away, or a FIFO.
#[cfg(target_os = "linux")]
mod statistics;
// Signals that stop it.
mod stopping;
// Frames however TCP cuts them; half-closed connections.
mod streams;
// A frame that is cut at each of its bytes.
mod truncation;
// TCP's urgent data.
mod urgent;

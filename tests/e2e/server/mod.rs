//! `echo-server`: connections, logs, statistics.

// Exact counts: accepted = closed, by reason, + live.
mod accounting;
// Bytes that are not frames, and misbehaving peers.
mod bad_input;
// `--max-memory` with many peers at once.
#[cfg(target_os = "linux")]
mod budget;
// `--max-connection-age` and `--max-connection-bytes`.
mod busy;
// Many misbehaving peers, and connections that replace one another.
#[cfg(target_os = "linux")]
mod crowding;
// A stop loses no fully received frame.
mod draining;
// Many short streams of garbage.
#[cfg(target_os = "linux")]
mod garbage;
// Ten thousand idle connections.
#[cfg(target_os = "linux")]
mod idle;
// Boundary lengths: 0, the limit, one more, flags.
mod lengths;
// Limits of connections and memory, and refusals.
mod limits;
// `--metrics`: Prometheus over HTTP.
mod metrics;
// A stdout or stderr that is full, closed or not drained.
mod outlets;
// A process at its memory limit; memory released again.
#[cfg(target_os = "linux")]
mod shortage;
// Half an hour of clients that connect, leave and die. Not in `faults`: a filter of
// that name would take it, too.
#[cfg(target_os = "linux")]
mod soak;
// `--stats`: files that are full, truncated, moved, or a FIFO.
#[cfg(target_os = "linux")]
mod statistics;
// Signals that stop the server.
mod stopping;
// Frames split anywhere by TCP; half-closed connections.
mod streams;
// A frame truncated at each of its bytes.
mod truncation;
// TCP's urgent data.
mod urgent;

//! Bad networks, failing system calls, exhausted machines.
#![cfg(target_os = "linux")]

// A network that cuts, delays, corrupts and resets.
mod chaos;
// Each system call fails once for each reason, by strace.
mod injection;
// A client that connects to itself.
mod itself;
// A path that loses packets.
mod loss;
// Half an hour of clients that come, go and die.
mod soak;

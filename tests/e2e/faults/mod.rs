//! Bad networks, failing system calls, exhausted machines.
#![cfg(target_os = "linux")]

// A network that closes, delays, corrupts and resets.
mod chaos;
// Each system call fails once with each error, by strace.
mod injection;
// A client that connects to itself.
mod itself;
// A lossy path.
mod loss;
// Files that are pipes.
mod pipes;

//! Bad networks, failing system calls, exhausted machines.
#![cfg(target_os = "linux")]

// A network that cuts, delays, corrupts and resets.
mod chaos;
// A path that is cut while both ends live on.
mod cut;
// No descriptors left.
mod exhaustion;
// Each system call fails once for each reason, by strace.
mod injection;
// A client that connects to itself.
mod itself;
// A path that loses packets.
mod loss;
// Bad clients beside honest ones.
mod neighbours;
// A control group that allows no more threads.
mod pids;
// Half an hour of clients that come, go and die.
mod soak;
// More connections than the machine allows threads.
mod threads;
// Clients that vanish in every phase.
mod vanishing;

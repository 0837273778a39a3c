//! The recipes of `crates/bench-client/cluster`, with the launchers that they are
//! for. Ignored: each takes a launcher that is seldom installed, and some seconds of
//! both CPUs.

// Whether what was launched is one load.
mod one_load;

// What is in the image.
#[cfg(target_os = "linux")]
mod image;
// The manifest, against the published schemas.
mod kubernetes;
// Open MPI.
mod mpi;
// A shell that stands in for ssh.
mod parallel;
// Slurm, with three nodes on this host.
mod slurm;

use std::path::PathBuf;

/// A file of the recipes.
fn recipe(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.join("../crates/bench-client/cluster").join(name)
}

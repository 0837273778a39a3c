//! `mpirun.sh`, with Open MPI.

use std::process::Command;

use testkit::installed;

use super::{
    one_load::{self, LOAD, RANKS},
    recipe,
};

#[test]
#[ignore = "takes mpirun"]
fn ranks_of_open_mpi_are_one_load() {
    if installed("mpirun").is_none() {
        return;
    }
    one_load::check(|host, _| {
        let mut command = Command::new(recipe("mpirun.sh"));
        command
            .args([&RANKS.to_string(), host])
            .args(LOAD)
            .env("MPIRUN_OPTIONS", "--allow-run-as-root --oversubscribe");
        command
    });
}

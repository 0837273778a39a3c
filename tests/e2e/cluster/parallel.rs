//! `parallel.sh`, with what stands in for ssh.

use std::process::Command;

use super::{
    one_load::{self, LOAD},
    recipe,
};

#[test]
#[ignore = "takes both CPUs for some seconds"]
fn ranks_of_a_shell_are_one_load() {
    one_load::check(|host, folder| {
        let on = folder.with_extension("on");
        std::fs::write(&on, "shift; exec \"$@\"").unwrap();
        let mut command = Command::new(recipe("parallel.sh"));
        command
            .args([host, "a", "b", "c", "d", "e", "f", "--"])
            .args(LOAD)
            .env("ON", format!("sh {}", on.display()));
        command
    });
}

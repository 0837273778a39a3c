//! `kubernetes/indexed-job.yaml`. What an Indexed Job sets in the environment is
//! tried with the other launchers, in `bench::ranks`.

use testkit::{Process, installed};

use super::recipe;

#[test]
#[ignore = "takes kubernetes-validate"]
fn the_manifest_is_of_the_published_schema() {
    let Some(mut validate) = installed("kubernetes-validate") else {
        return;
    };
    validate
        .arg("--strict")
        .arg(recipe("kubernetes/indexed-job.yaml"));
    let _ = Process::start(&mut validate).wait().expect_code(0);
}

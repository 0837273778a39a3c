//! Nagle's algorithm and the delayed acknowledgement, as the lab shows them.

use testkit::{alone, run};

/// When a payload was read whose header had a write of its own, in milliseconds.
fn read_at(option: &str) -> u64 {
    let args = "lab --reader framed --messages 1 --cut 4";
    let args: Vec<&str> = args.split(' ').chain(option.split(' ')).collect();
    let output = run("echo-client", &args).expect_code(0);
    let reads = output.stdout.lines().find(|line| line.contains(" reads"));
    let time = reads.and_then(|reads| reads.split_once("14 at ")?.1.split_once(" ms"));
    time.unwrap_or_else(|| panic!("{output}"))
        .0
        .parse()
        .unwrap()
}

#[test]
fn a_payload_waits_until_its_header_is_acknowledged() {
    let _alone = alone();
    let held_back = read_at("--nagle");
    let at_once = read_at("--pause 0s");
    // The timer of 40 ms is as exact as the kernel's clock, 10 ms at worst.
    assert!(held_back >= 30, "{held_back} ms");
    assert!(held_back >= at_once + 20, "{held_back} and {at_once} ms");
}

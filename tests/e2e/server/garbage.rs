//! Promise P1: many short streams of garbage to a live server leave nothing
//! behind.

use std::thread;

use fastrand::Rng;
use testkit::{
    ServerProcess,
    footprint::Footprint,
    wire::{assert_serves, exchange},
};

const THREADS: u64 = 4;

#[test]
fn twenty_thousand_streams() {
    survive(20_000);
}

#[test]
#[ignore = "minutes: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_million_clients() {
    survive(1_000_000);
}

fn survive(streams: u64) {
    let mut server = ServerProcess::start(&["-v", "--max-frame", "1000"]);
    let at_rest = Footprint::at_rest(&mut server);
    let addr = server.addr();
    thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                for _ in 0..streams / THREADS {
                    let bytes = garbage(&mut rng);
                    let (back, _) = exchange(addr, &bytes);
                    assert!(bytes.starts_with(&back), "made up: {back:?} of {bytes:?}");
                }
            });
        }
    });
    let after = format!("{streams} streams of garbage");
    at_rest.wait_until_back(&mut server, &after);
    assert_serves(addr);
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", streams + 2);
}

/// Noise, or noise after a nearly valid header.
fn garbage(rng: &mut Rng) -> Vec<u8> {
    let noise = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
    if rng.bool() {
        return noise;
    }
    let header = u32::from(rng.u8(..48)) | rng.u32(..) & 0xf000_0000 & rng.u32(..);
    [&header.to_be_bytes()[..], &noise].concat()
}

//! Promise P1: a live server and many short streams of garbage, which leave
//! nothing behind.

use std::{thread, time::Duration};

use fastrand::Rng;
use testkit::{
    Server,
    footprint::Footprint,
    wire::{assert_serves, exchange},
};

const THREADS: u64 = 4;

/// How soon the server must be back to what it held before.
const BACK: Duration = Duration::from_secs(2);

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
    let mut server = Server::start(&["-v", "--max-frame", "1000"]);
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
    at_rest.assert_back(&mut server, BACK, &after);
    assert_serves(addr);
    let output = server
        .stop()
        .expect_code(0)
        .expect_summary("connections", &(streams + 2).to_string());
    assert!(!output.stderr.contains("panicked"), "{output}");
}

/// Noise, or noise with a header that is nearly right in front of it.
fn garbage(rng: &mut Rng) -> Vec<u8> {
    let noise = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
    if rng.bool() {
        return noise;
    }
    let header = u32::from(rng.u8(..48)) | rng.u32(..) & 0xf000_0000 & rng.u32(..);
    [&header.to_be_bytes()[..], &noise].concat()
}

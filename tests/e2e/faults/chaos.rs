//! Promise P2 behind a bad network: with checksums, a client gets exactly what
//! it sent, in order, or a prefix of it and an error, never other bytes.

use std::{
    env,
    io::{self, Write},
    net::{Shutdown, SocketAddr},
    thread,
};

use fastrand::Rng;
use proto::{Error, Framing, Reader, Received, Wire, Writer};
use testkit::{
    Chaos, ChaosProxy, Plan, ServerProcess,
    footprint::Footprint,
    run,
    wire::{assert_serves, connect},
};

/// Seeds of the ordinary run: each kind of fault, and the mixture, 6 times.
const SEEDS: u64 = 6 * (Chaos::KINDS + 1);

#[test]
fn seeds() {
    survive(0..SEEDS);
}

#[test]
#[ignore = "30 ms a seed: CHAOS_SEEDS=100000 cargo test -p e2e -- --ignored faults"]
fn faults_of_a_network() {
    let seeds = env::var("CHAOS_SEEDS").map_or(1000, |seeds| seeds.parse().unwrap());
    survive(0..seeds);
}

fn survive(seeds: impl Iterator<Item = u64>) {
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let mut complete = 0;
    for seed in seeds {
        complete += u64::from(converse(&server, seed));
        at_rest.wait_until_back(&mut server, &format_args!("seed {seed}"));
    }
    assert_serves(server.addr());
    // Otherwise nothing was tested.
    assert!(complete > 0);
    let _ = server.stop().expect_code(0);
}

/// One conversation with a seed's faults; returns whether it was complete.
fn converse(server: &ServerProcess, seed: u64) -> bool {
    let mut rng = Rng::with_seed(seed);
    let wire = Wire::Framed(Framing {
        checksum: true,
        require_checksum: true,
        compress: rng.bool(),
        ..Framing::default()
    });
    let mut sent = Vec::new();
    let mut writer = Writer::new(wire);
    for _ in 0..rng.usize(1..40) {
        let longest = if rng.u8(..8) == 0 { 50_000 } else { 200 };
        let alphabet = rng.u8(1..);
        let payload: Vec<u8> = (0..rng.usize(1..longest))
            .map(|_| rng.u8(..alphabet))
            .collect();
        writer.add(&payload).unwrap();
        sent.push(payload);
    }
    let plan = Plan::seeded(seed, writer.as_bytes().len());
    let proxy = ChaosProxy::start(server.addr(), plan.clone());
    let (back, end) = exchange(proxy.addr(), writer.as_bytes(), wire);

    let (count, total) = (back.len(), sent.len());
    let hangs = matches!(&end, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock);
    assert!(!hangs, "hangs after {count} of {total}: {plan}");
    assert!(sent.starts_with(&back), "other bytes than it sent: {plan}");
    let is_complete = count == total && end.is_ok();
    assert!(
        is_complete || !plan.is_harmless(),
        "{count} of {total}, {end:?}: {plan}"
    );
    is_complete
}

/// Sends `bytes`, half-closes, and returns the echoed payloads and how the
/// stream ended.
fn exchange(addr: SocketAddr, bytes: &[u8], wire: Wire) -> (Vec<Vec<u8>>, Result<(), Error>) {
    let stream = connect(addr);
    let (mut back, mut scratch) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(wire);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The path may end before everything is sent.
            let _ = (&stream).write_all(bytes);
            let _ = stream.shutdown(Shutdown::Write);
        });
        let end = loop {
            match reader.read(&mut &stream) {
                Ok(Received::Batch(batch)) => {
                    let payloads = batch
                        .frames()
                        .map(|frame| frame.payload(&mut scratch).unwrap().to_vec());
                    back.extend(payloads);
                }
                Ok(Received::Closed) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // Wakes a sender whose peer has stopped reading.
        let _ = stream.shutdown(Shutdown::Both);
        (back, end)
    })
}

/// The same for the program: it prints a prefix, and succeeds only with all of
/// it.
#[test]
fn echo_client() {
    let server = ServerProcess::start(&[]);
    let replies: Vec<String> = (1..=20).map(|i| format!("{i:<3} Hello World!\n")).collect();
    let replies = replies.concat();
    for seed in 0..2 * (Chaos::KINDS + 1) {
        // 20 frames of 16 bytes of payload, 4 of header and 4 of checksum.
        let plan = Plan::seeded(seed, 20 * 24);
        // If a length grows in transit, both ends wait for more.
        let timeout = if plan.is_harmless() { "60s" } else { "300ms" };
        let proxy = ChaosProxy::start(server.addr(), plan.clone());
        let host = proxy.addr().to_string();
        let args = ["-h", &host, "-n", "20", "--checksum", "--timeout", timeout];
        let output = run("echo-client", &args);
        let is_complete = output.stdout == replies;
        assert!(replies.starts_with(&output.stdout), "{plan}: {output}");
        assert!(is_complete || !plan.is_harmless(), "{plan}: {output}");
        assert_eq!(
            output.code,
            Some(i32::from(!is_complete)),
            "{plan}: {output}"
        );
    }
}

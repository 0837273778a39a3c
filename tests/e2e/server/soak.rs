//! Hours in small: a server's resources do not grow while clients connect and
//! leave, some of them by being killed.

use std::{
    env,
    io::{Read, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use testkit::{
    ServerProcess,
    footprint::Footprint,
    memory,
    wire::{assert_serves, connect, frame, reset},
};

const CLIENTS: u64 = 300;

/// Round trips per connection, and the pause after each: the test does not
/// measure speed.
const ROUND_TRIPS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// One connection in a hundred ends inside a frame, when its client is killed.
const KILLED: u64 = 100;

/// This fraction of the time is left out: a server first grows to its size.
const WARM_UP: usize = 5;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// A sample and its time.
#[derive(Clone, Copy)]
struct SoakSample {
    seconds: f64,
    resident: f64,
    threads: f64,
    descriptors: f64,
}

#[test]
#[ignore = "half an hour, or SOAK_SECONDS: cargo test --release -p e2e -- --ignored soak"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn soak() {
    let seconds = env::var("SOAK_SECONDS").map_or(1800, |seconds| seconds.parse().unwrap());
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let addr = server.addr();
    let is_over = AtomicBool::new(false);
    let (ended, killed) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut samples = Vec::new();
    thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let (is_over, ended, killed) = (&is_over, &ended, &killed);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                while !is_over.load(Ordering::Relaxed) {
                    let is_killed = rng.u64(..KILLED) == 0;
                    converse(addr, &mut rng, is_killed);
                    let count = if is_killed { killed } else { ended };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(SAMPLE_INTERVAL);
            let Footprint {
                threads,
                descriptors,
            } = Footprint::of(server.process().id());
            samples.push(SoakSample {
                seconds: start.elapsed().as_secs_f64(),
                resident: memory::of_server(&mut server, "VmRSS") as f64,
                threads: threads as f64,
                descriptors: descriptors as f64,
            });
        }
        is_over.store(true, Ordering::Relaxed);
    });
    at_rest.wait_until_back(&mut server, &"the soak");
    assert_serves(addr);

    let (ended, killed) = (ended.into_inner(), killed.into_inner());
    println!("{seconds} s: {ended} connections ended, {killed} were killed");
    samples.drain(..samples.len() / WARM_UP);
    for (name, of, most_per_hour) in [
        (
            "resident KiB",
            (|s| s.resident) as fn(&SoakSample) -> f64,
            4e3,
        ),
        ("threads", |s| s.threads, 20.0),
        ("descriptors", |s| s.descriptors, 20.0),
    ] {
        let (mean, per_hour) = trend(&samples, of);
        println!("{name}: {mean:.0} in the mean, {per_hour:+.1} an hour");
        // A short soak is too noisy for a trend.
        assert!(seconds < 600 || per_hour < most_per_hour, "{name} grow");
    }
    let output = server.stop().expect_code(0);
    println!("{}", output.stderr.lines().last().unwrap());
}

/// One connection: round trips of mixed sizes, then an end.
fn converse(addr: SocketAddr, rng: &mut Rng, is_killed: bool) {
    let mut stream = connect(addr);
    for _ in 0..rng.usize(1..=ROUND_TRIPS) {
        // Most are small, a few a megabyte.
        let most = 1 << rng.u32(0..=20);
        let bytes = frame(&vec![rng.u8(..); rng.usize(..=most)]);
        let mut back = vec![0; bytes.len()];
        // A frame is echoed once complete, so neither end waits for the other.
        stream.write_all(&bytes).unwrap();
        stream.read_exact(&mut back).unwrap();
        assert!(back == bytes, "other bytes");
        thread::sleep(PAUSE);
    }
    if is_killed {
        stream.write_all(&frame(&[7; 1000])[..500]).unwrap();
        if rng.bool() {
            reset(stream);
        }
    }
}

/// The mean, and its growth per hour: the slope of a least-squares fit.
fn trend(samples: &[SoakSample], of: impl Fn(&SoakSample) -> f64) -> (f64, f64) {
    let count = samples.len() as f64;
    let mean_x = samples.iter().map(|s| s.seconds).sum::<f64>() / count;
    let mean_y = samples.iter().map(&of).sum::<f64>() / count;
    let covariance = |s: &SoakSample| (s.seconds - mean_x) * (of(s) - mean_y);
    let variance = |s: &SoakSample| (s.seconds - mean_x).powi(2);
    let slope =
        samples.iter().map(covariance).sum::<f64>() / samples.iter().map(variance).sum::<f64>();
    (mean_y, slope * 3600.0)
}

//! What the machine adds to latencies by itself, measured before a run.

use std::{
    hint, io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use bench_report::results::NoiseFloor;

use super::timer::wake_up_on_time;

/// Enough that starting and ending the loop do not count: 10,000 × 30 ns.
const CLOCK_READS: u32 = 10_000;

/// Short, so that there are many, and as long as the gaps of an open loop with
/// 10,000 messages per second.
const SLEEP: Duration = Duration::from_micros(100);

/// Of sleeps and of wake-ups: a p99 takes 1,000 samples, see `percentile`.
const SAMPLES: usize = 1000;

/// Maximum time of each part, 300 ms together: a sleep of 100 µs takes 105 to
/// 170 µs on a quiet Linux, a wake-up there and back 10 to 100 µs. All read the
/// clock between two samples; sleeps and wake-ups have at least one.
const CLOCK_TIME: Duration = Duration::from_millis(20);
const SLEEP_TIME: Duration = Duration::from_millis(180);
const WAKEUP_TIME: Duration = Duration::from_millis(100);

/// Measures the noise floor; `None` when there is no thread for it.
/// Takes 210 ms on a quiet machine, and about 300 ms on a slow or busy one.
///
/// - The clock is read twice for each message: what it costs is in every
///   latency, and a slow clock limits the throughput. Tens of nanoseconds are
///   good, a microsecond means an emulated clock.
/// - The overshoot of a sleep is what an open loop is late by without any
///   server: a schedule lag of that size is the machine's doing. It is measured
///   as the connections sleep, with the same timers.
/// - The wake-up is part of every latency, at least once on each side, since a
///   thread that waits for a message has to be woken: differences below it say
///   little about a server.
pub(crate) fn measure() -> Option<NoiseFloor> {
    let within = |time| Instant::now() + time;
    let clock = clock_cost(within(CLOCK_TIME));
    let asleep = thread::Builder::new().spawn(move || {
        wake_up_on_time();
        sleep_overshoots(within(SLEEP_TIME))
    });
    let overshoots = asleep.ok()?.join().ok()?;
    let wakeups = wakeups(within(WAKEUP_TIME)).ok()?;
    Some(NoiseFloor {
        clock_us: micros(clock),
        timer_overshoot_p50_us: micros_at(&overshoots, 0.5)?,
        timer_overshoot_p99_us: micros_at(&overshoots, 0.99)?,
        thread_wakeup_p50_us: micros_at(&wakeups, 0.5)?,
        thread_wakeup_p99_us: micros_at(&wakeups, 0.99)?,
    })
}

/// The mean of reading the clock many times.
fn clock_cost(deadline: Instant) -> Duration {
    let began = Instant::now();
    let (mut now, mut reads) = (began, 0);
    while reads < CLOCK_READS && now < deadline {
        now = hint::black_box(Instant::now());
        reads += 1;
    }
    (now - began) / reads.max(1)
}

/// How much longer than asked each sleep took, for at least one sleep.
fn sleep_overshoots(deadline: Instant) -> Vec<Duration> {
    let mut overshoots = Vec::with_capacity(SAMPLES);
    while overshoots.is_empty() || overshoots.len() < SAMPLES && Instant::now() < deadline {
        let began = Instant::now();
        thread::sleep(SLEEP);
        overshoots.push(began.elapsed().saturating_sub(SLEEP));
    }
    overshoots
}

/// Half of each round trip between two threads that wake each other. There is
/// at least one.
///
/// They park, because locks and channels spin for a while before they sleep.
fn wakeups(deadline: Instant) -> io::Result<Vec<Duration>> {
    // It is the other's turn from the start, so it tells when it has begun.
    let (is_others_turn, is_over) = (AtomicBool::new(true), AtomicBool::new(false));
    let asker = thread::current();
    let answer = || {
        loop {
            park_until(&is_others_turn, true);
            if is_over.load(Ordering::Acquire) {
                return;
            }
            is_others_turn.store(false, Ordering::Release);
            asker.unpark();
        }
    };
    thread::scope(|scope| {
        let answerer = thread::Builder::new().spawn_scoped(scope, answer)?;
        let ask = || {
            is_others_turn.store(true, Ordering::Release);
            answerer.thread().unpark();
        };
        park_until(&is_others_turn, false);
        let mut halves = Vec::with_capacity(SAMPLES);
        while halves.is_empty() || halves.len() < SAMPLES && Instant::now() < deadline {
            let began = Instant::now();
            ask();
            park_until(&is_others_turn, false);
            halves.push(began.elapsed() / 2);
        }
        is_over.store(true, Ordering::Release);
        ask();
        Ok(halves)
    })
}

/// Parks the calling thread until `flag` is `value`. Parking may end early.
fn park_until(flag: &AtomicBool, value: bool) {
    while flag.load(Ordering::Acquire) != value {
        thread::park();
    }
}

/// The sample that a share `quantile` of them did not exceed, in microseconds;
/// `None` without samples.
fn micros_at(samples: &[Duration], quantile: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    // Few enough that the float is exact, and positive.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map(|sample| micros(*sample))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_measured() {
        let noise = measure().unwrap();
        // A thousand times what it costs where the kernel has to be asked.
        assert!(
            noise.clock_us > 0.0 && noise.clock_us < 1000.0,
            "{}",
            noise.clock_us
        );
        for (p50, p99) in [
            (noise.timer_overshoot_p50_us, noise.timer_overshoot_p99_us),
            (noise.thread_wakeup_p50_us, noise.thread_wakeup_p99_us),
        ] {
            assert!(p50 > 0.0 && p50 <= p99, "{p50} {p99}");
        }
    }

    #[test]
    fn a_deadline_ends_each_part() {
        let passed = Instant::now();
        assert_eq!(clock_cost(passed), Duration::ZERO);
        assert_eq!(sleep_overshoots(passed).len(), 1);
        assert_eq!(wakeups(passed).unwrap().len(), 1);
    }

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<_> = (1..=1000).rev().map(Duration::from_micros).collect();
        for (quantile, sample) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let expected = Some(micros(Duration::from_micros(sample)));
            assert_eq!(micros_at(&samples, quantile), expected);
        }
        assert_eq!(micros_at(&samples[..1], 0.99), Some(1000.0));
        assert_eq!(micros_at(&[], 0.5), None);
    }
}

//! `bench-client capacity` against servers of known capacity.

use std::{
    fs,
    io::{Read, Write},
    net::SocketAddr,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{ProcessOutput, alone, run, wire::fake_server};

/// A frame of 12 bytes.
const FRAME: usize = 16;

/// Serves one message after the other, of all connections. Each takes `service`
/// of the time since the start.
fn serving(service: impl Fn(Duration) -> Duration + Send + Sync + 'static) -> SocketAddr {
    let start = Instant::now();
    let free = Mutex::new(start);
    fake_server(move |mut stream| {
        let mut message = [0; FRAME];
        while stream.read_exact(&mut message).is_ok() {
            let done = {
                let mut free = free.lock().unwrap();
                let now = Instant::now();
                *free = now.max(*free) + service(now - start);
                *free
            };
            thread::sleep(done.saturating_duration_since(Instant::now()));
            if stream.write_all(&message).is_err() {
                return;
            }
        }
    })
}

fn capacity(host: SocketAddr) -> ProcessOutput {
    let host = host.to_string();
    let args = "capacity --slo p50<50ms -c 4 -d 2s --from 50 --json -";
    let mut args: Vec<&str> = args.split(' ').collect();
    args.extend(["-h", &host]);
    run("bench-client", &args)
}

/// Twenty messages suffice for a median, and a server has ten seconds for each.
#[test]
fn the_highest_rate_to_try_is_confirmed() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("capacity.html");
    let args = "capacity --with-server --slo p50<10s -c 1 -d 200ms --warmup 0s --from 50 --to 100";
    let mut args: Vec<&str> = args.split(' ').collect();
    args.extend(["--json", "-", "--report", page.to_str().unwrap()]);
    let output = run("bench-client", &args).expect_code(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let answer = serde_json::json!({"kind": "at_least", "met": 100.0});
    assert_eq!(report["answer"], answer, "{output}");
    let probes = report["probes"].as_array().unwrap();
    let met = |rate: f64| {
        let at_rate = probes.iter().filter(|probe| probe["rate"] == rate);
        at_rate.filter(|probe| probe["outcome"] == "met").count()
    };
    assert_eq!((met(50.0), met(100.0)), (1, 3), "{output}");
    let page = fs::read_to_string(page).unwrap();
    for part in ["Latency by target rate", "at least 100/s", "<svg"] {
        assert!(page.contains(part), "no {part}");
    }
}

/// Each probe is an open loop with the arrivals that were requested.
#[test]
fn probes_have_poisson_arrivals() {
    let _alone = alone();
    let args = "capacity --with-server --slo p50<10s -c 4 -d 200ms --from 20 --to 20 --json - \
                --arrivals poisson";
    let args: Vec<&str> = args.split(' ').filter(|arg| !arg.is_empty()).collect();
    let output = run("bench-client", &args).expect_code(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["arguments"]["arrivals"], "poisson", "{output}");
    assert_eq!(report["arguments"]["rate"], Value::Null, "{output}");
    assert_eq!(report["answer"]["kind"], "at_least", "{output}");
}

#[test]
#[ignore = "measures for a minute: cargo test -p e2e --test timing -- --ignored capacity"]
fn a_known_capacity_is_found() {
    let _alone = alone();
    let output = capacity(serving(|_| Duration::from_millis(5))).expect_code(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let figure = |name: &str| report["answer"][name].as_f64().unwrap();
    // 200 per second, less a little for the timer's overshoot.
    let (met, missed) = (figure("met"), figure("missed"));
    assert!(met <= 200.0 && missed >= 190.0, "{output}");
    assert!((180.0..220.0).contains(&met), "{output}");
}

#[test]
#[ignore = "measures for a minute: cargo test -p e2e --test timing -- --ignored capacity"]
fn a_server_that_gets_slower_has_none() {
    let _alone = alone();
    let slower = |elapsed: Duration| Duration::from_millis(2) + elapsed / 2000;
    let output = capacity(serving(slower)).expect_code(1);
    assert!(output.stderr.contains("no stable answer"), "{output}");
}

//! `bench-client`: all ways that a run ends. Every message has one outcome, no
//! lateness is dropped, and every rate is over the window.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use testkit::{
    Behaviour, DEADLINE, Liar, Process, ServerProcess, alone,
    measured::{MeasuredRun, measure, start},
};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_hours(1);

const MODES: [&str; 2] = ["", "--raw"];

/// Stalls from `after_ms` on, for `for_`.
fn stall(mode: &str, after_ms: u64, for_: Duration) -> Liar {
    let behaviour = Behaviour::StallOnce {
        after: Duration::from_millis(after_ms),
        for_,
    };
    liar(mode, behaviour)
}

fn liar(mode: &str, behaviour: Behaviour) -> Liar {
    match mode {
        "--raw" => Liar::start_raw(behaviour, 12),
        _ => Liar::start(behaviour),
    }
}

/// Each message sent has one outcome, and each due message was sent or not.
#[track_caller]
fn assert_complete(measured: &MeasuredRun, wrong: u64) {
    let count = |name: &str| measured.count(&format!("/messages/{name}"));
    let output = &measured.output;
    let ends = count("replies") + count("unanswered") + wrong;
    assert_eq!(count("sent"), ends, "{output}");
    assert_eq!(
        measured.count("/latency/count"),
        count("replies") + count("unanswered") + count("unsent"),
        "{output}"
    );
    let rate = count("replies_in_window") as f64 / measured.figure("/elapsed_s");
    let throughput = measured.figure("/throughput");
    assert!((throughput - rate).abs() <= 1e-6 * rate, "{output}");
}

#[test]
fn a_server_that_hangs_before_the_end_is_a_failure() {
    let _alone = alone();
    for mode in MODES {
        for pipeline in [1, 4] {
            let liar = stall(mode, 300, FOR_EVER);
            let args = format!("{mode} -c 4 --pipeline {pipeline} -d 500ms --timeout 700ms");
            let measured = measure(&liar.host(), &args, 1);
            // All messages in flight; on a busy machine some connections may
            // not have sent anything yet.
            let missing = measured.count("/messages/sent") - measured.count("/messages/replies");
            assert!((1..=4 * pipeline).contains(&missing), "{mode}: {missing}");
            assert_eq!(measured.count("/failures/timeout"), missing, "{mode}");
            assert_eq!(measured.count("/messages/unanswered"), missing, "{mode}");
            assert_eq!(measured.at("/verdict/valid"), false);
            assert!(measured.figure("/latency/max_us") >= 700_000.0);
            assert_eq!(measured.at("/elapsed_s"), 0.5);
            assert_complete(&measured, 0);
        }
    }
}

/// Replies after the end are awaited, and count for no rate.
#[test]
fn a_reply_held_past_the_end_does_not_lower_a_rate() {
    let _alone = alone();
    for mode in MODES {
        let liar = stall(mode, 450, Duration::from_millis(500));
        let measured = measure(&liar.host(), &format!("{mode} -c 4 -d 500ms"), 0);
        assert_eq!(measured.at("/elapsed_s"), 0.5);
        let (all, inside) = (
            measured.count("/messages/replies"),
            measured.count("/messages/replies_in_window"),
        );
        assert_eq!((all - inside, measured.count("/messages/sent")), (4, all));
        assert!(measured.figure("/latency/max_us") >= 450_000.0);
        assert_complete(&measured, 0);
    }
}

#[test]
fn unsent_due_messages_are_late() {
    let _alone = alone();
    for mode in MODES {
        let liar = stall(mode, 500, FOR_EVER);
        let args = format!("{mode} -r 1000 -c 1 -d 1s --timeout 1200ms --expect p99<50ms");
        let measured = measure(&liar.host(), &args, 1);
        let (sent, unsent) = (
            measured.count("/messages/sent"),
            measured.count("/messages/unsent"),
        );
        assert_eq!(sent + unsent, 1000, "{}", measured.output);
        assert!(unsent >= 400, "{unsent}");
        assert!(measured.figure("/latency/p99_us") >= 400_000.0);
        assert_eq!(measured.at("/expectations/0/met"), false);
        let reasons = measured.at("/verdict/reasons").to_string();
        assert!(reasons.contains("were never sent"), "{reasons}");
        assert_complete(&measured, 0);
    }
}

/// The schedule of a lost connection stops, too.
#[test]
fn a_lost_connection_sends_nothing_more() {
    let _alone = alone();
    let liar = liar("", Behaviour::CloseMidRun { nth: 20 });
    let measured = measure(&liar.host(), "-r 1000 -c 2 -d 500ms", 1);
    assert_eq!(measured.count("/failures/closed"), 2);
    let (sent, unsent) = (
        measured.count("/messages/sent"),
        measured.count("/messages/unsent"),
    );
    // 20 on each by 40 ms; the run ends with the last connection.
    assert_eq!(sent, 40);
    assert!(unsent < 250, "{unsent}");
    assert_complete(&measured, 0);
}

#[test]
fn time_goes_on_when_every_connection_times_out() {
    let _alone = alone();
    let liar = liar("", Behaviour::Silent { from: 6 });
    let measured = measure(&liar.host(), "-c 10 -d 50s --timeout 300ms", 1);
    assert_eq!(measured.count("/messages/replies"), 50);
    let elapsed = measured.figure("/elapsed_s");
    assert!((0.3..50.0).contains(&elapsed), "{elapsed}");
    assert!(measured.figure("/cpu/client_utilization") <= 1.0);
    assert_complete(&measured, 0);
}

/// A fixed number of messages at a rate lasts until the next would be due.
#[test]
fn a_few_messages_at_a_rate_have_that_rate() {
    let _alone = alone();
    let server = ServerProcess::start(&[]);
    for (messages, rate) in [(1, 2), (10, 20)] {
        let args = format!("-c 2 -n {messages} -r {rate}");
        let measured = measure(&server.host(), &args, 0);
        let throughput = measured.figure("/throughput");
        assert!((throughput - f64::from(rate)).abs() < 1e-6, "{throughput}");
        assert_complete(&measured, 0);
    }
}

#[test]
fn a_connection_with_nothing_to_send_is_not_starved() {
    let _alone = alone();
    let server = ServerProcess::start(&[]);
    for args in ["-n 5 -c 10", "-r 5 -d 1s -c 20"] {
        let measured = measure(&server.host(), &format!("{args} --expect valid"), 0);
        assert_eq!(measured.count("/messages/replies"), 5);
        let all = measured.count("/connections/opened");
        assert_eq!(measured.count("/connections/idle"), all - 5);
    }
}

#[test]
fn a_ramp_ends_with_the_run() {
    let _alone = alone();
    let server = ServerProcess::start(&[]);
    let began = Instant::now();
    let measured = measure(&server.host(), "-c 3 --ramp 1h -d 300ms", 0);
    assert!(began.elapsed() < DEADLINE);
    assert_eq!(measured.at("/elapsed_s"), 0.3);
    assert_eq!(measured.count("/connections/opened"), 1);
    let reasons = measured.at("/verdict/reasons").to_string();
    assert!(reasons.contains("raise -d or lower --ramp"), "{reasons}");
    let output = server.stop().expect_code(0);
    let _ = output.expect_stat("accepted", 1);
}

/// Ends a run by a signal and returns its results.
#[track_caller]
fn interrupt(bench: Process, signal: &str) -> MeasuredRun {
    bench.signal(signal);
    let measured = MeasuredRun::of(bench, 0);
    assert_eq!(measured.at("/interrupted"), true, "{}", measured.output);
    measured
}

#[test]
fn a_warm_up_or_a_ramp_ends_with_a_signal() {
    let _alone = alone();
    let server = ServerProcess::start(&[]);
    for signal in ["INT", "TERM", "HUP"] {
        let mut bench = start(&server.host(), "-c 2 --warmup 1h");
        let _ = bench.wait_for_stderr("(warm-up)");
        let measured = interrupt(bench, signal);
        let (sent, elapsed) = (measured.count("/messages/sent"), measured.at("/elapsed_s"));
        assert_eq!((sent, elapsed), (0, &0.0.into()));
        // No advice about the server.
        let reasons = measured.at("/verdict/reasons").as_array().unwrap();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(
            reasons[0]
                .as_str()
                .unwrap()
                .starts_with("interrupted before")
        );

        let mut bench = start(&server.host(), "-c 2 --ramp 1h -d 2h");
        let _ = bench.wait_for_stderr("Queries Per Second");
        let measured = interrupt(bench, signal);
        assert_eq!(measured.count("/connections/opened"), 1);
        assert!(measured.count("/messages/replies") > 0);
    }
}

/// A listener with a full queue: the next connection attempt waits for its
/// retransmissions.
fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any_port.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let addr = listener.local_addr().unwrap();
    let soon = Duration::from_millis(200);
    let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&addr, soon).ok());
    let queued = queued.take(100).collect();
    (listener, queued)
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "the queue is full so on Linux only"
)]
fn a_connect_ends_with_the_run() {
    let _alone = alone();
    let (listener, _queued) = full_listener();
    let host = listener.local_addr().unwrap().to_string();
    let began = Instant::now();
    // One connection is opening at the end, by a signal or a duration.
    let mut bench = start(&host, "-c 1 --connect-timeout 1h -v");
    let _ = bench.wait_for_stderr("connecting to");
    let measured = interrupt(bench, "INT");
    assert_eq!(measured.count("/connections/opened"), 0);
    let output = start(&host, "-c 1 --connect-timeout 1h --ramp 1s -d 200ms");
    let _ = output
        .wait()
        .expect_code(1)
        .expect_stderr("the run ended before a connection was open");
    assert!(began.elapsed() < DEADLINE);
}

#[test]
fn a_signal_ends_the_wait_for_replies() {
    let _alone = alone();
    // The end was requested by an option, or by a first signal.
    for (args, signals) in [("-d 300ms", 1), ("", 2)] {
        let liar = stall("", 200, FOR_EVER);
        let mut bench = start(&liar.host(), &format!("-c 3 --timeout 1h {args}"));
        if signals == 2 {
            let _ = bench.wait_for_stderr("Queries Per Second");
            bench.signal("INT");
        }
        let _ = bench.wait_for_stderr("waiting for 3 replies");
        let measured = interrupt(bench, "INT");
        assert_eq!(measured.count("/messages/unanswered"), 3);
        assert_eq!(measured.at("/failures"), &serde_json::json!({}));
        assert_eq!(measured.at("/verdict/valid"), false);
        assert!(measured.figure("/latency/max_us") >= 100_000.0);
        assert_complete(&measured, 0);
    }
}

/// A run without an end is complete when a signal ends it.
#[test]
fn a_signal_is_the_end_of_an_endless_run() {
    let _alone = alone();
    let server = ServerProcess::start(&[]);
    for (args, interrupted) in [("", false), ("-d 1h", true), ("-n 1000000000", true)] {
        let mut bench = start(&server.host(), &format!("-c 2 {args}"));
        let _ = bench.wait_for_stderr("Queries Per Second");
        bench.signal("INT");
        let measured = MeasuredRun::of(bench, 0);
        assert_eq!(measured.at("/interrupted"), interrupted, "{args}");
        assert_eq!(measured.at("/verdict/valid"), true, "{}", measured.output);
        assert_complete(&measured, 0);
    }
}

/// The reader resynchronises: one failure, whatever the pipeline.
#[test]
fn a_swallowed_reply_is_one_failure() {
    let _alone = alone();
    for (mode, size) in [
        ("", 1),
        ("", 12),
        ("", 100),
        ("--raw", 1),
        ("--raw", 12),
        ("--raw", 100),
    ] {
        for pipeline in [1, 4, 64] {
            let behaviour = Behaviour::Swallowed { nth: 100 };
            let liar = match mode {
                "--raw" => Liar::start_raw(behaviour, size),
                _ => Liar::start(behaviour),
            };
            let args =
                format!("{mode} -c 1 -s {size} --pipeline {pipeline} -n 1000 --timeout 300ms");
            let measured = measure(&liar.host(), &args, 1);
            let failures = measured.at("/failures");
            assert_eq!(failures, &serde_json::json!({"timeout": 1}), "{args}");
            assert_complete(&measured, 0);
            // With one in flight, no later reply reveals the loss.
            if pipeline > 1 {
                assert_eq!(measured.count("/messages/replies"), 999, "{args}");
            }
        }
    }
}

//! `bench-client`: the kernel's view of the connections, and the causes of the
//! slowest messages. Each fault is blamed for its effect, and no other.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rustix::thread::{CpuSet, gettid, sched_setaffinity};

use testkit::{
    Behaviour, Liar, Process, ServerProcess,
    link::{Host, TestLink, command},
    measured::{MeasuredRun, measure, start},
    program,
};

/// Latencies and causes of the slowest messages, the slowest first.
#[track_caller]
fn slowest(measured: &MeasuredRun) -> Vec<(f64, String)> {
    let messages = measured.at("/slowest").as_array().unwrap();
    let each = messages.iter().map(|message| {
        let cause = message["cause"].as_str().unwrap().to_owned();
        (message["latency_us"].as_f64().unwrap(), cause)
    });
    let slowest: Vec<_> = each.collect();
    assert!(slowest.is_sorted_by(|a, b| a.0 >= b.0), "{slowest:?}");
    slowest
}

/// Checks that at least `least` of the slowest messages have these causes.
#[track_caller]
pub(super) fn assert_blamed(measured: &MeasuredRun, causes: &[&str], least: usize) {
    let slow = slowest(measured);
    let is_one = |(_, cause): &&(f64, String)| causes.contains(&cause.as_str());
    let count = slow.iter().filter(is_one).count();
    assert!(count >= least, "{count} of {slow:?} in {}", measured.output);
}

#[track_caller]
pub(super) fn notes(measured: &MeasuredRun) -> String {
    measured.at("/verdict/notes").to_string()
}

#[test]
fn both_ends_of_every_connection_are_seen() {
    let server = ServerProcess::start(&[]);
    for args in ["-c 7 -n 700", "-c 7 -d 300ms --warmup 500ms"] {
        let measured = measure(&server.host(), args, 0);
        let sent = measured.count("/messages/sent");
        for side in ["client", "server"] {
            let count = |name: &str| measured.count(&format!("/tcp/{side}/{name}"));
            assert_eq!(count("connections"), 7, "{}", measured.output);
            assert_eq!(count("retransmitted"), 0, "{}", measured.output);
            assert!(measured.figure(&format!("/tcp/{side}/end/rtt_us/median")) > 0.0);
            let by_connection = format!("/tcp/{side}/retransmitted_by_connection");
            assert_eq!(measured.at(&by_connection), &serde_json::json!(vec![0; 7]));
            // One per message; at the end of a warm-up, one more is in flight
            // on each connection, and more may arrive before it is sampled.
            for name in ["data_segments_out", "data_segments_in"] {
                let data = count(name);
                assert!(
                    data <= sent + 7 && data > 0,
                    "{name} {data} {}",
                    measured.output
                );
                assert!(data == sent || args.contains("warmup"), "{data} {sent}");
            }
        }
        assert_eq!(slowest(&measured).len(), 20);
    }
}

/// A connection that the server closed has no kernel data any more.
#[test]
fn a_lost_connection_is_not_in_the_figures() {
    let liar = Liar::start(Behaviour::Reset { nth: 10 });
    let measured = measure(&liar.host(), "-c 3 -n 600", 1);
    assert_eq!(measured.count("/tcp/client/connections"), 0);
    assert_eq!(measured.at("/tcp/client/end"), &serde_json::Value::Null);
    assert_eq!(
        measured.at("/tcp/client/retransmitted_by_connection/2"),
        &serde_json::Value::Null
    );
}

#[test]
fn a_stopped_server_is_blamed() {
    for args in ["-c 2 -d 3s", "-c 2 -d 3s -r 500", "-c 2 -d 3s --pipeline 8"] {
        let mut server = ServerProcess::start(&[]);
        let mut bench = start(&server.host(), args);
        let _ = bench.wait_for_stderr("Queries Per Second");
        server.process().signal("STOP");
        thread::sleep(Duration::from_millis(600));
        server.process().signal("CONT");
        let measured = MeasuredRun::of(bench, 0);
        let slow: Vec<_> = slowest(&measured)
            .into_iter()
            .filter(|(us, _)| *us > 400_000.0)
            .collect();
        assert!(!slow.is_empty(), "{}", measured.output);
        assert!(
            slow.iter().all(|(_, cause)| cause == "server_or_path"),
            "{args}: {slow:?}"
        );
    }
}

#[test]
fn a_stopped_generator_is_blamed() {
    for args in ["-c 2 -d 3s", "-c 2 -d 3s -r 500", "-c 2 -d 3s --pipeline 8"] {
        let server = ServerProcess::start(&[]);
        let mut bench = start(&server.host(), args);
        let _ = bench.wait_for_stderr("Queries Per Second");
        bench.signal("STOP");
        thread::sleep(Duration::from_millis(600));
        bench.signal("CONT");
        let measured = MeasuredRun::of(bench, 0);
        let mut slow = slowest(&measured);
        slow.retain(|(us, _)| *us > 400_000.0);
        assert!(!slow.is_empty(), "{}", measured.output);
        assert!(
            slow.iter().all(|(_, cause)| cause != "server_or_path"),
            "{args}: {slow:?}"
        );
    }
}

/// Keeps a CPU busy until it is dropped.
struct Hog<'a>(&'a AtomicBool);

impl Drop for Hog<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "measures, and needs root: cargo test -p e2e -- --ignored a_busy_neighbour"]
fn a_busy_neighbour_is_blamed() {
    // Whatever else runs here, the server does not wait for its CPU.
    let mut server = Command::new("chrt");
    server.args(["--fifo", "1"]).arg(program("echo-server"));
    server.args(["--cpus", "1", "--listen", "127.0.0.1:0"]);
    let server = ServerProcess::announced_by(Process::start(&mut server));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Hog(&is_over);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut cpus = CpuSet::new();
                cpus.set(0);
                sched_setaffinity(None, &cpus).unwrap();
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        for args in [
            "-c 1 -d 2s",
            "-c 2 -d 2s -r 200",
            "-c 2 -d 2s --pipeline 4",
            // Many wait for others.
            "-c 4 -d 2s -r 2000",
        ] {
            let measured = measure(&server.host(), &format!("{args} --cpus 0"), 0);
            assert_blamed(&measured, &["run_queue", "late_send"], 15);
        }
    });
}

#[test]
#[ignore = "needs root, chrt, unshare, ip and tc: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_path_that_loses_are_blamed() {
    // A build is not for the first in line.
    let _ = program("bench-client");
    thread::scope(|scope| {
        scope.spawn(|| {
            // Both ends inherit it, and do not wait for a CPU, whatever else runs.
            let thread = gettid().as_raw_nonzero();
            command(&format!("chrt --fifo --pid 1 {thread}"));
            blame_losses();
        });
    });
}

fn blame_losses() {
    let link = TestLink::new();
    let server = link.start_server(&[]);
    let host = server.host();
    link.server.lose(2);
    // A reply that is lost delays the acknowledgement of its message, which is sent
    // again: the client sees that. If more messages follow at once, their replies
    // acknowledge it, and what the other host sends again cannot be seen from here.
    for (args, lost_replies) in [
        ("-c 8 -n 4000", 2),
        ("-c 8 -n 4000 -r 1000 --pipeline 8", 0),
    ] {
        link.client.lose(lost_replies);
        let args = format!("{args} --connect-timeout 60s --timeout 60s");
        let measured = link.client.enter(|| measure(&host, &args, 0));
        let retransmitted = measured.count("/tcp/client/retransmitted");
        assert!(retransmitted >= 20, "{}", measured.output);
        // The other end is on another host.
        assert_eq!(measured.at("/tcp/server"), &serde_json::Value::Null);
        let notes = notes(&measured);
        assert!(notes.contains(" segments retransmitted ("), "{notes}");
        assert!(
            notes.contains("loss on the path, not the server"),
            "{notes}"
        );
        assert!(!notes.contains("Nagle"), "{notes}");
        assert_blamed(&measured, &["retransmission"], 15);
    }
}

/// The kernel knows such a connection by its interface, too.
#[test]
#[ignore = "needs root, unshare and ip: cargo test -p e2e -- --ignored link_local"]
fn a_link_local_connection_is_seen() {
    Host::new().enter(|| {
        command("ip link set lo up");
        command("ip -6 addr add fe80::1/64 dev lo nodad");
        let mut server = Command::new(program("echo-server"));
        server.arg("--listen=[fe80::1%lo]:0");
        let server = ServerProcess::announced_by(Process::start(&mut server));
        let host = server.host();
        let (_, port) = host.rsplit_once(':').unwrap();
        let measured = measure(&format!("[fe80::1%lo]:{port}"), "-c 2 -n 100", 0);
        assert_eq!(measured.count("/tcp/client/connections"), 2);
        let _ = measured.figure("/slowest/0/since_received_us");
    });
}

#[test]
fn the_page_has_a_table_of_the_slowest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let server = ServerProcess::start(&[]);
    let args = [
        "-h",
        &server.host(),
        "-n",
        "100",
        "--report",
        path.to_str().unwrap(),
    ];
    let output = testkit::run("bench-client", &args).expect_code(0);
    let summary = &output.stdout;
    assert!(
        summary.contains("\ntcp          0 retransmissions, rtt "),
        "{output}"
    );
    let page = std::fs::read_to_string(&path).unwrap();
    let (_, table) = page.split_once("<h2>Slowest messages</h2>").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    assert_eq!(table.matches("<tr>").count(), 21, "{table}");
}

//! A network that loses packets.

use std::{process::Command, time::Instant};

use testkit::{
    Process,
    footprint::Footprint,
    link::{Host, TestLink},
    measured::measure,
    program,
    wire::assert_serves,
};

/// Packets that a run should lose in each direction, roughly: then none at all
/// is practically impossible.
const LOST: u32 = 80;

#[test]
#[ignore = "needs root, unshare, ip and tc: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_lossy_path() {
    for percent in [1, 5, 10, 20] {
        converse_in_spite_of(percent);
    }
}

/// Every reply arrives and is right, however often TCP retransmits.
#[allow(clippy::print_stdout)] // The table, with --nocapture.
fn converse_in_spite_of(percent: u32) {
    let link = TestLink::new();
    let mut server = link.start_server(&[]);
    let at_rest = link.client.enter(|| Footprint::at_rest(&mut server));
    let (addr, host) = (server.addr(), server.host());
    let start = Instant::now();
    link.lose(percent);

    let replies: Vec<String> = (1..=20).map(|i| format!("{i:<3} Hello World!\n")).collect();
    let mut echo = Command::new(program("echo-client"));
    echo.args(["-h", &host, "-n", "20", "--checksum"]);
    echo.args(["--connect-timeout", "60s", "--timeout", "60s"]);
    let echo = link.client.enter(|| Process::start(&mut echo));
    let messages = 20 * LOST / percent;
    let args = format!(
        "-c 8 -n {messages} --pipeline 4 -s 1..20k --checksum \
         --connect-timeout 60s --timeout 60s"
    );
    let measured = link.client.enter(|| measure(&host, &args, 0));
    assert_eq!(measured.count("/messages/replies"), u64::from(messages));
    assert_eq!(measured.at("/failures"), &serde_json::json!({}));
    let _ = echo.wait().expect_code(0).expect_stdout(&replies.concat());
    let took = start.elapsed();

    let packets = link.packets();
    let again = [&link.client, &link.server].map(Host::retransmissions);
    println!("{percent} %: {messages} messages in {took:.1?}, {packets:?}, sent again: {again:?}");
    // By chance fewer may be lost, but never less than a quarter.
    let [up, down] = packets.lost;
    let least = packets.sent * u64::from(percent) / 400;
    assert!(up > 0 && down > 0 && up + down >= least, "{packets:?}");
    assert!(again.iter().all(|&count| count > 0), "{again:?}");

    link.lose(0);
    at_rest.wait_until_back(&mut server, &format_args!("{percent} % loss"));
    link.client.enter(|| assert_serves(addr));
    let output = server.stop().expect_code(0);
    let output = output.expect_stat("accepted", 11);
    let _ = output.expect_closed("11 clean");
}

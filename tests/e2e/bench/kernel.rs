//! `bench-client`: the kernel's view of the connections.

use std::process::Command;

use testkit::{
    Behaviour, Liar, Process, ServerProcess,
    link::{Host, command},
    measured::measure,
    program,
};

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
        assert_eq!(measured.slowest().len(), 20);
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

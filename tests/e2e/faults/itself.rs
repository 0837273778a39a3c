//! Nothing listens, and the system gives a client the very port that it
//! connects to.

use std::{fs, process::Command};

use testkit::{Process, link::Host, program};

/// The only ports for outgoing connections on this host.
const PORTS: [u16; 2] = [60_000, 60_001];

#[test]
#[ignore = "needs root, unshare and ip: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_connection_to_itself() {
    let host = Host::new();
    let [low, high] = PORTS;
    host.enter(|| {
        testkit::link::command("ip link set lo up");
        let range = "/proc/sys/net/ipv4/ip_local_port_range";
        fs::write(range, format!("{low} {high}")).unwrap();
    });
    let mut to_itself = 0;
    for (client, args) in [
        ("echo-client", &[][..]),
        ("repl-client", &[]),
        ("bench-client", &["-c", "1", "-n", "1", "--no-noise-floor"]),
    ] {
        for port in PORTS {
            let mut command = Command::new(program(client));
            command
                .args(["-h", &format!("127.0.0.1:{port}")])
                .args(args);
            let output = host.enter(|| Process::start(&mut command)).wait();
            let output = output.expect_code(1);
            assert!(!output.stderr.contains("established"), "{output}");
            to_itself += usize::from(output.stderr.contains("to itself"));
        }
    }
    // Otherwise nothing was tested.
    assert!(to_itself > 0);
}

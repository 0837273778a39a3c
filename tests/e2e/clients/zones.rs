//! IPv6 zones: the interface of a link-local address.

use std::process::Command;

use testkit::{
    Process, ServerProcess,
    link::{Host, command},
    program, run,
};

#[test]
#[ignore = "needs root, unshare and ip: cargo test -p e2e -- --ignored faults"]
fn faults_of_zones() {
    let host = Host::new();
    let index = host.enter(|| {
        command("ip link set lo up");
        command("ip addr add fe80::1/64 dev lo nodad");
        command("cat /sys/class/net/lo/ifindex").trim().to_owned()
    });
    let certificate = tempfile::NamedTempFile::new().unwrap();
    let certificate = certificate.path().to_str().unwrap();
    for (server_tls, client_tls) in [
        (&[][..], &[][..]),
        (
            &["--tls-self-signed", "--tls-write-cert", certificate],
            // The zone is not part of the name in the certificate.
            &["--tls", "--tls-ca", certificate],
        ),
    ] {
        for zone in ["lo", &index] {
            let start = |name: &str, args: &[&str]| {
                let mut command = Command::new(program(name));
                host.enter(|| Process::start(command.args(args)))
            };
            let listen = format!("[fe80::1%{zone}]:0");
            let server = start(
                "echo-server",
                &[&["--listen", &listen], server_tls].concat(),
            );
            let server = ServerProcess::announced_by(server);
            let addr = format!("[fe80::1%{zone}]:{}", server.addr().port());
            let client = |name: &str, args: &[&str]| {
                start(name, &[&["-h", &addr], args, client_tls].concat())
                    .wait()
                    .expect_code(0)
            };
            let _ = client("echo-client", &["-n", "1"]).expect_stdout("1   Hello World!\n");
            let _ = client("bench-client", &["-n", "1", "-c", "1"]);
            let _ = client("repl-client", &[]);
            let _ = server.stop().expect_code(0);
        }
    }
}

#[test]
fn a_wrong_zone_is_explained() {
    for (addr, why) in [
        (
            "[fe80::1%no-such]:1",
            "no network interface is called no-such",
        ),
        (
            "[::1%lo]:1",
            "only a link-local address (fe80::/10) has a zone",
        ),
        ("[fe80::1]:1", "a link-local address needs a zone"),
    ] {
        for (name, option) in [
            ("echo-server", "--listen"),
            ("echo-client", "-h"),
            ("repl-client", "-h"),
            ("bench-client", "-h"),
        ] {
            let output = run(name, &[option, addr]).expect_code(1).expect_stderr(why);
            assert_eq!(output.stderr.lines().count(), 1, "{output}");
        }
    }
}

//! A path that is cut while both ends stay up. Neither end is notified, so
//! their own deadlines must end the connections.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use testkit::{
    Process, ProcessOutput, alone,
    footprint::Footprint,
    link::TestLink,
    program,
    wire::{assert_serves, connect, frame},
};

/// All deadlines of the server.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum lateness of an end (promise P4).
const LATE: Duration = Duration::from_secs(1);

/// How a path ends.
const CUTS: [fn(&TestLink); 2] = [TestLink::lose_all, TestLink::unplug];

const DEADLINES: [&str; 6] = [
    "--frame-timeout",
    "2s",
    "--idle-timeout",
    "2s",
    "--write-timeout",
    "2s",
];

#[test]
#[ignore = "needs root, unshare, ip and tc: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_path_that_is_cut_under_a_server() {
    let _alone = alone();
    for cut in CUTS {
        let link = TestLink::new();
        // More than both socket buffers hold stays unsent.
        let mut args = vec!["-vv", "--send-buffer", "64k"];
        args.extend(DEADLINES);
        let mut server = link.start_server(&args);
        let at_rest = link.client.enter(|| Footprint::at_rest(&mut server));
        let addr = server.addr();
        let [half_sent, idle, unread] = [0; 3].map(|_| link.client.enter(|| connect(addr)));

        (&half_sent)
            .write_all(&frame(&[b'x'; 1000])[..500])
            .unwrap();
        let _ = server.process().wait_for_stderr("inside a frame: true");
        (&idle).write_all(&frame(b"idle")).unwrap();
        (&idle).read_exact(&mut [0; 8]).unwrap();
        (&unread).write_all(&frame(&vec![b'x'; 4 << 20])).unwrap();
        let _ = server.process().wait_for_stderr("(4194304 bytes)");
        cut(&link);
        let start = Instant::now();
        let _ = server
            .process()
            .wait_for_stderr("longer than --write-timeout");
        at_rest.assert_back(&mut server, LATE, &"a cut");
        let after = start.elapsed();
        assert!(after < TIMEOUT + LATE, "too late, after {after:?}");

        for stream in [&half_sent, &idle] {
            assert_unaware(stream);
        }
        drop([half_sent, idle, unread]);
        link.mend();
        link.client.enter(|| assert_serves(addr));
        let output = server.stop().expect_code(0);
        let output = output.expect_stderr("longer than --frame-timeout");
        let output = output.expect_stderr("longer than --idle-timeout");
        let output = output.expect_stat("accepted", 5);
        let _ = output.expect_closed("2 clean, 1 idle, 1 frame_timeout, 1 write_timeout");
    }
}

/// Checks that a peer has received nothing: the path was cut in time.
#[track_caller]
fn assert_unaware(mut stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let heard = stream.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(heard, Err(io::ErrorKind::WouldBlock));
}

#[test]
#[ignore = "needs root, unshare, ip and tc: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_path_that_is_cut_under_clients() {
    let _alone = alone();
    for cut in CUTS {
        let link = TestLink::new();
        let mut server = link.start_server(&DEADLINES);
        let at_rest = link.client.enter(|| Footprint::at_rest(&mut server));
        let (addr, host) = (server.addr(), server.host());
        let start = |name: &str, args: &str| {
            let mut command = Command::new(program(name));
            command.args(["-h", &host]).args(args.split(' '));
            link.client.enter(|| Process::start(&mut command))
        };
        let mut repl = start("repl-client", "--heartbeat 500ms");
        repl.stdin().write_all(b"hello\n").unwrap();
        let _ = repl.wait_for_stdout("hello");
        // Frames that take a while, to be cut in the middle.
        let mut bench = start("bench-client", "-c 4 -s 1MiB --timeout 1s");
        let _ = bench.wait_for_stderr("Queries Per Second");
        let mut echo = start("echo-client", "-n 1000000 --timeout 1s");
        let _ = echo.wait_for_stdout("100 Hello World!");
        cut(&link);

        let since = Instant::now();
        let dead = format!("repl-client: {host} is dead: no frame for ");
        assert_gives_up(repl, &dead);
        let echo = assert_gives_up(echo, "echo-client: waiting for a reply: nothing from ");
        let failures = format!("bench-client: 4 failures against {host}: ");
        assert_gives_up(bench, &failures);
        let after = since.elapsed();
        assert!(after < TIMEOUT + LATE, "too late, after {after:?}");
        for (line, i) in echo.stdout.lines().zip(1..) {
            assert_eq!(line, format!("{i:<3} Hello World!"));
        }
        let newcomer = start("echo-client", "--connect-timeout 500ms");
        assert_gives_up(newcomer, "echo-client: cannot connect to ");

        let _ = server.process().wait_for_stderr("longer than --");
        at_rest.assert_back(&mut server, LATE, &"a cut");
        link.mend();
        link.client.enter(|| assert_serves(addr));
        let output = server.stop().expect_code(0);
        // Of their lines the log has one per second and reason.
        let timeouts = ["idle", "frame_timeout", "write_timeout"];
        let ended: u64 = timeouts.map(|reason| output.closed(reason)).iter().sum();
        assert_eq!(ended, 6, "{output}");
        let output = output.expect_stat("accepted", 8);
        assert_eq!(output.closed("clean"), 2, "{output}");
    }
}

/// Checks that a client fails by itself, with the reason in its last line.
#[track_caller]
fn assert_gives_up(mut client: Process, why: &str) -> ProcessOutput {
    // Before anything else: the end of its stdin would end it, too.
    let line = client.wait_for_stderr(why);
    let output = client.wait().expect_code(1);
    let (name, _) = why.split_once(' ').unwrap();
    let mut said = output
        .stderr
        .lines()
        .skip_while(|each| !each.starts_with(name));
    assert_eq!((said.next(), said.next()), (Some(&*line), None), "{output}");
    output
}

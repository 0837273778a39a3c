//! Waiting uses no CPU: a server without connections sleeps, and wakes at once
//! for any event.

use std::{
    fs,
    io::{Write, pipe},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::io::ioctl_fionbio;
use testkit::{
    Process, ServerProcess, alone,
    footprint::Footprint,
    program,
    wire::{assert_serves, connect, read_to_end},
};

/// How often the threads of a process have been put to sleep so far, and so how
/// often they woke (`proc_pid_status(5)`).
fn switches(id: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let of_task = |path: std::path::PathBuf| {
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    tasks.map(|task| of_task(task.unwrap().path())).sum()
}

#[test]
fn nothing_wakes_a_server_without_connections() {
    let _alone = alone();
    for args in [&[][..], &["--metrics", "127.0.0.1:0"]] {
        // Without statistics, which are written every second.
        let mut command = Command::new(program("echo-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        let mut server = ServerProcess::announced_by(Process::start(&mut command));
        assert_serves(server.addr());
        let id = server.process().id();
        // The last report follows the last frame within two seconds.
        thread::sleep(Duration::from_millis(2500));
        let before = switches(id);
        thread::sleep(Duration::from_secs(3));
        let awake = switches(id) - before;
        assert_eq!(awake, 0, "awake {awake} times in 3 s with {args:?}");

        let start = Instant::now();
        assert_serves(server.addr());
        let _ = server.process().wait_for_stderr("Queries Per Second: 1 ");
        let start_of_stop = Instant::now();
        assert!(start_of_stop - start < Duration::from_secs(4));
        let _ = server.stop().expect_code(0);
        assert!(start_of_stop.elapsed() < Duration::from_secs(2));
    }
}

/// Deadlines hold for the first connection after a sleep.
#[test]
fn a_deadline_wakes_it_up() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--idle-timeout", "500ms"]);
    let _ = Footprint::at_rest(&mut server);
    thread::sleep(Duration::from_secs(2));
    let start = Instant::now();
    let stream = connect(server.addr());
    let (back, end) = read_to_end(&stream);
    assert!(back.is_empty() && end.is_ok());
    let after = start.elapsed();
    assert!(after >= Duration::from_millis(500), "{after:?}");
    assert!(after < Duration::from_millis(1500), "{after:?}");
}

/// However late the next line: no error, and no busy waiting.
#[test]
fn repl_client_waits_for_stdin() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["-v"]);
    let (reader, mut writer) = pipe().unwrap();
    ioctl_fionbio(&reader, true).unwrap();
    let mut command = Command::new(program("repl-client"));
    command.args(["-h", &server.host(), "--heartbeat", "200ms"]);
    let mut repl = Process::start_with_stdin(&mut command, reader);
    drop(command);
    for line in ["one", "two"] {
        for part in [line, "\n"] {
            // Heartbeats show that time passes.
            let _ = server.process().wait_for_stderr("read message:");
            let _ = server.process().wait_for_stderr("read message:");
            writer.write_all(part.as_bytes()).unwrap();
        }
        let _ = repl.wait_for_stdout(line);
    }
    assert!(repl.cpu_time() < Duration::from_millis(200), "{repl}");
    drop(writer);
    let _ = repl.wait().expect_code(0).expect_stdout("one\ntwo\n");
}

//! Each system call of a live server fails once, for each of its possible
//! errors.
//!
//! strace is attached to a listening server, and detached before the next
//! client: it counts calls per thread, and a fault at start only prevents the
//! start.

use std::{fs, io, net::SocketAddr, process::Command, thread};

use testkit::{
    Process, ServerProcess,
    footprint::Footprint,
    wait_until,
    wire::{assert_serves, connect, echo},
};

/// The calls of a thread to fail, counted from the attach or the thread's
/// start.
const FAILING: [u32; 4] = [1, 2, 3, 4];

/// std's message before it aborts: it gives every thread a signal stack before
/// any of our code runs, and does not continue without one.
const BY_STD: &str = "alternative stack";

/// The threads that strace traces.
const ALL: &[&str] = &["-f"];
const ACCEPTOR: &[&str] = &[];

/// Fails each call with each errno and asserts that the server survives.
#[track_caller]
#[allow(clippy::print_stdout)] // The table, with --nocapture.
fn assert_survives(threads: &[&str], calls: &[(&str, &[&str])]) {
    let mut died = Vec::new();
    for &(call, errnos) in calls {
        for &errno in errnos {
            let (mut injected, mut aborted) = (0, 0);
            for nth in FAILING {
                let fault = format!("inject={call}:error={errno}:when={nth}");
                match outcome(threads, &fault) {
                    Ok(count) => injected += count,
                    Err(death) if death.contains(BY_STD) => aborted += 1,
                    Err(death) => died.push(format!("{fault}: {death}")),
                }
            }
            println!("{call} {errno}: {injected} survived, {aborted} aborts by std");
            assert!(injected + aborted > 0, "{call} was never called");
        }
    }
    assert!(died.is_empty(), "{}", died.join("\n"));
}

/// How often a fault hit a surviving server, or how the server ended.
fn outcome(threads: &[&str], fault: &str) -> Result<usize, String> {
    let mut server = ServerProcess::start(&["-v"]);
    let at_rest = Footprint::at_rest(&mut server);
    let log = tempfile::NamedTempFile::new().unwrap();
    let id = server.process().id().to_string();
    let mut strace = Process::start(
        Command::new("strace")
            .args(threads)
            .args(["-p", &id, "-e", fault, "-o"])
            .arg(log.path()),
    );
    let _ = strace.wait_for_stderr("attached");
    let addr = server.addr();
    // At the same time: a later thread reuses the stack of one that has ended.
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(move || meet_the_fault(addr));
        }
    });
    strace.signal("INT");
    // strace does not always see all threads of an aborting process end, and then
    // waits for ever.
    wait_until("detached", || {
        has_ended(strace.id()) || has_ended(server.process().id())
    });
    if has_ended(server.process().id()) {
        strace.kill();
        return Err(server.wait_whatever_it_says().to_string());
    }
    let _ = strace.wait();
    let trace = fs::read_to_string(log.path()).unwrap();
    let injected = trace.matches("(INJECTED)").count();

    assert_serves(server.addr());
    at_rest.wait_until_back(&mut server, &fault);
    server.process().signal("TERM");
    let output = server.wait_whatever_it_says();
    if output.code != Some(0) || output.stderr.contains("panicked") {
        return Err(output.to_string());
    }
    Ok(injected)
}

/// Whether a child has ended.
fn has_ended(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat"))
        .unwrap()
        .contains(") Z ")
}

/// A client whose connection may fail in any way, but not hang.
fn meet_the_fault(addr: SocketAddr) {
    let stream = connect(addr);
    for _ in 0..3 {
        if let Err(error) = echo(&stream, b"x") {
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "hangs");
            return;
        }
    }
}

#[test]
#[ignore = "needs strace that may attach: cargo test -p e2e -- --ignored faults"]
fn faults_of_accept() {
    assert_survives(
        ALL,
        &[(
            "accept4",
            &[
                "ECONNABORTED",
                "EPROTO",
                "EPERM",
                "ENETDOWN",
                "EHOSTUNREACH",
                "EINTR",
                "EAGAIN",
                "EMFILE",
                "ENFILE",
                "ENOBUFS",
                "ENOMEM",
            ],
        )],
    );
}

#[test]
#[ignore = "needs strace that may attach: cargo test -p e2e -- --ignored faults"]
fn faults_of_reading_and_writing() {
    assert_survives(
        ALL,
        &[
            (
                "recvfrom",
                &["EINTR", "ECONNRESET", "ETIMEDOUT", "ENOMEM", "EHOSTUNREACH"],
            ),
            (
                "sendto",
                &["EINTR", "ECONNRESET", "EPIPE", "ENOBUFS", "ENOMEM"],
            ),
            // The log, whose reader may be closed or slow.
            ("write", &["EINTR", "EPIPE", "EAGAIN", "EIO", "ENOSPC"]),
        ],
    );
}

#[test]
#[ignore = "needs strace that may attach: cargo test -p e2e -- --ignored faults"]
fn faults_of_socket_options() {
    assert_survives(ALL, &[("setsockopt", &["EINVAL", "ENOBUFS", "ENOMEM"])]);
}

#[test]
#[ignore = "needs strace that may attach: cargo test -p e2e -- --ignored faults"]
fn faults_of_starting_threads() {
    assert_survives(ALL, &[("clone3", &["EAGAIN", "ENOMEM"])]);
}

/// Where std itself aborts, there is no error to handle; the server must
/// survive everything else.
#[test]
#[ignore = "needs strace that may attach: cargo test -p e2e -- --ignored faults"]
fn faults_of_memory() {
    let calls: [(&str, &[&str]); 2] = [("mmap", &["ENOMEM", "EAGAIN"]), ("mprotect", &["ENOMEM"])];
    assert_survives(ACCEPTOR, &calls);
    assert_survives(ALL, &calls);
    assert_survives(ALL, &[("munmap", &["ENOMEM"])]);
}

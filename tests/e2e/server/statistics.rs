//! `--stats`: a file that is full, truncated, moved, or a FIFO.

use std::{
    fs,
    io::{Read, pipe},
    os::unix::{fs::OpenOptionsExt, net::UnixListener},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use rustix::{
    fs::{CWD, Mode, OFlags, mkfifoat},
    io::ioctl_fionbio,
};
use serde_json::Value;
use testkit::{OutputLines, Process, ServerProcess, program, run, wait_until, wire::assert_serves};

fn start(stats: &Path) -> ServerProcess {
    ServerProcess::start(&["--stats", stats.to_str().unwrap()])
}

/// Waits until a file has `lines` complete lines, and checks each.
#[track_caller]
fn wait_for_lines(file: &Path, lines: usize) {
    wait_until(format_args!("{lines} lines in {}", file.display()), || {
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8(text).expect("text");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert!(parsed.is_ok(), "{line:?}");
        }
        whole.lines().count() >= lines
    });
}

#[test]
fn truncation_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats");
    let server = start(&file);
    wait_for_lines(&file, 2);
    fs::File::options()
        .write(true)
        .truncate(true)
        .open(&file)
        .unwrap();
    // A gap would read as NUL bytes, which are not JSON.
    wait_for_lines(&file, 2);
    let _ = server.stop().expect_code(0);
}

#[test]
fn a_moved_file_is_created_again_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("stats"), folder.path().join("stats.1"));
    let mut server = start(&file);
    wait_for_lines(&file, 1);
    fs::rename(&file, &moved).unwrap();
    server.process().signal("HUP");
    wait_for_lines(&file, 2);
    let lines = fs::read_to_string(&moved).unwrap().lines().count();
    thread::sleep(Duration::from_millis(1200));
    let later = fs::read_to_string(&moved).unwrap().lines().count();
    assert_eq!(lines, later, "written to the old one");
    let _ = server.stop().expect_code(0);
}

/// The server serves before the FIFO has a reader and after the reader has
/// closed; lines resume with the next reader.
#[test]
fn a_fifo_may_have_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("stats");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let mut server = start(&fifo);
    let _ = server
        .process()
        .wait_for_stderr("is a FIFO that is not read");
    assert_serves(server.addr());
    for _ in 0..2 {
        // A reader that waits for lines and not for a writer.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let reader = fs::File::options()
            .read(true)
            .custom_flags(flags)
            .open(&fifo)
            .unwrap();
        let _ = server.process().wait_for_stderr("again; ");
        ioctl_fionbio(&reader, false).unwrap();
        let mut lines = OutputLines::of(reader);
        let line = lines.wait_for("\"accepted\":1,").unwrap();
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["frames"], 1);
        // Its thread ends with the reader, when the next line arrives.
        drop(lines);
        let _ = server
            .process()
            .wait_for_stderr("cannot write statistics to");
        assert!(server.process().id() > 0);
    }
    assert_serves(server.addr());
    let _ = server.stop().expect_code(0);
}

/// Opening it fails as a FIFO without a reader does.
#[test]
fn a_socket_is_not_taken_for_a_fifo() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("stats");
    let _listener = UnixListener::bind(&socket).unwrap();
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--stats",
        socket.to_str().unwrap(),
    ];
    let output = run("echo-server", &args).expect_code(1);
    let _ = output.expect_stderr("echo-server: cannot write ");
}

/// A small file system that can be filled; `None` if it cannot be mounted.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mount.unwrap().success(), "mount");
        Self(folder)
    }

    fn fill(&self) {
        let _ = fs::write(self.0.path().join("full"), vec![0; 1 << 20]);
    }

    fn free(&self) {
        fs::remove_file(self.0.path().join("full")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root to mount a disk: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_full_disk() {
    let disk = Disk::new();
    let file = disk.0.path().join("stats");
    let mut server = start(&file);
    wait_for_lines(&file, 1);
    disk.fill();
    let line = server
        .process()
        .wait_for_stderr("cannot write statistics to");
    assert!(line.contains("No space left on device"), "{line}");
    assert_serves(server.addr());
    thread::sleep(Duration::from_millis(2500));
    disk.free();
    let line = server.process().wait_for_stderr("again; ");
    let lines = fs::read_to_string(&file).unwrap().lines().count();
    wait_for_lines(&file, lines + 1);
    let output = server.stop().expect_code(0);
    let complaints = output.stderr.matches("cannot write statistics").count();
    assert_eq!(complaints, 1, "{line} {output}");
}

/// A log on a full disk: whole lines are dropped and counted.
#[test]
#[ignore = "needs root to mount a disk: cargo test -p e2e -- --ignored faults"]
fn faults_of_a_log_on_a_full_disk() {
    let disk = Disk::new();
    let file = disk.0.path().join("log");
    let log = fs::File::options()
        .append(true)
        .create(true)
        .open(&file)
        .unwrap();
    let mut command = Command::new(program("echo-server"));
    command.args(["--listen", "127.0.0.1:0", "-v"]);
    let server = ServerProcess::announced_by(Process::start_with_stderr(&mut command, log));
    // Until it is full, possibly in the middle of a line.
    for _ in 0..500 {
        assert_serves(server.addr());
    }
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(size, 64 << 10, "not full");
    // Truncation makes room.
    let before = fs::read_to_string(&file).unwrap();
    fs::File::options()
        .write(true)
        .truncate(true)
        .open(&file)
        .unwrap();
    assert_serves(server.addr());
    let _ = server.stop().expect_code(0);
    let after = fs::read_to_string(&file).unwrap();
    let all = before + &after;
    assert!(all.contains("lines of the log dropped"), "{after}");
    assert!(all.contains("INFO closed       501 clean"), "{after}");
    let is_whole = |line: &str| line.starts_with("20") && line.get(23..25) == Some("Z ");
    let cut: Vec<&str> = all.lines().filter(|line| !is_whole(line)).collect();
    assert!(cut.is_empty(), "{cut:?}");
}

/// A limit on file sizes does not end the program.
#[test]
fn a_file_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats");
    let mut command = Command::new("sh");
    // In blocks of 512 bytes (POSIX).
    command.args([
        "-c",
        "ulimit -f 2; exec \"$0\" --listen 127.0.0.1:0 --stats \"$1\"",
    ]);
    command.arg(program("echo-server")).arg(&file);
    let mut server = ServerProcess::announced_by(Process::start(&mut command));
    let _ = server
        .process()
        .wait_for_stderr("cannot write statistics to");
    assert_serves(server.addr());
    let _ = server.stop().expect_code(0);
    // The part of the last line that fit.
    assert_eq!(fs::metadata(&file).unwrap().len(), 1024);
}

#[test]
fn a_stdout_that_cannot_take_the_address_does_not_stop_the_server() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let (reader, writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    while std::io::Write::write(&mut &writer, &[b'\n'; 4096]).is_ok() {}
    ioctl_fionbio(&writer, false).unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    for (stdout, why) in [
        (std::process::Stdio::from(writer), "stdout is full"),
        (full.into(), "No space left on device"),
    ] {
        let mut command = Command::new(program("echo-server"));
        command.args(["--listen", &addr.to_string(), "--stats", "-"]);
        let mut process = Process::start_with_stdout(&mut command, stdout);
        let line = process.wait_for_stderr(why);
        assert!(line.ends_with(&format!("listening on {addr}")), "{line}");
        assert_serves(addr);
        process.signal("TERM");
        let _ = process.wait().expect_code(0);
    }
    drop(reader);
}

/// A pipe that is not read and set non-blocking by another process: whole lines
/// are dropped, also of the log.
#[test]
fn a_stream_that_does_not_block_loses_whole_lines() {
    let (mut reader, writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    let mut command = Command::new(program("echo-server"));
    command.args(["--listen", "127.0.0.1:0", "-vv"]);
    let process = Process::start_with_stderr(&mut command, writer);
    drop(command);
    let server = ServerProcess::announced_by(process);
    // Far more than a pipe holds; then it is read.
    for _ in 0..300 {
        assert_serves(server.addr());
    }
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    let _ = server.stop().expect_code(0);
    let text = reading.join().unwrap();
    assert!(text.contains("INFO closed       300 clean"), "{text}");
    let is_whole = |line: &str| line.starts_with("20") && line.get(23..25) == Some("Z ");
    assert!(text.lines().all(is_whole), "a line in pieces");
}

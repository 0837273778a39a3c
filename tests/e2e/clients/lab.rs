//! `echo-client lab`, and what `repl-client` shows of the bytes.

use std::{fs, process::Command};

use testkit::{Process, ServerProcess, assert_usage_error, program, run, run_with_input};

/// The picture by such options, without the row that not every system has.
fn picture(options: &str) -> String {
    let args: Vec<&str> = ["lab"].into_iter().chain(options.split(' ')).collect();
    let output = run("echo-client", &args).expect_code(0);
    let lines = output.stdout.lines();
    let lines = lines.filter(|line| !line.contains(" segment"));
    lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_read_that_is_taken_for_a_message() {
    let expected = "\
3 messages   ├ 1 hello world! ─────├ 2 hello\\nworld! ────├ 3 hello world! ─────┤
3 writes     ├ 14 ─────────────────├ 14 ─────────────────├ 14 ─────────────────┤
1 read       ├ 42 ─────────────────────────────────────────────────────────────┤
1 understood ├ ✗ 1 hello world!2 hello\\nworld!3 hello world! ──────────────────┤
             right: 0 of 3; wrong: 1, 2, 3";
    assert_eq!(picture("--reader one-read"), expected);
}

/// Without Nagle's algorithm nothing is held back.
#[test]
#[cfg(target_os = "linux")]
fn each_write_is_a_segment() {
    let args = ["lab", "--reader", "framed", "--cut", "2,20"];
    let output = run("echo-client", &args).expect_code(0);
    let row = |name: &str| {
        let line = output.stdout.lines().find(|line| line.contains(name));
        line.unwrap_or_else(|| panic!("{output}")).replace(name, "")
    };
    assert_eq!(row("segments"), row("writes  "));
}

/// How many messages come out right, and which not.
fn verdict(options: &str) -> String {
    picture(options).lines().last().unwrap().trim().to_owned()
}

#[test]
fn each_reader_has_its_outcome() {
    for (reader, expected) in [
        ("one-read", "right: 0 of 3; wrong: 1, 2, 3"),
        ("delimiter", "right: 2 of 3; wrong: 2"),
        ("base64-delimiter", "right: 3 of 3"),
        ("framed", "right: 3 of 3"),
    ] {
        assert_eq!(verdict(&format!("--reader {reader}")), expected);
        let slowly = format!("--reader {reader} --pause 0s");
        let one_by_one = if reader == "one-read" {
            "right: 3 of 3"
        } else {
            expected
        };
        assert_eq!(verdict(&slowly), one_by_one, "{reader}");
        let cut = format!("--reader {reader} --cut 1,4 --read-buffer 5 --messages 12 --size 40");
        let all = "right: 0 of 12; wrong: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...";
        let expected = match reader {
            "one-read" => all,
            "delimiter" => "right: 6 of 12; wrong: 2, 4, 6, 8, 10, 12",
            _ => "right: 12 of 12",
        };
        assert_eq!(verdict(&cut), expected, "{reader}");
    }
}

#[test]
fn every_cut_is_tried() {
    let table = picture("--every-offset");
    let share = |reader: &str| {
        let row = table
            .lines()
            .find_map(|line| line.strip_prefix(reader))
            .unwrap();
        row.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
    };
    // Of one read, a cut between two messages lets one of three through.
    assert_eq!(share("one-read "), "0 of 41");
    assert_eq!(share("delimiter "), "0 of 44");
    assert_eq!(share("base64-delimiter "), "62 of 62");
    assert_eq!(share("framed "), "53 of 53");
    let one = picture("--every-offset --reader framed --messages 1 --size 1");
    assert_eq!(
        one.lines().last(),
        Some("framed            4 of 4      ✓✓✓✓")
    );
}

#[test]
fn without_options_it_is_a_tour() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("lab.svg");
    let tour = run("echo-client", &["lab", "--svg", svg.to_str().unwrap()]).expect_code(0);
    assert!(!tour.stdout.contains('\x1b'), "{tour}");
    let drawn = fs::read_to_string(svg).unwrap();
    assert!(drawn.contains("prefers-color-scheme: dark"), "{drawn}");
    let commands = tour
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("$ echo-client lab "));
    let commands: Vec<&str> = commands.collect();
    assert_eq!(commands.len(), 6, "{tour}");
    for command in commands {
        assert!(drawn.contains(command), "{command} in {drawn}");
        // What it says is what the command does.
        let words: Vec<&str> = ["lab"].into_iter().chain(command.split(' ')).collect();
        let alone = run("echo-client", &words).expect_code(0);
        let understood = alone
            .stdout
            .lines()
            .find(|line| line.contains(" understood"));
        assert!(tour.stdout.contains(understood.unwrap()), "{alone}");
    }
    for line in tour.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn colours_are_by_request_and_svg_goes_where_it_can() {
    let colours = |name: &str| {
        let mut command = Command::new(program("echo-client"));
        command.args(["lab", "--reader", "framed"]).env(name, "1");
        Process::start(&mut command)
            .wait()
            .expect_code(0)
            .stdout
            .contains('\x1b')
    };
    assert!(colours("CLICOLOR_FORCE"));
    assert!(!colours("NO_COLOR"));
    let failed = run("echo-client", &["lab", "--svg", "/nowhere/lab.svg"]).expect_code(1);
    let failed = failed
        .expect_stdout("")
        .expect_stderr("cannot write /nowhere/lab.svg: ");
    assert_eq!(failed.stderr.lines().count(), 1, "{failed}");
}

#[test]
fn bad_usage_is_refused() {
    for (options, named) in [
        ("--reader x", "reader"),
        ("--messages 0", "messages"),
        ("--size 0", "size"),
        ("--size 1GiB", "size"),
        ("--messages 99999999999", "messages"),
        ("--reader framed --messages 32768 --size 1", "messages"),
        ("--cut 0", "cut"),
        ("--cut 4,1", "cut"),
        ("--cut 42", "cut"),
        ("--cut x", "cut"),
        ("--pause 5", "pause"),
        ("--read-buffer 0", "read-buffer"),
        ("--every-offset --cut 1", "cut"),
        ("--every-offset --size 1k", "every-offset"),
        ("--raw", "raw"),
    ] {
        let args: Vec<&str> = ["lab"].into_iter().chain(options.split(' ')).collect();
        assert_usage_error("echo-client", &args, named);
    }
    assert_usage_error("echo-client", &["-n", "2", "lab"], "lab");
}

#[test]
fn the_bytes_of_a_line_and_of_its_reply() {
    let server = ServerProcess::start(&[]);
    let addr = server.addr().to_string();
    let args = ["-h", &addr, "--wire", "--time", "--checksum"];
    let output = run_with_input("repl-client", &args, b"123456789\n").expect_code(0);
    let lines: Vec<String> = output
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let frame = [
        "80 00 00 0d length 13, checksum",
        "31 32 33 34 35 36 37 38 39 123456789",
        "52 e1 50 f0 CRC-32C of all before",
    ];
    let sent = ["-> 17 bytes"].into_iter().chain(frame);
    let came = ["<- 17 bytes"].into_iter().chain(frame);
    let expected: Vec<&str> = sent.chain(came).chain(["123456789"]).collect();
    assert_eq!(lines[..9], expected, "{output}");
    // As the other programs show it: three digits, and a unit.
    let time = lines[9].strip_prefix("round trip ").unwrap();
    let (digits, unit) = time.split_once(' ').unwrap();
    assert!(["µs", "ms", "s"].contains(&unit), "{output}");
    assert_eq!(digits.replace('.', "").len(), 3, "{output}");
    assert_eq!(lines.len(), 10, "{output}");
}

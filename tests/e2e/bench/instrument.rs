//! `bench-client`: the effect of its options, and its files.

use std::{fs, path::PathBuf};

use testkit::{Behaviour, Liar, ServerProcess, measured::measure, run};

#[test]
fn a_warm_up_is_in_no_figure() {
    let server = ServerProcess::start(&[]);
    let args = "-c 2 -r 1000 --warmup 500ms -d 500ms";
    let measured = measure(&server.host(), args, 0);
    let sent = measured.count("/messages/sent");
    assert!((1..=501).contains(&sent), "{}", measured.output);
    let due = sent + measured.count("/messages/unsent");
    assert!(measured.count("/latency/count") <= due);
    let elapsed = measured.at("/elapsed_s").as_f64().unwrap();
    assert!(elapsed >= 0.5, "{elapsed}");
    assert_eq!(measured.at("/series/0/warmup"), true);

    // The server saw both.
    let output = server.stop().expect_code(0);
    let frames = output.stat("frames");
    assert!(frames > sent, "{frames} of {sent}: {output}");
}

#[test]
fn a_warm_up_does_not_count_as_requested_messages() {
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 2 --warmup 100ms -n 50", 0);
    assert_eq!(measured.count("/messages/replies"), 50);
}

/// The last of four opens at three quarters of the ramp.
#[test]
fn a_ramp_spreads_the_opening() {
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 4 --ramp 800ms -n 4", 0);
    let elapsed = measured.at("/elapsed_s").as_f64().unwrap();
    assert!(elapsed >= 0.6, "{elapsed}");
    assert_eq!(measured.replies(), [1, 1, 1, 1]);
}

#[test]
fn an_unverified_run_is_not_valid() {
    let liar = Liar::start(Behaviour::WrongByte { from: 1 });
    let measured = measure(&liar.host(), "-c 2 -n 100 --no-verify", 0);
    assert_eq!(measured.count("/messages/replies"), 100);
    assert_eq!(measured.at("/verdict/valid"), false);
    let reasons = measured.at("/verdict/reasons").to_string();
    assert!(reasons.contains("verif"), "{reasons}");
}

#[test]
fn entropy_decides_what_compression_saves() {
    let server = ServerProcess::start(&[]);
    let wire = |entropy: &str| {
        let args = format!("-c 1 -n 10 -s 4k --compress --entropy {entropy}");
        measure(&server.host(), &args, 0).count("/messages/wire_bytes")
    };
    let (none, half, all) = (wire("0"), wire("0.5"), wire("1"));
    assert!(none < 10 * 100, "{none}");
    assert!((10 * 1500..10 * 3000).contains(&half), "{half}");
    assert_eq!(all, 10 * 4100);
}

#[test]
fn sizes_are_taken_from_the_list() {
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 1 -n 200 -s 10,1000", 0);
    let bytes = measured.count("/messages/payload_bytes");
    // 10 n + 1000 (200 - n), with neither size left out.
    assert_eq!((200_000 - bytes) % 990, 0, "{bytes}");
    assert!((2000 + 990..200_000).contains(&bytes), "{bytes}");
}

#[test]
fn runs_are_compared_if_they_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&[]);
    let save = |name: &str, size: &str| -> String {
        let path: PathBuf = directory.path().join(name);
        let path = path.to_str().unwrap().to_owned();
        let args = ["-h", &server.host(), "-n", "2000", "-s", size];
        let files = ["--json", &path, "--no-noise-floor"];
        let _ = run("bench-client", &[&args[..], &files].concat()).expect_code(0);
        path
    };
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| save(name, "12"));
    let other = save("other", "13");
    let compare = |args: &[&str]| run("bench-client", &[&["compare"], args].concat());

    let output = compare(&[&a, &b]).expect_code(0);
    assert!(output.stdout.contains("throughput"), "{output}");
    let _ = compare(&[&a, &other]).expect_code(1).expect_stderr("size");
    let _ = compare(&[&a, &other, "--force"]).expect_code(0);
    let sides = [format!("{a},{b}"), format!("{c},{d}")];
    let _ = compare(&[&sides[0], &sides[1]]).expect_code(0);
    let _ = compare(&[&a, &a])
        .expect_code(1)
        .expect_stderr("are the same run");

    fs::write(&other, "{}").unwrap();
    let _ = compare(&[&a, &other]).expect_code(1).expect_stderr(&other);
    let _ = compare(&[&a]).expect_code(2);
}

#[test]
fn pages_and_completions_are_generated() {
    for kind in ["man", "bash", "zsh", "fish"] {
        let output = run("bench-client", &["--generate", kind]).expect_code(0);
        assert!(output.stdout.contains("noise"), "{output}");
    }
    let _ = run("bench-client", &["--generate", "x"]).expect_code(2);
}

#[test]
fn help_is_there_for_every_command() {
    for args in [
        &["--help"][..],
        &["compare", "--help"],
        &["overhead", "--help"],
    ] {
        let output = run("bench-client", args).expect_code(0);
        assert!(output.stdout.contains("Usage: "), "{output}");
    }
}

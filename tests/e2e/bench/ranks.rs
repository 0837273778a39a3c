//! `bench-client`: a load that several processes share.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use testkit::{Process, ServerProcess, assert_usage_error, program};

/// A rank of so many, by a launcher's variables, that prints its results.
fn rank(host: &str, args: &str, variables: &[(&str, &str)]) -> Process {
    let mut command = Command::new(program("bench-client"));
    let fixed = ["-h", host, "--no-noise-floor", "--json", "-"];
    command.args(fixed).args(args.split_whitespace());
    Process::start(command.envs(variables.iter().copied()))
}

fn results(rank: Process) -> Value {
    let output = rank.wait();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn ranks_share_connections_and_messages() {
    let server = ServerProcess::start(&[]);
    let (host, args) = (server.host(), "-c 5 -n 11 -r 1000");
    for (variables, more) in [
        (&["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"][..], ""),
        (&["PMI_SIZE", "PMI_RANK"], ""),
        (&["JOB_COMPLETION_INDEX"], " --ranks 3"),
    ] {
        let values = ["3", "2"].iter().rev().take(variables.len()).rev();
        let variables: Vec<_> = variables.iter().copied().zip(values.copied()).collect();
        let results = results(rank(&host, &format!("{args}{more}"), &variables));
        assert_eq!(results["messages"]["sent"], 2, "{variables:?}");
    }
    let shares = ["0", "1", "2"].map(|index| {
        let slurm = [("SLURM_NTASKS", "3"), ("SLURM_PROCID", index)];
        let results = results(rank(&host, args, &slurm));
        let arguments = &results["arguments"];
        assert_eq!(
            (&arguments["ranks"], &arguments["connections"]),
            (&3.into(), &5.into())
        );
        let requested = results["connections"]["requested"].as_u64().unwrap();
        (requested, results["messages"]["sent"].as_u64().unwrap())
    });
    // By turns: connections 0 to 4, of which the first has a message more.
    assert_eq!(shares, [(2, 5), (2, 4), (1, 2)]);
}

#[test]
fn ranks_share_the_load_beside_the_messages() {
    let server = ServerProcess::start(&[]);
    let ranks = ["0", "1"].map(|index| {
        let args = format!("-c 3 -d 1s --load 3 --ranks 2 --rank {index}");
        rank(&server.host(), &args, &[])
    });
    let loads = ranks.map(|rank| {
        let results = results(rank);
        assert_eq!(results["arguments"]["load"], 3);
        assert_eq!(results["failures"], json!({}), "{results}");
        let load = &results["under_load"];
        assert_eq!(load["failures"], json!({}), "{load}");
        [&load["requested"], &load["opened"]].map(|count| count.as_u64().unwrap())
    });
    assert_eq!(loads, [[2, 2], [1, 1]]);
}

/// Each rank has a part of the rate, and draws times of its own.
#[test]
fn ranks_draw_their_own_arrivals() {
    let server = ServerProcess::start(&[]);
    let ranks = ["0", "1"].map(|index| {
        let args =
            format!("-c 2 -r 2000 -d 1s --pipeline 64 --arrivals poisson --ranks 2 --rank {index}");
        rank(&server.host(), &args, &[])
    });
    let sent = ranks.map(|rank| {
        let messages = &results(rank)["messages"];
        messages["sent"].as_u64().unwrap() + messages["unsent"].as_u64().unwrap()
    });
    // 1000 each, with a deviation of 32.
    assert!(
        sent.iter().all(|sent| (840..=1160).contains(sent)) && sent[0] != sent[1],
        "{sent:?}"
    );
}

#[test]
fn a_reply_for_another_host_is_of_another_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let mut ends: Vec<_> = (0..2).map(|_| listener.accept().unwrap().0).collect();
        let mut frames = [[0_u8; 16]; 2];
        for (end, frame) in ends.iter_mut().zip(&mut frames) {
            end.read_exact(frame).unwrap();
        }
        for (end, frame) in ends.iter_mut().zip(frames.iter().rev()) {
            end.write_all(frame).unwrap();
        }
        // Until both have ended.
        for end in &mut ends {
            let _ = end.read(&mut [0]);
        }
    });
    let ranks = ["0", "1"].map(|index| {
        let args = format!("-c 2 -n 2 --ranks 2 --rank {index} --timeout 5s");
        rank(&host, &args, &[])
    });
    for rank in ranks {
        let failures = &results(rank)["failures"];
        assert_eq!(failures["other_connection"], 1, "{failures}");
        assert!(failures["corrupt"].is_null(), "{failures}");
    }
    server.join().unwrap();
}

#[test]
fn a_rank_that_cannot_be_is_refused() {
    let args = |args: &str| {
        let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
        args
    };
    for (given, named) in [
        ("--ranks 3", "--rank"),
        ("--rank 1", "--ranks"),
        ("--ranks 3 --rank 3", "--rank: 3 of 3"),
        ("--ranks 3 --rank 0 -c 2", "--connections: 2 for 3 ranks"),
        ("--ranks 3 --rank 0 -n 2", "--requests: 2 for 3 ranks"),
        ("--ranks 3 --rank 0 -d 1s --load 2", "--load: 2 for 3 ranks"),
        (
            "--ranks 3 --rank 0 -r 1 -d 2s",
            "--rate over --duration: 2 for 3 ranks",
        ),
        ("--ranks 0 --rank 0", "--ranks"),
        (
            "--ranks 3 --rank 0 --json same --hdr same",
            "--json and --hdr both name same",
        ),
        (
            "--ranks 18446744073709551615 --rank 1",
            "--connections: 10 for",
        ),
        (
            "--ranks 3 --rank 0 --until p99±5%",
            "--until: 3 ranks would end at different times",
        ),
        ("capacity --slo p99<5ms --ranks 3", "--ranks"),
        ("--ranks 9000000 --rank 0 -c 20000000", "over all ranks"),
    ] {
        let given = args(given);
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        assert_usage_error("bench-client", &given, named);
    }
    let index = [("JOB_COMPLETION_INDEX", "2")];
    let output = rank("127.0.0.1:1", "-n 1", &index).wait().expect_code(2);
    assert!(output.stderr.contains("expected --ranks"), "{output}");
}

/// What measures by itself would be disturbed by others that do the same; what reads
/// files may run anywhere.
#[test]
fn what_takes_one_process_is_not_shared() {
    let variables = [("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "1")];
    let launched = |args: &[&str]| {
        let mut command = Command::new(program("bench-client"));
        Process::start(command.args(args).envs(variables)).wait()
    };
    for args in [&["capacity", "--slo", "p99<5ms"][..], &["overhead"]] {
        let output = launched(args).expect_code(2).expect_stderr(args[0]);
        let output = output.expect_stderr("this is rank 1 of 4");
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
    for args in [&["compare", "none", "none"][..], &["merge", "none"]] {
        let _ = launched(args).expect_code(1).expect_stderr("No such file");
    }
}

fn unix_now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs_f64()
}

#[test]
fn ranks_begin_together_after_their_warm_up() {
    let server = ServerProcess::start(&[]);
    let at = (unix_now() + 3.0).floor() + 0.5;
    let ranks = ["0", "1"].map(|index| {
        // One is launched later.
        thread::sleep(Duration::from_millis(300));
        let args =
            format!("-c 4 -r 400 -d 1s --warmup 500ms --start-at {at} --ranks 2 --rank {index}");
        rank(&server.host(), &args, &[])
    });
    for rank in ranks {
        let results = results(rank);
        let line = &results["ranks"][0];
        // Exactly then by the schedule, and the load before it by the warm-up.
        assert_eq!(line["start"], line["intended_start"], "{line}");
        assert!(
            line["start"].as_str().unwrap().ends_with(".500000Z"),
            "{line}"
        );
        assert!(results["started"].as_str().unwrap().contains(".000Z"));
        assert_eq!(results["elapsed_s"], 1.0);
        assert_eq!(results["messages"]["sent"], 200, "{results}");
        let slices = results["slices"].as_array().unwrap();
        assert_eq!(slices[0]["start_unix_s"].as_f64(), Some(at));
        let replies = slices
            .iter()
            .map(|slice| slice["replies"].as_u64().unwrap());
        let inside = results["messages"]["replies_in_window"].as_u64();
        assert_eq!(Some(replies.sum()), inside);
    }
}

#[test]
fn a_start_that_is_past_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let soon = format!("{} --warmup 1m", unix_now() + 20.0);
    for (at, expected) in [
        ("2026-01-01T00:00:00+01:00", "s past: give a later time"),
        ("1", "s past"),
        (&*soon, "--warmup takes 60 s"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("{rank}.json");
        let args = format!("-n 1 --start-at {at} --json {}", json.display());
        let args = args.split(' ').collect::<Vec<_>>();
        let args = [&["-h", &host], &args[..]].concat();
        let _ = testkit::run("bench-client", &args)
            .expect_code(1)
            .expect_stderr(expected);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
    assert!(listener.accept().is_err(), "a connection");
    assert_usage_error("bench-client", &["--start-at", "soon"], "--start-at");
}

#[test]
fn a_signal_ends_the_wait_for_the_start() {
    let server = ServerProcess::start(&[]);
    let mut waiting = rank(&server.host(), "-n 1 --start-at +1h -v", &[]);
    waiting.wait_for_stderr("connecting to");
    let begun = Instant::now();
    waiting.signal("INT");
    let _ = waiting.wait().expect_code(0);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn each_rank_has_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = ServerProcess::start(&[]);
    for index in ["0", "1"] {
        let args = [
            "-h",
            &server.host(),
            "-n",
            "2",
            "-c",
            "2",
            "--no-noise-floor",
        ];
        let ranks = ["--ranks", "2", "--rank", index];
        let files = [
            "--json",
            &path("{rank}.json"),
            "--hdr",
            &path("{rank}/{rank}.hdr"),
        ];
        std::fs::create_dir(path(index)).unwrap();
        let report = ["--report", &path("same.html")];
        let args = [&args[..], &ranks, &files, &report].concat();
        let _ = testkit::run("bench-client", &args)
            .expect_code(0)
            .expect_stderr("--report has no {rank}");
    }
    for name in ["0.json", "0/0.hdr", "1.json", "1/1.hdr", "same.html"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

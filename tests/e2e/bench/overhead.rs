//! `bench-client overhead`: the cost of options.

use serde_json::Value;
use testkit::{assert_usage_error, run};

#[test]
fn every_option_has_its_row() {
    let args = "overhead --warmup 0s --repeats 1 -d 100ms -c 2 --json -";
    let args: Vec<&str> = args.split(' ').collect();
    let output = run("bench-client", &args).expect_code(0);
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error} in {output}"));
    let rows = report["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    let expected = [
        "plain",
        "checksum",
        "compress",
        "tls",
        "heartbeat 100ms",
        "read-buffer 256",
        "write-buffer 1",
        "send-buffer 16k",
        "recv-buffer 16k",
        "no-nodelay",
        "plain again",
    ];
    assert_eq!(names, expected, "{output}");
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let wire = row["wire_bytes"]["median"].as_f64().unwrap();
        // 1 KiB, half of it random; header and checksum have 4 bytes each.
        match name {
            "checksum" => assert!((wire - 1032.0).abs() < 1e-9, "{wire}"),
            "compress" => assert!((512.0..1000.0).contains(&wire), "{wire}"),
            _ => assert!((wire - 1028.0).abs() < 1e-9, "{name}: {wire}"),
        }
        assert!(row["ratio"]["median"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["pairs"], 1, "{row}");
        assert_eq!(row["failures"], serde_json::json!({}), "{row}");
        // One pair cannot be significant.
        assert_eq!(row["significant"], Value::Null, "{row}");
    }
    assert_eq!(report["runs"].as_array().unwrap().len(), rows.len());
}

#[test]
fn its_values_are_checked() {
    for (option, named) in [
        ("--repeats=0", "repeats"),
        ("--entropy=2", "entropy"),
        ("--pipeline=0", "pipeline"),
        ("--size=1GiB", "size"),
    ] {
        assert_usage_error("bench-client", &["overhead", option], named);
    }
}

/// A file that cannot be written is not a failure of the runs.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_not_a_failure_of_the_runs() {
    let args = "overhead --repeats 1 -d 50ms -c 1 --json /dev/full";
    let args: Vec<&str> = args.split(' ').collect();
    let output = run("bench-client", &args).expect_code(1);
    let error = output.stderr.lines().last().unwrap();
    assert!(
        error.starts_with("bench-client: cannot write /dev/full: "),
        "{output}"
    );
}

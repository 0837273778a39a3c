//! Machine-readable output: the manuals name every field, and no other.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;
use testkit::{ServerProcess, run};

use super::document::{MarkdownFile, spans};

/// The names in a column of all tables below `headings`.
fn named(document: &MarkdownFile, headings: &[&str], column: usize) -> BTreeSet<String> {
    let rows = headings.iter().flat_map(|heading| document.rows(heading));
    let cells = rows.filter_map(|row| row.get(column).copied());
    cells.flat_map(spans).map(str::to_owned).collect()
}

#[track_caller]
fn assert_same(named: &BTreeSet<String>, real: &BTreeSet<String>) {
    let missing: Vec<_> = real.difference(named).collect();
    let surplus: Vec<_> = named.difference(real).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not in the manual: {missing:?}; not in the output: {surplus:?}"
    );
}

/// The fields of an object, with dots, down to values that are not objects. A
/// field in `whole` is not expanded.
fn fields(value: &Value, path: &str, whole: &[&str]) -> BTreeSet<String> {
    let object = value.as_object().filter(|_| !whole.contains(&path));
    let Some(object) = object else {
        return [path.to_owned()].into();
    };
    let dot = if path.is_empty() { "" } else { "." };
    let fields = object
        .iter()
        .flat_map(|(name, value)| fields(value, &format!("{path}{dot}{name}"), whole));
    fields.collect()
}

#[test]
fn json_fields() {
    let server = ServerProcess::start(&[]);
    let host = server.host();
    // An open loop has all of them.
    let args = format!("-h {host} -c 2 -d 200ms -r 1000 --expect errors=0 --json -");
    let output = run("bench-client", &args.split(' ').collect::<Vec<_>>()).expect_code(0);
    let results: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let manual = MarkdownFile::read("crates/bench-client/README.md");
    let headings = [
        "## JSON fields",
        "### What was requested",
        "### Connections and messages",
        "### Distributions",
        "### Machine",
    ];
    let mut named = named(&manual, &headings, 0);
    // Its own fields have separate rows.
    assert!(named.remove("latency"));
    let whole = ["failures", "latency_uncorrected", "schedule_lag", "tcp"];
    assert_same(&named, &fields(&results, "", &whole));
    // Fields of lists are in the second column.
    for list in [
        "latency.buckets",
        "latency.curve",
        "ranks",
        "slices",
        "series",
        "expectations",
    ] {
        let mut rows = headings.iter().flat_map(|heading| manual.rows(heading));
        let is_its = |row: &Vec<&str>| spans(row[0]).eq([list]);
        let row = rows.find(is_its).unwrap_or_else(|| panic!("no {list}"));
        let named = spans(row.last().unwrap()).map(str::to_owned);
        let named = named.filter(|name| !name.starts_with("--")).collect();
        let value = list.split('.').fold(&results, |value, name| &value[name]);
        assert_same(&named, &fields(&value[0], "", &[]));
    }
    let schema = format!("Schema {}.", results["schema"]);
    assert!(manual.has(&schema), "{schema}");
}

#[test]
fn statistics_and_close_reasons() {
    let mut server = ServerProcess::start(&["--stats", "-"]);
    let line = server.process().wait_for_stdout("{");
    let stats: Value = serde_json::from_str(&line).expect("JSON");
    let manual = MarkdownFile::read("crates/echo-server/README.md");
    let keys = named(&manual, &["## Statistics"], 0);
    assert_same(&keys, &fields(&stats, "", &["closed"]));
    let reasons = named(&manual, &["## Close reasons"], 0);
    assert_same(&reasons, &fields(&stats["closed"], "", &[]));
    let by_limits = named(&manual, &["## Limits"], 2);
    assert!(by_limits.is_subset(&reasons), "{by_limits:?}");
}

#[test]
fn metrics() {
    let mut server = ServerProcess::start(&["--metrics", "127.0.0.1:0"]);
    let line = server.process().wait_for_stderr("metrics on http://");
    let addr = line.split('/').nth(2).expect("an address");
    let mut stream = TcpStream::connect(addr).expect("a connection");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let (mut real, mut kinds) = (BTreeSet::new(), Vec::new());
    for (name, kind) in types.filter_map(|line| line.split_once(' ')) {
        real.insert(name.to_owned());
        kinds.push((name, kind));
    }
    let manual = MarkdownFile::read("crates/echo-server/README.md");
    let mut named = named(&manual, &["## Metrics"], 0);
    // A label.
    named.remove("reason");
    assert_same(&named, &real);
    for row in manual.rows("## Metrics").iter().skip(1) {
        let of_row: Vec<_> = spans(row[0]).collect();
        let others = kinds.iter().filter(|(name, _)| of_row.contains(name));
        let wrong: Vec<_> = others.filter(|(_, kind)| *kind != row[1]).collect();
        assert!(wrong.is_empty(), "{wrong:?} is not a {}", row[1]);
    }
}

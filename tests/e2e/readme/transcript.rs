//! A program's output compared with a document.

/// Whether figures must match.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TranscriptFigures {
    Same,
    Any,
}

/// Any lines, or none.
pub(super) const ANY_LINES: &str = "[...]";

/// Compares line by line, ignoring what differs between runs; returns the
/// difference.
pub(super) fn difference(
    printed: &str,
    expected: &[&str],
    figures: TranscriptFigures,
) -> Option<String> {
    let comparable = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let lines = lines.filter(|line| figures == TranscriptFigures::Same || !is_progress(line));
        let lines = lines.map(|line| comparable(line, figures));
        // The verdict of a run depends on the machine.
        lines.take_while(|line| !is_verdict(line)).collect()
    };
    let (printed_lines, expected_lines) = (
        comparable(&mut printed.lines()),
        comparable(&mut expected.iter().copied()),
    );
    let expected = expected.join("\n");
    let agrees = agrees(&printed_lines, &expected_lines);
    (!agrees).then(|| format!("says\n{expected}\nand it is\n{printed}"))
}

fn agrees(printed: &[String], expected: &[String]) -> bool {
    match expected {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == ANY_LINES => {
            (0..=printed.len()).any(|skipped| agrees(&printed[skipped..], rest))
        }
        [line, rest @ ..] => match printed {
            [first, others @ ..] => first == line && agrees(others, rest),
            [] => false,
        },
    }
}

fn is_progress(line: &str) -> bool {
    line.contains("Queries Per Second: ")
}

fn is_verdict(line: &str) -> bool {
    line.starts_with("VALID") || line.starts_with("SUSPECT")
}

/// A line without times, ports and fingerprints, and without figures if those
/// may differ.
fn comparable(line: &str, figures: TranscriptFigures) -> String {
    let words = line.split_whitespace().enumerate();
    // Documents omit the timestamps of a log.
    let words = words.filter(|(n, word)| *n > 0 || !is_time(word));
    let mut words: Vec<&str> = words.map(|(_, word)| name(word)).collect();
    if figures == TranscriptFigures::Any {
        if line.starts_with("  ") {
            // A row of latencies, or of a histogram with fewer rows.
            words.truncate(1);
        }
        words.retain(|word| !is_unit_or_bar(word));
        for word in &mut words {
            if is_figure(word) {
                *word = "0";
            }
        }
        words.dedup();
    }
    words.join(" ")
}

fn is_time(word: &str) -> bool {
    word.len() > 20 && word.starts_with("20") && word.ends_with('Z')
}

/// A placeholder for a word that differs between runs.
fn name(word: &str) -> &str {
    let is_fingerprint = word.len() >= 95 && word.split(':').count() >= 32;
    let port = word
        .strip_prefix("127.0.0.1:")
        .filter(|port| *port != "60000");
    match port {
        _ if is_fingerprint => "FINGERPRINT",
        Some(_) => "127.0.0.1:PORT",
        None => word,
    }
}

fn is_figure(word: &str) -> bool {
    let word = word.trim_start_matches('(');
    word == "-" || word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_unit_or_bar(word: &str) -> bool {
    let word = word.trim_end_matches([',', ')', ';', ':']);
    let units = [
        "ns", "µs", "ms", "s", "B/s", "kB/s", "MB/s", "GB/s", "%", "≤",
    ];
    units.contains(&word) || word.bytes().all(|byte| byte == b'#')
}

#[test]
fn lines_agree_except_for_variable_parts() {
    let assert_same = |a: &str, b: &str, figures| {
        assert_eq!(comparable(a, figures), comparable(b, figures));
    };
    assert_same(
        "2026-11-26T03:30:46.575Z  INFO closing 127.0.0.1:1234",
        "INFO closing 127.0.0.1:60001",
        TranscriptFigures::Same,
    );
    assert_same(
        "throughput   86.6k messages/s, 1.04 MB/s of payload each way",
        "throughput   999 messages/s, 12.0 kB/s of payload each way",
        TranscriptFigures::Any,
    );
    assert_same(
        "  p99        8.65 ms   ≤ 2.38 ms ###  7  9 %",
        "  p99  -",
        TranscriptFigures::Any,
    );
    let lines = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    assert!(agrees(&lines("a b c d"), &lines("a [...] d")));
    assert!(agrees(&lines("a d"), &lines("a [...] d")));
    assert!(!agrees(&lines("a b c"), &lines("a [...] d")));
    assert!(!agrees(&lines("a b"), &lines("a")));
    assert!(!agrees(&lines("a"), &lines("a b")));
}

//! The text of an expectation.

use super::{Expect, Metric, Operator};

/// The longer ones first: `<` would match `<=` as well.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Below),
    (">", Operator::Above),
    ("=", Operator::Equal),
];

/// Units of a latency, in microseconds.
const UNITS: [(&str, f64); 5] = [
    ("ns", 1e-3),
    ("us", 1.0),
    ("µs", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
];

/// Factors of a number.
const FACTORS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

/// Parses an expectation: a metric, an operator and a value.
///
/// # Errors
///
/// What was expected, in one line.
pub(super) fn parse(text: &str) -> Result<Expect, String> {
    if text.trim() == "valid" {
        return Ok(Expect {
            text: text.to_owned(),
            metric: Metric::Valid,
            operator: Operator::Equal,
            bound: 1.0,
            unit: 1.0,
        });
    }
    let (metric, rest) = text
        .find(['<', '>', '='])
        .map(|at| text.split_at(at))
        .ok_or("expected valid, or a metric, one of < <= > >= = and a value, such as p99<5ms")?;
    let metric = parse_metric(metric.trim())?;
    let (operator, value) = OPERATORS
        .iter()
        .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?.trim())))
        .ok_or("expected one of < <= > >= =")?;
    let (bound, unit) = if metric.is_latency() {
        let (number, unit) = parse_value(value, &UNITS)
            .ok_or("expected a latency with its unit, such as 800us, 1.5ms or 2s")?;
        (number, unit)
    } else {
        let (number, factor) = parse_value(value, &FACTORS)
            .ok_or("expected a number without a unit, such as 0, 50000, 50k or 1.5M")?;
        (number * factor, 1.0)
    };
    Ok(Expect {
        text: text.to_owned(),
        metric,
        operator,
        bound,
        unit,
    })
}

fn parse_metric(name: &str) -> Result<Metric, String> {
    Ok(match name {
        "qps" | "throughput" => Metric::Throughput,
        "errors" | "failures" => Metric::Failures,
        "unanswered" => Metric::Unanswered,
        "unsent" => Metric::Unsent,
        "connections" => Metric::Connections,
        "min" => Metric::Min,
        "mean" => Metric::Mean,
        "max" => Metric::Max,
        _ => name
            .strip_prefix('p')
            .and_then(parse_number)
            .filter(|percentile| *percentile <= 100.0)
            .map(|percentile| Metric::Percentile(percentile / 100.0))
            .ok_or(
                "expected qps, errors, unanswered, unsent, connections, min, mean, max or a \
                 percentile such as p99.9",
            )?,
    })
}

/// A number and what its suffix stands for.
fn parse_value(text: &str, suffixes: &[(&str, f64)]) -> Option<(f64, f64)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (_, scale) = suffixes.iter().find(|(name, _)| *name == suffix.trim())?;
    Some((parse_number(number)?, *scale))
}

/// Digits with or without a point: `f64` itself would take `inf` and `1e5`.
fn parse_number(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = text.parse().ok().filter(|_| is_plain)?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_factors_and_latencies_units() {
        for (text, bound) in [
            ("qps>50000", 50_000.0),
            ("qps>50k", 50_000.0),
            ("qps>1.5M", 1_500_000.0),
            ("p99<1.5ms", 1.5),
            ("errors==3", 3.0),
            ("qps=1G", 1e9),
            ("max<=2s", 2.0),
            ("unsent = 0.5", 0.5),
        ] {
            let off = parse(text).unwrap().bound - bound;
            assert!(off.abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_in_one_line() {
        for (bad, expected) in [
            ("", "or a metric, one of"),
            ("p99", "or a metric, one of"),
            ("invalid", "expected valid"),
            ("<5ms", "expected qps, errors"),
            ("p<5ms", "expected qps, errors"),
            ("p101<5ms", "expected qps, errors"),
            ("p-1<5ms", "expected qps, errors"),
            ("pNaN<5ms", "expected qps, errors"),
            ("median<5ms", "expected qps, errors"),
            ("p99<5", "a latency with its unit"),
            ("p99<", "a latency with its unit"),
            ("p99<ms", "a latency with its unit"),
            ("p99<-5ms", "a latency with its unit"),
            ("p99<1.2.3ms", "a latency with its unit"),
            ("p99<5h", "a latency with its unit"),
            ("p99===5ms", "a latency with its unit"),
            ("valid=1", "expected qps, errors"),
            ("qps>5ms", "a number without a unit"),
            ("qps>", "a number without a unit"),
            ("qps>inf", "a number without a unit"),
            ("qps>1e5", "a number without a unit"),
            ("errors=none", "a number without a unit"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

//! Whether there were enough samples for the figures.

use crate::{format::plural, results::Results, statistics::percentile::samples_needed};

/// A percentile that `--expect` requests.
pub(super) fn too_few(results: &Results) -> Option<String> {
    let count = results.latency.count;
    let needed = results
        .expectations
        .iter()
        .filter_map(|each| each.samples_needed);
    needed.max().map(|needed| {
        format!(
            "{}, too few for an expected percentile, which requires {needed}: raise -d or -n",
            plural(count, "sample")
        )
    })
}

/// The percentile that every summary shows.
pub(super) fn few(results: &Results) -> Option<String> {
    let (count, needed) = (results.latency.count, samples_needed(0.99));
    (0 < count && count < needed && too_few(results).is_none()).then(|| {
        let samples = plural(count, "sample");
        format!("{samples}, too few for p99, which requires {needed}: raise -d or -n")
    })
}

/// A figure that is not known as precisely as requested.
pub(super) fn imprecise(results: &Results) -> Option<String> {
    let precision = results.precision.as_ref().filter(|each| !each.reached)?;
    let known = match precision.share() {
        Some(share) => format!("it is known to ±{:.1} %", 100.0 * share),
        None => "its interval is not known".to_owned(),
    };
    Some(format!(
        "{} was not reached, {known}: raise -d, or find in the series what changes",
        precision.text
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        results::{Expectation, sample},
        statistics::Precision,
        verdict::tests::{noted, suspect, valid},
    };

    #[test]
    fn p99_takes_a_thousand_replies() {
        let mut none = sample();
        none.latency.count = 0;
        assert_eq!(few(&none), None);
        valid(|results| results.latency.count = 1000);
        noted(
            |results| results.latency.count = 999,
            "999 samples, too few for p99, which requires 1000",
        );
        let expect = |needed: Option<u64>, results: &mut Results| {
            results.latency.count = 999;
            results.expectations = vec![Expectation {
                text: "p99<1s".to_owned(),
                measured: None,
                met: false,
                samples_needed: needed,
            }];
        };
        suspect(
            |results| expect(Some(1000), results),
            "999 samples, too few for an expected percentile, which requires 1000",
        );
        noted(|results| expect(None, results), "too few for p99");
    }

    #[test]
    fn a_figure_that_is_not_precise_enough_is_noted() {
        let precision = |reached, high| Precision {
            text: "throughput±2%".to_owned(),
            figure: Some(1000.0),
            low: Some(950.0),
            high,
            reached,
            looks: 5,
        };
        valid(|results| results.precision = Some(precision(true, Some(1050.0))));
        noted(
            |results| results.precision = Some(precision(false, Some(1050.0))),
            "throughput±2% was not reached, it is known to ±5.0 %: raise -d",
        );
        noted(
            |results| results.precision = Some(precision(false, None)),
            "its interval is not known",
        );
    }
}

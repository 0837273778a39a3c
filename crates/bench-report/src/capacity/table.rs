//! The probes and the answer as text.

use std::fmt;

use super::{
    report::{CapacityReport, Probe, ProbeOutcome},
    search::Answer,
};
use crate::format::{Latency, or_dash, per_second, plural, wrap};

/// A line per probe, by rate, and the answer below.
pub struct CapacityTable<'a>(pub &'a CapacityReport);

impl fmt::Display for CapacityTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let arguments = &report.arguments;
        writeln!(
            f,
            "{}, {}, {} bytes, up to {} in flight on each of {}",
            report.target.address,
            arguments.wire,
            arguments.size,
            arguments.pipeline,
            plural(arguments.connections, "connection")
        )?;
        let heads = ["rate", "throughput", "p50", "p99"];
        for head in heads {
            write!(f, "{head:>11}")?;
        }
        writeln!(f, "  {}", report.slo.join(", "))?;
        let mut probes: Vec<&Probe> = report.probes.iter().collect();
        probes.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        for probe in probes {
            let (figures, outcome) = probe.lines();
            writeln!(f, "{}", wrap(&figures, &outcome))?;
        }
        f.write_str(&wrap("capacity     ", &self.answer()))
    }
}

impl CapacityTable<'_> {
    fn answer(&self) -> String {
        let slo = self.0.slo.join(", ");
        match self.0.answer {
            Some(answer) => answer.describe(&slo),
            None => "not known: interrupted by a signal or a failed probe".to_owned(),
        }
    }
}

impl Answer {
    /// The answer in a sentence.
    #[must_use]
    pub fn describe(&self, slo: &str) -> String {
        match *self {
            Self::Between { met, missed } => format!(
                "between {} (met {slo} in every probe) and {} (missed it in every probe)",
                per_second(met),
                per_second(missed)
            ),
            Self::AtLeast { met } => format!(
                "at least {}, the highest rate to try: it met {slo} in every probe",
                per_second(met)
            ),
            Self::Below { missed } => format!(
                "below {}, the lowest rate to try: it missed {slo}; lower --from",
                per_second(missed)
            ),
            Self::Unstable { from, to } => {
                let (from, to) = (per_second(from), per_second(to));
                let at = if from == to {
                    format!("at {to}")
                } else {
                    format!("between {from} and {to}")
                };
                format!(
                    "no stable answer: probes disagree about {slo} {at}; the server or its machine \
                     changes with time"
                )
            }
            Self::Unclear { met, rate } => {
                let met = met.map(|met| format!("; {} met {slo}", per_second(met)));
                format!(
                    "not known: the last probes, at {}, could not be judged{}",
                    per_second(rate),
                    met.unwrap_or_default()
                )
            }
        }
    }

    /// Whether the capacity was found.
    #[must_use]
    pub const fn is_found(&self) -> bool {
        matches!(self, Self::Between { .. } | Self::AtLeast { .. })
    }
}

impl Probe {
    /// The figures in columns, and the outcome.
    fn lines(&self) -> (String, String) {
        let rates = [self.rate, self.throughput].map(per_second);
        let latencies = [self.p50_us, self.p99_us].map(|us| or_dash(us.map(Latency)));
        let cells = rates.iter().chain(&latencies);
        let figures: Vec<_> = cells.map(|cell| format!("{cell:>11}")).collect();
        let outcome = match self.outcome {
            ProbeOutcome::Met => "met",
            ProbeOutcome::Missed => "missed",
            ProbeOutcome::Unclear => "unclear",
        };
        let outcome = match &self.reason {
            // The text of an expectation includes its outcome.
            Some(reason) if reason.contains(" missed: ") => reason.clone(),
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome.to_owned(),
        };
        (figures.concat() + "  ", outcome)
    }
}

/// `16.0k/s    16.0k/s    40.1 µs    120 µs  met`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figures, outcome) = self.lines();
        write!(f, "{figures}{outcome}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_claims_only_what_probes_have_shown() {
        let say = |answer: Answer| answer.describe("p99<5ms");
        let unstable = |from, to| say(Answer::Unstable { from, to });
        assert!(unstable(1000.0, 2000.0).contains("p99<5ms between 1.00k/s and 2.00k/s;"));
        assert!(unstable(5000.0, 5000.0).contains("p99<5ms at 5.00k/s;"));
        let unclear = |met| say(Answer::Unclear { met, rate: 2000.0 });
        let start = "not known: the last probes, at 2.00k/s, could not be judged";
        assert_eq!(unclear(None), start);
        assert_eq!(
            unclear(Some(2000.0)),
            format!("{start}; 2.00k/s met p99<5ms")
        );
    }
}

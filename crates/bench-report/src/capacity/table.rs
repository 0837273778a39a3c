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
            None => "not known: interrupted".to_owned(),
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
            Self::Unstable { from, to } => format!(
                "no stable answer: probes disagree about {slo} between {} and {}; the server or \
                 its machine changes with time",
                per_second(from),
                per_second(to)
            ),
            Self::Unclear { met, rate } => {
                let at_least = met.map(|met| format!("at least {}, but ", per_second(met)));
                format!(
                    "{}not known: no probe at {} could be judged",
                    at_least.unwrap_or_default(),
                    per_second(rate)
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

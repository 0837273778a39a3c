//! What the ranks of one run have to agree in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use super::window::CommonWindow;
use crate::{
    format::Latency,
    results::{Arguments, Arrivals, RankLine},
    saved::{differing_fields, printable},
};

/// How far apart the ranks may begin: beyond that the load grows in steps.
const MAX_APART_S: f64 = 0.1;

/// The share of the pause between two messages by which the schedules of ranks may be
/// apart: beyond it a message is nearer to the place of another than to its own.
const MAX_SHIFT: f64 = 0.5;

/// The share of the longest measurement that all have to have in common.
const MIN_OVERLAP: f64 = 0.99;

/// How far apart launches by launchers are at most. Beyond that, clocks that are
/// not known to be synchronised may be wrong by as much.
const MAX_LAUNCH_S: f64 = 1.0;

/// Ranks that a reason names.
const NAMED: usize = 6;

/// All files, as far as they have to agree.
pub(super) struct Agreement {
    ranks: u64,
    /// The pause between two messages of an open loop, if all pauses are to be equal.
    pause_s: Option<f64>,
    first: String,
    fields: Value,
    /// Files that differ from the first: their ranks, and in what.
    differing: Vec<(Vec<u64>, String)>,
    lines: Vec<RankLine>,
}

impl Agreement {
    pub(super) fn new(arguments: &Arguments, first: &Path, fields: Value) -> Self {
        let is_even = arguments.arrivals == Arrivals::Uniform;
        Self {
            ranks: arguments.ranks,
            pause_s: arguments.rate.filter(|_| is_even).map(|rate| 1.0 / rate),
            first: first.display().to_string(),
            fields,
            differing: Vec::new(),
            lines: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, path: &Path, fields: &Value, lines: Vec<RankLine>) {
        if let Some(differing) = differing_fields(&self.fields, fields) {
            let ranks: Vec<u64> = lines.iter().map(|line| line.rank).collect();
            let differing = format!("{} ({}): {differing}", named(&ranks), path.display());
            self.differing.push((ranks, differing));
        }
        self.lines.extend(lines);
    }

    /// Why the merged figures may be wrong.
    pub(super) fn reasons(&self, window: &CommonWindow) -> Vec<String> {
        // Merged results have only what was in common; their ranks have all.
        let lengths = self.lines.iter().map(|line| line.elapsed_s);
        let longest_s = lengths.fold(0.0, f64::max);
        [
            self.missing(),
            self.twice(),
            self.differing(),
            self.apart(),
            self.shifted(),
            overlap(window, longest_s),
            self.clocks(),
            self.suspect(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn missing(&self) -> Option<String> {
        let present: BTreeSet<u64> = self.lines.iter().map(|line| line.rank).collect();
        let all = self.ranks;
        let count = all.saturating_sub(present.len() as u64);
        // A file may say any number of them.
        let missing = (0..all).filter(|rank| !present.contains(rank));
        let missing: Vec<u64> = missing.take(NAMED + 1).collect();
        (count > 0).then(|| {
            let verb = if count == 1 { "is" } else { "are" };
            format!(
                "{count} of {all} ranks {verb} missing ({}): what they sent is in no figure, so \
                 look for what ended them",
                named(&missing)
            )
        })
    }

    fn twice(&self) -> Option<String> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.rank).or_insert(0_u64) += 1;
        }
        let twice: Vec<u64> = counts
            .into_iter()
            .filter_map(|(rank, count)| (count > 1).then_some(rank))
            .collect();
        (!twice.is_empty()).then(|| {
            format!(
                "{} there more than once: give each rank of one run once",
                is_or_are(&twice)
            )
        })
    }

    fn differing(&self) -> Option<String> {
        let differing = self
            .differing
            .iter()
            .map(|(_, differing)| differing.clone());
        let (first, others) = (&self.first, bounded(&differing.collect::<Vec<_>>()));
        (!self.differing.is_empty()).then(|| {
            format!("arguments differ from those of {first}: {others}: repeat with equal ones")
        })
    }

    /// Notes with the ranks what merged results do not show: they have the arguments of
    /// the first file.
    pub(super) fn mark(&self, lines: &mut [RankLine]) {
        for (ranks, differing) in &self.differing {
            for line in lines.iter_mut().filter(|line| ranks.contains(&line.rank)) {
                line.reasons.push(format!(
                    "arguments differ, {differing}: repeat with equal ones"
                ));
            }
        }
    }

    fn apart(&self) -> Option<String> {
        let late = away(&self.lines, MAX_APART_S, |line| &line.start);
        (!late.is_empty()).then(|| {
            format!(
                "starts are apart: {} the median rank: give all ranks one --start-at, with time \
                 enough to connect",
                bounded(&late)
            )
        })
    }

    /// Schedules count from the start that is intended, so that those of ranks with the
    /// same one interleave, whatever that is, and however late one of them begins.
    fn shifted(&self) -> Option<String> {
        let pause_s = self.pause_s?;
        let shifted = away(&self.lines, MAX_SHIFT * pause_s, |line| {
            line.intended_start.as_ref().unwrap_or(&line.start)
        });
        // What is further apart than that is said, with the same advice.
        (!shifted.is_empty() && self.apart().is_none()).then(|| {
            format!(
                "schedules do not interleave: {} the median rank, with a message due every {}: \
                 give all ranks one --start-at",
                bounded(&shifted),
                Latency(1e6 * pause_s)
            )
        })
    }

    /// Ranks of one kernel have one clock, whatever that says.
    fn clocks(&self) -> Option<String> {
        let is_known = |line: &&RankLine| line.clock_synchronised == Some(true);
        let most = self.clock_of_most();
        let has_most = |line: &RankLine| most.is_some() && line.clock.as_deref() == most;
        if self.lines.iter().all(has_most) {
            return None;
        }
        let mut unknown: Vec<&RankLine> = self.lines.iter().filter(|l| !is_known(l)).collect();
        // Those that are not as the most are, if there are such.
        if unknown.iter().any(|line| !has_most(line)) {
            unknown.retain(|line| !has_most(line));
        }
        if unknown.is_empty() {
            return None;
        }
        let ranks: Vec<u64> = unknown.iter().map(|line| line.rank).collect();
        let launched = away(&self.lines, MAX_LAUNCH_S, |line| &line.launched);
        let hint = if launched.is_empty() {
            String::new()
        } else {
            let launched = bounded(&launched);
            format!(" (launched by its own clock: {launched} the median rank)")
        };
        Some(format!(
            "clocks of {} are not known to be synchronised{hint}: starts may be further apart than \
             they say, so let NTP or PTP synchronise them",
            named(&ranks)
        ))
    }

    /// The clock that more than half of the ranks have.
    fn clock_of_most(&self) -> Option<&str> {
        let mut counts = BTreeMap::new();
        for clock in self.lines.iter().filter_map(|line| line.clock.as_deref()) {
            *counts.entry(clock).or_insert(0) += 1;
        }
        let most = counts
            .into_iter()
            .find(|(_, count)| 2 * count > self.lines.len());
        most.map(|(clock, _)| clock)
    }

    fn suspect(&self) -> Option<String> {
        let suspect = self.lines.iter();
        let suspect = suspect.filter_map(|line| {
            let reason = line.reasons.first()?;
            let what = reason.split_once(": ").map_or(&**reason, |(what, _)| what);
            Some(format!("rank {}: {}", line.rank, printable(what)))
        });
        let suspect: Vec<String> = suspect.collect();
        (!suspect.is_empty()).then(|| {
            format!(
                "SUSPECT on their own: {} of {} ranks ({}): see what each says",
                suspect.len(),
                self.lines.len(),
                bounded(&suspect)
            )
        })
    }
}

fn overlap(window: &CommonWindow, longest_s: f64) -> Option<String> {
    let length_s = window.length_s();
    // Not `<`, which NaN would pass.
    let is_enough = length_s >= MIN_OVERLAP * longest_s;
    (!is_enough).then(|| {
        format!(
            "all ranks measured together for {:#} of {:#}: the figures are of that time only, so \
             start and end all ranks together",
            Latency(1e6 * length_s),
            Latency(1e6 * longest_s)
        )
    })
}

/// The ranks of which an instant is further than `most_s` from the median one.
fn away(lines: &[RankLine], most_s: f64, instant: impl Fn(&RankLine) -> &String) -> Vec<String> {
    let at = |line| {
        let time = humantime::parse_rfc3339(instant(line)).ok()?;
        Some(
            time.duration_since(std::time::UNIX_EPOCH)
                .ok()?
                .as_secs_f64(),
        )
    };
    let mut sorted: Vec<f64> = lines.iter().filter_map(at).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(median_s) = sorted.get(sorted.len() / 2) else {
        return Vec::new();
    };
    let away = lines.iter().filter_map(|line| {
        let away_s = at(line)? - median_s;
        let side = if away_s < 0.0 { "before" } else { "after" };
        let away = Latency(1e6 * away_s.abs());
        (away_s.abs() > most_s).then(|| format!("rank {} {away} {side}", line.rank))
    });
    away.collect()
}

/// As many as one reads.
fn bounded(texts: &[String]) -> String {
    let shown = texts.get(..NAMED).unwrap_or(texts).join(", ");
    match texts.len().saturating_sub(NAMED) {
        0 => shown,
        _ => format!("{shown} and others"),
    }
}

/// `rank 3` or `ranks 3, 5`.
fn named(ranks: &[u64]) -> String {
    let s = if ranks.len() == 1 { "" } else { "s" };
    let ranks: Vec<String> = ranks.iter().map(u64::to_string).collect();
    format!("rank{s} {}", bounded(&ranks))
}

fn is_or_are(ranks: &[u64]) -> String {
    let verb = if ranks.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", named(ranks))
}

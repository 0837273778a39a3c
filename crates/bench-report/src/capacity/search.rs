//! Which rate to try next, and when the answer is known.

use serde::Serialize;

/// Factor between two rates until one misses.
const GROWTH: f64 = 2.0;

/// Factor between the highest rate that met and the lowest that missed, below which
/// the search ends and the confirmation begins.
const RESOLUTION: f64 = 1.05;

/// Probes that have to agree at each end of the interval.
const CONFIRMATIONS: u32 = 3;

/// Factor by which an end moves outwards when one of its probes disagrees.
const WIDENING: f64 = 1.1;

/// Factor between the ends above which there is no stable answer.
const WIDEST: f64 = 1.5;

/// Unclear probes in a row after which the search gives up.
const MAX_UNCLEAR: u32 = 3;

/// The rates to search, per second.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The first and lowest rate to try.
    pub from: f64,
    /// The highest rate to try.
    pub to: Option<f64>,
}

/// The next step of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchStep {
    /// Try this rate, per second.
    Probe(f64),
    /// The search is over.
    Done(Answer),
}

/// What a search found, in messages per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// Every probe at `met` met the expectations, and every probe at `missed` missed
    /// one.
    Between {
        /// The capacity is at least this.
        met: f64,
        /// The capacity is below this.
        missed: f64,
    },
    /// Met at the highest rate to try.
    AtLeast {
        /// That rate.
        met: f64,
    },
    /// Missed at the lowest rate to try.
    Below {
        /// That rate.
        missed: f64,
    },
    /// Probes at the same rates disagree.
    Unstable {
        /// The lowest rate tried for an end of the interval.
        from: f64,
        /// The highest.
        to: f64,
    },
    /// Several probes at one rate could not be judged.
    Unclear {
        /// The highest rate that met the expectations.
        met: Option<f64>,
        /// The rate that could not be judged.
        rate: f64,
    },
}

/// Geometric steps until a rate misses, then bisection, then confirmation of both
/// ends. An end that a probe contradicts moves outwards, so that the probes disagree
/// only about rates between the ends.
#[derive(Clone, Debug)]
pub struct Search {
    range: Range,
    met: Option<Bound>,
    missed: Option<Bound>,
    unclear: u32,
    is_confirming: bool,
    is_unstable: bool,
}

/// A rate and how many probes agree on it.
#[derive(Clone, Copy, Debug)]
struct Bound {
    rate: f64,
    probes: u32,
}

impl Search {
    /// A search before its first probe.
    #[must_use]
    pub const fn new(range: Range) -> Self {
        Self {
            range,
            met: None,
            missed: None,
            unclear: 0,
            is_confirming: false,
            is_unstable: false,
        }
    }

    /// The next step.
    #[must_use]
    pub fn step(&self) -> SearchStep {
        let next = self.next_rate();
        let met = self.met.map(|end| end.rate);
        match (next, self.missed) {
            (Some(rate), _) if self.unclear >= MAX_UNCLEAR => {
                SearchStep::Done(Answer::Unclear { met, rate })
            }
            (_, Some(missed)) if self.is_unstable => SearchStep::Done(Answer::Unstable {
                from: met.unwrap_or(self.range.from),
                to: missed.rate,
            }),
            (Some(rate), _) => SearchStep::Probe(rate),
            (None, missed) => SearchStep::Done(match (met, missed.map(|end| end.rate)) {
                (Some(met), Some(missed)) => Answer::Between { met, missed },
                (Some(met), None) => Answer::AtLeast { met },
                (None, missed) => Answer::Below {
                    missed: missed.unwrap_or(self.range.from),
                },
            }),
        }
    }

    /// The next rate to try; `None` when both ends are confirmed.
    fn next_rate(&self) -> Option<f64> {
        let is_unconfirmed = |end: &Bound| end.probes < CONFIRMATIONS;
        match (self.met, self.missed) {
            (None, None) => Some(self.range.from),
            (Some(met), None) => {
                let is_last = self.range.to.is_some_and(|to| met.rate >= to);
                let next = self.range.to.unwrap_or(f64::MAX).min(GROWTH * met.rate);
                if is_last {
                    is_unconfirmed(&met).then_some(met.rate)
                } else {
                    Some(next)
                }
            }
            (None, Some(missed)) => is_unconfirmed(&missed).then_some(missed.rate),
            (Some(met), Some(missed)) => {
                if !self.is_confirming && missed.rate / met.rate > RESOLUTION {
                    return Some((met.rate * missed.rate).sqrt());
                }
                // In turn, so that a drift does not favour one end.
                let fewer = if missed.probes < met.probes {
                    missed
                } else {
                    met
                };
                is_unconfirmed(&fewer).then_some(fewer.rate)
            }
        }
    }

    /// Records whether the expectations were met at `rate`, that of the last step.
    pub fn record(&mut self, rate: f64, is_met: bool) {
        self.unclear = 0;
        let (end, other) = if is_met {
            (&mut self.met, &mut self.missed)
        } else {
            (&mut self.missed, &mut self.met)
        };
        match other.filter(|other| same(other.rate, rate)) {
            Some(contradicted) => {
                self.is_confirming = true;
                let moved = if is_met {
                    contradicted.rate * WIDENING
                } else {
                    contradicted.rate / WIDENING
                };
                // The end of the range was both met and missed.
                let highest = self.range.to.unwrap_or(f64::MAX);
                self.is_unstable |= moved < self.range.from || moved > highest;
                *other = Some(Bound {
                    rate: moved.max(self.range.from).min(highest),
                    probes: 0,
                });
                end.get_or_insert(Bound { rate, probes: 1 });
            }
            None => match end {
                Some(end) if same(end.rate, rate) => end.probes += 1,
                _ => *end = Some(Bound { rate, probes: 1 }),
            },
        }
        if let (Some(met), Some(missed)) = (self.met, self.missed) {
            self.is_confirming |= missed.rate / met.rate <= RESOLUTION;
            self.is_unstable |= self.is_confirming && missed.rate / met.rate > WIDEST;
        }
    }

    /// Records that the last step's probe could not be judged.
    pub fn record_unclear(&mut self) {
        self.unclear += 1;
    }
}

/// Whether two rates are equal but for rounding.
fn same(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches with `is_met(rate, probe)`; also returns the number of probes.
    fn search(range: Range, mut is_met: impl FnMut(f64, u32) -> bool) -> (Answer, u32) {
        let mut search = Search::new(range);
        for probe in 0..1000 {
            match search.step() {
                SearchStep::Probe(rate) => search.record(rate, is_met(rate, probe)),
                SearchStep::Done(answer) => return (answer, probe),
            }
        }
        unreachable!("no end: {search:?}")
    }

    const ALL: Range = Range {
        from: 1000.0,
        to: None,
    };

    /// Where probes at the ends of the range disagree, too.
    #[test]
    fn no_rate_outside_the_range_is_tried() {
        let range = Range {
            from: 100.0,
            to: Some(200.0),
        };
        let disagree = |at: f64| {
            let mut probes = 0;
            let (answer, _) = search(range, |rate, _| {
                assert!((100.0..=200.0).contains(&rate), "{rate}");
                probes += u32::from(same(rate, at));
                if same(rate, at) {
                    probes % 2 == 1
                } else {
                    rate < at
                }
            });
            answer
        };
        for at in [100.0, 200.0] {
            let Answer::Unstable { from, to } = disagree(at) else {
                unreachable!("{:?}", disagree(at));
            };
            assert!(from >= 100.0 && to <= 200.0, "{from} {to}");
        }
    }

    #[test]
    fn a_known_capacity_is_enclosed() {
        for capacity in [1000.0, 1001.0, 1500.0, 9999.0, 43_210.0, 7e6] {
            let (answer, probes) = search(ALL, |rate, _| rate <= capacity);
            let Answer::Between { met, missed } = answer else {
                unreachable!("{answer:?}");
            };
            assert!(met <= capacity && capacity < missed, "{answer:?}");
            assert!(missed / met <= RESOLUTION, "{answer:?}");
            assert!(probes < 30, "{probes}");
        }
    }

    #[test]
    fn the_range_is_kept() {
        let narrow = Range {
            to: Some(5000.0),
            ..ALL
        };
        let (answer, _) = search(narrow, |rate, _| {
            assert!((1000.0..=5000.0).contains(&rate), "{rate}");
            true
        });
        assert_eq!(answer, Answer::AtLeast { met: 5000.0 });
        let (answer, _) = search(narrow, |rate, _| {
            assert!(same(rate, 1000.0), "{rate}");
            false
        });
        assert_eq!(answer, Answer::Below { missed: 1000.0 });
    }

    /// Noise near the capacity is between the ends.
    #[test]
    fn an_end_that_is_contradicted_moves_outwards() {
        let (answer, _) = search(ALL, |rate, probe| {
            let is_noisy = (9_700.0..10_300.0).contains(&rate);
            if is_noisy {
                probe % 2 == 0
            } else {
                rate < 10_000.0
            }
        });
        let Answer::Between { met, missed } = answer else {
            unreachable!("{answer:?}");
        };
        assert!(met < 9_700.0 && missed > 10_300.0, "{answer:?}");
    }

    #[test]
    fn a_server_that_gets_slower_has_no_stable_answer() {
        let (answer, _) = search(ALL, |rate, probe| {
            rate < 50_000.0 * 0.9_f64.powf(f64::from(probe))
        });
        let is_unstable = matches!(answer, Answer::Unstable { .. } | Answer::Below { .. });
        assert!(is_unstable, "{answer:?}");
    }

    #[test]
    fn what_cannot_be_judged_ends_the_search() {
        let mut search = Search::new(ALL);
        search.record(1000.0, true);
        for _ in 0..MAX_UNCLEAR {
            assert_eq!(search.step(), SearchStep::Probe(2000.0));
            search.record_unclear();
        }
        let unclear = Answer::Unclear {
            met: Some(1000.0),
            rate: 2000.0,
        };
        assert_eq!(search.step(), SearchStep::Done(unclear));
        // One that could be judged in between starts the count anew.
        let mut search = Search::new(ALL);
        search.record_unclear();
        search.record(1000.0, true);
        search.record_unclear();
        search.record_unclear();
        assert_eq!(search.step(), SearchStep::Probe(2000.0));
    }
}

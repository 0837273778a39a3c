//! What the figures were judged by: each `--expect`, and the verdict.

use serde::{Deserialize, Serialize};

/// One `--expect` and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// As given.
    pub text: String,
    /// In the unit of `text`; `null` when nothing was measured, or too few samples
    /// for the percentile.
    pub measured: Option<f64>,
    /// Whether it holds.
    pub met: bool,
    /// Samples that its percentile requires, when there were fewer.
    pub samples_needed: Option<u64>,
}

/// Whether the figures can be relied on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// No figure is in doubt.
    pub valid: bool,
    /// Why a figure may be wrong, each with its remedy.
    pub reasons: Vec<String>,
    /// Why correct figures mean less than they seem to.
    pub notes: Vec<String>,
}

impl Verdict {
    /// `VALID`, `VALID with notes` or `SUSPECT`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self { valid: false, .. } => "SUSPECT",
            Self { notes, .. } if notes.is_empty() => "VALID",
            Self { .. } => "VALID with notes",
        }
    }
}

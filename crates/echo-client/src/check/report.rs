//! What a check found, as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::{
    finding::Finding,
    rules::{Level, Rule},
};

/// Columns of a terminal, and those in front of a row's text.
const WIDTH: usize = 80;
const INDENT: usize = 18;

/// A rule and what was found.
pub(super) struct Row {
    pub(super) rule: &'static Rule,
    pub(super) verdict: Finding,
}

impl Row {
    pub(super) const fn outcome(&self) -> &'static str {
        match (self.rule.level, &self.verdict) {
            (Level::Reported, _) => "info",
            (_, Ok(_)) => "pass",
            (Level::Must, Err(_)) => "FAIL",
            (Level::Should, Err(_)) => "warn",
        }
    }

    /// What was sent, where that is told, and what came.
    fn told(&self) -> (Option<&str>, Option<String>) {
        match (self.rule.level, &self.verdict) {
            (Level::Reported, Ok(found)) => (None, Some(found.clone())),
            (Level::Reported, Err(fault)) => (None, Some(format!("none: {}", fault.came))),
            (_, Ok(sent)) => (Some(sent), None),
            (_, Err(fault)) => (Some(&fault.sent), Some(fault.came.clone())),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let (sent, came) = self.told();
        json!({
            "name": self.rule.name,
            "outcome": self.outcome().to_lowercase(),
            "sent": sent,
            "came": came,
            "why": self.rule.why,
        })
    }
}

/// One line; of a broken rule, three or more.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12}{:<6}", self.rule.name, self.outcome())?;
        let text = match self.told() {
            (Some(sent), Some(came)) => {
                format!("sent: {sent}\ncame: {came}\nwhy:  {}", self.rule.why)
            }
            (sent, came) => sent.map(str::to_owned).or(came).unwrap_or_default(),
        };
        f.write_str(&wrapped(&text).join(&format!("\n{:INDENT$}", "")))
    }
}

/// Lines that fit behind the indent, broken at blanks.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut fitting = String::new();
        for word in line.split_inclusive(' ') {
            if fitting.chars().count() + word.trim_end().chars().count() > WIDTH - INDENT {
                lines.push(std::mem::take(&mut fitting).trim_end().to_owned());
            }
            fitting += word;
        }
        lines.push(fitting);
    }
    lines
}

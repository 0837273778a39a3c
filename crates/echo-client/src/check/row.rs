//! What came of a rule, as text and as JSON.

use std::{fmt, mem};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    peer::Fault,
    rules::{MAY, Rule},
    server::CheckedServer,
};

/// Columns of a terminal, and those in front of a row's text.
const WIDTH: usize = 80;
const INDENT: usize = 18;

/// A rule and what came of it.
pub(super) struct RuleRow {
    pub(super) rule: &'static Rule,
    pub(super) outcome: &'static str,
    sent: String,
    pub(super) came: Option<String>,
}

impl RuleRow {
    /// Tries a rule.
    ///
    /// # Errors
    ///
    /// This host cannot.
    pub(super) fn of(rule: &'static Rule, server: &CheckedServer) -> Result<Self> {
        let mut detail = String::new();
        let is_found = rule.level == MAY;
        let (outcome, came) = match (rule.check)(server, &mut detail) {
            Ok(()) if is_found => (MAY, Some(mem::take(&mut detail))),
            Ok(()) => ("pass", None),
            Err(Fault::Server(came)) if is_found => (MAY, Some(format!("none: {came}"))),
            Err(Fault::Server(came)) => (rule.level, Some(came)),
            Err(Fault::Own(error)) => {
                return Err(error.context(format!("cannot check {}", rule.name)));
            }
        };
        let colon = if detail.is_empty() { "" } else { ": " };
        let sent = format!("{}{colon}{detail}", rule.sent);
        Ok(Self {
            rule,
            outcome,
            sent,
            came,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.rule.name,
            "outcome": self.outcome.to_lowercase(),
            "sent": (!self.sent.is_empty()).then_some(&self.sent),
            "came": self.came,
            "why": self.rule.why,
        })
    }
}

/// One line; of a broken rule, three or more.
impl fmt::Display for RuleRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, why) = (&self.sent, self.rule.why);
        let text = match &self.came {
            None => sent.clone(),
            Some(found) if self.outcome == MAY => found.clone(),
            Some(came) => format!("sent: {sent}\ncame: {came}\nwhy:  {why}"),
        };
        write!(f, "{:<12}{:<6}", self.rule.name, self.outcome)?;
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
                lines.push(mem::take(&mut fitting).trim_end().to_owned());
            }
            fitting += word;
        }
        lines.push(fitting);
    }
    lines
}

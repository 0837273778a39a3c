//! What a check found, as a table and as JSON.

use std::{fmt, mem};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    fault::Fault,
    rules::{Level, Rule},
    server::CheckedServer,
};

/// Columns of a terminal, and those in front of a row's text.
const WIDTH: usize = 80;
const INDENT: usize = 18;

/// A rule and what was found.
pub(super) struct Row {
    rule: &'static Rule,
    pub(super) outcome: &'static str,
    /// Empty if that is not told, as of what is reported.
    sent: String,
    pub(super) came: Option<String>,
}

impl Row {
    /// Tries a rule.
    ///
    /// # Errors
    ///
    /// This host cannot.
    pub(super) fn of(rule: &'static Rule, server: &CheckedServer) -> Result<Self> {
        let mut sent = String::new();
        let (outcome, came) = match ((rule.check)(server, &mut sent), rule.level) {
            (Err(Fault::Own(error)), _) => {
                return Err(error.context(format!("cannot check {}", rule.name)));
            }
            (Ok(()), Level::Reported) => ("info", Some(mem::take(&mut sent))),
            (Err(Fault::Server(came)), Level::Reported) => ("info", Some(format!("none: {came}"))),
            (Ok(()), _) => ("pass", None),
            (Err(Fault::Server(came)), Level::Should) => ("warn", Some(came)),
            (Err(Fault::Server(came)), Level::Must) => ("FAIL", Some(came)),
        };
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
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12}{:<6}", self.rule.name, self.outcome)?;
        let (sent, why) = (&self.sent, self.rule.why);
        let text = match &self.came {
            None => sent.clone(),
            Some(found) if sent.is_empty() => found.clone(),
            Some(came) => format!("sent: {sent}\ncame: {came}\nwhy:  {why}"),
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
                lines.push(mem::take(&mut fitting).trim_end().to_owned());
            }
            fitting += word;
        }
        lines.push(fitting);
    }
    lines
}

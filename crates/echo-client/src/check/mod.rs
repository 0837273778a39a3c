//! `echo-client check`: whether a server is an echo server, rule by rule.
//!
//! | file | what |
//! | --- | --- |
//! | `rules` | the table of rules |
//! | `framing`, `streams`, `hostile`, `reported` | a function each |
//! | `target` | the server, and a connection to it |
//! | `report` | the table, and JSON |

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

mod args;
mod finding;
mod framing;
mod hostile;
mod report;
mod reported;
mod rules;
mod streams;
mod target;

pub(crate) use args::CheckArgs;
use report::Row;
use rules::RULES;
use target::CheckedServer;

/// Checks a server by every rule of its wire.
///
/// # Errors
///
/// There is no server, or it breaks a rule that it must keep.
pub(crate) fn run(args: &CheckArgs) -> Result<()> {
    let target = CheckedServer::from(args);
    // No server is not one that breaks every rule.
    target.dialer.dial()?;
    let wire = if target.is_raw { "raw" } else { "framed" };
    let is_table = args.json.as_deref() != Some(Path::new("-"));
    let mut printed = Ok(());
    if is_table {
        printed = cli::print(format_args!("{}, {wire}", args.host));
    }
    let mut rows = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.applies_to(&target)) {
        let row = Row {
            rule,
            verdict: (rule.check)(&target),
        };
        // A closed stdout does not change what is found.
        if is_table && printed.is_ok() {
            printed = cli::print(&row);
        }
        rows.push(row);
    }
    let failed = rows.iter().filter(|row| row.outcome() == "FAIL");
    let failed: Vec<&str> = failed.map(|row| row.rule.name).collect();
    if let Some(path) = &args.json {
        let rules: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let json = json!({ "target": args.host, "wire": wire, "failed": failed, "rules": rules });
        if is_table {
            fs::write(path, format!("{json:#}\n"))
                .with_context(|| format!("cannot write {}", path.display()))?;
        } else {
            printed = cli::print(format_args!("{json:#}"));
        }
    }
    if failed.is_empty() {
        return printed;
    }
    bail!(
        "{} breaks rules of an echo server: {}",
        args.host,
        failed.join(", ")
    )
}

//! `echo-client check`: whether a server is an echo server, rule by rule.
//!
//! | file | what |
//! | --- | --- |
//! | `rules` | the table of rules, and what they send that expect it back |
//! | `streams`, `refusals` | the other rules, a function each |
//! | `parts` | text, and one part after the other |
//! | `server`, `peer` | the server, and a connection to it |
//! | `row` | what came of a rule, as text and as JSON |

use std::{fmt::Display, path::Path};

use anyhow::{Result, bail};
use cli::OutputFile;
use serde_json::json;

mod args;
mod parts;
mod peer;
mod refusals;
mod row;
mod rules;
mod server;
mod streams;

pub(crate) use args::CheckArgs;
use peer::Fault;
use row::RuleRow;
use rules::{MUST, RULES};
use server::CheckedServer;

/// Checks a server by every rule of its wire.
///
/// # Errors
///
/// There is no server, it breaks a rule that it must keep, or this host cannot
/// check it.
pub(crate) fn run(args: &CheckArgs) -> Result<()> {
    let is_table = args.json.as_deref() != Some(Path::new("-"));
    let file = args.json.as_deref().filter(|_| is_table);
    let file = file.map(OutputFile::check).transpose()?;
    let server = CheckedServer::find(args)?;
    let wire = if server.is_raw { "raw" } else { "framed" };
    let mut printed = Ok(());
    // A closed stdout does not change what is found.
    let mut show = |line: &dyn Display| {
        if is_table && printed.is_ok() {
            printed = cli::print(line);
        }
    };
    show(&format_args!("{}, {wire}", args.host));
    let (rows, gone) = check_all(&server, &mut show)?;
    let failed = rows.iter().filter(|row| row.outcome == MUST);
    let failed: Vec<&str> = failed.map(|row| row.rule.name).collect();
    let rows: Vec<_> = rows.iter().map(RuleRow::to_json).collect();
    let json = json!({ "target": args.host, "wire": wire, "failed": failed, "rules": rows });
    match file {
        Some(file) => file.create()?.write(&format!("{json:#}\n"))?,
        None if is_table => {}
        None => printed = cli::print(format_args!("{json:#}")),
    }
    let failed = failed.join(", ");
    let broken = (!failed.is_empty()).then(|| format!("breaks rules of an echo server: {failed}"));
    let faults: Vec<String> = [broken, gone].into_iter().flatten().collect();
    if faults.is_empty() {
        return printed;
    }
    bail!("{} {}", args.host, faults.join("; "))
}

/// Checks rule by rule, and shows each row. A server that is gone by then does not
/// break the other rules: also returns that it is.
fn check_all(
    server: &CheckedServer,
    show: &mut impl FnMut(&dyn Display),
) -> Result<(Vec<RuleRow>, Option<String>)> {
    let mut rows = Vec::new();
    let mut rules = RULES.iter().filter(|rule| rule.applies_to(server));
    while let Some(rule) = rules.next() {
        let row = RuleRow::of(rule, server)?;
        show(&row);
        let has_fault = row.came.is_some();
        rows.push(row);
        if has_fault && let Err(Fault::Server(why)) = server.dial() {
            let (name, count) = (rule.name, rules.count());
            let gone = format!("is gone since {name}, {count} rules were not checked: {why}");
            return Ok((rows, Some(gone)));
        }
    }
    Ok((rows, None))
}

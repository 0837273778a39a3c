//! `echo-client check`: whether a server is an echo server, rule by rule.
//!
//! | file | what |
//! | --- | --- |
//! | `rules` | the table of rules |
//! | `framing`, `streams`, `hostile`, `reported` | a function each |
//! | `server` | the server, and a connection to it |
//! | `fault` | why a rule does not hold |
//! | `report` | the table, and JSON |

use std::{fmt::Display, path::Path};

use anyhow::{Result, bail};
use cli::OutputFile;
use serde_json::{Value, json};

mod args;
mod fault;
mod framing;
mod hostile;
mod report;
mod reported;
mod rules;
mod server;
mod streams;

pub(crate) use args::CheckArgs;
use fault::Fault;
use report::Row;
use rules::RULES;
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
    let Findings {
        rows,
        failed,
        mut faults,
    } = Findings::of(&server, &mut show)?;
    let json = json!({ "target": args.host, "wire": wire, "failed": failed, "rules": rows });
    match file {
        Some(file) => file.create()?.write(&format!("{json:#}\n"))?,
        None if is_table => {}
        None => printed = cli::print(format_args!("{json:#}")),
    }
    if !failed.is_empty() {
        let failed = failed.join(", ");
        faults.insert(0, format!("breaks rules of an echo server: {failed}"));
    }
    if faults.is_empty() {
        return printed;
    }
    bail!("{} {}", args.host, faults.join("; "))
}

/// What the rules of a wire found.
#[derive(Default)]
struct Findings {
    rows: Vec<Value>,
    /// The names of broken rules that a server must keep.
    failed: Vec<&'static str>,
    /// What ended the check early.
    faults: Vec<String>,
}

impl Findings {
    /// Checks rule by rule, and shows each row.
    fn of(server: &CheckedServer, show: &mut impl FnMut(&dyn Display)) -> Result<Self> {
        let mut found = Self::default();
        let mut rules = RULES.iter().filter(|rule| rule.applies_to(server));
        while let Some(rule) = rules.next() {
            let row = Row::of(rule, server)?;
            show(&row);
            if row.outcome == "FAIL" {
                found.failed.push(rule.name);
            }
            let has_fault = row.came.is_some();
            found.rows.push(row.to_json());
            // A server that is gone does not break the other rules.
            if has_fault && let Err(Fault::Server(why)) = server.dial() {
                let (name, count) = (rule.name, rules.count());
                found.faults.push(format!(
                    "is gone since {name}, {count} rules were not checked: {why}"
                ));
                break;
            }
        }
        Ok(found)
    }
}

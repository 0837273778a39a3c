//! The documents match the programs.

use std::collections::BTreeSet;

mod document;
mod options;
mod outputs;
mod session;
mod transcript;

use document::{MarkdownFile, root};
use options::NamedOption;

/// Blocks of these languages are for a shell.
const SHELL: [&str; 2] = ["console", "sh"];

#[test]
fn links_lead_somewhere() {
    let mut lost = Vec::new();
    for document in MarkdownFile::all() {
        for link in document.links() {
            if link.contains("://") || is_found(&document, &link) {
                continue;
            }
            lost.push(format!("{}: {link}", document.path));
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

fn is_found(document: &MarkdownFile, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = root().join(&document.path);
    let folder = folder.parent().expect("a folder");
    let has_anchor = |target: &MarkdownFile| {
        anchor.is_empty() || target.anchors().iter().any(|name| name == anchor)
    };
    if path.is_empty() {
        return has_anchor(document);
    }
    let target = folder.join(path);
    let is_document = MarkdownFile::is_at(path) && target.is_file();
    if is_document {
        let root = root().canonicalize().expect("a folder");
        let target = target.canonicalize().expect("a file");
        let path = target.strip_prefix(root).expect("in the repository");
        return has_anchor(&MarkdownFile::read(&path.to_string_lossy()));
    }
    target.exists() && anchor.is_empty()
}

/// The options in the documents, each with its place.
fn named() -> Vec<(String, NamedOption)> {
    let mut named = Vec::new();
    // Renamed options have their old name in the history.
    let documents = MarkdownFile::all().into_iter();
    for document in documents.filter(|each| !each.path.ends_with("CHANGELOG.md")) {
        let mut add = |place: &str, options: Vec<NamedOption>| {
            named.extend(options.into_iter().map(|each| (place.to_owned(), each)));
        };
        for span in document.spans() {
            add(&document.path, options::of_span(span));
        }
        for block in document.blocks() {
            let is_transcript = block.language == "console";
            let lines = block.lines.iter();
            let lines = lines.filter(|line| !is_transcript || line.starts_with("$ "));
            if SHELL.contains(&block.language) {
                lines.for_each(|line| add(&block.place, options::of_command(line)));
            }
        }
    }
    named
}

#[test]
fn every_option_named_exists() {
    let programs = options::all();
    let exists = |(program, option): &NamedOption| {
        programs
            .iter()
            .filter(|(name, _)| program.is_none_or(|program| program == *name))
            .any(|(_, options)| options.contains(option))
    };
    let named = named().into_iter();
    let unknown: Vec<_> = named.filter(|(_, option)| !exists(option)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_option_is_documented() {
    let named: BTreeSet<String> = named().into_iter().map(|(_, (_, option))| option).collect();
    let options = options::all().into_iter().flat_map(|(_, options)| options);
    let missing: BTreeSet<String> = options
        .filter(|option| option.starts_with("--") && !named.contains(option))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Blocks of the language `console` are transcripts; `text` is for output that
/// cannot be reproduced here.
#[test]
fn transcripts_can_be_repeated() {
    let documents = MarkdownFile::all();
    let blocks: Vec<_> = documents.iter().flat_map(MarkdownFile::blocks).collect();
    let transcripts = blocks.iter().filter(|block| block.language == "console");
    let differences: Vec<String> = transcripts.flat_map(session::repeat).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

/// The commands of the front page, in blocks without output.
#[test]
fn commands_succeed() {
    let document = MarkdownFile::read("README.md");
    for block in document.blocks() {
        if block.language == "sh" {
            session::succeed(&block.place, &block.lines);
        }
    }
}

#[test]
fn the_tutorial_is_a_command_each() {
    let document = MarkdownFile::read("README.md");
    let rows = document.rows("## The tutorial");
    assert_eq!(rows.len(), 13, "with the header");
    for row in rows.iter().skip(1) {
        let [section, server, client, ..] = row.as_slice() else {
            panic!("{row:?}");
        };
        let commands = [server, client].map(|cell| cell.trim_matches('`'));
        let commands = commands.into_iter().filter(|command| *command != "–");
        session::succeed(section, &commands.collect::<Vec<_>>());
    }
}

/// A promise names its tests.
#[test]
fn tests_that_are_named_exist() {
    let document = MarkdownFile::read("crates/echo-server/README.md");
    let rows = document.rows("## Reliability");
    assert!(rows.len() > 10, "{rows:?}");
    let promises = rows
        .iter()
        .filter(|row| row.first().is_some_and(|id| id.starts_with('P')));
    let modules = document::modules(&root().join("tests"));
    let missing: Vec<_> = promises
        .flat_map(|row| document::spans(row.last().unwrap()))
        .filter(|name| !modules.iter().any(|module| module == name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {modules:?}");
}

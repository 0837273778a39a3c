//! A document: its code blocks, spans, links and tables.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A Markdown file.
pub(super) struct MarkdownFile {
    /// Its path from the root.
    pub(super) path: String,
    text: String,
}

/// A fenced block of code.
pub(super) struct Block<'a> {
    /// Its place: `README.md:12`.
    pub(super) place: String,
    pub(super) language: &'a str,
    pub(super) lines: Vec<&'a str>,
}

impl MarkdownFile {
    /// Whether a path is a document's, by its name.
    pub(super) fn is_at(path: &str) -> bool {
        Path::new(path).extension().is_some_and(|name| name == "md")
    }

    pub(super) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    /// All documents of the repository.
    pub(super) fn all() -> Vec<Self> {
        let mut paths = vec![
            "README.md".to_owned(),
            "crates/proto/fuzz/README.md".to_owned(),
            "crates/proto/wireshark/README.md".to_owned(),
        ];
        for (folder, suffix) in [("crates", "/README.md"), (".github", "")] {
            let entries = fs::read_dir(root().join(folder)).expect("a folder");
            for entry in entries {
                let name = entry.expect("an entry").file_name();
                let path = format!("{folder}/{}{suffix}", name.to_string_lossy());
                if MarkdownFile::is_at(&path) {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    pub(super) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_inside = false;
        for (number, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), blocks.last_mut()) {
                (Some(language), _) if !is_inside => blocks.push(Block {
                    place: format!("{}:{}", self.path, number + 1),
                    language,
                    lines: Vec::new(),
                }),
                (None, Some(block)) if is_inside => block.lines.push(line),
                _ => {}
            }
            is_inside ^= line.starts_with("```");
        }
        assert!(!is_inside, "{}: a block without an end", self.path);
        blocks
    }

    /// Whether the document contains a text.
    pub(super) fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The lines that are not in a block.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_inside = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.starts_with("```");
            is_inside ^= is_fence;
            !is_inside && !is_fence
        })
    }

    /// The code spans, without backquotes.
    pub(super) fn spans(&self) -> Vec<&str> {
        self.prose().flat_map(spans).collect()
    }

    /// The targets of links and pictures.
    pub(super) fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for line in self.prose() {
            // A span is not a link, but may be a link's text.
            let line: String = line.split('`').step_by(2).collect();
            for (start, end) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')] {
                let found = line.split(start).skip(1);
                links.extend(found.filter_map(|rest| Some(rest.split_once(end)?.0.to_owned())));
            }
        }
        links
    }

    /// The valid fragments of links: the headings as GitHub names them.
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        let name = |heading: &str| -> String {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(name).collect()
    }

    /// The cells of all tables below a heading, up to the next, row by row.
    pub(super) fn rows(&self, heading: &str) -> Vec<Vec<&str>> {
        let below = self.prose().skip_while(|line| *line != heading).skip(1);
        let lines = below.take_while(|line| !line.starts_with('#'));
        let rows = lines.filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
        let rows: Vec<Vec<&str>> = rows
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        assert!(
            !rows.is_empty(),
            "{}: no table below {heading:?}",
            self.path
        );
        rows
    }
}

/// The code spans in a text, without backquotes.
pub(super) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The test modules in a folder and below it.
pub(super) fn modules(folder: &Path) -> Vec<String> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            modules.extend(self::modules(&path));
        }
        let name = path.file_stem().expect("a name");
        modules.push(name.to_string_lossy().into_owned());
    }
    modules
}

//! Blocks of `docs/postgresql.md`, which tests execute.

use std::fs;

/// Returns the fenced blocks of a language between a heading and the next heading.
pub(crate) fn blocks(heading: &str, language: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/postgresql.md");
    let text = fs::read_to_string(path).expect("a file");
    let (_, section) = text
        .split_once(&format!("\n{heading}\n"))
        .expect("the heading");
    let (section, _) = section.split_once("\n#").unwrap_or((section, ""));
    let fence = format!("\n```{language}\n");
    let blocks = section.split(&fence).skip(1);
    let blocks = blocks.map(|rest| rest.split_once("\n```").expect("the end of a block").0);
    blocks.map(str::to_owned).collect()
}

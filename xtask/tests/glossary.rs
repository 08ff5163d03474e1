//! Checks that the glossary has each term once, and that the code uses its names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A row of the glossary: ``| term (`Name`, `name`) | meaning | `file` |``.
struct Row<'a> {
    term: &'a str,
    /// The names of the concept in the code.
    names: Vec<&'a str>,
    meaning: &'a str,
    file: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<&str> = line.split(" | ").collect();
        let [first, meaning, file] = cells[..] else {
            panic!("not three cells: {line}");
        };
        if first == "term" {
            return None;
        }
        let (term, names) = first.split_once(" (").unwrap_or((first, ""));
        Some(Self {
            term,
            names: names.split('`').skip(1).step_by(2).collect(),
            meaning,
            file: file.trim_matches('`'),
        })
    }

    /// Returns the names, or the term, that `text`, the content of the file, does not contain.
    fn missing_in(&self, text: &str) -> Vec<String> {
        let missing: Vec<String> = if self.names.is_empty() {
            let has_term = letters(text).contains(&letters(self.term));
            (!has_term)
                .then(|| self.term.to_owned())
                .into_iter()
                .collect()
        } else {
            let names = self.names.iter().filter(|name| !has_name(text, name));
            names.map(|name| format!("`{name}`")).collect()
        };
        let missing = missing.into_iter();
        missing
            .map(|it| format!("{}: {} has no {it}", self.term, self.file))
            .collect()
    }
}

/// Returns letters and digits only: `idle_timeout` and `IdleTimeout` match "idle timeout".
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns whether text contains a name that is not part of a longer one.
fn has_name(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn glossary_terms_are_unique_and_in_their_files() {
    let text = read("docs/glossary.md");
    let rows: Vec<Row> = text.lines().filter_map(Row::parse).collect();
    assert!(rows.len() >= 140, "{} terms", rows.len());
    let mut terms = BTreeSet::new();
    for row in &rows {
        assert!(terms.insert(row.term), "{} is listed twice", row.term);
        assert!(!row.meaning.is_empty(), "{} has no meaning", row.term);
    }
    let missing: Vec<String> = rows
        .iter()
        .flat_map(|row| row.missing_in(&read(row.file)))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/glossary.md differs from the code; use the name of the code, or rename it there:\n{}",
        missing.join("\n")
    );
}

#[test]
fn row_with_a_name_that_its_file_lacks_is_reported() {
    let missing = |line, text| Row::parse(line).expect("a row").missing_in(text);
    let permit = "| permit (`Permit`, `acquire`) | permission | `a.rs` |";
    assert_eq!(missing(permit, "struct Permit; fn acquire()"), [""; 0]);
    let found = [
        "permit: a.rs has no `Permit`",
        "permit: a.rs has no `acquire`",
    ];
    assert_eq!(missing(permit, "struct HashPermit; fn acquired()"), found);
    let timeout = "| idle timeout | how long | `a.rs` |";
    assert_eq!(missing(timeout, "const IDLE_TIMEOUT: u8"), [""; 0]);
    assert_eq!(
        missing(timeout, "timeout"),
        ["idle timeout: a.rs has no idle timeout"]
    );
}

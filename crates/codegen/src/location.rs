//! Places in a contract, and what is wrong there.
//!
//! Whatever this crate refuses, it refuses with a [`Finding`]: one line that names the file, the line and column, what is
//! wrong, the RFC 6901 pointer to the node, and what to write instead. Findings are values, so that a caller can sort,
//! count and compare them; only `Display` turns them into text.

use std::fmt;

use serde::Serialize;

/// A place in the text of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters (Unicode scalar values, not bytes).
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something wrong with a contract: where it stands, and what to write instead.
///
/// Shown as one line: `openapi.yaml:12:5: message (at /paths/~1login/post); help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What the contract was called when it was parsed.
    pub file: String,
    /// Where the node stands. For a member of an object this is its key.
    #[serde(flatten)]
    pub location: Location,
    /// The RFC 6901 pointer to the node; empty for the whole document.
    pub pointer: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead, in one line.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            location,
            pointer,
            message,
            help,
        } = self;
        let pointer = if pointer.is_empty() { "/" } else { pointer };
        let line = format!("{file}:{location}: {message} (at {pointer}); {help}");
        one_line(&line, f)
    }
}

impl std::error::Error for Finding {}

/// Writes what quotes a contract, which may hold line breaks and worse, as one line on a terminal.
pub(crate) fn one_line(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.chars().try_for_each(|c| {
        if c.is_control() {
            write!(f, "{}", c.escape_default())
        } else {
            write!(f, "{c}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_it_quotes() {
        let finding = Finding {
            file: "openapi.yaml".to_owned(),
            location: Location {
                line: 12,
                column: 5,
            },
            pointer: "/paths/~1a\nb".to_owned(),
            message: "\u{1b}[31m".to_owned(),
            help: "write it".to_owned(),
        };
        assert_eq!(
            finding.to_string(),
            "openapi.yaml:12:5: \\u{1b}[31m (at /paths/~1a\\nb); write it"
        );
    }
}

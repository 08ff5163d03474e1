use std::fmt;

use serde::Serialize;

/// A location in the text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters (Unicode scalar values, not bytes), counted from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A problem in a document.
///
/// Displayed as one line: `openapi.yaml:12:5: message (at /paths/~1login/post); help`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name under which the document was parsed.
    pub file: String,
    /// The location of the node; for a member of an object, the location of its key.
    #[serde(flatten)]
    pub location: Location,
    /// The RFC 6901 pointer to the node; empty for the whole document.
    pub pointer: String,
    /// What is wrong, in one line.
    pub message: String,
    /// How to fix it, in one line.
    pub help: String,
}

impl Finding {
    /// Sorts findings by location and removes duplicates.
    pub fn sort(findings: &mut Vec<Finding>) {
        findings.sort_by(|a, b| {
            a.location
                .cmp(&b.location)
                .then_with(|| a.pointer.cmp(&b.pointer))
        });
        findings.dedup();
    }

    /// Returns whether another finding is at the same node or within it.
    ///
    /// If so, that finding is more specific and this one can be hidden.
    pub fn is_explained_by(&self, others: &[Finding]) -> bool {
        others.iter().any(|other| {
            let rest = other.pointer.strip_prefix(&self.pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
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
        OneLine(&line).fmt(f)
    }
}

impl std::error::Error for Finding {}

/// Displays text on one line: line breaks and other control characters are escaped.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() {
                write!(f, "{}", c.escape_default())
            } else {
                write!(f, "{c}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_is_explained_by_findings_within_its_node() {
        let at = |pointer: &str| Finding {
            file: "openapi.yaml".to_owned(),
            location: Location { line: 1, column: 1 },
            pointer: pointer.to_owned(),
            message: "message".to_owned(),
            help: "help".to_owned(),
        };
        let operation = at("/paths/~1a/get");
        for (other, explains) in [
            ("/paths/~1a/get", true),
            ("/paths/~1a/get/responses/default", true),
            ("/paths/~1a", false),
            ("/paths/~1a/getter", false),
        ] {
            assert_eq!(operation.is_explained_by(&[at(other)]), explains, "{other}");
        }
        assert!(!operation.is_explained_by(&[]));
    }

    #[test]
    fn finding_that_quotes_control_characters_is_one_line() {
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

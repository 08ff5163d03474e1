//! What a check found, as values, and how they look.
//!
//! A [`Report`] is a list of [`Item`]s. Each item is one thing that was looked at, with its [`Outcome`]; what is wrong
//! with it is a list of [`Problem`]s, each with its place. Rendering happens once, at the end, and always with colour:
//! the stream that it is printed to takes the colour out where there is no terminal or `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use dropshot_codegen::{Contract, Finding, Location};

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// One of the checks that `verify` runs, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Check {
    /// The contract parses, is documented throughout, and is one that server and client can be generated from.
    Contract,
    /// Both generated files are what `generate` would write.
    Generated,
    /// What the server registers is what the contract says.
    Document,
    /// The client has a method for every operation, and no other.
    Client,
    /// A running server answers as the contract says.
    Live,
    /// Who goes by the contract of an earlier revision (`--base`) is not broken, or the version says so.
    Compatibility,
}

impl Check {
    /// The word for it on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Check::Contract => "contract",
            Check::Generated => "generated",
            Check::Document => "document",
            Check::Client => "client",
            Check::Live => "live",
            Check::Compatibility => "compatibility",
        }
    }
}

/// Where a problem stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, relative to the workspace.
    pub(crate) file: String,
    /// Where in the file.
    pub(crate) location: Location,
    /// The JSON pointer (RFC 6901) to the node, where the file is a contract.
    pub(crate) pointer: Option<String>,
    /// The text of that line.
    pub(crate) source: Option<String>,
}

impl Place {
    /// The place of the node at `pointer` in the contract.
    pub(crate) fn in_contract(contract: &Contract, pointer: &str) -> Self {
        Self::in_text(
            contract.name(),
            contract.text(),
            contract.locate(pointer),
            Some(pointer),
        )
    }

    /// A place in a file whose text is `text`.
    pub(crate) fn in_text(
        file: &str,
        text: &str,
        location: Location,
        pointer: Option<&str>,
    ) -> Self {
        let source = text
            .lines()
            .nth(location.line.saturating_sub(1))
            .map(str::to_owned);
        Self {
            file: file.to_owned(),
            location,
            pointer: pointer.map(str::to_owned),
            source,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where, if it has a place in a file.
    pub(crate) place: Option<Box<Place>>,
    /// What, in one sentence without a full stop.
    pub(crate) message: String,
    /// The two sides of a difference, or other values, each with its label.
    pub(crate) details: Vec<(&'static str, String)>,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// A problem at a node of the contract.
    pub(crate) fn at(contract: &Contract, pointer: &str, message: impl Into<String>) -> Self {
        Self {
            place: Some(Box::new(Place::in_contract(contract, pointer))),
            ..Self::new(message)
        }
    }

    /// What the generator found; `text` is the text of the file that it names.
    pub(crate) fn from_finding(finding: Finding, text: &str) -> Self {
        let pointer = (!finding.pointer.is_empty()).then_some(finding.pointer.as_str());
        let place = Place::in_text(&finding.file, text, finding.location, pointer);
        Self {
            place: Some(Box::new(place)),
            message: finding.message,
            details: Vec::new(),
            help: (!finding.help.is_empty()).then_some(finding.help),
        }
    }

    /// Adds a value that is shown on a line of its own.
    #[must_use]
    pub(crate) fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.details.push((label, text.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Writes the problem as indented lines.
    pub(crate) fn render(&self, out: &mut String) {
        match self.place.as_deref() {
            None => line(out, 9, &self.message),
            Some(Place {
                file,
                location,
                pointer,
                source,
            }) => {
                let Location {
                    line: number,
                    column,
                } = location;
                line(
                    out,
                    9,
                    &format!("{file}:{number}:{column}: {}", self.message),
                );
                if let Some(source) = source {
                    line(
                        out,
                        11,
                        &format!("{DIM}{number:>4} | {}{DIM:#}", source.trim_end()),
                    );
                }
                if let Some(pointer) = pointer {
                    line(out, 11, &format!("{DIM}at {pointer}{DIM:#}"));
                }
            }
        }
        for (label, text) in &self.details {
            line(out, 11, &format!("{label}: {text}"));
        }
        if let Some(help) = &self.help {
            line(out, 11, &format!("help: {help}"));
        }
    }
}

/// Writes `text` behind `indent` spaces; each further line of it stands two further in.
fn line(out: &mut String, indent: usize, text: &str) {
    for (number, part) in text.lines().enumerate() {
        let indent = if number == 0 { indent } else { indent + 2 };
        let _ = writeln!(out, "{}", format!("{:indent$}{part}", "").trim_end());
    }
}

/// How one thing that was looked at stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it must be.
    Fresh,
    /// `cargo xtask generate` repairs it.
    Stale(Vec<Problem>),
    /// A person must repair it.
    Failed(Vec<Problem>),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// By which check.
    pub(crate) check: Check,
    /// What it is: a file, an operation, a rule.
    pub(crate) subject: String,
    /// How it stands.
    pub(crate) outcome: Outcome,
}

impl Item {
    /// An item that only a person can repair if there are problems.
    pub(crate) fn judged(check: Check, subject: impl Into<String>, problems: Vec<Problem>) -> Self {
        let outcome = if problems.is_empty() {
            Outcome::Fresh
        } else {
            Outcome::Failed(problems)
        };
        Self {
            check,
            subject: subject.into(),
            outcome,
        }
    }

    /// The same item, but what failed is stale: it was judged by what a stale generated file was built into, so
    /// generating comes first and only then can be told what is left to do by hand.
    #[must_use]
    pub(crate) fn built_from_stale(self) -> Self {
        let outcome = match self.outcome {
            Outcome::Fresh => Outcome::Fresh,
            Outcome::Stale(problems) | Outcome::Failed(problems) => Outcome::Stale(problems),
        };
        Self { outcome, ..self }
    }
}

/// All that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// In the order of the checks.
    pub(crate) items: Vec<Item>,
}

/// The sum of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Everything agrees.
    Agreement,
    /// `cargo xtask generate` repairs everything that is wrong.
    Stale,
    /// A person must repair something.
    Failed,
}

impl Report {
    /// How many items are fresh, stale and failed.
    fn counts(&self) -> (usize, usize, usize) {
        self.items
            .iter()
            .fold((0, 0, 0), |(fresh, stale, failed), item| {
                match item.outcome {
                    Outcome::Fresh => (fresh + 1, stale, failed),
                    Outcome::Stale(_) => (fresh, stale + 1, failed),
                    Outcome::Failed(_) => (fresh, stale, failed + 1),
                }
            })
    }

    /// What it comes to.
    pub(crate) fn sum(&self) -> Sum {
        match self.counts() {
            (_, 0, 0) => Sum::Agreement,
            (_, _, 0) => Sum::Stale,
            (_, _, _) => Sum::Failed,
        }
    }

    /// The whole report as text with ANSI colours: a line an item, what is wrong beneath, the sum, the next command.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            let (style, word, problems): (_, _, &[Problem]) = match &item.outcome {
                Outcome::Fresh => (GREEN, "fresh", &[]),
                Outcome::Stale(problems) => (YELLOW, "stale", problems),
                Outcome::Failed(problems) => (RED, "failed", problems),
            };
            let _ = writeln!(
                out,
                "{style}{word:>6}{style:#} {:<9} {}",
                item.check.name(),
                item.subject
            );
            for problem in problems {
                problem.render(&mut out);
            }
        }

        let (fresh, stale, failed) = self.counts();
        let _ = writeln!(out, "\n{fresh} fresh, {stale} stale, {failed} failed");
        match self.sum() {
            Sum::Agreement => out.push_str("contract, server and client agree\n"),
            Sum::Stale => out.push_str("next: cargo xtask generate, then cargo xtask verify\n"),
            Sum::Failed => {
                let generate = if stale > 0 {
                    "cargo xtask generate, "
                } else {
                    ""
                };
                let _ = writeln!(
                    out,
                    "next: {generate}mend what failed, then {}",
                    self.again()
                );
            }
        }
        out
    }

    /// The command that runs what failed once more.
    fn again(&self) -> String {
        let mut checks: Vec<Check> = self
            .items
            .iter()
            .filter(|item| item.outcome != Outcome::Fresh)
            .map(|item| item.check)
            .collect();
        checks.dedup();
        match checks.as_slice() {
            [check] => format!("cargo xtask verify --only {}", check.name()),
            _ => "cargo xtask verify".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The report as it looks without colour.
    pub(crate) fn plain(report: &Report) -> String {
        anstream::adapter::strip_str(&report.render()).to_string()
    }

    #[test]
    fn agreement_says_so_and_names_no_next_command() {
        let report = Report {
            items: vec![
                Item::judged(Check::Contract, "openapi.yaml", vec![]),
                Item::judged(Check::Client, "crates/client/src/generated.rs", vec![]),
            ],
        };
        assert_eq!(report.sum(), Sum::Agreement);
        insta::assert_snapshot!(plain(&report), @"
         fresh contract  openapi.yaml
         fresh client    crates/client/src/generated.rs

        2 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn what_is_stale_sends_to_generate() {
        let problem = Problem::new("line 2 is another")
            .detail("on disk", "fn a()")
            .detail("generated", "fn b()");
        let report = Report {
            items: vec![Item::judged(Check::Generated, "a.rs", vec![problem]).built_from_stale()],
        };
        assert_eq!(report.sum(), Sum::Stale);
        insta::assert_snapshot!(plain(&report), @"
         stale generated a.rs
                 line 2 is another
                   on disk: fn a()
                   generated: fn b()

        0 fresh, 1 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        ");
    }

    #[test]
    fn what_failed_outweighs_what_is_stale_and_shows_its_line() {
        let text = "a: 1\nb:   2\n";
        let place = Place::in_text(
            "openapi.yaml",
            text,
            Location { line: 2, column: 6 },
            Some("/b"),
        );
        let problem = Problem {
            place: Some(Box::new(place)),
            ..Problem::new("two is wrong")
        }
        .help("write 3");
        let report = Report {
            items: vec![
                Item::judged(Check::Contract, "openapi.yaml", vec![problem]),
                Item::judged(Check::Generated, "a.rs", vec![Problem::new("differs")])
                    .built_from_stale(),
            ],
        };
        assert_eq!(report.sum(), Sum::Failed);
        insta::assert_snapshot!(plain(&report), @"
        failed contract  openapi.yaml
                 openapi.yaml:2:6: two is wrong
                      2 | b:   2
                   at /b
                   help: write 3
         stale generated a.rs
                 differs

        0 fresh, 1 stale, 1 failed
        next: cargo xtask generate, mend what failed, then cargo xtask verify
        ");
        assert!(
            report.render().contains("\u{1b}["),
            "a terminal gets colours"
        );
    }
}

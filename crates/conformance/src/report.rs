//! The results of the checks, as values.
//!
//! A [`Report`] is rendered once at the end: for people (`text.rs`), for programs (`json.rs`), and as annotations of a
//! GitHub workflow (`github.rs`).

use clap::ValueEnum;
use dropshot_codegen::{Contract, Finding, Location};

use crate::timings::Timing;

pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod text;

/// A check of `verify`, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Check {
    /// The contract parses, passes the lints, and server and client can be generated from it.
    Contract,
    /// Each generated file is what `generate` would write.
    Generated,
    /// The document that the server registers agrees with the contract.
    Document,
    /// The client has a method for every operation and returns what the contract promises.
    Client,
    /// The responses of a running server agree with the contract.
    Live,
    /// The contract breaks no client of an earlier revision (`--base`), or its version declares it.
    Compatibility,
}

impl Check {
    /// Returns the name on the command line and in reports.
    pub fn name(self) -> &'static str {
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

/// The location of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file, relative to the workspace; `REVISION:FILE` for a file of a revision.
    pub file: String,
    /// The line and column.
    pub position: Location,
    /// The JSON pointer (RFC 6901) to the node, if the file is a contract.
    pub pointer: Option<String>,
    /// The text of the line.
    pub source: Option<String>,
}

impl SourceLocation {
    /// Returns the location of the node at `pointer` in the contract.
    pub fn in_contract(contract: &Contract, pointer: &str) -> Self {
        Self::in_text(
            contract.name(),
            contract.text(),
            contract.locate(pointer),
            Some(pointer),
        )
    }

    /// Returns a location in a file with the content `text`.
    pub fn in_text(file: &str, text: &str, position: Location, pointer: Option<&str>) -> Self {
        let source = text
            .lines()
            .nth(position.line.saturating_sub(1))
            .map(str::to_owned);
        Self {
            file: file.to_owned(),
            position,
            pointer: pointer.map(str::to_owned),
            source,
        }
    }

    /// Returns whether the file is in the work tree, not in a revision.
    pub fn is_in_work_tree(&self) -> bool {
        !self.file.contains(':')
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The location, if the problem is in a file.
    pub location: Option<Box<SourceLocation>>,
    /// The problem, as a sentence without a full stop.
    pub message: String,
    /// Labelled values, such as the two sides of a difference.
    pub details: Vec<(&'static str, String)>,
    /// How to fix it.
    pub help: Option<String>,
}

impl Problem {
    /// Creates a problem without a location.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            location: None,
            message: message.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// Creates a problem at a node of the contract.
    pub fn at(contract: &Contract, pointer: &str, message: impl Into<String>) -> Self {
        Self {
            location: Some(Box::new(SourceLocation::in_contract(contract, pointer))),
            ..Self::new(message)
        }
    }

    /// Converts a finding; `text` is the content of its file.
    pub fn from_finding(finding: Finding, text: &str) -> Self {
        let pointer = (!finding.pointer.is_empty()).then_some(finding.pointer.as_str());
        let location = SourceLocation::in_text(&finding.file, text, finding.location, pointer);
        Self {
            location: Some(Box::new(location)),
            message: finding.message,
            details: Vec::new(),
            help: (!finding.help.is_empty()).then_some(finding.help),
        }
    }

    /// Adds a labelled value.
    #[must_use]
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.details.push((label, text.into()));
        self
    }

    /// Sets how to fix the problem.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Renders the problem as indented lines with ANSI colours.
    pub fn render(&self, out: &mut String) {
        text::problem(out, self);
    }
}

/// The outcome of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The item is as it must be.
    Fresh,
    /// `generate` repairs it.
    Stale(Vec<Problem>),
    /// A person must fix it.
    Failed(Vec<Problem>),
}

impl Outcome {
    /// Returns the name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Fresh => "fresh",
            Outcome::Stale(_) => "stale",
            Outcome::Failed(_) => "failed",
        }
    }

    /// Returns the problems.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Outcome::Fresh => &[],
            Outcome::Stale(problems) | Outcome::Failed(problems) => problems,
        }
    }
}

/// A subject that a check examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The check.
    pub check: Check,
    /// The subject: a file, an operation, a rule.
    pub subject: String,
    /// The outcome.
    pub outcome: Outcome,
}

impl Item {
    /// Creates an item that is fresh without problems, and failed otherwise.
    pub fn from_problems(check: Check, subject: impl Into<String>, problems: Vec<Problem>) -> Self {
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

    /// Turns a failure into staleness, because the item depends on a stale generated file.
    #[must_use]
    pub fn into_stale(self) -> Self {
        let outcome = match self.outcome {
            Outcome::Fresh => Outcome::Fresh,
            Outcome::Stale(problems) | Outcome::Failed(problems) => Outcome::Stale(problems),
        };
        Self { outcome, ..self }
    }
}

/// The items of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The items, in the order of the checks.
    pub items: Vec<Item>,
}

/// The overall result of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything agrees.
    Agreement,
    /// `generate` repairs everything that is wrong.
    Stale,
    /// A person must fix something.
    Failed,
}

impl Report {
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

    /// Returns the overall result.
    pub fn verdict(&self) -> Verdict {
        match self.counts() {
            (_, 0, 0) => Verdict::Agreement,
            (_, _, 0) => Verdict::Stale,
            (_, _, _) => Verdict::Failed,
        }
    }

    fn summary(&self) -> String {
        let (fresh, stale, failed) = self.counts();
        format!("{fresh} fresh, {stale} stale, {failed} failed")
    }

    fn next_command(&self, command: &str, base: Option<&str>) -> Option<String> {
        let base = base
            .map(|base| format!(" --base {base}"))
            .unwrap_or_default();
        match self.verdict() {
            Verdict::Agreement => None,
            Verdict::Stale => Some(format!("{command} generate, then {command} verify{base}")),
            Verdict::Failed => {
                let (_, stale, _) = self.counts();
                let generate = if stale > 0 {
                    format!("{command} generate, ")
                } else {
                    String::new()
                };
                let only = self.only_flag();
                Some(format!(
                    "{generate}fix the failures, then {command} verify{only}{base}"
                ))
            }
        }
    }

    /// Returns the flag that repeats a single check that is not fresh.
    fn only_flag(&self) -> String {
        let mut checks: Vec<Check> = self
            .items
            .iter()
            .filter(|item| item.outcome != Outcome::Fresh)
            .map(|item| item.check)
            .collect();
        checks.dedup();
        match checks.as_slice() {
            [check] => format!(" --only {}", check.name()),
            _ => String::new(),
        }
    }
}

/// A report and the circumstances of its run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The report.
    pub report: &'a Report,
    /// The command that runs the checks, such as `cargo xtask`.
    pub command: &'a str,
    /// The revision that the contract was compared with.
    pub base: Option<&'a str>,
    /// The timings, if requested.
    pub timings: Option<&'a [Timing]>,
}

#[cfg(test)]
pub(crate) mod tests;

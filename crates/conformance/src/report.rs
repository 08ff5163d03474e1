//! What a check found, as values, and how they look.
//!
//! A [`Report`] is a list of [`Item`]s. Each item is one thing that was looked at, with its [`Outcome`]; what is wrong
//! with it is a list of [`Problem`]s, each with its place. Rendering happens once, at the end: for a person (`text.rs`), for
//! a program (`json.rs`), as annotations of a workflow on GitHub (`github.rs`).

use clap::ValueEnum;
use dropshot_codegen::{Contract, Finding, Location};

use crate::timings::Timing;

pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod text;

/// One of the checks that `verify` runs, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Check {
    /// The contract parses, passes the lints, and server and client can be generated from it.
    Contract,
    /// Each generated file is what `generate` would write.
    Generated,
    /// What the server registers is what the contract says.
    Document,
    /// The client has a method for every operation, and each result is what the contract promises.
    Client,
    /// A running server answers as the contract says.
    Live,
    /// Who goes by the contract of an earlier revision (`--base`) is not broken, or the version says so.
    Compatibility,
}

impl Check {
    /// The word for it on the command line and in the report.
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

/// The place of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the workspace; `REVISION:FILE` for a file of a revision.
    pub file: String,
    /// Where in the file.
    pub location: Location,
    /// The JSON pointer (RFC 6901) to the node, where the file is a contract.
    pub pointer: Option<String>,
    /// The text of that line.
    pub source: Option<String>,
}

impl Place {
    /// The place of the node at `pointer` in the contract.
    pub fn in_contract(contract: &Contract, pointer: &str) -> Self {
        Self::in_text(
            contract.name(),
            contract.text(),
            contract.locate(pointer),
            Some(pointer),
        )
    }

    /// A place in a file whose text is `text`.
    pub fn in_text(file: &str, text: &str, location: Location, pointer: Option<&str>) -> Self {
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

    /// Whether the file is the one in the work tree, not that of a revision.
    pub fn is_in_work_tree(&self) -> bool {
        !self.file.contains(':')
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, if it has a place in a file.
    pub place: Option<Box<Place>>,
    /// What, in one sentence without a full stop.
    pub message: String,
    /// The two sides of a difference, or other values, each with its label.
    pub details: Vec<(&'static str, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
            details: Vec::new(),
            help: None,
        }
    }

    /// A problem at a node of the contract.
    pub fn at(contract: &Contract, pointer: &str, message: impl Into<String>) -> Self {
        Self {
            place: Some(Box::new(Place::in_contract(contract, pointer))),
            ..Self::new(message)
        }
    }

    /// What the generator found; `text` is the text of the file that it names.
    pub fn from_finding(finding: Finding, text: &str) -> Self {
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
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.details.push((label, text.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Writes the problem as indented lines, with ANSI colours.
    pub fn render(&self, out: &mut String) {
        text::problem(out, self);
    }
}

/// The outcome of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Fresh,
    /// Generating again repairs it.
    Stale(Vec<Problem>),
    /// A person must repair it.
    Failed(Vec<Problem>),
}

impl Outcome {
    /// The word for it in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Fresh => "fresh",
            Outcome::Stale(_) => "stale",
            Outcome::Failed(_) => "failed",
        }
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Outcome::Fresh => &[],
            Outcome::Stale(problems) | Outcome::Failed(problems) => problems,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// By which check.
    pub check: Check,
    /// What it is: a file, an operation, a rule.
    pub subject: String,
    /// Its outcome.
    pub outcome: Outcome,
}

impl Item {
    /// An item that only a person can repair if there are problems.
    pub fn judged(check: Check, subject: impl Into<String>, problems: Vec<Problem>) -> Self {
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

    /// The same item, but stale instead of failed.
    ///
    /// It was judged with a stale generated file; only after `generate` is it known what a person must correct.
    #[must_use]
    pub fn built_from_stale(self) -> Self {
        let outcome = match self.outcome {
            Outcome::Fresh => Outcome::Fresh,
            Outcome::Stale(problems) | Outcome::Failed(problems) => Outcome::Stale(problems),
        };
        Self { outcome, ..self }
    }
}

/// All that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the checks.
    pub items: Vec<Item>,
}

/// The sum of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything agrees.
    Agreement,
    /// Generating again repairs everything that is wrong.
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
    pub fn verdict(&self) -> Verdict {
        match self.counts() {
            (_, 0, 0) => Verdict::Agreement,
            (_, _, 0) => Verdict::Stale,
            (_, _, _) => Verdict::Failed,
        }
    }

    /// How many items are how, in one line.
    fn tally(&self) -> String {
        let (fresh, stale, failed) = self.counts();
        format!("{fresh} fresh, {stale} stale, {failed} failed")
    }

    /// What to do next, as far as a command does it; `base` is the revision that was compared with.
    fn next(&self, command: &str, base: Option<&str>) -> Option<String> {
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
                let only = self.only();
                Some(format!(
                    "{generate}fix the failures, then {command} verify{only}{base}"
                ))
            }
        }
    }

    /// The flag that runs again what is not fresh, where that is one check.
    fn only(&self) -> String {
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

/// A report with the circumstances of its run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What was found.
    pub report: &'a Report,
    /// The command that runs the checks, such as `cargo xtask`.
    pub command: &'a str,
    /// The revision that the contract was compared with.
    pub base: Option<&'a str>,
    /// Where the time went, if that is asked for.
    pub timings: Option<&'a [Timing]>,
}

#[cfg(test)]
pub(crate) mod tests;

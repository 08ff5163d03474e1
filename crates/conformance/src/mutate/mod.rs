//! Tests the checks: plants mutants one at a time and runs `verify`. A survivor is a gap in a check.
//!
//! Mutants are planted in a copy of the work tree, `target/mutate` (`tree.rs`), with one target folder, so that each
//! run is a small incremental build. `verify` is the running program itself.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dropshot_codegen::Contract;

use crate::generate;
use crate::harness::Harness;
use crate::report::Check;
use crate::workspace::Workspace;

mod edit;
pub mod report;
pub mod scores;
mod syntax;
pub mod table;
mod tree;
mod verdict;

pub use edit::{Change, Edit};
use tree::Tree;
pub use verdict::Verdict;

/// A defect that `verify` must find.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The unique name, for the command line.
    pub name: &'static str,
    /// The defect, as a short phrase.
    pub description: &'static str,
    /// The edit that plants the defect.
    pub edit: Edit,
    /// The exit code of `verify`: 4 if `generate` repairs the defect, 100 if a person must.
    pub exit: u8,
    /// The check that must find the defect.
    pub check: Check,
    /// What a problem of the check must mention: a pointer, a file, an operation, a word.
    pub names: &'static str,
}

impl Mutant {
    /// Creates a defect in the contract, from which nothing is generated.
    pub const fn in_contract(
        name: &'static str,
        description: &'static str,
        changes: &'static [Change],
    ) -> Self {
        Self::new(
            name,
            description,
            Edit::Contract {
                changes,
                regenerate: false,
            },
        )
    }

    /// Creates a change of the contract with newly generated files and an unchanged server.
    pub const fn in_regenerated_contract(
        name: &'static str,
        description: &'static str,
        changes: &'static [Change],
    ) -> Self {
        Self::new(
            name,
            description,
            Edit::Contract {
                changes,
                regenerate: true,
            },
        )
    }

    /// Creates a contract that is not valid YAML.
    pub const fn broken_contract(
        name: &'static str,
        description: &'static str,
        text: &'static str,
    ) -> Self {
        Self::new(name, description, Edit::BrokenContract(text))
    }

    /// Creates a defect in code: `from` becomes `to` in an item of a file.
    pub const fn in_code(
        name: &'static str,
        description: &'static str,
        (file, within): (&'static str, &'static str),
        from: &'static str,
        to: &'static str,
    ) -> Self {
        Self::new(
            name,
            description,
            Edit::Code {
                file,
                within,
                from,
                to,
            },
        )
    }

    const fn new(name: &'static str, description: &'static str, edit: Edit) -> Self {
        Self {
            name,
            description,
            edit,
            exit: crate::cli::FAILED,
            check: Check::Live,
            names: "",
        }
    }

    /// Sets the check that must find the mutant, and what it must mention.
    #[must_use]
    pub const fn found_by(self, check: Check, names: &'static str) -> Self {
        Self {
            check,
            names,
            ..self
        }
    }

    /// Expects that a generated file is stale and `generate` repairs it.
    #[must_use]
    pub const fn stale(self, file: &'static str) -> Self {
        Self {
            exit: crate::cli::STALE,
            ..self.found_by(Check::Generated, file)
        }
    }

    /// Plants the mutant in memory, to test that it applies.
    ///
    /// # Errors
    /// Returns the reason why the mutant cannot be planted.
    pub fn try_out<H: Harness>(&self, harness: &H, workspace: &Workspace) -> Result<(), String> {
        let file = self.edit.file(workspace.contract_path());
        let text = fs::read_to_string(workspace.path(file))
            .map_err(|error| format!("{file} cannot be read: {error}"))?;
        let text = self.edit.apply(&text)?;
        if !self.edit.regenerates() {
            return Ok(());
        }
        Contract::parse(workspace.contract_path(), &text)
            .and_then(|contract| generate::artifacts(harness, &contract))
            .map(drop)
            .map_err(|findings| format!("nothing can be generated from it: {findings:?}"))
    }
}

/// The result of a mutant.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The verdict.
    pub verdict: Verdict,
    /// The time to plant, build and verify.
    pub duration: Duration,
}

/// The results of several mutants.
#[derive(Clone, Debug)]
pub struct Score {
    /// The results, in the order of the list.
    pub outcomes: Vec<Outcome>,
    /// The total time without the first build.
    pub duration: Duration,
}

impl Score {
    /// Returns the number of killed mutants.
    pub fn killed(&self) -> usize {
        let is_killed = |outcome: &&Outcome| outcome.verdict == Verdict::Killed;
        self.outcomes.iter().filter(is_killed).count()
    }

    /// Returns whether all mutants were killed.
    pub fn is_full(&self) -> bool {
        self.killed() == self.outcomes.len()
    }
}

/// Returns the mutants with these names, or all if there are no names, in the order of the list.
///
/// # Errors
/// Fails if a mutant does not exist.
pub fn choose(
    all: impl Iterator<Item = &'static Mutant> + Clone,
    only: &[String],
) -> Result<Vec<&'static Mutant>> {
    for name in only {
        if !all.clone().any(|mutant| mutant.name == name) {
            bail!("there is no mutant `{name}`; `--list` shows all");
        }
    }
    Ok(all
        .filter(|mutant| only.is_empty() || only.iter().any(|name| name == mutant.name))
        .collect())
}

/// Plants and verifies each mutant; calls `progress` after each.
///
/// # Errors
/// Fails if the copy cannot be created, or does not pass `verify` without a mutant.
pub fn run<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    mutants: &[&'static Mutant],
    mut progress: impl FnMut(usize, &Outcome),
) -> Result<Score> {
    let mut tree = Tree::copy(workspace)?;
    let unchanged = tree.verify(None)?;
    if let Some(why) = verdict::disagreement(&unchanged) {
        let command = harness.command();
        bail!(
            "`verify` fails in the work tree without a mutant; run `{command} verify` and fix it first: {why}"
        );
    }

    let start = Instant::now();
    let mut outcomes = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let start = Instant::now();
        let verdict = match tree.plant(harness, mutant)? {
            Ok(()) => verdict::of_run(mutant, &tree.verify(Some(mutant))?),
            Err(why) => Verdict::NotPlanted(why),
        };
        let outcome = Outcome {
            mutant,
            verdict,
            duration: start.elapsed(),
        };
        progress(index, &outcome);
        outcomes.push(outcome);
    }
    let duration = start.elapsed();
    tree.restore()?;
    Ok(Score { outcomes, duration })
}

#[cfg(test)]
mod tests;

//! Tests the checks: plants mutants, one at a time, and runs `verify` on each. A mutant that `verify` does not find is a
//! gap in a check.
//!
//! Nothing is planted in the work tree: all runs happen in a copy of it, `target/mutate` (`tree.rs`), with a target folder of
//! its own that they share, so that each is a small incremental build. `verify` is the running program itself.
//!
//! A service lists its mutants. [`table`] documents the list; [`scores`] keeps what the last runs found.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dropshot_codegen::Contract;

use crate::generate;
use crate::harness::Harness;
use crate::report::Check;
use crate::workspace::Workspace;

mod edit;
mod judge;
pub mod report;
pub mod scores;
mod syntax;
pub mod table;
mod tree;

pub use edit::{Change, Edit};
pub use judge::Verdict;
use tree::Tree;

/// A defect that `verify` must find.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its unique name, for the command line.
    pub name: &'static str,
    /// The defect, in half a sentence.
    pub description: &'static str,
    /// What is changed.
    pub edit: Edit,
    /// The exit code of `verify`: 4 if `generate` repairs the defect, 100 if a person must.
    pub exit: u8,
    /// The check that must find it.
    pub check: Check,
    /// What a problem of this check must name: a pointer, a file, an operation, a word.
    pub names: &'static str,
}

impl Mutant {
    /// A defect of the contract, from which nothing is generated.
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

    /// A change of the contract after which both files are generated, but the server is not adapted.
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

    /// A contract that is not YAML.
    pub const fn broken_contract(
        name: &'static str,
        description: &'static str,
        text: &'static str,
    ) -> Self {
        Self::new(name, description, Edit::BrokenContract(text))
    }

    /// A defect of the code: in the item of a file, the tokens `from` become `to`.
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

    /// The same; this check must find it, and name this.
    #[must_use]
    pub const fn found_by(self, check: Check, names: &'static str) -> Self {
        Self {
            check,
            names,
            ..self
        }
    }

    /// The same; the file of this path is stale, and generating repairs it.
    #[must_use]
    pub const fn stale(self, file: &'static str) -> Self {
        Self {
            exit: crate::cli::STALE,
            ..self.found_by(Check::Generated, file)
        }
    }

    /// Plants the mutant in memory only.
    ///
    /// # Errors
    ///
    /// It cannot be planted: why not.
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

/// What came of a mutant.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// Whether it was found as it must be.
    pub verdict: Verdict,
    /// How long planting, building and verifying took.
    pub took: Duration,
}

/// What came of several mutants.
#[derive(Clone, Debug)]
pub struct Score {
    /// In the order of the list.
    pub outcomes: Vec<Outcome>,
    /// Without the first build.
    pub took: Duration,
}

impl Score {
    /// How many were found as they must be.
    pub fn found(&self) -> usize {
        let found = |outcome: &&Outcome| outcome.verdict == Verdict::Found;
        self.outcomes.iter().filter(found).count()
    }

    /// Whether all were found.
    pub fn is_full(&self) -> bool {
        self.found() == self.outcomes.len()
    }
}

/// The mutants of these names in the order of the list, or all of them if no name is given.
///
/// # Errors
///
/// There is no mutant of such a name.
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

/// Plants each mutant and verifies; calls `progress` with each outcome.
///
/// # Errors
///
/// The copy cannot be made, or does not verify without a mutant.
pub fn run<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    mutants: &[&'static Mutant],
    mut progress: impl FnMut(usize, &Outcome),
) -> Result<Score> {
    let mut tree = Tree::copy(workspace)?;
    let unchanged = tree.verify(None)?;
    if let Some(why) = judge::disagreement(&unchanged) {
        let command = harness.command();
        bail!(
            "the work tree does not verify without a mutant; run `{command} verify` and fix it first: {why}"
        );
    }

    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let begun = Instant::now();
        let verdict = match tree.plant(harness, mutant)? {
            Ok(()) => judge::judge(mutant, &tree.verify(Some(mutant))?),
            Err(why) => Verdict::NotPlanted(why),
        };
        let outcome = Outcome {
            mutant,
            verdict,
            took: begun.elapsed(),
        };
        progress(index, &outcome);
        outcomes.push(outcome);
    }
    let took = begun.elapsed();
    tree.restore()?;
    Ok(Score { outcomes, took })
}

#[cfg(test)]
mod tests;

//! `cargo xtask mutate`: plants drifts, one at a time, and runs `verify` on each. One that `verify` does not find is a
//! hole in a check.
//!
//! Nothing is planted in the work tree: all runs happen in a copy of it, `target/mutate` ([`tree`]), with a target directory
//! of its own that they share, so that each is a small incremental build. `verify` is this very program.
//!
//! What is planted, and how it must be found, is a list of the service; [`write`] writes the outcome as a table.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use dropshot_codegen::Contract;

use crate::generate;
use crate::harness::Harness;
use crate::report::Check;
use crate::workspace::Workspace;

mod judge;
pub mod report;
mod table;
mod tree;

pub use table::{row, write};

pub use judge::Verdict;
use tree::Tree;

/// A drift that `verify` must find.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// What it is called on the command line; unique.
    pub name: &'static str,
    /// What drifts, in half a sentence.
    pub what: &'static str,
    /// The file that is changed, relative to the workspace.
    pub file: &'static str,
    /// What is replaced. It must stand in the file exactly once.
    pub from: &'static str,
    /// What it becomes.
    pub to: &'static str,
    /// What happens before `verify` runs.
    pub then: Then,
    /// What `verify` must end with: 4 where `generate` repairs it, 100 where a person must.
    pub exit: u8,
    /// The check that must find it.
    pub check: Check,
    /// What one of the things that this check finds must name: a pointer, a file, an operation, a word.
    pub names: &'static str,
}

/// What happens between planting and verifying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Verify,
    /// Both files are generated from the changed contract, as somebody would who forgets the rest.
    Generate,
}

/// What came of a mutation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The mutation.
    pub mutation: &'static Mutation,
    /// Whether it was found as it must be.
    pub verdict: Verdict,
    /// How long planting, building and verifying took.
    pub took: Duration,
}

/// What came of all of them.
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
        self.outcomes
            .iter()
            .filter(|outcome| outcome.verdict == Verdict::Found)
            .count()
    }

    /// Whether all were.
    pub fn is_full(&self) -> bool {
        self.found() == self.outcomes.len()
    }
}

/// The mutations of these names, or all of them if there are none, in the order of the list.
///
/// # Errors
///
/// There is no mutation of such a name.
pub fn choose(
    all: impl Iterator<Item = &'static Mutation> + Clone,
    only: &[String],
) -> Result<Vec<&'static Mutation>> {
    for name in only {
        if !all.clone().any(|mutation| mutation.name == name) {
            bail!("there is no mutation `{name}`; `--list` shows all");
        }
    }
    Ok(all
        .filter(|mutation| only.is_empty() || only.iter().any(|name| name == mutation.name))
        .collect())
}

/// Plants a mutation in memory only.
///
/// # Errors
///
/// It cannot be planted: why not.
pub fn try_out<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    mutation: &Mutation,
) -> Result<(), String> {
    let text = fs::read_to_string(workspace.path(mutation.file))
        .map_err(|error| format!("{} cannot be read: {error}", mutation.file))?;
    let text = tree::replaced(mutation, &text)?;
    match mutation.then {
        Then::Verify => Ok(()),
        Then::Generate => Contract::parse(workspace.contract_path(), &text)
            .and_then(|contract| generate::artifacts(harness, &contract))
            .map(drop)
            .map_err(|findings| format!("{findings:?}")),
    }
}

/// Plants each of `mutations` and verifies; `progress` is told of each as soon as it is judged.
///
/// # Errors
///
/// The copy cannot be made, or what was copied does not even verify without a mutation.
pub fn run<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    mutations: &[&'static Mutation],
    mut progress: impl FnMut(usize, &Outcome),
) -> Result<Score> {
    let mut tree = Tree::copy(workspace)?;
    let unchanged = tree.verify(None)?;
    if let Some(why) = judge::disagreement(&unchanged) {
        bail!(
            "the work tree does not verify as it is, so nothing can be told of mutations; run `cargo xtask verify` and mend \
             it first: {why}"
        );
    }

    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for (index, mutation) in mutations.iter().enumerate() {
        let begun = Instant::now();
        let verdict = match tree.plant(harness, mutation)? {
            Ok(()) => judge::judge(mutation, &tree.verify(Some(mutation))?),
            Err(why) => Verdict::NotPlanted(why),
        };
        let outcome = Outcome {
            mutation,
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

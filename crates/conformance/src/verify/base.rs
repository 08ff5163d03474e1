//! Check *compatibility*: the contract breaks no client of an earlier revision, unless its version declares it.
//!
//! [`openapi_contract::compatibility`] has the rules; this module reads the earlier contract from git.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use dropshot_codegen::Contract;
use openapi_contract::compatibility::{self, BreakingChange};

use crate::report::{Check, Item, Problem};
use crate::workspace::Workspace;

pub(crate) struct Base {
    contract: Contract,
}

impl Base {
    /// Reads the contract of a git revision: a branch, a tag or a commit.
    ///
    /// # Errors
    /// Fails if git cannot be started, or if the revision does not exist or has no valid contract.
    pub(crate) fn read(workspace: &Workspace, revision: &str) -> Result<Self> {
        let contract = workspace.contract_path();
        let git = |arguments: &[&str]| -> Result<Output> {
            Command::new("git")
                .current_dir(workspace.path(""))
                .args(arguments)
                .stdin(Stdio::null())
                .output()
                .context("cannot start git, which `--base` needs to read the earlier contract")
        };
        let commit = format!("{revision}^{{commit}}");
        let known = git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ])?;
        if !known.status.success() {
            bail!(
                "unknown git revision `{revision}`: expected a branch, a tag or a commit (in CI, check out the whole \
                 history with `fetch-depth: 0`)"
            );
        }
        // `./` makes the path relative to the workspace, which may be a subfolder of the repository.
        let file = format!("{revision}:./{contract}");
        let shown = git(&["show", "--end-of-options", &file])?;
        if !shown.status.success() {
            bail!(
                "the revision `{revision}` has no {contract}; choose a revision that has one: {}",
                String::from_utf8_lossy(&shown.stderr).trim_end()
            );
        }
        let text = String::from_utf8(shown.stdout)
            .with_context(|| format!("{contract} of `{revision}` is not UTF-8"))?;
        Self::parse(contract, revision, &text)
    }

    fn parse(contract: &str, revision: &str, text: &str) -> Result<Self> {
        let name = format!("{revision}:{contract}");
        match Contract::parse(&name, text) {
            Ok(contract) => Ok(Self { contract }),
            Err(findings) => {
                let first = findings.first().map(ToString::to_string);
                bail!(
                    "{contract} of `{revision}` is invalid; choose a revision with a valid contract: {}",
                    first.unwrap_or_default()
                )
            }
        }
    }
}

impl Base {
    pub(crate) fn check(&self, contract: &Contract) -> Vec<Item> {
        compatibility::compare(&self.contract, contract)
            .into_iter()
            .map(|subject| {
                let problems = subject.changes.into_iter();
                let problems = problems
                    .map(|found| problem(contract, &self.contract, found))
                    .collect();
                Item::from_problems(Check::Compatibility, subject.name, problems)
            })
            .collect()
    }
}

fn problem(contract: &Contract, base: &Contract, found: BreakingChange) -> Problem {
    let file = if found.finding.file == base.name() {
        base
    } else {
        contract
    };
    let mut problem = Problem::from_finding(found.finding, file.text());
    if let Some(clients) = found.clients {
        problem = problem.detail("breaks", clients);
    }
    if !found.also_in.is_empty() {
        problem = problem.detail("also in", found.also_in.join(", "));
    }
    problem
}

#[cfg(test)]
mod tests;

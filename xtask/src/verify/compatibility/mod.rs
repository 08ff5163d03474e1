//! Check 6: the contract breaks nobody who goes by the one of an earlier revision, or says so by its version.
//!
//! Both contracts are brought to the same form ([`crate::meaning`]) and walked side by side. What clients send may only be
//! allowed more ([`walk::Flow`]), what they read only surprise less. A change that no rule
//! knows counts as breaking. Names of schemas are no part of it: they never travel.
//!
//! The crate `drift` (0.2) asks the same question, and the tests hold these rules against it: whatever it calls breaking
//! is found here. It cannot be the check itself, for it panics where a content type changes, passes over headers, security
//! and `nullable`, and has one word, *unhandled*, for both an added optional property and a removed one.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use dropshot_codegen::Contract;
use semver::Version;

use crate::meaning::Meaning;
use crate::report::{Check, Item, Place, Problem};
use crate::workspace::{CONTRACT, Workspace};

mod operations;
mod schema;
mod security;
mod walk;

use operations::Route;
use walk::{Break, Walk};

/// What the report calls what belongs to no operation.
const ABOUT: &str = "version, servers";

/// The contract of an earlier revision.
pub(crate) struct Base {
    contract: Contract,
}

impl Base {
    /// Reads the contract of a revision of git: a branch, a tag, a commit.
    ///
    /// # Errors
    ///
    /// Git cannot be started, there is no such revision, or no contract in it that can be read.
    pub(crate) fn read(workspace: &Workspace, revision: &str) -> Result<Self> {
        let git = |arguments: &[&str]| -> Result<Output> {
            Command::new("git")
                .current_dir(workspace.path(""))
                .args(arguments)
                .stdin(Stdio::null())
                .output()
                .context("cannot start git, which `--base` reads the earlier contract with")
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
                "git knows no revision `{revision}` here; name a branch, a tag or a commit that `git log` shows (in CI, check \
                 out the whole history: `fetch-depth: 0`)"
            );
        }
        // `./` makes the path relative to the workspace, wherever that is in the repository.
        let file = format!("{revision}:./{CONTRACT}");
        let shown = git(&["show", "--end-of-options", &file])?;
        if !shown.status.success() {
            bail!(
                "the revision `{revision}` has no {CONTRACT}; name one that has: {}",
                String::from_utf8_lossy(&shown.stderr).trim_end()
            );
        }
        let text = String::from_utf8(shown.stdout)
            .with_context(|| format!("{CONTRACT} of `{revision}` is no UTF-8"))?;
        Self::parse(revision, &text)
    }

    fn parse(revision: &str, text: &str) -> Result<Self> {
        let name = format!("{revision}:{CONTRACT}");
        match Contract::parse(&name, text) {
            Ok(contract) => Ok(Self { contract }),
            Err(findings) => {
                let first = findings.first().map(ToString::to_string);
                bail!(
                    "{CONTRACT} of `{revision}` cannot be compared with; name a revision where it parses: {}",
                    first.unwrap_or_default()
                )
            }
        }
    }
}

/// Compares the contract with that of the base; an item an operation, one for the rest.
pub(crate) fn check(contract: &Contract, base: &Base) -> Vec<Item> {
    let base = &base.contract;
    let (old, new) = (Meaning::of(base.value()), Meaning::of(contract.value()));
    let mut subjects = merged(breaks(&old, &new));
    let count: usize = subjects.iter().map(|(_, seen)| seen.len()).sum();

    let mut about = Vec::new();
    let declared = match (version(base), version(contract)) {
        (Some(before), Some(after)) if after < before => {
            about.push(
                Problem::at(
                    contract,
                    "/info/version",
                    format!("the version went back, from {before} to {after}"),
                )
                .help(format!("write {before} or a higher one")),
            );
            false
        }
        (Some(before), Some(after)) => after.major > before.major,
        // The contract check refuses what is no version.
        (_, None) | (None, _) => false,
    };
    let help = match version(base) {
        Some(before) => format!(
            "take it back, or declare the break: raise `info.version` from {before} to {}.0.0, and say in CHANGELOG.md \
             what clients have to do",
            before.major + 1
        ),
        None => "take it back".to_owned(),
    };
    if declared {
        for (_, seen) in &mut subjects {
            seen.clear();
        }
    }
    let mut subjects: Vec<(String, Vec<Problem>)> = subjects
        .into_iter()
        .map(|(subject, found)| {
            let problems = found
                .iter()
                .map(|(found, also)| problem(contract, base, found, also).help(help.clone()));
            (subject, problems.collect())
        })
        .collect();
    if let Some((subject, problems)) = subjects.last_mut() {
        if declared && count > 0 {
            let s = if count == 1 { "" } else { "s" };
            *subject = format!("{ABOUT} ({count} breaking change{s}, declared by the version)");
        }
        problems.splice(0..0, about);
    }
    subjects
        .into_iter()
        .map(|(subject, problems)| Item::judged(Check::Compatibility, subject, problems))
        .collect()
}

/// What breaks somebody, by operation in the order of routes; the last entry is what belongs to none.
fn breaks(old: &Meaning, new: &Meaning) -> Vec<(String, Vec<Break>)> {
    let (ours, theirs) = (operations::operations(old), operations::operations(new));
    let mut routes: Vec<&Route> = ours.keys().chain(theirs.keys()).collect();
    routes.sort_unstable();
    routes.dedup();

    let mut walk = Walk::new(old, new);
    let mut subjects = Vec::new();
    for route in routes {
        let method = &route.1;
        let subject = |path: &str, operation: &Meaning| {
            let id = operation.get("operationId").map(Meaning::to_value);
            let id = id.as_ref().and_then(|id| id.as_str()).unwrap_or_default();
            format!("{method} {path} {id}").trim_end().to_owned()
        };
        let name = match (ours.get(route), theirs.get(route)) {
            (Some((old_path, old)), Some((new_path, new))) => {
                walk.operation((old_path, old), (new_path, new));
                subject(new_path, new)
            }
            (Some((path, gone)), None) => {
                walk.gone(gone);
                subject(path, gone)
            }
            (None, Some((path, added))) => format!("{} (new)", subject(path, added)),
            (None, None) => continue,
        };
        subjects.push((name, walk.take()));
    }
    walk.servers();
    subjects.push((ABOUT.to_owned(), walk.take()));
    subjects
}

/// A break that is seen, and by which other operations it is seen too.
type Seen = (Break, Vec<String>);

/// Each break once, at the first operation that sees it, with the names of the others.
fn merged(subjects: Vec<(String, Vec<Break>)>) -> Vec<(String, Vec<Seen>)> {
    let mut merged: Vec<(String, Vec<Seen>)> = Vec::new();
    for (subject, breaks) in subjects {
        let mut own = Vec::new();
        for found in breaks {
            let known = merged
                .iter_mut()
                .flat_map(|(_, seen)| seen)
                .find(|(known, _)| *known == found);
            match known {
                Some((_, also)) => also.push(subject.clone()),
                None => own.push((found, Vec::new())),
            }
        }
        merged.push((subject, own));
    }
    merged
}

fn problem(contract: &Contract, base: &Contract, found: &Break, also: &[String]) -> Problem {
    // In the new contract where it exists, else in the old one.
    let (file, side) = match &found.after.value {
        Some(_) => (contract, &found.after),
        None => (base, &found.before),
    };
    let place = Place::in_contract(file, &side.pointer);
    let problem = Problem {
        place: Some(Box::new(place)),
        ..Problem::new(found.message.clone())
    }
    .detail("breaks", found.whom);
    if also.is_empty() {
        problem
    } else {
        problem.detail("also in", also.join(", "))
    }
}

fn version(contract: &Contract) -> Option<Version> {
    Version::parse(&contract.openapi().info.version).ok()
}

#[cfg(test)]
mod tests;

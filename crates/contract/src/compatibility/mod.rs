//! Finds the changes of a contract that break clients of an earlier version.
//!
//! Both contracts are normalized ([`crate::meaning`]) and walked in parallel. For what clients send, a change may only
//! allow more; for what they read, only less. A change without a rule counts as breaking. The names of schemas are
//! ignored, because they are never sent.
//!
//! The crate `drift` (0.2) serves as an oracle in the tests: every change that it considers breaking must be found here
//! too. It cannot replace these rules: it panics if a content type changes, ignores headers, security and `nullable`,
//! and reports both an added optional property and a removed one as *unhandled*.

use semver::Version;

use crate::meaning::Meaning;
use crate::{Contract, Finding};

mod operations;
mod schema;
mod security;
mod walk;

use operations::Route;
use walk::{Change, Walk};

/// The name of the subject for what belongs to no operation.
const REST_SUBJECT: &str = "version, servers";

/// An operation, or the rest of a contract, with the changes that break its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Method, path and id of the operation.
    pub name: String,
    /// The breaking changes. A change that affects several operations is listed at the first of them.
    pub changes: Vec<BreakingChange>,
}

/// A change that breaks clients, or a version that decreased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakingChange {
    /// The change, located in the earlier contract if the node was removed.
    pub finding: Finding,
    /// The clients that break, and why; `None` for a version.
    pub clients: Option<&'static str>,
    /// The other operations that are affected.
    pub also_in: Vec<String>,
}

/// Compares a contract with an earlier one: a subject for each operation, and a last one for the rest.
///
/// Breaking changes are not returned if the major version is higher.
pub fn compare(earlier: &Contract, contract: &Contract) -> Vec<Subject> {
    let (old, new) = (Meaning::of(earlier.value()), Meaning::of(contract.value()));
    let mut subjects = merge_changes(find_changes(&old, &new));
    let count: usize = subjects.iter().map(|(_, seen)| seen.len()).sum();

    let (before, after) = (version(earlier), version(contract));
    let declared = match (&before, &after) {
        (Some(before), Some(after)) => after.major > before.major,
        // A lint reports a version that cannot be parsed.
        (_, None) | (None, _) => false,
    };
    if declared {
        for (_, seen) in &mut subjects {
            seen.clear();
        }
    }
    let help = match &before {
        Some(before) => format!(
            "revert it, or declare the break: raise `info.version` from {before} to {}.0.0, and explain in CHANGELOG.md \
             what clients must do",
            before.major + 1
        ),
        None => "revert it".to_owned(),
    };
    let mut subjects: Vec<Subject> = subjects
        .into_iter()
        .map(|(name, seen)| Subject {
            name,
            changes: seen
                .into_iter()
                .map(|(change, also_in)| BreakingChange {
                    finding: locate_change(earlier, contract, &change, &help),
                    clients: Some(change.clients),
                    also_in,
                })
                .collect(),
        })
        .collect();
    if let Some(about) = subjects.last_mut() {
        if declared && count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            about.name = format!(
                "{REST_SUBJECT} ({count} breaking change{plural}, declared by the version)"
            );
        }
        if let (Some(before), Some(after)) = (before, after)
            && after < before
        {
            let message = format!("the version decreased from {before} to {after}");
            let help = format!("write {before} or higher");
            let decrease = BreakingChange {
                finding: contract.finding("/info/version", message, help),
                clients: None,
                also_in: Vec::new(),
            };
            about.changes.insert(0, decrease);
        }
    }
    subjects
}

type AffectedBy = (Change, Vec<String>);

/// Returns the breaking changes of each operation in the order of routes, and last of the rest.
fn find_changes(old: &Meaning, new: &Meaning) -> Vec<(String, Vec<Change>)> {
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
                walk.compare_operation((old_path, old), (new_path, new));
                subject(new_path, new)
            }
            (Some((path, removed)), None) => {
                walk.record_removed_operation(removed);
                subject(path, removed)
            }
            (None, Some((path, added))) => format!("{} (new)", subject(path, added)),
            (None, None) => continue,
        };
        subjects.push((name, walk.take_changes()));
    }
    walk.compare_servers();
    subjects.push((REST_SUBJECT.to_owned(), walk.take_changes()));
    subjects
}

/// Merges equal changes into the first operation that they affect.
fn merge_changes(subjects: Vec<(String, Vec<Change>)>) -> Vec<(String, Vec<AffectedBy>)> {
    let mut merged: Vec<(String, Vec<AffectedBy>)> = Vec::new();
    for (subject, changes) in subjects {
        let mut own = Vec::new();
        for found in changes {
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

fn locate_change(earlier: &Contract, contract: &Contract, change: &Change, help: &str) -> Finding {
    match &change.after.value {
        Some(_) => contract.finding(&change.after.pointer, change.message.clone(), help),
        None => earlier.finding(&change.before.pointer, change.message.clone(), help),
    }
}

fn version(contract: &Contract) -> Option<Version> {
    Version::parse(&contract.openapi().info.version).ok()
}

#[cfg(test)]
mod tests;

//! Finds the changes to a contract that break clients of an earlier version.
//!
//! Both contracts are normalized ([`crate::meaning`]) and walked in parallel. A change may add to the values that
//! clients send and remove from the values that they read, but not the reverse. A change that no rule covers counts as
//! breaking. Schema names are ignored, because they are never sent.
//!
//! The tests use the crate `drift` (0.2) as an oracle: every change that it considers breaking must be found here too.
//! It cannot replace these rules: it panics if a content type changes, ignores headers, security and `nullable`, and
//! reports both an added optional property and a removed one as *unhandled*.

use semver::Version;

use crate::meaning::Meaning;
use crate::{Contract, Finding};

mod operations;
mod schema;
mod security;
mod walk;

use operations::Route;
use walk::{Change, Walk};

/// The name of the subject for changes outside of operations.
const REST_SUBJECT: &str = "version, servers";

/// An operation, or the rest of the contract, with its breaking changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Method, path and id of the operation.
    pub name: String,
    /// The breaking changes. One that affects several operations is listed under the first.
    pub changes: Vec<BreakingChange>,
}

/// A change that breaks clients, or a lower version than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakingChange {
    /// The change, located in the earlier contract if the node was removed.
    pub finding: Finding,
    /// The clients that break, and the reason; `None` for a lower version.
    pub clients: Option<&'static str>,
    /// The other operations that are affected.
    pub also_in: Vec<String>,
}

/// Compares a contract with an earlier one; returns a subject for each operation and one for the rest.
///
/// No breaking changes are returned if the major version is higher.
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
            "revert it, or declare the breaking change: raise `info.version` from {before} to {}.0.0, and explain in CHANGELOG.md \
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

/// Returns the breaking changes of each operation, sorted by route, followed by those of the rest.
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

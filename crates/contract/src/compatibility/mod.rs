//! Compatibility: which changes of a contract break the clients of an earlier one.
//!
//! Both contracts are brought to the same form ([`crate::meaning`]) and walked in parallel. What clients send may only be
//! allowed more, what they read only surprise less. A change that no rule knows counts as breaking. Names
//! of schemas are ignored: they are never sent.
//!
//! The crate `drift` (0.2) asks the same question, and the tests hold these rules against it: whatever it calls breaking
//! is found here. It cannot replace them, for it panics if a content type changes, ignores headers, security and
//! `nullable`, and has one word, *unhandled*, for both an added optional property and a removed one.

use semver::Version;

use crate::meaning::Meaning;
use crate::{Contract, Finding};

mod operations;
mod schema;
mod security;
mod walk;

use operations::Route;
use walk::{Change, Walk};

/// The name of the part that belongs to no operation.
const ABOUT: &str = "version, servers";

/// An operation, or the part of a contract that belongs to none, with what breaks its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Method, path and id of the operation.
    pub name: String,
    /// What breaks clients, each change once: at the first operation that is affected.
    pub breaks: Vec<Break>,
}

/// A change that breaks clients, or a version that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The change; in the earlier contract if the later one no longer has the node.
    pub finding: Finding,
    /// Which clients it breaks, and why; `None` for a version.
    pub clients: Option<&'static str>,
    /// The other operations that are affected.
    pub also_in: Vec<String>,
}

/// Compares a contract with an earlier one: an entry for each operation, in the order of paths, and a last one for the rest.
///
/// Breaks that a higher major version declares are not reported.
pub fn compare(earlier: &Contract, contract: &Contract) -> Vec<Subject> {
    let (old, new) = (Meaning::of(earlier.value()), Meaning::of(contract.value()));
    let mut subjects = merged(changes(&old, &new));
    let count: usize = subjects.iter().map(|(_, seen)| seen.len()).sum();

    let (before, after) = (version(earlier), version(contract));
    let declared = match (&before, &after) {
        (Some(before), Some(after)) => after.major > before.major,
        // A text that is not a version is refused elsewhere.
        (_, None) | (None, _) => false,
    };
    if declared {
        for (_, seen) in &mut subjects {
            seen.clear();
        }
    }
    let help = match &before {
        Some(before) => format!(
            "take it back, or declare the break: raise `info.version` from {before} to {}.0.0, and say in CHANGELOG.md \
             what clients have to do",
            before.major + 1
        ),
        None => "take it back".to_owned(),
    };
    let mut subjects: Vec<Subject> = subjects
        .into_iter()
        .map(|(name, seen)| Subject {
            name,
            breaks: seen
                .into_iter()
                .map(|(change, also_in)| Break {
                    finding: finding(earlier, contract, &change, &help),
                    clients: Some(change.clients),
                    also_in,
                })
                .collect(),
        })
        .collect();
    if let Some(about) = subjects.last_mut() {
        if declared && count > 0 {
            let s = if count == 1 { "" } else { "s" };
            about.name = format!("{ABOUT} ({count} breaking change{s}, declared by the version)");
        }
        if let (Some(before), Some(after)) = (before, after)
            && after < before
        {
            let message = format!("the version went back, from {before} to {after}");
            let help = format!("write {before} or a higher one");
            let back = Break {
                finding: contract.finding("/info/version", message, help),
                clients: None,
                also_in: Vec::new(),
            };
            about.breaks.insert(0, back);
        }
    }
    subjects
}

/// A change, and the other operations that it affects.
type Seen = (Change, Vec<String>);

/// What breaks clients, by operation in the order of routes; the last entry is what belongs to none.
fn changes(old: &Meaning, new: &Meaning) -> Vec<(String, Vec<Change>)> {
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

/// Each change once, at the first operation that it affects, with the names of the others.
fn merged(subjects: Vec<(String, Vec<Change>)>) -> Vec<(String, Vec<Seen>)> {
    let mut merged: Vec<(String, Vec<Seen>)> = Vec::new();
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

fn finding(earlier: &Contract, contract: &Contract, change: &Change, help: &str) -> Finding {
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

//! The list of mutations against the files of the workspace.

use std::collections::BTreeSet;
use std::fs;

use dropshot_conformance::{Workspace, mutate};

use super::*;
use crate::TABLE;
use crate::harness::CONTRACT;
use crate::service::PbxLogin;

fn workspace() -> Workspace {
    Workspace::find(CONTRACT).expect("tests run in the workspace")
}

#[test]
fn every_mutation_applies_to_the_files_as_they_are() {
    let (workspace, harness) = (workspace(), PbxLogin::new());
    let wrong: Vec<String> = all()
        .filter_map(|mutation| {
            let outcome = mutate::try_out(&harness, &workspace, mutation);
            outcome.err().map(|why| format!("{}: {why}", mutation.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_mutations_are_unique_and_no_field_is_empty() {
    let mut names = BTreeSet::new();
    for mutation in all() {
        let name = mutation.name;
        assert!(names.insert(name), "{name} is used twice");
        for field in [
            name,
            mutation.what,
            mutation.file,
            mutation.from,
            mutation.names,
        ] {
            assert!(!field.is_empty(), "{name}");
        }
        assert_ne!(mutation.from, mutation.to, "{name}");
    }
    assert!(names.len() >= 60, "{} are too few", names.len());
}

#[test]
fn table_in_docs_is_that_of_the_list() {
    let rows: String = all().map(|mutation| mutate::row(mutation, true)).collect();
    let text = fs::read_to_string(workspace().path(TABLE)).expect("it exists");
    assert!(text.contains(&rows), "run cargo xtask mutate --write");
    let count = all().count();
    assert!(
        text.contains(&format!("**{count} of {count} found**")),
        "{text}"
    );
}

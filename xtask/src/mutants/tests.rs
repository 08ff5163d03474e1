use std::collections::BTreeSet;
use std::fs;

use dropshot_conformance::Workspace;
use dropshot_conformance::mutate::table;

use super::*;
use crate::TABLE;
use crate::harness::CONTRACT;
use crate::service::PbxLogin;

fn workspace() -> Workspace {
    Workspace::find(CONTRACT).expect("tests run in the workspace")
}

#[test]
fn every_mutant_applies() {
    let (workspace, harness) = (workspace(), PbxLogin::new(None));
    let wrong: Vec<String> = all()
        .filter_map(|mutant| {
            let outcome = mutant.try_out(&harness, &workspace);
            outcome.err().map(|why| format!("{}: {why}", mutant.name))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "correct these in xtask/src/mutants:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn mutants_have_unique_names_and_no_empty_field() {
    let mut names = BTreeSet::new();
    for mutant in all() {
        let name = mutant.name;
        assert!(names.insert(name), "{name} is used twice");
        for field in [name, mutant.description, mutant.names] {
            assert!(!field.is_empty(), "{name}");
        }
    }
    assert!(names.len() >= 120, "{} are too few", names.len());
}

/// `UPDATE_DOCS=1` writes the page.
#[test]
fn page_of_mutants_is_up_to_date() {
    let page = workspace().path(TABLE);
    let text = fs::read_to_string(&page).expect("it exists");
    let start = text.find("| mutant |").expect("it has a table");
    let expected = text[..start].to_owned() + &table::render(all(), CONTRACT);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, &expected).expect("the file is writable");
        return;
    }
    assert!(
        text == expected,
        "{TABLE} is stale: run UPDATE_DOCS=1 cargo test -p xtask mutants"
    );
}

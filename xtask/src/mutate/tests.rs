//! The list, and what README and docs say of it.

use std::collections::BTreeSet;
use std::fs;

use dropshot_codegen::Contract;

use super::*;
use crate::generate;

fn here() -> Workspace {
    Workspace::find().expect("tests run in the workspace")
}

#[test]
fn every_mutation_applies_to_the_files_as_they_are() {
    let workspace = here();
    let wrong: Vec<String> = list::all()
        .filter_map(|mutation| {
            let text = fs::read_to_string(workspace.path(mutation.file));
            let mutated = text
                .map_err(|error| error.to_string())
                .and_then(|text| tree::replaced(mutation, &text));
            let made = mutated.and_then(|text| match mutation.then {
                Then::Verify => Ok(()),
                Then::Generate => Contract::parse(mutation.file, &text)
                    .and_then(|contract| generate::artifacts(&contract))
                    .map(drop)
                    .map_err(|findings| format!("{findings:?}")),
            });
            made.err().map(|why| format!("{}: {why}", mutation.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_unique_and_nothing_is_left_empty() {
    let mut names = BTreeSet::new();
    for mutation in list::all() {
        let Mutation {
            name,
            what,
            file,
            from,
            to,
            names: named,
            ..
        } = mutation;
        assert!(names.insert(name), "{name} stands twice");
        assert!(
            !name.is_empty() && !what.is_empty() && !file.is_empty(),
            "{name}"
        );
        assert!(
            !from.is_empty() && !named.is_empty() && from != to,
            "{name}"
        );
    }
    assert!(names.len() >= 60, "{} are too few", names.len());
}

static SAMPLE: Mutation = Mutation {
    name: "a-bound",
    what: "a bound",
    file: "openapi.yaml",
    from: "      maxLength: 64\n      pattern: a\n",
    to: "      maxLength: 65\n",
    then: Then::Generate,
    exit: 100,
    check: Check::Live,
    names: "a|b",
};

fn outcome(verdict: Verdict) -> Outcome {
    Outcome {
        mutation: &SAMPLE,
        verdict,
        took: Duration::from_millis(4_321),
    }
}

fn score() -> Score {
    let why = "verify ended with 4, not with 100\nstale generated a.rs".to_owned();
    Score {
        outcomes: vec![
            outcome(Verdict::Found),
            outcome(Verdict::Missed(why)),
            outcome(Verdict::NotPlanted("it stands 2 times".to_owned())),
        ],
        took: Duration::from_secs(75),
    }
}

#[test]
fn what_was_missed_is_shown_with_the_reason_and_the_score() {
    let score = score();
    let lines: String = (0..3)
        .map(|index| report::progress(index, 120, &score.outcomes[index]))
        .collect();
    let text = format!("{lines}{}", report::text(&score));
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @"
      1/120 found          4.3 s  a-bound
      2/120 missed         4.3 s  a-bound
      3/120 not planted    4.3 s  a-bound

    missed a-bound: a bound
      in openapi.yaml
      -       maxLength: 64
      -       pattern: a
      +       maxLength: 65
      verify ended with 4, not with 100
      stale generated a.rs

    not planted a-bound: a bound
      in openapi.yaml
      -       maxLength: 64
      -       pattern: a
      +       maxLength: 65
      it stands 2 times

    1 of 3 mutations found in 1 min 15 s
    next: mend the checks in xtask/src/verify, then cargo xtask mutate --only NAME
    ");
    let rows: Vec<_> = score
        .outcomes
        .iter()
        .map(|outcome| (outcome.mutation, outcome.verdict == Verdict::Found))
        .collect();
    insta::assert_snapshot!(table::render(&rows, "1 min 15 s"), @r"
    # Mutations

    Drifts that `cargo xtask mutate` plants one at a time, and how `cargo xtask verify` must find each: the check, a text that what it
    finds must name, and the exit code. This file is written by `cargo xtask mutate --write`.

    **1 of 3 found**. The last run of all took 1 min 15 s, without the first build; each row tells of the last that planted it.

    | mutation | what drifts | in | found by | names | exit |
    |---|---|---|---|---|---|
    | a-bound | a bound | `openapi.yaml`, then `generate` | live | `a\|b` | 100 |
    | a-bound (**missed**) | a bound | `openapi.yaml`, then `generate` | live | `a\|b` | 100 |
    | a-bound (**missed**) | a bound | `openapi.yaml`, then `generate` | live | `a\|b` | 100 |
    ");
    insta::assert_snapshot!(report::json(&score), @r#"
    {
      "version": 1,
      "found": 1,
      "count": 3,
      "seconds": 75.0,
      "mutations": [
        {
          "name": "a-bound",
          "file": "openapi.yaml",
          "what": "a bound",
          "exit": 100,
          "check": "live",
          "names": "a|b",
          "verdict": "found",
          "why": null,
          "seconds": 4.321
        },
        {
          "name": "a-bound",
          "file": "openapi.yaml",
          "what": "a bound",
          "exit": 100,
          "check": "live",
          "names": "a|b",
          "verdict": "missed",
          "why": "verify ended with 4, not with 100\nstale generated a.rs",
          "seconds": 4.321
        },
        {
          "name": "a-bound",
          "file": "openapi.yaml",
          "what": "a bound",
          "exit": 100,
          "check": "live",
          "names": "a|b",
          "verdict": "not-planted",
          "why": "it stands 2 times",
          "seconds": 4.321
        }
      ]
    }
    "#);
}

#[test]
fn only_what_there_is_can_be_chosen() {
    assert_eq!(chosen(&[]).expect("all").len(), list::all().count());
    let two = chosen(&["cookie-lax".to_owned(), "api-path".to_owned()]).expect("both are there");
    insta::assert_snapshot!(report::list(&two), @"
    api-path    crates/api/src/generated.rs: the path of an operation
    cookie-lax  crates/server/src/http/cookie.rs: a cookie that is sent along from other sites
    ");
    let error = chosen(&["nothing".to_owned()]).expect_err("it is not there");
    insta::assert_snapshot!(error.to_string(), @"there is no mutation `nothing`; `cargo xtask mutate --list` shows all");
}

/// Every mutation stands there as found, in the order of the list: the last run found all of those that there are.
#[test]
fn the_table_in_docs_is_that_of_the_list() {
    let rows: String = list::all()
        .map(|mutation| table::row(mutation, true))
        .collect();
    let text = fs::read_to_string(here().path(TABLE)).expect("it is there");
    assert!(text.contains(&rows), "run cargo xtask mutate --write");
    let count = list::all().count();
    assert!(
        text.contains(&format!("**{count} of {count} found**")),
        "{text}"
    );
}

#[test]
fn a_run_of_some_keeps_what_was_found_of_the_others() {
    let (folder, workspace) =
        crate::workspace::tests::workspace(crate::workspace::tests::CONTRACT_TEXT);
    let outcome = |mutation, found| Outcome {
        mutation,
        verdict: if found {
            Verdict::Found
        } else {
            Verdict::NotPlanted(String::new())
        },
        took: Duration::from_secs(1),
    };
    let score = |outcomes| Score {
        outcomes,
        took: Duration::from_secs(75),
    };
    let count = list::all().count();
    let first = list::all().next().expect("one");
    fs::create_dir_all(folder.path().join("docs")).expect("a folder");
    let read = || fs::read_to_string(workspace.path(TABLE)).expect("it is written");

    let some = score(vec![outcome(first, true)]);
    assert!(
        table::write(&workspace, &some).is_err(),
        "of the others nothing is known"
    );

    let all = score(
        list::all()
            .enumerate()
            .map(|(index, mutation)| outcome(mutation, index != 0))
            .collect(),
    );
    table::write(&workspace, &all).expect("it is written");
    assert!(read().contains(&format!(
        "**{} of {count} found**. The last run of all took 1 min 15 s,",
        count - 1
    )));
    assert!(read().contains(&table::row(first, false)));

    table::write(&workspace, &some).expect("it is written");
    assert!(read().contains(&format!(
        "**{count} of {count} found**. The last run of all took 1 min 15 s,"
    )));
}

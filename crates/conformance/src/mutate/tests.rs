//! A list of two mutations, and how a run of them is shown.

use super::*;
use crate::testing::{CONTRACT_TEXT, workspace};

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
    next: fix the checks in crates/conformance, then cargo xtask mutate --only NAME
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

const TABLE: &str = "docs/mutations.md";

static LIST: [Mutation; 2] = [
    SAMPLE,
    Mutation {
        name: "b-bound",
        ..SAMPLE
    },
];

#[test]
fn mutations_are_chosen_by_their_names() {
    assert_eq!(choose(LIST.iter(), &[]).expect("all").len(), 2);
    let one = choose(LIST.iter(), &["b-bound".to_owned()]).expect("it is listed");
    assert_eq!(report::list(&one), "b-bound  openapi.yaml: a bound\n");
    let error = choose(LIST.iter(), &["nothing".to_owned()]).expect_err("it is not listed");
    assert_eq!(
        error.to_string(),
        "there is no mutation `nothing`; `--list` shows all"
    );
}

#[test]
fn run_of_some_mutations_keeps_the_outcome_of_the_others() {
    let (folder, workspace) = workspace(CONTRACT_TEXT);
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
    fs::create_dir_all(folder.path().join("docs")).expect("a folder");
    let read = || fs::read_to_string(workspace.path(TABLE)).expect("it is written");

    let some = score(vec![outcome(&LIST[0], true)]);
    assert!(
        write(&workspace, TABLE, LIST.iter(), &some).is_err(),
        "nothing is known of the other"
    );

    let all = score(vec![outcome(&LIST[0], false), outcome(&LIST[1], true)]);
    write(&workspace, TABLE, LIST.iter(), &all).expect("it is written");
    assert!(read().contains("**1 of 2 found**. The last run of all took 1 min 15 s,"));
    assert!(read().contains(&row(&LIST[0], false)));

    write(&workspace, TABLE, LIST.iter(), &some).expect("it is written");
    assert!(read().contains("**2 of 2 found**. The last run of all took 1 min 15 s,"));
}

use std::collections::BTreeSet;

use super::scores::Scores;
use super::*;

static LIST: [Mutant; 2] = [
    Mutant::in_regenerated_contract(
        "longer-name",
        "a longer name",
        &[Change::Set("/components/schemas/Name/maxLength", "65")],
    )
    .found_by(Check::Compatibility, "a|b"),
    Mutant::in_code("cookie", "a cookie", ("cookie.rs", "set"), "true", "false")
        .stale("generated.rs"),
];

fn outcome(index: usize, verdict: Verdict) -> Outcome {
    Outcome {
        mutant: &LIST[index],
        verdict,
        duration: Duration::from_millis(4_321),
    }
}

fn survived() -> Verdict {
    Verdict::Survived("verify exited with 4 instead of 100\nstale generated a.rs".to_owned())
}

fn score(outcomes: Vec<Outcome>) -> Score {
    Score {
        outcomes,
        duration: Duration::from_secs(75),
    }
}

#[test]
fn survivors_are_shown_with_the_reason_and_the_score() {
    let not_planted =
        Verdict::NotPlanted("`true` occurs 2 times in `set` instead of once".to_owned());
    let score = score(vec![
        outcome(0, Verdict::Killed),
        outcome(0, survived()),
        outcome(1, not_planted),
    ]);
    let lines: String = (0..3)
        .map(|index| report::progress(index, 120, &score.outcomes[index]))
        .collect();
    let text = format!("{lines}{}", report::text(&score));
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @"
      1/120 killed         4.3 s  longer-name
      2/120 survived       4.3 s  longer-name
      3/120 not planted    4.3 s  cookie

    survived longer-name: a longer name
      set /components/schemas/Name/maxLength to 65
      verify exited with 4 instead of 100
      stale generated a.rs

    not planted cookie: a cookie
      in set
      - true
      + false
      `true` occurs 2 times in `set` instead of once

    1 of 3 mutants killed in 1 min 15 s
    next: fix the checks in crates/conformance, then cargo xtask mutate --only NAME
    ");
    insta::assert_snapshot!(report::json(&score), @r#"
    {
      "version": 1,
      "killed": 1,
      "count": 3,
      "seconds": 75.0,
      "mutants": [
        {
          "name": "longer-name",
          "description": "a longer name",
          "exit": 100,
          "check": "compatibility",
          "names": "a|b",
          "verdict": "killed",
          "why": null,
          "seconds": 4.321
        },
        {
          "name": "longer-name",
          "description": "a longer name",
          "exit": 100,
          "check": "compatibility",
          "names": "a|b",
          "verdict": "survived",
          "why": "verify exited with 4 instead of 100\nstale generated a.rs",
          "seconds": 4.321
        },
        {
          "name": "cookie",
          "description": "a cookie",
          "exit": 4,
          "check": "generated",
          "names": "generated.rs",
          "verdict": "not-planted",
          "why": "`true` occurs 2 times in `set` instead of once",
          "seconds": 4.321
        }
      ]
    }
    "#);
}

#[test]
fn table_has_a_row_for_each_mutant() {
    insta::assert_snapshot!(table::render(LIST.iter(), "openapi.yaml"), @r"
    | mutant | defect | in | found by | named | exit code |
    |---|---|---|---|---|---|
    | longer-name | a longer name | `openapi.yaml`, then `generate` | compatibility | `a\|b` | 100 |
    | cookie | a cookie | `cookie.rs`, `set` | generated | `generated.rs` | 4 |
    ");
}

#[test]
fn mutants_are_selected_by_name() {
    assert_eq!(choose(LIST.iter(), &[]).expect("every mutant").len(), 2);
    let one = choose(LIST.iter(), &["cookie".to_owned()]).expect("it is listed");
    assert_eq!(report::list(&one), "cookie  a cookie\n");
    let error = choose(LIST.iter(), &["nothing".to_owned()]).expect_err("it is not listed");
    assert_eq!(
        error.to_string(),
        "there is no mutant `nothing`; `--list` shows all"
    );
}

#[test]
fn scores_of_mutants_that_do_not_run_are_kept() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let path = folder.path().join("scores.json");
    let names = |list: &[&str]| {
        list.iter()
            .map(|it| (*it).to_owned())
            .collect::<BTreeSet<_>>()
    };

    let mut scores = Scores::read(&path).expect("a missing file has no results");
    assert_eq!(scores, Scores::default());
    scores.killed = names(&["a-removed-mutant"]);
    scores.update(
        LIST.iter(),
        &score(vec![outcome(0, survived()), outcome(1, Verdict::Killed)]),
    );
    scores
        .write(&path)
        .expect("the temporary folder is writable");

    let mut scores = Scores::read(&path).expect("it was written");
    let expected = Scores {
        seconds: Some(75),
        killed: names(&["cookie"]),
        survived: names(&["longer-name"]),
    };
    assert_eq!(scores, expected);

    scores.update(LIST.iter(), &score(vec![outcome(0, Verdict::Killed)]));
    assert_eq!(scores.killed, names(&["cookie", "longer-name"]));
    assert_eq!(scores.survived, BTreeSet::new());
}

use serde_json::json;

use super::*;
use crate::report::Check;

const MUTANT: Mutant = Mutant::in_code("cookie", "a cookie", ("cookie.rs", "set"), "a", "b")
    .found_by(Check::Live, "Set-\"Cookie\"");

fn run(code: Option<i32>, stdout: impl ToString) -> Verified {
    Verified {
        code,
        stdout: stdout.to_string(),
        stderr: "error: no\n".to_owned(),
    }
}

fn failed(check: &str, message: &str) -> serde_json::Value {
    json!({
        "result": "failed",
        "items": [
            { "check": "contract", "subject": "a", "outcome": "fresh", "problems": [] },
            { "check": check, "subject": "POST /login", "outcome": "failed", "problems": [
                { "message": message, "place": { "file": "openapi.yaml", "line": 7 }, "details": [{ "label": "when", "text": "now" }] },
                { "message": "more", "place": null, "details": [] },
            ] },
        ],
    })
}

fn survived(run: &Verified) -> String {
    match of_run(&MUTANT, run) {
        Verdict::Survived(why) => why,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn mutant_named_by_the_right_check_is_killed() {
    let run = run(Some(100), failed("live", "no Set-\"Cookie\" came"));
    assert_eq!(of_run(&MUTANT, &run), Verdict::Killed);
}

#[test]
fn mutant_without_a_finding_survives() {
    let report = json!({ "result": "agreement", "items": [] });
    insta::assert_snapshot!(survived(&run(Some(0), report)), @"verify reported nothing");
}

#[test]
fn mutant_with_the_wrong_finding_survives_and_is_shown() {
    insta::assert_snapshot!(survived(&run(Some(4), failed("document", "no Set-\"Cookie\" came"))), @r#"
    verify exited with 4 instead of 100
    the check live reported nothing
    failed document POST /login
      openapi.yaml:7: no Set-"Cookie" came
        when: now
      more
    "#);
    insta::assert_snapshot!(survived(&run(Some(100), failed("live", "something"))), @r#"
    the check live does not name `Set-"Cookie"`
    failed live POST /login
      openapi.yaml:7: something
        when: now
      more
    "#);
}

#[test]
fn run_without_a_report_is_not_a_kill() {
    let report = json!({ "result": "could-not-run", "error": "no" });
    insta::assert_snapshot!(survived(&run(Some(2), report)), @"verify could not run: error: no");
    insta::assert_snapshot!(survived(&run(Some(101), "")), @"verify exited with 101 and no report: error: no");
    insta::assert_snapshot!(survived(&run(None, "")), @"verify exceeded its time limit and was killed");
}

#[test]
fn disagreement_is_absent_only_for_agreement_with_exit_code_0() {
    let agreement = json!({ "result": "agreement", "items": [] });
    assert_eq!(disagreement(&run(Some(0), agreement)), None);
    assert!(disagreement(&run(Some(100), failed("live", "no"))).is_some());
    assert!(disagreement(&run(Some(0), "")).is_some());
    assert!(disagreement(&run(None, "")).is_some());
}

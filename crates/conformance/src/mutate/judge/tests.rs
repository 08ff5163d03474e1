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

fn missed(run: &Verified) -> String {
    match judge(&MUTANT, run) {
        Verdict::Missed(why) => why,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn what_the_right_check_names_with_the_right_code_is_found() {
    let run = run(Some(100), failed("live", "no Set-\"Cookie\" came"));
    assert_eq!(judge(&MUTANT, &run), Verdict::Found);
}

#[test]
fn agreement_is_missed() {
    let report = json!({ "result": "agreement", "items": [] });
    insta::assert_snapshot!(missed(&run(Some(0), report)), @"verify found nothing");
}

#[test]
fn another_check_another_name_and_another_code_are_missed_and_shown() {
    insta::assert_snapshot!(missed(&run(Some(4), failed("document", "no Set-\"Cookie\" came"))), @r#"
    verify ended with 4, not with 100
    the check live found nothing
    failed document POST /login
      openapi.yaml:7: no Set-"Cookie" came
        when: now
      more
    "#);
    insta::assert_snapshot!(missed(&run(Some(100), failed("live", "something"))), @r#"
    the check live does not name `Set-"Cookie"`
    failed live POST /login
      openapi.yaml:7: something
        when: now
      more
    "#);
}

#[test]
fn a_run_that_could_not_be_is_missed() {
    let report = json!({ "result": "could-not-run", "error": "no" });
    insta::assert_snapshot!(missed(&run(Some(2), report)), @"verify could not run: error: no");
    insta::assert_snapshot!(missed(&run(Some(101), "")), @"verify ended with 101 and no report: error: no");
    insta::assert_snapshot!(missed(&run(None, "")), @"verify hung and was killed");
}

#[test]
fn only_agreement_with_code_0_is_agreement() {
    let agreement = json!({ "result": "agreement", "items": [] });
    assert_eq!(disagreement(&run(Some(0), agreement)), None);
    assert!(disagreement(&run(Some(100), failed("live", "no"))).is_some());
    assert!(disagreement(&run(Some(0), "")).is_some());
    assert!(disagreement(&run(None, "")).is_some());
}

use std::time::Duration;

use super::*;

fn run(report: &Report) -> Run<'_> {
    Run {
        report,
        command: "cargo xtask",
        base: None,
        timings: None,
    }
}

pub(crate) fn plain(report: &Report) -> String {
    anstream::adapter::strip_str(&text::render(&run(report))).to_string()
}

#[test]
fn agreement_has_no_next_command() {
    let report = Report {
        items: vec![
            Item::from_problems(Check::Contract, "openapi.yaml", vec![]),
            Item::from_problems(Check::Client, "crates/client/src/generated.rs", vec![]),
        ],
    };
    assert_eq!(report.verdict(), Verdict::Agreement);
    insta::assert_snapshot!(plain(&report), @"
     fresh contract  openapi.yaml
     fresh client    crates/client/src/generated.rs

    2 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn stale_item_suggests_generate() {
    let problem = Problem::new("line 2 differs")
        .detail("on disk", "fn a()")
        .detail("generated", "fn b()");
    let report = Report {
        items: vec![Item::from_problems(Check::Generated, "a.rs", vec![problem]).into_stale()],
    };
    assert_eq!(report.verdict(), Verdict::Stale);
    insta::assert_snapshot!(plain(&report), @"
     stale generated a.rs
             line 2 differs
               on disk: fn a()
               generated: fn b()

    0 fresh, 1 stale, 0 failed
    next: cargo xtask generate, then cargo xtask verify
    ");
}

#[test]
fn failed_item_outweighs_a_stale_one() {
    let text = "a: 1\nb:   2\n";
    let location = SourceLocation::in_text(
        "openapi.yaml",
        text,
        Location { line: 2, column: 6 },
        Some("/b"),
    );
    let problem = Problem {
        location: Some(Box::new(location)),
        ..Problem::new("two is wrong")
    }
    .help("write 3");
    let report = Report {
        items: vec![
            Item::from_problems(Check::Contract, "openapi.yaml", vec![problem]),
            Item::from_problems(Check::Generated, "a.rs", vec![Problem::new("differs")])
                .into_stale(),
        ],
    };
    assert_eq!(report.verdict(), Verdict::Failed);
    insta::assert_snapshot!(plain(&report), @"
    failed contract  openapi.yaml
             openapi.yaml:2:6: two is wrong
                  2 | b:   2
                    |      ^
               at /b
               help: write 3
     stale generated a.rs
             differs

    0 fresh, 1 stale, 1 failed
    next: cargo xtask generate, fix the failures, then cargo xtask verify
    ");
    assert!(
        text::render(&run(&report)).contains("\u{1b}["),
        "a terminal gets colours"
    );
}

fn everything() -> Report {
    let text = "a: 1\n'b c':   2, \u{1b}[31m\n";
    let location = |file: &str, location| {
        Some(Box::new(SourceLocation::in_text(
            file,
            text,
            location,
            Some("/b c"),
        )))
    };
    let located = Problem {
        location: location("openapi.yaml", Location { line: 2, column: 1 }),
        ..Problem::new("two is wrong: 100% of it")
    }
    .detail("contract", "2")
    .detail("server  ", "{\n  \"b\": 3\n}")
    .help("write 3\nor 4");
    let earlier = Problem {
        location: location("main:openapi.yaml", Location { line: 1, column: 4 }),
        ..Problem::new("the property `d` is gone")
    };
    Report {
        items: vec![
            Item::from_problems(Check::Contract, "openapi.yaml", vec![]),
            Item::from_problems(
                Check::Generated,
                "a.rs",
                vec![Problem::new("::error::differs")],
            )
            .into_stale(),
            Item::from_problems(Check::Document, "GET /b, b", vec![located]),
            Item::from_problems(Check::Compatibility, "GET /b, b", vec![earlier]),
        ],
    }
}

fn timings() -> [Timing; 3] {
    let timing = |step, depth, milliseconds: u64| Timing {
        step,
        depth,
        duration: Duration::from_micros(milliseconds * 1000 + 7),
    };
    [
        timing("document", 0, 12_345),
        timing("build the server", 1, 11_000),
        timing("live", 0, 3),
    ]
}

#[test]
fn text_report_marks_the_location_and_escapes_control_characters() {
    let (report, timings) = (everything(), timings());
    let run = Run {
        report: &report,
        command: "cargo xtask",
        base: Some("main"),
        timings: Some(&timings),
    };
    insta::assert_snapshot!(anstream::adapter::strip_str(&text::render(&run)).to_string(), @r#"
     fresh contract  openapi.yaml
     stale generated a.rs
             ::error::differs
    failed document  GET /b, b
             openapi.yaml:2:1: two is wrong: 100% of it
                  2 | 'b c':   2, \u{1b}[31m
                    | ^^^^^
               at /b c
               contract: 2
               server  : {
                   "b": 3
                 }
               help: write 3
                 or 4
    failed compatibility GET /b, b
             main:openapi.yaml:1:4: the property `d` is gone
                  1 | a: 1
                    |    ^
               at /b c

    1 fresh, 1 stale, 2 failed
    next: cargo xtask generate, fix the failures, then cargo xtask verify --base main

    duration in seconds
      12.345  document
      11.000    build the server
       0.003  live
    "#);
    assert!(
        !text::render(&run).contains("\u{1b}[31m\n"),
        "the content of a file does not change the colour"
    );
}

#[test]
fn json_report_contains_every_field() {
    let (report, timings) = (everything(), timings());
    let run = Run {
        report: &report,
        command: "cargo xtask",
        base: Some("main"),
        timings: Some(&timings),
    };
    insta::assert_snapshot!(json::render(&run, 100), @r#"
    {
      "version": 1,
      "result": "failed",
      "exit_code": 100,
      "fresh": 1,
      "stale": 1,
      "failed": 2,
      "next": "cargo xtask generate, fix the failures, then cargo xtask verify --base main",
      "items": [
        {
          "check": "contract",
          "subject": "openapi.yaml",
          "outcome": "fresh",
          "problems": []
        },
        {
          "check": "generated",
          "subject": "a.rs",
          "outcome": "stale",
          "problems": [
            {
              "message": "::error::differs",
              "place": null,
              "details": [],
              "help": null
            }
          ]
        },
        {
          "check": "document",
          "subject": "GET /b, b",
          "outcome": "failed",
          "problems": [
            {
              "message": "two is wrong: 100% of it",
              "place": {
                "file": "openapi.yaml",
                "line": 2,
                "column": 1,
                "pointer": "/b c",
                "source": "'b c':   2, \u001b[31m"
              },
              "details": [
                {
                  "label": "contract",
                  "text": "2"
                },
                {
                  "label": "server",
                  "text": "{\n  \"b\": 3\n}"
                }
              ],
              "help": "write 3\nor 4"
            }
          ]
        },
        {
          "check": "compatibility",
          "subject": "GET /b, b",
          "outcome": "failed",
          "problems": [
            {
              "message": "the property `d` is gone",
              "place": {
                "file": "main:openapi.yaml",
                "line": 1,
                "column": 4,
                "pointer": "/b c",
                "source": "a: 1"
              },
              "details": [],
              "help": null
            }
          ]
        }
      ],
      "timings": [
        {
          "step": "document",
          "depth": 0,
          "seconds": 12.345
        },
        {
          "step": "build the server",
          "depth": 1,
          "seconds": 11.0
        },
        {
          "step": "live",
          "depth": 0,
          "seconds": 0.003
        }
      ]
    }
    "#);
    insta::assert_snapshot!(json::could_not_run("no openapi.yaml here", 2), @r#"
    {
      "version": 1,
      "result": "could-not-run",
      "exit_code": 2,
      "error": "no openapi.yaml here"
    }
    "#);
    let agreement = Report {
        items: vec![Item::from_problems(Check::Live, "a", vec![])],
    };
    insta::assert_snapshot!(json::render(&Run { report: &agreement, command: "cargo xtask", base: None, timings: None }, 0), @r#"
    {
      "version": 1,
      "result": "agreement",
      "exit_code": 0,
      "fresh": 1,
      "stale": 0,
      "failed": 0,
      "next": null,
      "items": [
        {
          "check": "live",
          "subject": "a",
          "outcome": "fresh",
          "problems": []
        }
      ]
    }
    "#);
}

#[test]
fn github_report_contains_one_annotation_for_each_problem() {
    let (report, timings) = (everything(), timings());
    let run = Run {
        report: &report,
        command: "cargo xtask",
        base: Some("main"),
        timings: Some(&timings),
    };
    let rendered = github::render(&run);
    insta::assert_snapshot!(rendered, @r#"
    ::error title=stale generated%3A a.rs::::error::differs
    ::error file=openapi.yaml,line=2,col=1,title=failed document%3A GET /b%2C b::two is wrong: 100%25 of it%0Aat /b c%0Acontract: 2%0Aserver: {%0A  "b": 3%0A}%0Ahelp: write 3%0Aor 4
    ::error title=failed compatibility%3A GET /b%2C b::main:openapi.yaml:1:4: the property `d` is gone%0Aat /b c
    1 fresh, 1 stale, 2 failed
    next: cargo xtask generate, fix the failures, then cargo xtask verify --base main
      12.345  document
      11.000    build the server
       0.003  live
    "#);
    assert_eq!(
        rendered
            .lines()
            .filter(|line| line.trim_start().starts_with("::"))
            .count(),
        3
    );
    insta::assert_snapshot!(github::could_not_run("no contract:\n50%"), @"::error title=could not run::no contract:%0A50%25");
}

#[test]
fn mark_is_as_long_as_the_word_at_the_column() {
    let cases = [
        ("  maxLength: 8", 3, "  ^^^^^^^^^"),
        ("  '404': {}", 3, "  ^^^^^"),
        ("\tname", 2, "\t^^^^"),
        ("a: [b, c]", 5, "    ^"),
        ("a: \"unended", 4, "   ^^^^^^^^"),
        ("über: 1", 1, "^^^^"),
        ("short", 9, "        ^"),
        ("", 1, "^"),
        (": x", 1, "^"),
    ];
    for (line, column, mark) in cases {
        let (before, length) = text::token(line, column);
        assert_eq!(
            format!("{before}{}", "^".repeat(length)),
            mark,
            "{line:?} {column}"
        );
    }
}

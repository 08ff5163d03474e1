//! Renders a report for programs. Fields may be added; any other change increments `version`.

use serde_json::{Value, json};

use super::{Item, Problem, Run, Verdict};

const VERSION: u32 = 1;

/// The whole report; `exit_code` is the exit code of the command.
///
/// ```json
/// {
///   "version": 1,
///   "result": "agreement" | "stale" | "failed" | "could-not-run",
///   "exit_code": 0 | 4 | 100 | 2,
///   "error": "why it could not run",                            // only with could-not-run, without the fields below
///   "fresh": 7, "stale": 0, "failed": 1,
///   "next": "what to do next",                                  // null if everything agrees
///   "items": [
///     {
///       "check": "document", "subject": "GET /login getLoginStatus", "outcome": "fresh" | "stale" | "failed",
///       "problems": [
///         {
///           "message": "…",
///           "place": {                                          // null if it is not in a file
///             "file": "openapi.yaml",                           // REVISION:FILE for a file of a revision
///             "line": 12, "column": 5,                          // from 1, in characters
///             "pointer": "/paths/~1login/get" | null,           // RFC 6901
///             "source": "the text of the line" | null
///           },
///           "details": [{ "label": "contract", "text": "…" }],
///           "help": "…" | null
///         }
///       ]
///     }
///   ],
///   "timings": [{ "step": "…", "depth": 0, "seconds": 1.5 }]    // with --timings; steps within a step follow it
/// }
/// ```
pub(crate) fn render(run: &Run<'_>, exit_code: u8) -> String {
    let (fresh, stale, failed) = run.report.counts();
    let result = match run.report.verdict() {
        Verdict::Agreement => "agreement",
        Verdict::Stale => "stale",
        Verdict::Failed => "failed",
    };
    let mut document = json!({
        "version": VERSION,
        "result": result,
        "exit_code": exit_code,
        "fresh": fresh,
        "stale": stale,
        "failed": failed,
        "next": run.report.next_command(run.command, run.base),
        "items": run.report.items.iter().map(item).collect::<Vec<_>>(),
    });
    if let Some(timings) = run.timings {
        let timings = timings.iter().map(|timing| {
            json!({
                "step": timing.step,
                "depth": timing.depth,
                "seconds": timing.duration.as_millis() as f64 / 1000.0,
            })
        });
        document["timings"] = timings.collect();
    }
    format!("{document:#}\n")
}

pub(crate) fn could_not_run(error: &str, exit_code: u8) -> String {
    let document = json!({
        "version": VERSION,
        "result": "could-not-run",
        "exit_code": exit_code,
        "error": error,
    });
    format!("{document:#}\n")
}

fn item(item: &Item) -> Value {
    json!({
        "check": item.check.name(),
        "subject": item.subject,
        "outcome": item.outcome.name(),
        "problems": item.outcome.problems().iter().map(problem).collect::<Vec<_>>(),
    })
}

fn problem(problem: &Problem) -> Value {
    let location = problem.location.as_deref().map(|location| {
        json!({
            "file": location.file,
            "line": location.position.line,
            "column": location.position.column,
            "pointer": location.pointer,
            "source": location.source,
        })
    });
    // Labels are padded to align values in text.
    let details = problem
        .details
        .iter()
        .map(|(label, text)| json!({ "label": label.trim_end(), "text": text }));
    json!({
        "message": problem.message,
        "place": location,
        "details": details.collect::<Vec<_>>(),
        "help": problem.help,
    })
}

//! Renders a report as annotations of a GitHub workflow, shown at the lines of a pull request.
//!
//! The syntax is that of GitHub's "workflow commands", escaped as in `actions/toolkit` (packages/core/src/command.ts).
//! All other text is omitted, because any line that begins with `::` would be a command.

use std::fmt::Write as _;

use super::{Item, Problem, Run, Verdict};

pub(crate) fn render(run: &Run<'_>) -> String {
    let mut out = String::new();
    for item in &run.report.items {
        for problem in item.outcome.problems() {
            annotate(&mut out, item, problem);
        }
    }
    let _ = writeln!(out, "{}", run.report.summary());
    match run.report.verdict() {
        Verdict::Agreement => out.push_str("contract, server and client agree\n"),
        Verdict::Stale | Verdict::Failed => {
            let next = run
                .report
                .next_command(run.command, run.base)
                .unwrap_or_default();
            let _ = writeln!(out, "next: {}", data(&next));
        }
    }
    for timing in run.timings.into_iter().flatten() {
        let _ = writeln!(
            out,
            "{:>8.3}  {:indent$}{}",
            timing.duration.as_secs_f64(),
            "",
            timing.step,
            indent = 2 * timing.depth
        );
    }
    out
}

pub(crate) fn could_not_run(error: &str) -> String {
    format!("::error title=could not run::{}\n", data(error))
}

fn annotate(out: &mut String, item: &Item, problem: &Problem) {
    let mut properties = Vec::new();
    let mut message = problem.message.clone();
    if let Some(location) = problem.location.as_deref() {
        // GitHub shows annotations only in files of the checkout.
        if location.is_in_work_tree() {
            properties.push(format!("file={}", property(&location.file)));
            properties.push(format!("line={}", location.position.line));
            properties.push(format!("col={}", location.position.column));
        } else {
            message = format!("{}:{}: {message}", location.file, location.position);
        }
        if let Some(pointer) = &location.pointer {
            let _ = write!(message, "\nat {pointer}");
        }
    }
    let title = format!(
        "{} {}: {}",
        item.outcome.name(),
        item.check.name(),
        item.subject
    );
    properties.push(format!("title={}", property(&title)));
    for (label, text) in &problem.details {
        let _ = write!(message, "\n{}: {text}", label.trim_end());
    }
    if let Some(help) = &problem.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let _ = writeln!(out, "::error {}::{}", properties.join(","), data(&message));
}

/// Escapes the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a command, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

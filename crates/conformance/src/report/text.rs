//! Renders a report for people.
//!
//! It contains ANSI colours; the output stream removes them if it is not a terminal or `NO_COLOR` is set.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use dropshot_codegen::Location;

use super::{Outcome, Problem, Run, SourceLocation, Verdict};

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

pub(crate) fn render(run: &Run<'_>) -> String {
    let mut out = String::new();
    for item in &run.report.items {
        let style = match item.outcome {
            Outcome::Fresh => GREEN,
            Outcome::Stale(_) => YELLOW,
            Outcome::Failed(_) => RED,
        };
        let _ = writeln!(
            out,
            "{style}{:>6}{style:#} {:<9} {}",
            item.outcome.name(),
            item.check.name(),
            printable(&item.subject)
        );
        for found in item.outcome.problems() {
            problem(&mut out, found);
        }
    }

    let _ = writeln!(out, "\n{}", run.report.summary());
    match run.report.verdict() {
        Verdict::Agreement => out.push_str("contract, server and client agree\n"),
        Verdict::Stale | Verdict::Failed => {
            let next = run
                .report
                .next_command(run.command, run.base)
                .unwrap_or_default();
            let _ = writeln!(out, "next: {next}");
        }
    }
    if let Some(timings) = run.timings {
        out.push_str("\nduration in seconds\n");
        for timing in timings {
            let _ = writeln!(
                out,
                "{:>8.3}  {:indent$}{}",
                timing.duration.as_secs_f64(),
                "",
                timing.step,
                indent = 2 * timing.depth
            );
        }
    }
    out
}

pub(crate) fn problem(out: &mut String, problem: &Problem) {
    let message = printable(&problem.message);
    match problem.location.as_deref() {
        None => line(out, 9, &message),
        Some(location) => {
            line(
                out,
                9,
                &format!("{}:{}: {message}", location.file, location.position),
            );
            source(out, location);
        }
    }
    for (label, text) in &problem.details {
        line(out, 11, &format!("{label}: {}", printable(text)));
    }
    if let Some(help) = &problem.help {
        line(out, 11, &format!("help: {}", printable(help)));
    }
}

fn source(out: &mut String, location: &SourceLocation) {
    let Location {
        line: number,
        column,
    } = location.position;
    if let Some(source) = &location.source {
        let source = source.trim_end();
        line(
            out,
            11,
            &format!("{DIM}{number:>4} | {}{DIM:#}", printable(source)),
        );
        let (before, marked) = token(source, column);
        line(
            out,
            11,
            &format!(
                "{DIM}     | {DIM:#}{before}{RED}{}{RED:#}",
                "^".repeat(marked)
            ),
        );
    }
    if let Some(pointer) = &location.pointer {
        line(out, 11, &format!("{DIM}at {}{DIM:#}", printable(pointer)));
    }
}

/// Returns white space up to a column, and the length of the word at the column.
pub(super) fn token(source: &str, column: usize) -> (String, usize) {
    let before = source
        .chars()
        .chain(std::iter::repeat(' '))
        .take(column.saturating_sub(1));
    let before = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let rest: Vec<char> = source.chars().skip(column.saturating_sub(1)).collect();
    let length = match rest.first() {
        Some(quote @ ('\'' | '"')) => rest[1..].iter().position(|c| c == quote).map(|end| end + 2),
        _ => rest
            .iter()
            .position(|c| c.is_whitespace() || ":,()[]{}".contains(*c)),
    };
    (before, length.unwrap_or(rest.len()).max(1))
}

/// Escapes control characters, which could control a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn line(out: &mut String, indent: usize, text: &str) {
    for (number, part) in text.lines().enumerate() {
        let indent = if number == 0 { indent } else { indent + 2 };
        let _ = writeln!(out, "{}", format!("{:indent$}{part}", "").trim_end());
    }
}

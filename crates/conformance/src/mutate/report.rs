//! Renders the results of mutants.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::{Mutant, Outcome, Score, Verdict};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();

/// Renders the progress of one of `count` mutants as a line, with ANSI colours.
pub fn progress(index: usize, count: usize, outcome: &Outcome) -> String {
    let (style, word) = word(&outcome.verdict);
    let width = count.to_string().len();
    format!(
        "{:>width$}/{count} {style}{word:<11}{style:#} {:>6.1} s  {}\n",
        index + 1,
        outcome.duration.as_secs_f64(),
        outcome.mutant.name
    )
}

fn word(verdict: &Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Killed => (GREEN, "killed"),
        Verdict::Survived(_) => (RED, "survived"),
        Verdict::NotPlanted(_) => (RED, "not planted"),
    }
}

/// Renders the survivors and the score, with ANSI colours.
pub fn text(score: &Score) -> String {
    let mut out = String::new();
    for outcome in &score.outcomes {
        let why = match &outcome.verdict {
            Verdict::Killed => continue,
            Verdict::Survived(why) | Verdict::NotPlanted(why) => why,
        };
        let (style, word) = word(&outcome.verdict);
        let Mutant {
            name,
            description,
            edit,
            ..
        } = outcome.mutant;
        let _ = writeln!(out, "\n{style}{word}{style:#} {name}: {description}");
        for line in edit.to_string().lines() {
            let _ = writeln!(out, "  {line}");
        }
        for line in why.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    let (killed, count) = (score.killed(), score.outcomes.len());
    let _ = writeln!(
        out,
        "\n{killed} of {count} mutants killed in {}",
        minutes(score.duration)
    );
    if !score.is_full() {
        out.push_str(
            "next: fix the checks in crates/conformance, then cargo xtask mutate --only NAME\n",
        );
    }
    out
}

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// Renders the score as JSON.
///
/// `{"version": 1, "killed", "count", "seconds", "mutants": [{"name", "description", "exit", "check", "names",
/// "verdict": "killed" | "survived" | "not-planted", "why": null | "…", "seconds"}]}`.
pub fn json(score: &Score) -> String {
    let seconds = |duration: Duration| duration.as_millis() as f64 / 1000.0;
    let mutants: Vec<_> = score
        .outcomes
        .iter()
        .map(|outcome| {
            let (verdict, why) = match &outcome.verdict {
                Verdict::Killed => ("killed", None),
                Verdict::Survived(why) => ("survived", Some(why)),
                Verdict::NotPlanted(why) => ("not-planted", Some(why)),
            };
            let Mutant {
                name,
                description,
                exit,
                check,
                names,
                ..
            } = outcome.mutant;
            json!({
                "name": name, "description": description,
                "exit": exit, "check": check.name(), "names": names,
                "verdict": verdict, "why": why, "seconds": seconds(outcome.duration),
            })
        })
        .collect();
    let document = json!({
        "version": 1,
        "killed": score.killed(),
        "count": score.outcomes.len(),
        "seconds": seconds(score.duration),
        "mutants": mutants,
    });
    format!("{document:#}\n")
}

/// Lists names and defects of mutants, one per line.
pub fn list(mutants: &[&'static Mutant]) -> String {
    let width = mutants.iter().map(|it| it.name.len()).max();
    let width = width.unwrap_or_default();
    let lines = mutants
        .iter()
        .map(|it| format!("{:<width$}  {}\n", it.name, it.description));
    lines.collect()
}

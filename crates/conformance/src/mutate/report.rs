//! How the outcome of mutations looks.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::{Mutation, Outcome, Score, Verdict};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default().bold();

/// A line that says how one of `count` mutations went, with ANSI colours.
pub fn progress(index: usize, count: usize, outcome: &Outcome) -> String {
    let (style, word) = word(&outcome.verdict);
    let width = count.to_string().len();
    format!(
        "{:>width$}/{count} {style}{word:<11}{style:#} {:>6.1} s  {}\n",
        index + 1,
        outcome.took.as_secs_f64(),
        outcome.mutation.name
    )
}

fn word(verdict: &Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Found => (GREEN, "found"),
        Verdict::Missed(_) => (RED, "missed"),
        Verdict::NotPlanted(_) => (RED, "not planted"),
    }
}

/// What was missed and why, and the score, with ANSI colours.
pub fn text(score: &Score) -> String {
    let mut out = String::new();
    for outcome in &score.outcomes {
        let why = match &outcome.verdict {
            Verdict::Found => continue,
            Verdict::Missed(why) | Verdict::NotPlanted(why) => why,
        };
        let (style, word) = word(&outcome.verdict);
        let Mutation {
            name,
            what,
            file,
            from,
            to,
            ..
        } = outcome.mutation;
        let _ = writeln!(out, "\n{style}{word}{style:#} {name}: {what}");
        let _ = writeln!(out, "  in {file}");
        for (mark, text) in [('-', from), ('+', to)] {
            for line in text.trim_matches('\n').lines() {
                let _ = writeln!(out, "  {mark} {line}");
            }
        }
        for line in why.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    let (found, count) = (score.found(), score.outcomes.len());
    let _ = writeln!(
        out,
        "\n{found} of {count} mutations found in {}",
        minutes(score.took)
    );
    if !score.is_full() {
        out.push_str(
            "next: fix the checks in crates/conformance, then cargo xtask mutate --only NAME\n",
        );
    }
    out
}

/// A time as a person says it: whole seconds, and minutes where there are any.
pub(super) fn minutes(took: Duration) -> String {
    let seconds = took.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// For a program: `{"version": 1, "found", "count", "seconds", "mutations": [{"name", "file", "what", "exit", "check", "names",
/// "verdict": "found" | "missed" | "not-planted", "why": null | "…", "seconds"}]}`.
pub fn json(score: &Score) -> String {
    // Milliseconds are as fine as it is worth reading.
    let seconds = |took: Duration| took.as_millis() as f64 / 1000.0;
    let mutations: Vec<_> = score
        .outcomes
        .iter()
        .map(|outcome| {
            let (verdict, why) = match &outcome.verdict {
                Verdict::Found => ("found", None),
                Verdict::Missed(why) => ("missed", Some(why)),
                Verdict::NotPlanted(why) => ("not-planted", Some(why)),
            };
            let Mutation {
                name,
                what,
                file,
                exit,
                check,
                names,
                ..
            } = outcome.mutation;
            json!({
                "name": name, "file": file, "what": what,
                "exit": exit, "check": check.name(), "names": names,
                "verdict": verdict, "why": why, "seconds": seconds(outcome.took),
            })
        })
        .collect();
    let document = json!({
        "version": 1,
        "found": score.found(),
        "count": score.outcomes.len(),
        "seconds": seconds(score.took),
        "mutations": mutations,
    });
    format!("{document:#}\n")
}

/// All mutations, a line each: the name, the file, what drifts.
pub fn list(mutations: &[&'static Mutation]) -> String {
    let width = mutations
        .iter()
        .map(|it| it.name.len())
        .max()
        .unwrap_or_default();
    let lines = mutations
        .iter()
        .map(|it| format!("{:<width$}  {}: {}\n", it.name, it.file, it.what));
    lines.collect()
}

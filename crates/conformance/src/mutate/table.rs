//! A table of the last score, and of every mutation with how it must be found.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::{Mutation, Score, Then, Verdict, report};
use crate::workspace::Workspace;

/// Writes the file after a run. Of mutations that did not run, what was found before stays found, as long as what is planted and how
/// it must be found stay the same.
///
/// # Errors
///
/// It cannot be written, or nothing is known of those that did not run: not all have ever been run.
pub fn write(
    workspace: &Workspace,
    file: &str,
    all: impl Iterator<Item = &'static Mutation>,
    score: &Score,
) -> Result<()> {
    let path = workspace.path(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let rows: Vec<_> = all
        .map(|mutation| {
            let outcome = score
                .outcomes
                .iter()
                .find(|outcome| outcome.mutation.name == mutation.name);
            let found = match outcome {
                Some(outcome) => outcome.verdict == Verdict::Found,
                None => before.contains(&row(mutation, true)),
            };
            (mutation, found)
        })
        .collect();
    let took = if score.outcomes.len() == rows.len() {
        report::minutes(score.took)
    } else {
        took(&before)
            .with_context(|| format!("{file} holds no run of all mutations; leave out --only"))?
            .to_owned()
    };
    fs::write(&path, render(&rows, &took))
        .with_context(|| format!("cannot write {}", path.display()))
}

const TOOK: (&str, &str) = ("The last run of all took ", ", without the first build");

/// How long the run of all mutations took that a file tells of.
fn took(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(TOOK.0)?;
    rest.split_once(TOOK.1).map(|(took, _)| took)
}

pub(super) fn render(rows: &[(&Mutation, bool)], took: &str) -> String {
    let (begin, end) = TOOK;
    let mut out = format!(
        "# Mutations\n\n\
         Drifts that `cargo xtask mutate` plants one at a time, and how `cargo xtask verify` must find each: the check, a text \
         that what it\nfinds must name, and the exit code. This file is written by `cargo xtask mutate --write`.\n\n\
         **{} of {} found**. {begin}{took}{end}; each row tells of the last that planted it.\n\n{HEAD}",
        rows.iter().filter(|(_, found)| *found).count(),
        rows.len(),
    );
    for (mutation, found) in rows {
        out.push_str(&row(mutation, *found));
    }
    out
}

const HEAD: &str = "\
| mutation | what drifts | in | found by | names | exit |
|---|---|---|---|---|---|
";

/// The line of a mutation.
pub fn row(mutation: &Mutation, found: bool) -> String {
    let Mutation {
        name,
        what,
        file,
        then,
        exit,
        check,
        names,
        ..
    } = mutation;
    let file = match then {
        Then::Verify => format!("`{file}`"),
        Then::Generate => format!("`{file}`, then `generate`"),
    };
    let mut row = String::new();
    let missed = if found { "" } else { " (**missed**)" };
    let _ = writeln!(
        row,
        "| {name}{missed} | {} | {file} | {} | `{}` | {exit} |",
        cell(what),
        check.name(),
        cell(names)
    );
    row
}

/// Text that ends no cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

//! `docs/mutations.md`: the last score, and every mutation with how it must be found.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::{Mutation, Score, Then, Verdict, report};
use crate::workspace::Workspace;

/// The file, relative to the workspace.
pub(crate) const TABLE: &str = "docs/mutations.md";

/// Writes the file from a run of all mutations.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn write(workspace: &Workspace, score: &Score) -> Result<()> {
    let path = workspace.path(TABLE);
    fs::write(&path, render(score)).with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn render(score: &Score) -> String {
    let mut out = format!(
        "# Mutations\n\n\
         Drifts that `cargo xtask mutate` plants one at a time, and how `cargo xtask verify` must find each: the check, a text \
         that what it\nfinds must name, and the exit code. This file is written by `cargo xtask mutate --write`.\n\n\
         Last run: **{} of {} found**, in {}, without the first build.\n\n{HEAD}",
        score.found(),
        score.outcomes.len(),
        report::minutes(score.took),
    );
    for outcome in &score.outcomes {
        out.push_str(&row(outcome.mutation, outcome.verdict == Verdict::Found));
    }
    out
}

const HEAD: &str = "\
| mutation | what drifts | in | found by | names | exit |
|---|---|---|---|---|---|
";

/// The line of a mutation.
pub(super) fn row(mutation: &Mutation, found: bool) -> String {
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

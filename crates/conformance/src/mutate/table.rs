//! Renders the mutants as a table for documentation.

use std::fmt::Write as _;

use super::{Edit, Mutant};

const HEAD: &str = "\
| mutant | defect | in | found by | named | exit code |
|---|---|---|---|---|---|
";

/// Renders a list of mutants as a Markdown table.
pub fn render(all: impl Iterator<Item = &'static Mutant>, contract: &'static str) -> String {
    let mut table = HEAD.to_owned();
    for mutant in all {
        let Mutant {
            name,
            description,
            edit,
            exit,
            check,
            names,
        } = mutant;
        let file = edit.file(contract);
        let location = match edit {
            Edit::Code { within, .. } => format!("`{file}`, `{within}`"),
            Edit::Contract { .. } if edit.regenerates() => format!("`{file}`, then `generate`"),
            Edit::Contract { .. } | Edit::BrokenContract(_) => format!("`{file}`"),
        };
        let _ = writeln!(
            table,
            "| {name} | {} | {location} | {} | `{}` | {exit} |",
            cell(description),
            check.name(),
            cell(names)
        );
    }
    table
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

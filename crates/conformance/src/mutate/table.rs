//! The table of all mutants for a document. It follows from the list alone; nothing has to run.

use std::fmt::Write as _;

use super::{Edit, Mutant};

const HEAD: &str = "\
| mutant | defect | in | found by | named | exit code |
|---|---|---|---|---|---|
";

/// The table of a list, as Markdown.
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
        let place = match edit {
            Edit::Code { within, .. } => format!("`{file}`, `{within}`"),
            Edit::Contract { .. } if edit.regenerates() => format!("`{file}`, then `generate`"),
            Edit::Contract { .. } | Edit::BrokenContract(_) => format!("`{file}`"),
        };
        let _ = writeln!(
            table,
            "| {name} | {} | {place} | {} | `{}` | {exit} |",
            cell(description),
            check.name(),
            cell(names)
        );
    }
    table
}

/// Text that ends no cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

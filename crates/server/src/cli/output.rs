//! Output of the commands: one line for each change, lists as text or JSON.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde::Serialize;

#[derive(Debug, Args)]
pub(super) struct FormatArgs {
    /// Aligned text with a header, or one JSON array
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

impl FormatArgs {
    pub(super) fn print<T: Serialize, const N: usize>(
        &self,
        rows: &[T],
        header: [&str; N],
        cells: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.format {
            Format::Text => text(&mut out, header, rows.iter().map(cells))?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, rows)?;
                writeln!(out)?;
            }
        }
        out.flush()
    }
}

impl Format {
    /// Prints rows; in JSON, one object per line, so that a long list can be processed line by line.
    pub(super) fn print_lines<T: Serialize, const N: usize>(
        self,
        rows: &[T],
        header: [&str; N],
        cells: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self {
            Self::Text => text(&mut out, header, rows.iter().map(cells))?,
            Self::Json => {
                for row in rows {
                    serde_json::to_writer(&mut out, row)?;
                    writeln!(out)?;
                }
            }
        }
        out.flush()
    }
}

fn text<const N: usize>(
    out: &mut impl Write,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let lines: Vec<[String; N]> = std::iter::once(header.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for line in &lines {
        let cells = line.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a message as one line to standard error, where a failure cannot be reported.
pub(super) fn print_message(kind: &str, text: &str) {
    let _ = writeln!(io::stderr().lock(), "{kind}: {}", text.replace('\n', " "));
}

/// Formats a time as RFC 3339, in UTC and whole seconds.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn state(enabled: bool) -> String {
    match enabled {
        true => "enabled".to_owned(),
        false => "disabled".to_owned(),
    }
}

pub(super) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a", "Büro", "x"],
            ["longer", "", "yy"],
            ["", "Nachtschicht", ""],
        ]
        .map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        text(&mut out, ["NAME", "ROLE", "C"], rows.into_iter()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"
        NAME    ROLE          C
        a       Büro          x
        longer                yy
                Nachtschicht
        ");
    }
}

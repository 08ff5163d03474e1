use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::UsageError;
use super::output::{self, Format};
use crate::config::Settings;
use crate::domain::plural::Pluralized;
use crate::store::{self, CopiedTable, CopyProgress, CopyStep, DatabaseUrl, SourceState};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server copy --from sqlite:pbx-login.db --to postgres://pbx@db.example.com/pbx
  pbx-login-server copy --from postgres://pbx@db.example.com/pbx --to sqlite:pbx-login.db

Stop all servers first, because changes during the copy are not copied. Sessions stay valid, with the same ids and times.
The new database has either all rows or, if the command fails, none. It must be an SQLite file that does not exist, or
a PostgreSQL database without rows of this program, whose tables are created if necessary.

The exit code is 3 if the copy is complete, but the source changed meanwhile or cannot be read again.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// URL of the database to copy, which is not changed
    #[arg(long, value_name = "URL")]
    from: String,
    /// URL of the new database
    #[arg(long, value_name = "URL")]
    to: String,
    /// Aligned text with a header, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The copy is complete, but may be out of date; the exit code is 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct OutdatedCopy(String);

#[derive(Debug, Serialize)]
struct Report {
    from: String,
    to: String,
    rows: u64,
    /// `unchanged`, `changed` or `unknown`.
    source: &'static str,
    /// The tables of the source that changed meanwhile.
    changed: Vec<&'static str>,
    tables: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    table: &'static str,
    rows: u64,
    sha256: String,
}

impl From<&CopiedTable> for Row {
    fn from(table: &CopiedTable) -> Self {
        let digits = table.checksum.iter().map(|byte| format!("{byte:02x}"));
        Self {
            table: table.name,
            rows: table.rows,
            sha256: digits.collect(),
        }
    }
}

/// Parses the URL of an option. The message does not repeat it, because it may contain a password.
fn parse(option: &str, url: &str) -> Result<DatabaseUrl, UsageError> {
    let parsed = url.parse();
    parsed.map_err(|error| UsageError(format!("invalid {option}: {error}")))
}

pub(super) async fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let from = parse("--from", &arguments.from)?;
    let to = parse("--to", &arguments.to)?;
    let mut display = ProgressDisplay::start();
    let options = settings.postgres_command_options();
    let copied = store::copy(&from, &to, &options, &mut |progress| display.show(progress)).await;
    display.clear();
    let copied = copied?;
    let (source, changed) = match &copied.source {
        SourceState::Unchanged => ("unchanged", Vec::new()),
        SourceState::Changed(tables) => ("changed", tables.clone()),
        SourceState::Unknown(_) => ("unknown", Vec::new()),
    };
    let report = Report {
        from: from.to_string(),
        to: to.to_string(),
        rows: copied.tables.iter().map(|table| table.rows).sum(),
        source,
        changed,
        tables: copied.tables.iter().map(Row::from).collect(),
    };
    print(arguments.format, &report)?;
    match copied.source {
        SourceState::Unchanged => Ok(()),
        SourceState::Changed(tables) => bail!(OutdatedCopy(format!(
            "{from} changed while it was copied ({}), and the changes are not in {to}; to copy them, stop all servers, delete \
             the new database, and copy again",
            tables.join(", ")
        ))),
        SourceState::Unknown(error) => bail!(OutdatedCopy(format!(
            "{to} is complete, but it is unknown whether {from} changed while it was copied: {error}; if a server was running, \
             stop it, delete the new database, and copy again"
        ))),
    }
}

fn print(format: Format, report: &Report) -> io::Result<()> {
    match format {
        Format::Json => output::line(&serde_json::to_string_pretty(report)?),
        Format::Text => {
            format.print_lines(&report.tables, ["TABLE", "ROWS", "SHA-256"], |row| {
                [
                    row.table.to_owned(),
                    row.rows.to_string(),
                    row.sha256.clone(),
                ]
            })?;
            let (rows, Report { from, to, .. }) = (Pluralized(report.rows, "row"), report);
            output::line(&format!("copied and verified {rows} from {from} to {to}"))
        }
    }
}

const DISPLAY_INTERVAL: Duration = Duration::from_millis(100);

/// Shows the progress in one line of standard error, if it is a terminal.
struct ProgressDisplay {
    is_enabled: bool,
    shown: Option<(CopyStep, Instant)>,
}

impl ProgressDisplay {
    fn start() -> Self {
        Self {
            is_enabled: io::stderr().is_terminal(),
            shown: None,
        }
    }

    fn show(&mut self, progress: CopyProgress) {
        let is_recent = self.shown.is_some_and(|(step, shown)| {
            step == progress.step && shown.elapsed() < DISPLAY_INTERVAL
        });
        if !self.is_enabled || is_recent {
            return;
        }
        self.shown = Some((progress.step, Instant::now()));
        Self::write(&describe(progress));
    }

    fn clear(&self) {
        if self.shown.is_some() {
            Self::write("");
        }
    }

    /// Replaces the line. If it cannot be written, the copy continues.
    fn write(text: &str) {
        let mut out = io::stderr().lock();
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
    }
}

fn describe(progress: CopyProgress) -> String {
    let CopyProgress { step, rows, total } = progress;
    let verb = match step {
        CopyStep::Copy => "copying",
        CopyStep::Verify => "verifying",
        CopyStep::Compare => "looking for changes",
    };
    format!("{verb}: {rows} of {}", Pluralized(total, "row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_shows_the_step_and_the_rows() {
        let progress = |step, rows| CopyProgress {
            step,
            rows,
            total: 2000,
        };
        let shown = [
            progress(CopyStep::Copy, 0),
            progress(CopyStep::Verify, 1000),
            progress(CopyStep::Compare, 2000),
        ];
        insta::assert_snapshot!(shown.map(describe).join("\n"), @"
        copying: 0 of 2000 rows
        verifying: 1000 of 2000 rows
        looking for changes: 2000 of 2000 rows
        ");
    }
}

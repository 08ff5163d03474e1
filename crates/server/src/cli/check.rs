use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::output::{self, Format};
use crate::config::Settings;
use crate::domain::plural::Pluralized;
use crate::store;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server check
  pbx-login-server check --database sqlite:/var/backups/pbx-login.db --format json";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One line per problem, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    database: String,
    sound: bool,
    problems: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let problems = store::check(&settings.database)?;
    let report = Report {
        database: settings.database.to_string(),
        sound: problems.is_empty(),
        problems,
    };
    match arguments.format {
        Format::Json => output::line(&serde_json::to_string_pretty(&report)?)?,
        Format::Text if report.sound => output::line(&format!("{} is sound", report.database))?,
        Format::Text => output::line(&report.problems.join("\n"))?,
    }
    if !report.sound {
        let found = Pluralized(report.problems.len() as u64, "problem");
        bail!(
            "{} has {found}; restore a backup, or repair the database",
            report.database
        );
    }
    Ok(())
}

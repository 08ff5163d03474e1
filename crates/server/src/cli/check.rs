use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::output::{self, Format};
use super::shell::quote;
use crate::config::Settings;
use crate::domain::plural::Pluralized;
use crate::domain::user::{Scope, UserKey};
use crate::store::{self, CheckReport, Warning};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server check
  pbx-login-server check --database sqlite:/var/backups/pbx-login.db --format json";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One line per problem or warning, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    database: String,
    sound: bool,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    fn lines(&self) -> Vec<String> {
        let problems = self.problems.iter().cloned();
        let warnings = self.warnings.iter().map(|text| format!("warning: {text}"));
        let verdict = self.sound.then(|| match self.warnings.len() as u64 {
            0 => format!("{} is sound", self.database),
            count => {
                let warnings = Pluralized(count, "warning");
                format!("{} is sound, with {warnings}", self.database)
            }
        });
        problems.chain(warnings).chain(verdict).collect()
    }
}

pub(super) async fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let CheckReport { problems, warnings } =
        store::check(&settings.database, &settings.postgres_command_options()).await?;
    let report = Report {
        database: settings.database.to_string(),
        sound: problems.is_empty(),
        problems,
        warnings: warnings.iter().map(describe).collect(),
    };
    match arguments.format {
        Format::Json => output::line(&serde_json::to_string_pretty(&report)?)?,
        Format::Text => output::line(&report.lines().join("\n"))?,
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

/// Describes a warning and what to do.
fn describe(warning: &Warning) -> String {
    match warning {
        Warning::WeakPassword(UserKey { scope, username }, weakness) => {
            let name = quote(username.as_typed());
            let (user, arguments) = match scope {
                Scope::System => (username.to_string(), name),
                Scope::Tenant(domain) => (
                    format!("{username}@{domain}"),
                    format!("{name} --domain {}", quote(domain.as_typed())),
                ),
            };
            format!(
                "the password of {user} {weakness}; set another one with `user set-password {arguments}`"
            )
        }
        Warning::RoleName(domain, name) => {
            // Escaped, because letters of another script can look like ASCII.
            let (shown, name) = (name.as_typed().escape_default(), quote(name.as_typed()));
            let domain = quote(domain.as_typed());
            format!(
                "the name of the role \"{shown}\" of {domain} is not printable ASCII, which new names must be; assign another \
                 role to its users with `user set-role`, and delete it with `role delete {name} --domain {domain}`"
            )
        }
    }
}

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::output::{self, Format};
use crate::config::Settings;
use crate::store::{self, Migrated};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server migrate
  pbx-login-server migrate --database postgres://pbx_owner@db.example.com/pbx --format json

With PostgreSQL and --migrate never, servers can run as a role that cannot change the schema. Before an upgrade, run this command as
the role that owns the tables. The exit code is also 0 if there is nothing to migrate.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One line, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    database: String,
    from: usize,
    to: usize,
}

pub(super) async fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let migrated = store::migrate(&settings.database, &settings.postgres_command_options()).await?;
    let Migrated { from, to } = migrated;
    let database = settings.database.to_string();
    let text = match arguments.format {
        Format::Json => serde_json::to_string_pretty(&Report { database, from, to })?,
        Format::Text if from == to => {
            format!("{database} has schema version {to}; nothing to migrate")
        }
        Format::Text => format!("migrated {database} from schema version {from} to {to}"),
    };
    Ok(output::line(&text)?)
}

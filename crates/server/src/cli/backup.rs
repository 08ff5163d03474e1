//! `backup`: a copy of the database.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::output;
use crate::config::Settings;
use crate::store;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server backup /var/backups/pbx-login.db
  pbx-login-server backup --force /var/backups/pbx-login.db
  pbx-login-server check --database sqlite:/var/backups/pbx-login.db

To restore: stop the server, remove the database with its -wal and -shm files, copy the backup to its place.
It must belong to the server's user.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The copy: one file of SQLite, for its owner alone. It holds password hashes; keep it as safe as the database
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> Result<()> {
    let Arguments { file, force } = arguments;
    let size = store::backup(&settings.database, file, *force)?;
    Ok(output::line(&format!(
        "wrote {} ({size} bytes)",
        file.display()
    ))?)
}

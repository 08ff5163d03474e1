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

To restore a backup, stop the server, remove the database with its -wal and -shm files, and copy the backup to the
path of the database. The file must belong to the server's user.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Path of the backup, a SQLite file that only its owner can read; it contains password hashes
    file: PathBuf,
    /// Replace the file if it exists
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

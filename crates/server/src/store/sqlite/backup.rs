//! Backup of a database that is in use.
//!
//! SQLite copies all rows within one read transaction: the copy is a consistent snapshot, and writers are not blocked,
//! although their log grows meanwhile. The copy is made in a temporary file, which is renamed once it is complete and
//! on disk.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::new_file::{self, NewFile, PersistError};
use super::open::{self, OpenError};

/// The reason why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The destination exists.
    #[error("{0} already exists; choose another name, or pass --force to replace it")]
    Exists(PathBuf),
    /// The destination is the database itself.
    #[error("{0} is the database itself; choose another name")]
    SameFile(PathBuf),
    /// The destination cannot be written.
    #[error("{0} cannot be written ({1}); check its directory and the free disk space")]
    Write(PathBuf, io::Error),
    /// The backup is complete, but its directory could not be synced.
    #[error(
        "{0} was written completely, but may be missing after a power loss, because its directory cannot be synced ({1}); run sync, and check the file"
    )]
    Unsynced(PathBuf, io::Error),
    /// SQLite failed to copy the database.
    #[error("the database cannot be copied to {0} ({1}); check the free disk space")]
    Copy(PathBuf, rusqlite::Error),
}

/// Copies the database at `from` to `to`, readable only by its owner, and returns the size in bytes.
pub(in crate::store) fn backup(from: &Path, to: &Path, replace: bool) -> Result<u64, BackupError> {
    let source = open::open_existing(from)?;
    let write_error = |cause| BackupError::Write(to.to_owned(), cause);
    if is_part_of(from, to) {
        return Err(BackupError::SameFile(to.to_owned()));
    }
    // Checked before the work, and again after it by `persist`.
    if !replace && new_file::exists(to) {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let file = NewFile::create(to, ".pbx-login-backup-").map_err(write_error)?;
    copy(&source, file.path()).map_err(|cause| BackupError::Copy(to.to_owned(), cause))?;
    file.persist(replace).map_err(|error| match error {
        PersistError::Exists => BackupError::Exists(to.to_owned()),
        PersistError::Write(cause) => write_error(cause),
        PersistError::Unsynced(cause) => BackupError::Unsynced(to.to_owned(), cause),
    })
}

fn is_part_of(from: &Path, to: &Path) -> bool {
    let resolve = |path: &Path| {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
        Some(parent.join(path.file_name()?))
    };
    let (Ok(from), Some(to_path)) = (fs::canonicalize(from), resolve(to)) else {
        return false;
    };
    to_path == from
        || new_file::siblings(&from).contains(&to_path)
        || fs::canonicalize(to).is_ok_and(|to| to == from)
}

/// Writes a new file without deleted content (<https://sqlite.org/lang_vacuum.html#vacuuminto>).
fn copy(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    // The caller syncs the complete copy.
    source.pragma_update(None, "synchronous", "OFF")?;
    // `query_only` would forbid writing to any file.
    source.pragma_update(None, "query_only", false)?;
    let to = ToSqlOutput::Borrowed(ValueRef::Text(to.as_os_str().as_bytes()));
    source.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}

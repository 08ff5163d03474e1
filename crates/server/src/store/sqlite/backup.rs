//! A copy of a database, taken while others write to it.
//!
//! SQLite copies all pages within one read transaction (<https://sqlite.org/backup.html>): the copy is the database as it
//! stood at one moment. Others are not held up; their log only grows for as long as it takes. The copy is made under
//! another name and takes its own when it is whole and on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::open::{self, OpenError};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a file where the copy is to be.
    #[error("{0} is there already; choose another name, or pass --force to replace it")]
    Exists(PathBuf),
    /// The copy would replace the database itself.
    #[error("{0} is the database itself; choose another name")]
    Itself(PathBuf),
    /// The copy cannot be written.
    #[error("{path} cannot be written ({cause}); check its directory and the room on the disk")]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// SQLite cannot copy.
    #[error("the database cannot be copied to {path} ({cause}); check the room on the disk")]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What SQLite says.
        cause: rusqlite::Error,
    },
}

/// Copies the database at `from` to `to`, for its owner alone, and gives the size of the copy in bytes. A file that is
/// there is only replaced where `replace` says so.
pub(in crate::store) fn backup(from: &Path, to: &Path, replace: bool) -> Result<u64, BackupError> {
    let source = open::existing(from)?;
    let written = |cause| BackupError::Write {
        path: to.to_owned(),
        cause,
    };
    if is_part_of(from, to) {
        return Err(BackupError::Itself(to.to_owned()));
    }
    // Before the work; once more after it, where nothing is replaced.
    if !replace && to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let directory = to.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    let scratch = tempfile::Builder::new()
        .prefix(".pbx-login-backup-")
        .tempfile_in(directory)
        // Without the scratch file's name, which nobody knows.
        .map_err(|error| written(error.kind().into()))?;
    copy(&source, scratch.path()).map_err(|cause| BackupError::Copy {
        path: to.to_owned(),
        cause,
    })?;
    let file = scratch.as_file();
    file.sync_all().map_err(written)?;
    let size = file.metadata().map_err(written)?.len();
    if replace {
        scratch.persist(to).map_err(|error| written(error.error))?;
    } else {
        scratch
            .persist_noclobber(to)
            .map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
                _ => written(error.error),
            })?;
    }
    // The name must outlive a power loss as well.
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(written)?;
    Ok(size)
}

/// Whether `to` is the file of the database, or the place of one of those beside it.
fn is_part_of(from: &Path, to: &Path) -> bool {
    let place = |path: &Path| {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
        Some(parent.join(path.file_name()?))
    };
    let (Ok(from), Some(place)) = (fs::canonicalize(from), place(to)) else {
        return false;
    };
    let beside = |suffix: &str| {
        let mut part = from.clone().into_os_string();
        part.push(suffix);
        PathBuf::from(part)
    };
    ["", "-wal", "-shm", "-journal"]
        .map(beside)
        .contains(&place)
        || fs::canonicalize(to).is_ok_and(|to| to == from)
}

fn copy(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    // It is brought to the disk as a whole, in the end.
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut copy)?;
    loop {
        match backup.step(-1)? {
            StepResult::Done => break,
            // Each step waits for a lock as long as any other does, and only then says so.
            StepResult::Busy | StepResult::Locked => {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
            StepResult::More | _ => {}
        }
    }
    drop(backup);
    // One file, that can be read where nothing can be written.
    let mode: String =
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    debug_assert_eq!(mode, "delete");
    copy.close().map_err(|(_, cause)| cause)
}

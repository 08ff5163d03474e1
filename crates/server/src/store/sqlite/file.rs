//! The files of a database, and whether they are still those that were opened.
//!
//! After a file is deleted or replaced, SQLite in WAL mode continues to commit to the old file, which no path leads to
//! any more (<https://sqlite.org/howtocorrupt.html>, section 2.4, "Unlinking or renaming a database file while in
//! use"). Device and inode of each path reveal this.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Files {
    /// The path as configured; it may be a symbolic link.
    main: PathBuf,
    /// Like `index`, next to the file to which the link led when the database was opened.
    log: PathBuf,
    index: PathBuf,
}

/// The device and inode of each file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    main: Option<(u64, u64)>,
    log: Option<(u64, u64)>,
    index: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    Unchanged,
    Missing,
    Replaced,
    /// The database file has its path, but its log or the log's index does not.
    Incomplete,
}

impl Files {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let real = path.canonicalize()?;
        let sibling = |suffix: &str| {
            let mut name = OsString::from(real.as_os_str());
            name.push(suffix);
            PathBuf::from(name)
        };
        Ok(Self {
            main: path.to_owned(),
            log: sibling("-wal"),
            index: sibling("-shm"),
        })
    }

    pub(super) fn paths(self) -> [PathBuf; 3] {
        [self.main, self.log, self.index]
    }

    /// Makes three `stat` calls, which take a few microseconds.
    pub(super) fn identity(&self) -> Identity {
        let find_inode = |path: &Path| {
            let file = fs::metadata(path).ok()?;
            Some((file.dev(), file.ino()))
        };
        Identity {
            main: find_inode(&self.main),
            log: find_inode(&self.log),
            index: find_inode(&self.index),
        }
    }

    pub(super) fn state(&self, opened: Identity) -> FileState {
        let now = self.identity();
        if now == opened {
            FileState::Unchanged
        } else if now.main.is_none() {
            FileState::Missing
        } else if now.main != opened.main {
            FileState::Replaced
        } else {
            FileState::Incomplete
        }
    }

    /// Renames the log of a replaced file, because SQLite would corrupt the new file with it.
    pub(super) fn quarantine_wal(&self, opened: Identity) -> io::Result<()> {
        let now = self.identity();
        if let Some((_, inode)) = now.log.filter(|_| now.log == opened.log) {
            if fs::metadata(&self.log)?.len() == 0 {
                fs::remove_file(&self.log)?;
            } else {
                // Kept under another name, because it may contain changes of the replaced file.
                let mut renamed = OsString::from(self.log.as_os_str());
                renamed.push(format!(".orphan-{inode}"));
                fs::rename(&self.log, PathBuf::from(renamed))?;
            }
        }
        if now.index.is_some() && now.index == opened.index {
            // The index contains nothing that the log does not.
            fs::remove_file(&self.index)?;
        }
        Ok(())
    }
}

//! Which files a database is made of, and whether they are still the ones that were opened.
//!
//! A file that is deleted or replaced under an open connection stays there for that connection: SQLite would go on
//! committing to what nobody will ever find again (<https://sqlite.org/howtocorrupt.html>, section 2.4, "Unlinking or renaming
//! a database file while in use"). In WAL mode it does not look for that; so it is looked for here, by what a path
//! names: device and inode.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of a database, by path.
#[derive(Debug)]
pub(super) struct Files {
    /// As it was named; it may be a link.
    main: PathBuf,
    /// The write-ahead log and its index stand beside what the link led to when the database was opened.
    log: PathBuf,
    index: PathBuf,
}

/// What the paths of a database name at a moment: device and inode of each file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    main: Option<(u64, u64)>,
    log: Option<(u64, u64)>,
    index: Option<(u64, u64)>,
}

/// What has become of the files that were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// They are all in their places.
    There,
    /// The database file is not.
    Gone,
    /// Another file is in the database's place.
    Replaced,
    /// The database file is in its place, but not its log, or not the log's index.
    Torn,
}

impl Files {
    /// Of the database with this path, which is there.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let real = path.canonicalize()?;
        let beside = |suffix: &str| {
            let mut name = OsString::from(real.as_os_str());
            name.push(suffix);
            PathBuf::from(name)
        };
        Ok(Self {
            main: path.to_owned(),
            log: beside("-wal"),
            index: beside("-shm"),
        })
    }

    /// What the paths name now. Three looks at the file system: some microseconds.
    pub(super) fn identity(&self) -> Identity {
        let of = |path: &Path| {
            let file = fs::metadata(path).ok()?;
            Some((file.dev(), file.ino()))
        };
        Identity {
            main: of(&self.main),
            log: of(&self.log),
            index: of(&self.index),
        }
    }

    /// What has become of the files that were `opened`.
    pub(super) fn state(&self, opened: Identity) -> FileState {
        let now = self.identity();
        if now == opened {
            FileState::There
        } else if now.main.is_none() {
            FileState::Gone
        } else if now.main != opened.main {
            FileState::Replaced
        } else {
            FileState::Torn
        }
    }

    /// Takes the log of a database away that was `opened` and then replaced, if it is still in its place: applied to the
    /// file that stands there now, it would destroy it. What it still holds is kept under another name, for it belongs to
    /// the old file.
    pub(super) fn quarantine_wal(&self, opened: Identity) -> io::Result<()> {
        let now = self.identity();
        if let Some((_, inode)) = now.log.filter(|_| now.log == opened.log) {
            if fs::metadata(&self.log)?.len() == 0 {
                fs::remove_file(&self.log)?;
            } else {
                let mut aside = OsString::from(self.log.as_os_str());
                aside.push(format!(".orphan-{inode}"));
                fs::rename(&self.log, PathBuf::from(aside))?;
            }
        }
        if now.index.is_some() && now.index == opened.index {
            // Holds nothing that the log does not.
            fs::remove_file(&self.index)?;
        }
        Ok(())
    }
}

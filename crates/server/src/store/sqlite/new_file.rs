//! A file that gets its name only when it is complete and on disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The reason why a file was not persisted.
#[derive(Debug)]
pub(super) enum PersistError {
    /// Something else has the path.
    Exists,
    /// The file was not written, and does not exist.
    Write(io::Error),
    /// The file is complete and has its path, but may lose it in a power loss.
    Unsynced(io::Error),
}

impl From<io::Error> for PersistError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            _ => Self::Write(error),
        }
    }
}

/// A temporary file next to the path that it will have. It is deleted unless it is persisted.
#[derive(Debug)]
pub(super) struct NewFile {
    scratch: NamedTempFile,
    directory: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Creates an empty file that only its owner can access.
    pub(super) fn create(path: &Path, prefix: &str) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new()
            .prefix(prefix)
            .tempfile_in(directory)
            // Without the name of the temporary file, which the user does not know.
            .map_err(|error| io::Error::from(error.kind()))?;
        Ok(Self {
            scratch,
            directory: directory.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Returns the temporary path.
    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Waits until the content is on disk, renames the file, and returns its size.
    ///
    /// An existing file is an error unless `replace` is `true`.
    pub(super) fn persist(self, replace: bool) -> Result<u64, PersistError> {
        let file = self.scratch.as_file();
        file.sync_all()?;
        let size = file.metadata()?.len();
        let renamed = match replace {
            true => self.scratch.persist(&self.path),
            false => self.scratch.persist_noclobber(&self.path),
        };
        renamed.map_err(io::Error::from)?;
        // The new name must survive a power loss as well.
        let synced = File::open(self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(PersistError::Unsynced)?;
        Ok(size)
    }
}

/// Returns the files that SQLite would use together with a database.
pub(super) fn siblings(path: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|suffix| {
        let mut name = path.to_owned().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Returns whether something has a path, even a symbolic link to nothing.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_sync_of_the_directory_is_reported_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new");
        let mut file = NewFile::create(&path, ".scratch-").unwrap();
        file.directory = directory.path().join("missing");
        let error = file.persist(false).unwrap_err();
        assert!(matches!(error, PersistError::Unsynced(_)), "{error:?}");
        assert!(path.exists());
    }

    #[test]
    fn existing_file_is_not_replaced_by_default() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new");
        fs::write(&path, "old").unwrap();
        let create = || NewFile::create(&path, ".scratch-").unwrap();
        let error = create().persist(false).unwrap_err();
        assert!(matches!(error, PersistError::Exists), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        create().persist(true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}

//! A file that gets its name only when it is complete and on disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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
    /// Unless `replace` is `true`, an existing file is an error of the kind `AlreadyExists`.
    pub(super) fn persist(self, replace: bool) -> io::Result<u64> {
        let file = self.scratch.as_file();
        file.sync_all()?;
        let size = file.metadata()?.len();
        match replace {
            true => self.scratch.persist(&self.path)?,
            false => self.scratch.persist_noclobber(&self.path)?,
        };
        // The new name must survive a power loss as well.
        File::open(self.directory)?.sync_all()?;
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

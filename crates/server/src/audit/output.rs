//! Outputs of the audit stream: standard output, or a file that may be rotated.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// An output for complete lines.
pub(super) trait LineOutput: Send {
    /// Writes a line, which ends with a newline.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()>;
}

/// Writes lines. After a partially written line, the next one starts on a new line.
pub(super) struct Lines<W> {
    out: W,
    is_torn: bool,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            is_torn: false,
        }
    }

    fn write_bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.is_torn = !bytes.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }
}

impl<W: Write + Send> LineOutput for Lines<W> {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_bytes(b"\n")?;
        }
        self.write_bytes(line)
    }
}

/// A file to which this and other processes append lines.
///
/// If the file was renamed or deleted, the next line goes to a new file at the path, so that log rotation needs no
/// signal.
pub(super) struct AppendFile {
    path: PathBuf,
    /// `None` until the first line.
    opened: Option<OpenedFile>,
}

struct OpenedFile {
    lines: Lines<File>,
    identity: (u64, u64),
}

impl AppendFile {
    /// Opens the file with the first line.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: None,
        }
    }

    /// Opens the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            opened: Some(OpenedFile::open(path)?),
        })
    }
}

impl LineOutput for AppendFile {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let in_place = self.opened.take_if(|file| file.is_at(&self.path));
        let file = match in_place {
            Some(file) => file,
            None => OpenedFile::open(&self.path)?,
        };
        self.opened.insert(file).lines.write_line(line)
    }
}

impl OpenedFile {
    /// Opens a regular file; a new one can be accessed only by its owner.
    fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for its reader.
        if let Ok(metadata) = fs::metadata(path) {
            check_is_file(&metadata)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path)?;
        let metadata = file.metadata()?;
        check_is_file(&metadata)?;
        Ok(Self {
            lines: Lines {
                is_torn: !ends_with_newline(&file, metadata.len())?,
                out: file,
            },
            identity: identity(&metadata),
        })
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn check_is_file(metadata: &Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Returns whether the file is empty or its last line is complete, which a crash may have prevented.
fn ends_with_newline(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn renamed_or_deleted_file_is_replaced_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("a"), folder.path().join("a.1"));
        let mut file = AppendFile::open(&path).unwrap();
        file.write_line(b"1\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        file.write_line(b"2\n").unwrap();
        file.write_line(b"3\n").unwrap();
        assert_eq!(fs::read(&rotated).unwrap(), b"1\n");
        assert_eq!(fs::read(&path).unwrap(), b"2\n3\n");
        assert_eq!(mode(&path), 0o600);
        fs::remove_file(&path).unwrap();
        file.write_line(b"4\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"4\n");
    }

    #[test]
    fn file_is_opened_with_the_first_line_unless_opened_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = AppendFile::new(&path);
        assert!(!path.exists());
        file.write_line(b"1\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1\n");
    }

    #[test]
    fn file_that_log_rotation_created_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = AppendFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        file.write_line(b"1\n").unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), mode(&path)),
            (b"1\n".to_vec(), 0o640)
        );
    }

    #[test]
    fn incomplete_last_line_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1\n2").unwrap();
        let mut file = AppendFile::open(&path).unwrap();
        file.write_line(b"3\n").unwrap();
        file.write_line(b"4\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n3\n4\n");
    }

    #[test]
    fn directory_and_device_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null")] {
            let error = AppendFile::open(path).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file");
        }
    }

    /// Accepts a number of bytes, then reports an error once.
    struct FullDisk {
        free: usize,
        written: Vec<u8>,
    }

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.free == 0 {
                self.free = usize::MAX;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.free);
            self.free -= count;
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn line_after_a_failed_one_starts_on_its_own_line() {
        for (free, expected) in [(4, "one\ntwo\n"), (6, "one\nlo\ntwo\n")] {
            let written = Vec::new();
            let mut lines = Lines::new(FullDisk { free, written });
            lines.write_line(b"one\n").unwrap();
            lines.write_line(b"lost\n").unwrap_err();
            lines.write_line(b"two\n").unwrap();
            assert_eq!(lines.out.written, expected.as_bytes());
        }
    }
}

//! Warnings about files with secrets that other users can access.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use slog::{Logger, warn};

use super::shell::quote;

/// Read and write permissions of the group and of others.
const GROUP_AND_OTHERS: u32 = 0o066;
const OTHERS: u32 = 0o006;

/// Logs a warning for each file that other users can read or write, with the command that prevents it.
pub(super) fn warn_if_exposed(log: &Logger, files: impl IntoIterator<Item = PathBuf>) {
    let user = rustix::process::geteuid().as_raw();
    for file in files {
        // A file that is missing or cannot be read is reported when it is used.
        let Ok(metadata) = fs::metadata(&file) else {
            continue;
        };
        if is_exposed(&metadata, user) {
            warn!(
                log, "other users can access a file with secrets; run the command";
                "file" => %file.display(), "command" => protect(&file, &metadata, user)
            );
        }
    }
}

/// Returns whether users other than the owner, root and the server's own (`user`) can access a file.
///
/// If the file belongs to another user, typically to root, the server itself needs the permissions of the group.
fn is_exposed(metadata: &Metadata, user: u32) -> bool {
    let forbidden = match metadata.uid() == user {
        true => GROUP_AND_OTHERS,
        false => OTHERS,
    };
    metadata.mode() & forbidden != 0
}

/// Returns a command after which only the server's user can access the file.
fn protect(file: &Path, metadata: &Metadata, user: u32) -> String {
    let file = quote(&file.to_string_lossy());
    match metadata.uid() == user {
        true => format!("chmod 600 {file}"),
        false => format!("chown {user} {file} && chmod 600 {file}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn with_mode(mode: u32) -> (tempfile::TempDir, PathBuf, Metadata) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key.pem");
        fs::write(&file, "secret").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let metadata = fs::metadata(&file).unwrap();
        (directory, file, metadata)
    }

    #[test]
    fn own_file_is_exposed_if_group_or_others_can_access_it() {
        for (mode, expected) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o711, false),
            (0o640, true),
            (0o620, true),
            (0o604, true),
            (0o602, true),
            (0o644, true),
        ] {
            let (_directory, _, metadata) = with_mode(mode);
            assert_eq!(is_exposed(&metadata, metadata.uid()), expected, "{mode:o}");
        }
    }

    #[test]
    fn file_of_another_user_is_exposed_only_to_others() {
        for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            let (_directory, _, metadata) = with_mode(mode);
            let user = metadata.uid() + 1;
            assert_eq!(is_exposed(&metadata, user), expected, "{mode:o}");
        }
    }

    #[test]
    fn command_makes_the_file_accessible_only_to_the_server() {
        let (_directory, file, metadata) = with_mode(0o644);
        let command = protect(&file, &metadata, metadata.uid());
        let run = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        assert!(run.unwrap().success());
        let mode = fs::metadata(&file).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let of_another = protect(Path::new("/etc/my key"), &metadata, metadata.uid() + 7);
        let expected = format!(
            "chown {} '/etc/my key' && chmod 600 '/etc/my key'",
            metadata.uid() + 7
        );
        assert_eq!(of_another, expected);
    }
}

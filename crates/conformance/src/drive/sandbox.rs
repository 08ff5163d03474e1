use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::process::RunningServer;
use crate::report::Problem;

/// Describes how a server is built and started.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) package: &'static str,
    pub(crate) sources: Option<&'static str>,
    pub(crate) document: Vec<&'static str>,
    arguments: Vec<&'static str>,
    prefix: Option<&'static str>,
    settings: Vec<(&'static str, String)>,
    listening: fn(&str) -> Option<String>,
}

impl Server {
    /// Describes a server that is a package's binary with the name of the package.
    ///
    /// It is started without arguments and must print its address (see [`with_listening`](Self::with_listening)). With
    /// the argument `openapi`, it must print the OpenAPI document that it registers.
    pub fn of_package(package: &'static str) -> Self {
        Self {
            package,
            sources: None,
            document: vec!["openapi"],
            arguments: Vec::new(),
            prefix: None,
            settings: Vec::new(),
            listening,
        }
    }

    /// Sets the folder of the server's code, in which only a generated file may register operations.
    #[must_use]
    pub fn with_sources(self, folder: &'static str) -> Self {
        Self {
            sources: Some(folder),
            ..self
        }
    }

    /// Sets the arguments with which the server prints its OpenAPI document.
    #[must_use]
    pub fn with_document(self, arguments: &[&'static str]) -> Self {
        Self {
            document: arguments.to_vec(),
            ..self
        }
    }

    /// Sets the arguments with which the server listens on a free port.
    #[must_use]
    pub fn with_arguments(self, arguments: &[&'static str]) -> Self {
        Self {
            arguments: arguments.to_vec(),
            ..self
        }
    }

    /// Sets the prefix of the server's environment variables.
    ///
    /// Variables with this prefix are not inherited.
    #[must_use]
    pub fn with_prefix(self, prefix: &'static str) -> Self {
        Self {
            prefix: Some(prefix),
            ..self
        }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with_setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Sets the function that finds the address in a line of standard output.
    ///
    /// By default, the line is the text `listening on ADDRESS`, or a JSON object in which `msg` is `listening` and the
    /// address is in `address` or, as in dropshot's log, `local_addr`.
    #[must_use]
    pub fn with_listening(self, listening: fn(&str) -> Option<String>) -> Self {
        Self { listening, ..self }
    }

    pub(crate) fn command(&self, binary: &Path, folder: &Path) -> Command {
        let mut command = Command::new(binary);
        command.current_dir(folder).stdin(Stdio::null());
        if let Some(prefix) = self.prefix {
            for (name, _) in std::env::vars_os() {
                if name.to_string_lossy().starts_with(prefix) {
                    command.env_remove(name);
                }
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command
    }
}

fn listening(line: &str) -> Option<String> {
    if let Some((_, address)) = line.split_once("listening on ") {
        return Some(address.trim().trim_start_matches("http://").to_owned());
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let address = line.get("address").or_else(|| line.get("local_addr"))?;
    (line["msg"] == "listening").then(|| address.as_str().map(str::to_owned))?
}

/// A scratch folder in which a server and its commands run; removed on drop.
#[derive(Debug)]
pub struct Sandbox {
    server: Server,
    binary: PathBuf,
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new(server: Server, binary: &Path) -> Result<Self> {
        Ok(Self {
            server,
            binary: binary.to_owned(),
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets environment variables of every server in the folder.
    pub(crate) fn add_settings(&mut self, settings: Vec<(&'static str, String)>) {
        self.server.settings.extend(settings);
    }

    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Result<RunningServer, Problem> {
        let mut command = self.command();
        command
            .args(&self.server.arguments)
            .envs(settings.iter().copied());
        RunningServer::start(&mut command, self.server.listening)
    }

    /// Runs a command of the server in the folder and returns its standard output.
    ///
    /// `input` is its standard input.
    ///
    /// # Errors
    /// Fails if the command cannot be run or its exit status is not 0. The problem contains its standard error.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String, Problem> {
        let name = format!("`{} {}`", self.server.package, arguments.join(" "));
        let run = || {
            let mut command = self.command();
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        };
        let output =
            run().map_err(|error| Problem::new(format!("{name} cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(
            Problem::new(format!("{name} exited with {}", output.status))
                .detail("stderr", stderr.trim_end()),
        )
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn command(&self) -> Command {
        self.server.command(&self.binary, self.folder.path())
    }
}

/// Returns a random secret for a scratch server.
///
/// The standard library seeds SipHash keys from the operating system, which suffices for a server that runs for
/// seconds.
pub fn scratch_secret() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_logs_and_from_text() {
        for (line, address) in [
            (
                r#"{"msg":"listening","address":"127.0.0.1:7"}"#,
                Some("127.0.0.1:7"),
            ),
            (
                r#"{"msg":"listening","local_addr":"127.0.0.1:7"}"#,
                Some("127.0.0.1:7"),
            ),
            ("listening on http://127.0.0.1:7", Some("127.0.0.1:7")),
            ("listening on 127.0.0.1:7\n", Some("127.0.0.1:7")),
            (r#"{"msg":"starting","address":"127.0.0.1:7"}"#, None),
            ("text", None),
        ] {
            assert_eq!(listening(line).as_deref(), address, "{line}");
        }
    }

    #[test]
    fn scratch_secrets_are_long_and_differ() {
        let (one, other) = (scratch_secret(), scratch_secret());
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
    }
}

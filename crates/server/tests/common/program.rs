//! The server program, as a process with its own folder.

#![allow(dead_code, reason = "each test file uses what it needs of this")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use pbx_login_client::{Credentials, Error, Session};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "a password of my own";

/// Returns a command for the program in a folder, without the settings of the test environment.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pbx-login-server"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PBX_LOGIN_") {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) struct Server {
    pub(crate) child: Child,
    log: BufReader<ChildStdout>,
    lines: Vec<String>,
    pub(crate) address: String,
    pub(crate) ops: String,
}

impl Server {
    /// Starts a server on free ports and waits until it listens.
    pub(crate) fn start(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        Self::start_by(program(folder), change)
    }

    /// Starts a server with a command that executes the program.
    pub(crate) fn start_by(mut command: Command, change: impl FnOnce(&mut Command)) -> Self {
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("a process");
        let log = BufReader::new(child.stdout.take().expect("piped"));
        let mut server = Self {
            child,
            log,
            lines: Vec::new(),
            address: String::new(),
            ops: String::new(),
        };
        server.address = server.address_of("listening");
        server.ops = server.address_of("operations listener started");
        server
    }

    /// Returns the address in the next line that is neither a warning nor an audit entry.
    fn address_of(&mut self, message: &str) -> String {
        loop {
            let line = self.line().expect("a server that listens");
            if line["level"] != "WARN" && line["event"].is_null() {
                assert_eq!(line["msg"], message);
                return line["address"].as_str().expect("an address").to_owned();
            }
        }
    }

    pub(crate) fn line(&mut self) -> Option<serde_json::Value> {
        let mut line = String::new();
        self.log.read_line(&mut line).expect("a line");
        self.lines.push(line.clone());
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("JSON"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> Result<Session, Error> {
        Session::log_in(
            &self.url(),
            Credentials {
                username,
                password,
                domain: None,
            },
        )
        .await
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .expect("a shell")
                .success()
        );
    }

    pub(crate) fn end(mut self) -> (Vec<String>, String, ExitStatus) {
        while self.line().is_some() {}
        let mut messages = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut messages).expect("text");
        let status = self.child.wait().expect("the process exits");
        (std::mem::take(&mut self.lines), messages, status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn with_password(command: &mut Command) {
    command.env("PBX_LOGIN_ADMIN_PASSWORD", PASSWORD);
}

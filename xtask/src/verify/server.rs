//! The server as `verify` uses it: built by cargo and run as a child process, never linked.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use dropshot_codegen::Location;
use serde_json::Value;

use crate::report::{Place, Problem};
use crate::timings::Timings;
use crate::workspace::Workspace;

/// The package, and the binary in it.
const PACKAGE: &str = "pbx-login-server";

/// The server's settings in the environment begin with this (design: a key in upper case, dots as underscores).
const SETTINGS: &str = "PBX_LOGIN_";

/// The server of the workspace, built when it is first asked for.
pub(crate) struct Server<'w> {
    workspace: &'w Workspace,
    timings: &'w Timings,
    built: OnceCell<Result<PathBuf, Problem>>,
}

impl<'w> Server<'w> {
    /// The server of a workspace.
    pub(crate) fn of(workspace: &'w Workspace, timings: &'w Timings) -> Self {
        Self {
            workspace,
            timings,
            built: OnceCell::new(),
        }
    }

    /// Where what is done with the server is measured.
    pub(crate) fn timings(&self) -> &Timings {
        self.timings
    }

    /// The path of the binary, or why it does not build.
    ///
    /// # Errors
    ///
    /// Cargo cannot be started.
    pub(crate) fn binary(&self) -> Result<Result<&Path, Problem>> {
        let built = match self.built.get() {
            Some(built) => built,
            None => {
                let built = self.timings.step("build the server", || {
                    built(self.workspace, PACKAGE, "the server")
                })?;
                self.built.get_or_init(|| built)
            }
        };
        Ok(built.as_deref().map_err(Clone::clone))
    }
}

/// A command that runs the server in `folder`, free of every setting of whoever runs `verify`.
pub(crate) fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(SETTINGS) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds a package of the workspace that has one binary; gives its path, or why it does not build. `what` names it for
/// people.
///
/// # Errors
///
/// Cargo cannot be started.
pub(crate) fn built(
    workspace: &Workspace,
    package: &str,
    what: &str,
) -> Result<Result<PathBuf, Problem>> {
    let output = workspace
        .cargo()
        .args([
            "build",
            "--quiet",
            "--color=never",
            "--package",
            package,
            "--bin",
            package,
        ])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        return Ok(Err(broken(workspace, &output, package, what)));
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    Ok(executable(&stdout, package)
        .ok_or_else(|| Problem::new(format!("cargo built no binary {package}"))))
}

/// The path of the binary of a package among cargo's messages, one JSON object a line.
pub(crate) fn executable(messages: &str, package: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The first error of the compiler.
fn broken(workspace: &Workspace, output: &Output, package: &str, what: &str) -> Problem {
    /// Enough for an error with its place; the rest is a command away.
    const LINES: usize = 12;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let error: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take_while(|line| !line.trim().is_empty())
        .take(LINES)
        .collect();
    let place = error.iter().find_map(|line| {
        let place = line.trim_start().strip_prefix("--> ")?;
        let (rest, column) = place.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let location = Location {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        };
        // Relative to the workspace: in a dependency nothing can be mended.
        let text = fs::read_to_string(workspace.path(file)).ok()?;
        Some(Box::new(Place::in_text(file, &text, location, None)))
    });
    Problem {
        place,
        ..Problem::new(format!("did not run: {what} does not compile"))
    }
    .detail("cargo", error.join("\n"))
    .help(format!("see `cargo build -p {package}` for everything"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"pbx-login-server"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"pbx-login-server"},"executable":"/t/server"}"#,
        );
        assert_eq!(
            executable(messages, PACKAGE),
            Some(PathBuf::from("/t/server"))
        );
        assert_eq!(
            executable(r#"{"reason":"build-finished","success":true}"#, PACKAGE),
            None
        );
    }

    #[test]
    fn a_server_that_does_not_compile_shows_the_first_error() {
        let output = Output {
            status: std::process::ExitStatus::default(),
            stdout: vec![],
            stderr: b"warning: unused\n --> a.rs\n\nerror[E0308]: mismatched types\n --> b.rs:1:2\n  |\n1 | x\n\nerror: aborting\n"
                .to_vec(),
        };
        let folder = tempfile::tempdir().expect("there is room");
        fs::write(folder.path().join("b.rs"), "x\n").expect("there is room");
        let workspace = Workspace::at(folder.path());
        let mut out = String::new();
        broken(&workspace, &output, PACKAGE, "the server").render(&mut out);
        insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
        b.rs:1:2: did not run: the server does not compile
             1 | x
               |  ^
          cargo: error[E0308]: mismatched types
             --> b.rs:1:2
              |
            1 | x
          help: see `cargo build -p pbx-login-server` for everything
        ");
    }
}

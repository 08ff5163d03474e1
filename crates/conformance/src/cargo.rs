use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use dropshot_codegen::Location;
use serde_json::Value;

use crate::report::{Problem, SourceLocation};
use crate::timings::Timings;
use crate::workspace::Workspace;

/// The packages of a workspace, each built on first use.
pub(crate) struct Builds<'w> {
    workspace: &'w Workspace,
    timings: &'w Timings,
    built: RefCell<BTreeMap<&'static str, Result<PathBuf, Problem>>>,
    reported: RefCell<Vec<Problem>>,
}

impl<'w> Builds<'w> {
    pub(crate) fn new(workspace: &'w Workspace, timings: &'w Timings) -> Self {
        Self {
            workspace,
            timings,
            built: RefCell::default(),
            reported: RefCell::default(),
        }
    }

    pub(crate) fn workspace(&self) -> &'w Workspace {
        self.workspace
    }

    pub(crate) fn timings(&self) -> &'w Timings {
        self.timings
    }

    /// Builds the binary of a package and returns its path; `what` describes it in problems.
    ///
    /// The outer result fails if cargo cannot be started, the inner one if the package does not compile. A repeated
    /// compile error is shortened.
    pub(crate) fn binary(
        &self,
        package: &'static str,
        what: &str,
    ) -> Result<Result<PathBuf, Problem>> {
        let known = self.built.borrow().get(package).cloned();
        let built = match known {
            Some(built) => built,
            None => {
                let step = if what == "the server" {
                    "build the server"
                } else {
                    "build the client"
                };
                let built = self
                    .timings
                    .step(step, || build(self.workspace, package, what))?;
                self.built.borrow_mut().insert(package, built.clone());
                built
            }
        };
        Ok(built.map_err(|problem| {
            let mut reported = self.reported.borrow_mut();
            let same = |other: &Problem| other.details == problem.details;
            if reported.iter().any(same) {
                return Problem::new(format!("did not run: {what} does not compile; see above"));
            }
            reported.push(problem.clone());
            problem
        }))
    }
}

/// Builds the binary of a package with a profile, shows cargo's progress, and returns the path.
///
/// # Errors
/// Fails if the package does not build.
pub fn build_with_profile(workspace: &Workspace, profile: &str, package: &str) -> Result<PathBuf> {
    let output = workspace
        .cargo()
        .args([
            "build",
            "--profile",
            profile,
            "--package",
            package,
            "--bin",
            package,
        ])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{package} does not build");
    }
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .with_context(|| format!("cargo built no binary {package}"))
}

fn build(workspace: &Workspace, package: &str, what: &str) -> Result<Result<PathBuf, Problem>> {
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
        return Ok(Err(compile_problem(workspace, &output, package, what)));
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    Ok(executable(&stdout, package)
        .ok_or_else(|| Problem::new(format!("cargo built no binary {package}"))))
}

fn executable(messages: &str, package: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn compile_problem(workspace: &Workspace, output: &Output, package: &str, what: &str) -> Problem {
    /// The maximum length of an excerpt: enough for one error and its location.
    const MAX_LINES: usize = 12;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let error: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take_while(|line| !line.trim().is_empty())
        .take(MAX_LINES)
        .collect();
    let location = error.iter().find_map(|line| {
        let location = line.trim_start().strip_prefix("--> ")?;
        let (rest, column) = location.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let location = Location {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        };
        // A file outside the workspace cannot be fixed here.
        let text = fs::read_to_string(workspace.path(file)).ok()?;
        Some(Box::new(SourceLocation::in_text(
            file, &text, location, None,
        )))
    });
    let help = match missing_crate(&error.join("\n")) {
        Some(name) => format!(
            "add the crate `{name}` to the dependencies of the package of this file; see `cargo build -p {package}` for everything"
        ),
        None => format!("see `cargo build -p {package}` for everything"),
    };
    Problem {
        location,
        ..Problem::new(format!("did not run: {what} does not compile"))
    }
    .detail("cargo", error.join("\n"))
    .help(help)
}

fn missing_crate(error: &str) -> Option<&str> {
    let quoted_after = |text: &str, start: usize| {
        let rest = &error[start + text.len()..];
        rest.split_once('`').map(|(name, _)| name)
    };
    ["unlinked crate `", "unresolved import `"]
        .into_iter()
        .find_map(|text| quoted_after(text, error.find(text)?))
        .or_else(|| {
            let (before, _) = error.split_once("` in the list of imported crates")?;
            before.rsplit_once('`').map(|(_, name)| name)
        })
        // An unresolved path within the crate is not a missing crate.
        .filter(|name| !name.contains("::") && !["crate", "self", "super"].contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "things-server";

    #[test]
    fn binary_is_found_in_the_messages_of_cargo() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"things-server"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"things-server"},"executable":"/t/server"}"#,
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
    fn failed_build_shows_the_first_error() {
        let output = Output {
            status: std::process::ExitStatus::default(),
            stdout: vec![],
            stderr: b"warning: unused\n --> a.rs\n\nerror[E0308]: mismatched types\n --> b.rs:1:2\n  |\n1 | x\n\nerror: aborting\n"
                .to_vec(),
        };
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        fs::write(folder.path().join("b.rs"), "x\n").expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path(), "openapi.yaml");
        let mut out = String::new();
        compile_problem(&workspace, &output, PACKAGE, "the server").render(&mut out);
        insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
        b.rs:1:2: did not run: the server does not compile
             1 | x
               |  ^
          cargo: error[E0308]: mismatched types
             --> b.rs:1:2
              |
            1 | x
          help: see `cargo build -p things-server` for everything
        ");
    }

    #[test]
    fn missing_crate_is_read_from_the_compile_error() {
        for error in [
            "error[E0433]: cannot find `futures` in the list of imported crates",
            "error[E0432]: unresolved import `futures`",
            "error[E0433]: cannot find module or crate; use of unresolved module or unlinked crate `futures`",
        ] {
            assert_eq!(missing_crate(error), Some("futures"), "{error}");
        }
        for error in [
            "error[E0432]: unresolved import `crate::things`",
            "error[E0308]: mismatched types",
        ] {
            assert_eq!(missing_crate(error), None, "{error}");
        }
    }
}

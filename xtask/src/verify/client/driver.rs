//! The driver: the program that calls the client, built by cargo and run as a child process (`xtask/driver`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::report::Problem;
use crate::verify::server::built;
use crate::workspace::Workspace;

/// The package, and the binary in it.
const PACKAGE: &str = "pbx-login-client-driver";

/// Builds the driver, and with it the client.
///
/// # Errors
///
/// The outer error: cargo cannot be started. The inner one: client or driver do not compile.
pub(crate) fn build(workspace: &Workspace) -> Result<Result<PathBuf, Problem>> {
    built(workspace, PACKAGE, "the client")
}

/// What is called.
#[derive(Clone, Debug)]
pub(crate) enum Call<'a> {
    /// A method of the generated client.
    Method(&'a str),
    /// A step with a `Session`.
    Session(&'a str),
}

/// A running driver. It ends when it is dropped.
pub(crate) struct Driver {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts the driver.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        Self::run(&mut Command::new(binary))
    }

    pub(super) fn run(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the driver of the client")?;
        let calls = child.stdin.take().context("the driver has no stdin")?;
        let answers = child.stdout.take().context("the driver has no stdout")?;
        Ok(Self {
            child,
            calls,
            answers: BufReader::new(answers),
        })
    }

    /// Makes a call to the server at `base` and gives what came of it: an object with a `kind`, or with the reason why it
    /// is `unsaid`.
    ///
    /// # Errors
    ///
    /// The driver has ended.
    pub(crate) fn call(
        &mut self,
        base: &str,
        token: Option<&str>,
        call: &Call,
        arguments: &Value,
    ) -> Result<Value> {
        let (kind, name) = match call {
            Call::Method(name) => ("method", name),
            Call::Session(name) => ("session", name),
        };
        let line = json!({ "base": base, "token": token, kind: name, "arguments": arguments });
        let mut answer = String::new();
        writeln!(self.calls, "{line}")
            .and_then(|()| self.calls.flush())
            .and_then(|()| self.answers.read_line(&mut answer))
            .context("the driver of the client does not answer")?;
        // The answer holds tokens, so it is not shown.
        serde_json::from_str(&answer)
            .context("the driver of the client has ended, or its client panicked")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Driver {
        Driver::run(Command::new("sh").args(["-c", script])).expect("it starts")
    }

    #[test]
    fn a_call_is_a_line_and_its_answer_too() {
        let mut echo = shell("exec cat");
        let call = Call::Method("login");
        let answer = echo.call("http://a", Some("T"), &call, &json!({ "body": 1 }));
        insta::assert_snapshot!(answer.expect("it answers"), @r#"{"base":"http://a","token":"T","method":"login","arguments":{"body":1}}"#);
        let answer = echo.call("http://a", None, &Call::Session("status"), &json!({}));
        insta::assert_snapshot!(answer.expect("it answers"), @r#"{"base":"http://a","token":null,"session":"status","arguments":{}}"#);
    }

    #[test]
    fn a_driver_that_has_ended_is_an_error() {
        let mut gone = shell("read line; exit 1");
        let call = Call::Method("login");
        let error = gone
            .call("http://a", None, &call, &json!({}))
            .expect_err("it ends");
        assert!(
            error
                .to_string()
                .contains("the driver of the client has ended"),
            "{error:#}"
        );
    }
}

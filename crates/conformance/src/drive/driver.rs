//! The driver: a program that calls the generated client, run as a child process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// A call that the driver makes.
#[derive(Clone, Debug)]
pub enum Call<'a> {
    /// A method of the generated client.
    Method(&'a str),
    /// A step of the driver for the handwritten part of the client.
    Step(&'a str),
}

/// A running driver; dropping it ends the process.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    calls: ChildStdin,
    responses: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts the driver.
    ///
    /// # Errors
    /// Fails if the driver cannot be started.
    pub fn start(binary: &Path) -> Result<Self> {
        Self::run(&mut Command::new(binary))
    }

    pub(crate) fn run(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the driver of the client")?;
        let calls = child.stdin.take().context("the driver has no stdin")?;
        let responses = child.stdout.take().context("the driver has no stdout")?;
        Ok(Self {
            child,
            calls,
            responses: BufReader::new(responses),
        })
    }

    /// Makes a call to the server at `base` and returns its result as an object.
    ///
    /// The object has a `kind`, or `not_called` with the reason why the call was not made.
    ///
    /// # Errors
    /// Fails if the driver has ended.
    pub fn call(
        &mut self,
        base: &str,
        token: Option<&str>,
        call: &Call,
        arguments: &Value,
    ) -> Result<Value> {
        let (kind, name) = match call {
            Call::Method(name) => ("method", name),
            Call::Step(name) => ("step", name),
        };
        let line = json!({ "base": base, "token": token, kind: name, "arguments": arguments });
        let mut response = String::new();
        writeln!(self.calls, "{line}")
            .and_then(|()| self.calls.flush())
            .and_then(|()| self.responses.read_line(&mut response))
            .context("the driver of the client does not respond")?;
        // The response may contain tokens, so it is not shown.
        serde_json::from_str(&response)
            .context("the driver of the client has ended, or its client panicked")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The process may have ended already; a destructor cannot report an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Driver {
        Driver::run(Command::new("sh").args(["-c", script])).expect("the shell starts")
    }

    #[test]
    fn call_and_result_are_one_line_each() {
        let mut echo = shell("exec cat");
        let call = Call::Method("login");
        let response = echo.call("http://a", Some("T"), &call, &json!({ "body": 1 }));
        insta::assert_snapshot!(response.expect("the server responds"), @r#"{"base":"http://a","token":"T","method":"login","arguments":{"body":1}}"#);
        let response = echo.call("http://a", None, &Call::Step("status"), &json!({}));
        insta::assert_snapshot!(response.expect("the server responds"), @r#"{"base":"http://a","token":null,"step":"status","arguments":{}}"#);
    }

    #[test]
    fn call_of_an_ended_driver_returns_an_error() {
        let mut gone = shell("read line; exit 1");
        let call = Call::Method("login");
        let error = gone
            .call("http://a", None, &call, &json!({}))
            .expect_err("the driver ended");
        assert!(
            error
                .to_string()
                .contains("the driver of the client has ended"),
            "{error:#}"
        );
    }
}

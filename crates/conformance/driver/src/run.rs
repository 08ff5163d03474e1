use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::request::{CallError, Request};

/// Calls the client for each request on standard input, until it ends.
///
/// # Errors
/// Fails if standard input cannot be read or standard output cannot be written.
pub async fn run(call: impl AsyncFn(Request) -> Result<Outcome, CallError>) -> io::Result<()> {
    answer_lines(io::stdin().lock(), io::stdout(), call).await
}

async fn answer_lines(
    requests: impl BufRead,
    mut outcomes: impl Write,
    call: impl AsyncFn(Request) -> Result<Outcome, CallError>,
) -> io::Result<()> {
    for line in requests.lines() {
        let outcome = match serde_json::from_str(&line?) {
            Ok(request) => describe_outcome(call(request).await),
            Err(error) => json!({ "not_called": format!("the request is invalid: {error}") }),
        };
        writeln!(outcomes, "{outcome}")?;
        outcomes.flush()?;
    }
    Ok(())
}

fn describe_outcome(outcome: Result<Outcome, CallError>) -> Value {
    match outcome {
        Ok(Outcome(outcome)) => outcome,
        Err(error) => json!({ "not_called": error.reason() }),
    }
}

/// Returns a builder of HTTP clients without a proxy, for a server on this machine.
pub fn http_client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

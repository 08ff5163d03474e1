//! Calls the client as a program would, and says what came of it.
//!
//! Reads one call a line on standard input and writes what came of it as a line on standard output, both JSON:
//!
//! ```json
//! {"base": "http://127.0.0.1:8887", "token": null, "method": "login", "arguments": {"body": {}}}
//! {"base": "http://127.0.0.1:8887", "token": null, "step": "log_in", "arguments": {"username": "a", "password": "b"}}
//! ```
//!
//! The first goes to the generated client ([`calls`]), the second to `Session`. `cargo xtask verify` compares what comes
//! out with what the contract promises. Tokens and passwords of a scratch database pass through here, and nothing else.

use std::io::{BufRead as _, Write as _};

use serde::Deserialize;
use serde_json::{Value, json};

mod calls;
mod session;

use calls::Arguments;

/// What is to be called.
#[derive(Deserialize)]
struct Call {
    /// The base URL of the server.
    base: String,
    /// The access token, if one is to be sent.
    token: Option<String>,
    #[serde(flatten)]
    what: What,
    #[serde(default)]
    arguments: Arguments,
}

/// A method of the generated client, or of `Session`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Method(String),
    Step(session::Step),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(call) => answer(call).await,
            Err(error) => json!({ "unsaid": format!("the call cannot be read: {error}") }),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

async fn answer(call: Call) -> Value {
    match call.what {
        What::Method(method) => {
            calls::answer(&call.base, call.token.as_deref(), &method, &call.arguments).await
        }
        What::Step(step) => {
            session::answer(&call.base, call.token.as_deref(), step, &call.arguments).await
        }
    }
}

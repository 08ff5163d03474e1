//! Logs in to a running server, prints the status of the session and logs out.
//!
//! ```text
//! cargo run -p pbx-login-client --example login -- [--url URL] [--username NAME] [--domain DOMAIN]
//! ```
//!
//! The password is read from the variable `PBX_LOGIN_PASSWORD`, from the terminal without echo, or from a line on
//! standard input.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};
use pbx_login_client::{Credentials, Session};

const USAGE: &str = "usage: login [--url URL] [--username NAME] [--domain DOMAIN]  (password: PBX_LOGIN_PASSWORD, or one line on standard input)";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (mut url, mut username, mut domain) =
        ("http://127.0.0.1:8887".to_owned(), "admin".to_owned(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{name} needs a value; {USAGE}"))
        };
        match name.as_str() {
            "--url" => url = value()?,
            "--username" => username = value()?,
            "--domain" => domain = Some(value()?),
            _ => bail!("{USAGE}"),
        }
    }
    let password = match std::env::var("PBX_LOGIN_PASSWORD") {
        Ok(password) => password,
        Err(_) if io::stdin().is_terminal() => {
            rpassword::prompt_password(format!("password of {username}: "))?
        }
        Err(_) => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };

    let credentials = Credentials {
        username: &username,
        password: &password,
        domain: domain.as_deref(),
    };
    let session = Session::log_in(&url, credentials).await?;
    let status = session.status().await?;
    println!("role        {}", status.role);
    println!(
        "expires at  {}",
        status
            .expires_at
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    println!("expires in  {} s", status.expires_in.as_secs());
    session.log_out().await?;
    println!("logged out");
    Ok(())
}

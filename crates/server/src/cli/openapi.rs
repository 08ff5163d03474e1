use std::io::{self, Write};

use anyhow::Result;
use clap::Args;

use crate::http;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server openapi > openapi.yaml
  pbx-login-server openapi --registered";

const CONTRACT: &str = include_str!("../../../../openapi.yaml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the document that the server registers with dropshot, as JSON, instead of the contract
    #[arg(long)]
    registered: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut out = io::stdout().lock();
    if arguments.registered {
        let description = http::description()?;
        pbx_login_api::openapi(&description).write(&mut out)?;
        writeln!(out)?;
    } else {
        out.write_all(CONTRACT.as_bytes())?;
    }
    Ok(out.flush()?)
}

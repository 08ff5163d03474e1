//! `notes` serves notes; `notes openapi` prints its OpenAPI document.
//!
//! Settings: `NOTES_API_KEY`, the key that requests must carry; `NOTES_LISTEN`, an address (default 127.0.0.1:8080).

use std::{env, io};

use anyhow::{Context as _, anyhow, bail};
use slog::Drain as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("openapi") => {
            let document = notes::generated::openapi(&notes::api()?).json()?;
            println!("{document:#}");
            Ok(())
        }
        Some(other) => bail!("unknown command {other}: expected none, or openapi"),
        None => serve().await,
    }
}

async fn serve() -> anyhow::Result<()> {
    let api_key = env::var("NOTES_API_KEY")
        .context("set NOTES_API_KEY to the key that requests must carry")?;
    let address = env::var("NOTES_LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let address = address.parse().with_context(|| {
        format!("invalid NOTES_LISTEN {address:?}: expected an address such as 127.0.0.1:8080")
    })?;
    let drain = slog_json::Json::default(io::stderr());
    let log = slog::Logger::root(std::sync::Mutex::new(drain).fuse(), slog::o!());
    let server = notes::start(address, &api_key, log)?;
    println!("listening on http://{}", server.local_addr());
    server.await.map_err(|error| anyhow!(error))
}

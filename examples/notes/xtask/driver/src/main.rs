//! Calls the client for the check *client* of `cargo xtask verify`.

use std::io;

use dropshot_conformance_driver::{http_client, run};
use notes_client::{Client, headers};

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    run(async |request| {
        let api_key = request.credential.as_deref();
        let headers = api_key.map(headers).transpose()?.unwrap_or_default();
        let connections = http_client().default_headers(headers).build()?;
        let client = Client::new_with_client(&request.base, connections);
        call(&client, &request).await
    })
    .await
}

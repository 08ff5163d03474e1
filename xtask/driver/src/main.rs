//! Calls the client for the check *client* of `cargo xtask verify`.
//!
//! Methods are called on the generated client, steps on `Session` ([`session`]). Tokens and passwords belong to a
//! scratch database.

use std::io;

use dropshot_conformance_driver::{Target, http_client, run};
use pbx_login_client::{Client, Credential};

mod session;

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    run(async |request| {
        if let Target::Step(step) = &request.target {
            return session::take_step(step, &request).await;
        }
        let token = request.credential.as_deref();
        let credential = token.map(Credential::bearer).unwrap_or_default();
        let client = Client::new_with_client(&request.base, http_client().build()?, credential);
        call(&client, &request).await
    })
    .await
}

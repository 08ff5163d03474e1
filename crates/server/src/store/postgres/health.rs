use async_trait::async_trait;

use super::Postgres;
use super::core::Mode;
use super::migrate::{self, MIGRATIONS, Schema};
use super::retry::is_read_only;
use super::step::Step;
use super::value::get;
use crate::store::error::StoreFailure;
use crate::store::health::Health;

const READ: &str = "SELECT pg_is_in_recovery(), version, compatible_from FROM schema_version";

const WRITE: &str = "UPDATE readiness SET checked_at = now()";

async fn check_ready(step: &Step<'_>) -> Result<(), StoreFailure> {
    let rows = step.query_opt(READ, &[]).await?;
    let missing = || StoreFailure::unavailable("the table schema_version is empty");
    let row = rows.ok_or_else(missing)?;
    if get(&row, 0)? {
        return Err(StoreFailure::unavailable("the database is a standby"));
    }
    match migrate::compare(get(&row, 1)?, get(&row, 2)?, MIGRATIONS.len()) {
        Schema::Current => {}
        Schema::Missing | Schema::Older(_) => {
            let text = "the schema is older than this version; run `pbx-login-server migrate`";
            return Err(StoreFailure::unavailable(text));
        }
        Schema::Newer => {
            let text = "the schema is newer than this version; upgrade pbx-login-server";
            return Err(StoreFailure::unavailable(text));
        }
    }
    match step.execute(WRITE, &[]).await? {
        1 => Ok(()),
        _ => Err(StoreFailure::unavailable("the table readiness is empty")),
    }
}

#[async_trait]
impl Health for Postgres {
    async fn check_ready(&self) -> Result<(), StoreFailure> {
        let checked = self
            .spawn(Mode::Probe, (), |step, ()| Box::pin(check_ready(step)))
            .await;
        checked.map_err(|failure| match is_read_only(&failure) {
            true => StoreFailure::unavailable("the database is a standby or read-only"),
            false => failure,
        })
    }
}

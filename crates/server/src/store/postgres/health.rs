use async_trait::async_trait;

use super::Postgres;
use super::migrate::{self, MIGRATIONS, Schema};
use super::step::Step;
use super::value::get;
use crate::store::error::StoreFailure;
use crate::store::health::Health;

const WRITE: &str = "UPDATE readiness SET checked_at = now()";

async fn check_ready(step: &Step<'_>) -> Result<(), StoreFailure> {
    let versions = step.query_opt(migrate::READ_VERSION, &[]).await?;
    let missing = || StoreFailure::unavailable("the table schema_version is empty");
    let row = versions.ok_or_else(missing)?;
    match migrate::compare(get(&row, 0)?, get(&row, 1)?, MIGRATIONS.len()) {
        Schema::Current => {}
        Schema::Missing | Schema::Older(_) => {
            let text = "the schema is older than this version; restart to migrate it";
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
        self.write_repeatable((), |step, ()| Box::pin(check_ready(step)))
            .await
    }
}

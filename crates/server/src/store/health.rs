//! Storage trait for the health of the database.

use async_trait::async_trait;

use crate::store::error::StoreFailure;

/// Checks the database.
#[async_trait]
pub trait Health: Send + Sync {
    /// Checks that the database has the current schema and can be written to, by writing to it.
    async fn check_ready(&self) -> Result<(), StoreFailure>;
}

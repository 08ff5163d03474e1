//! Health of the database.

use async_trait::async_trait;

use crate::store::error::StoreFailure;

/// Checks the database.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether the database can be written to and has the form that this version needs. It writes.
    async fn check_ready(&self) -> Result<(), StoreFailure>;
}

use async_trait::async_trait;

use super::{Sqlite, open};
use crate::store::error::StoreFailure;
use crate::store::health::Health;

#[async_trait]
impl Health for Sqlite {
    async fn check_ready(&self) -> Result<(), StoreFailure> {
        let path = self.core.path().to_owned();
        self.write(move |step| open::check_ready(&path, step).map_err(StoreFailure::unavailable))
            .await
    }
}

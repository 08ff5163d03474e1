//! Storage of attempts to log in, as rate limiting counts them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::attempt::{
    AttemptFilter, FailureCount, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::rate_limit::{Rules, Sweep};
use crate::domain::refusal::Refusal;
use crate::store::error::StoreFailure;

/// Counts attempts to log in. `Sessions::open_session` commits a reservation as succeeded.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Reserves an attempt: counts it as a failure, if the rules allow its password to be verified.
    ///
    /// Of attempts that are made at once, in whichever processes, it reserves no more than the rules allow; one that is
    /// limited writes nothing. A reservation outlives the process, but not always a power failure: this does not wait for
    /// the disk, and neither do the methods that end a reservation.
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure>;

    /// Commits a reservation as failed and records the refusal, in one transaction.
    async fn fail_attempt(
        &self,
        reservation: &Reservation,
        refusal: &Refusal,
    ) -> Result<(), StoreFailure>;

    /// Releases a reservation: its password was not verified.
    async fn release_attempt(&self, reservation: &Reservation) -> Result<(), StoreFailure>;

    /// Lists what counts at present, without the attempts that reached no limit and are in no streak.
    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure>;

    /// Uncounts attempts. How many it were.
    async fn clear_attempts(
        &self,
        which: &AttemptFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreFailure>;

    /// Deletes what no longer counts or is too much, and returns how many rows that were.
    async fn sweep_attempts(&self, plan: &Sweep) -> Result<u64, StoreFailure>;
}

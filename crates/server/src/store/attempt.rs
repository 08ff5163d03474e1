//! Storage trait for login attempts, which rate limiting counts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::attempt::{
    AttemptFilter, FailureCount, NewAllowanceAttempt, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::rate_limit::Rules;
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::store::error::StoreFailure;

/// Stores login attempts. After a successful login, `Sessions::open_session` ends the reservation.
#[async_trait]
pub trait Attempts: Send + Sync {
    /// Reserves an attempt, which counts as a failure, if the rules allow its password to be verified.
    ///
    /// Concurrent calls, even by several processes, never reserve more attempts than the rules allow. If a limit is
    /// reached, nothing is written. This and the methods that end a reservation do not wait for the disk: a reservation
    /// survives a crash of the process, but not always a power failure.
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure>;

    /// Reserves an attempt from the allowance of a user on a network, if it permits the attempt.
    ///
    /// There is no allowance on a network that is not known. The attempt counts towards no limit. Concurrent calls
    /// never reserve more attempts than the allowance permits.
    async fn reserve_allowance(
        &self,
        attempt: &NewAllowanceAttempt,
    ) -> Result<Option<Reservation>, StoreFailure>;

    /// Records a reserved attempt as failed, together with its refusal.
    ///
    /// The rules decide whether the failure continues a streak.
    async fn fail_attempt(
        &self,
        reservation: &Reservation,
        refusal: &Refusal,
        rules: &Rules,
    ) -> Result<(), StoreFailure>;

    /// Releases a reservation if its password was not verified.
    async fn release_attempt(&self, reservation: &Reservation) -> Result<(), StoreFailure>;

    /// Lists the networks, prefixes and accounts that have reached a limit, then the streaks.
    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure>;

    /// Deletes the selected failures, including those of days and allowances. Returns their number.
    async fn clear_attempts(
        &self,
        filter: &AttemptFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreFailure>;

    /// Deletes expired and excess rows and corrects times in the future. Returns the number of rows.
    async fn sweep_attempts(&self, plan: &Sweep) -> Result<u64, StoreFailure>;
}

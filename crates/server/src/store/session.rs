//! Storage traits for sessions.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::audit::AuditContext;
use crate::domain::session::{
    FoundSession, NewSession, OpenOutcome, Session, SessionFilter, SessionId,
};
use crate::store::error::{StoreError, StoreFailure};
use crate::token::TokenHash;

/// Looks up sessions: the hot path, in its own trait so that a cache can decorate it.
#[async_trait]
pub trait SessionLookup: Send + Sync {
    /// Finds the session of a token, whether or not it has expired.
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure>;

    /// Returns for how long changes of other processes have not been read, if that is too long for a cache.
    ///
    /// Look-ups then read the database each time. They are correct, but slow.
    fn stale_for(&self, _now: Instant) -> Option<Duration> {
        None
    }
}

/// Stores sessions.
///
/// A session is live at `now` if it expires after `now`. Expired sessions are never counted and may be swept at any
/// time.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session if the user may still log in with the verified password.
    ///
    /// Ends the session that it replaces and, beyond the maximum, the user's oldest sessions, each with its own audit
    /// entry. Releases the reserved attempt, ends its streak unless it is from an allowance, and records the attempt's
    /// network as known to the user. Records the weakness of the password if it changed.
    async fn open_session(&self, session: NewSession) -> Result<OpenOutcome, StoreFailure>;

    /// Extends a live session, never shortens it. Returns its expiry, or `None` if it is not live.
    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure>;

    /// Ends the session of a token. Returns whether it was live.
    async fn close_session(
        &self,
        token: &TokenHash,
        context: &AuditContext,
    ) -> Result<bool, StoreFailure>;

    /// Lists live sessions, oldest first.
    async fn list_sessions(
        &self,
        filter: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends the selected sessions. Returns how many were live.
    async fn revoke_sessions(
        &self,
        filter: &SessionFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Ends all sessions with these ids, or none if one of them is not live.
    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Counts live sessions. This takes a second for many millions, but blocks no other operation.
    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure>;

    /// Deletes at most `limit` expired sessions. Returns how many were deleted.
    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: u32) -> Result<u64, StoreFailure>;
}

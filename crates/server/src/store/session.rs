//! Storage of sessions.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::audit::AuditContext;
use crate::domain::session::{
    FoundSession, NewSession, Opening, Session, SessionFilter, SessionId,
};
use crate::store::error::{StoreError, StoreFailure};
use crate::token::TokenHash;

/// Finds the session of a token: the hottest path there is, and so a trait of its own, which a cache can decorate.
#[async_trait]
pub trait SessionLookup: Send + Sync {
    /// Finds the session of a token, whether or not it has expired.
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure>;
}

/// Stores sessions. One is live at `now` if its expiry is after `now`; expired ones count nowhere and may be swept at any
/// time.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session, if the user may still log in with the password that was verified. The one it replaces ends, and
    /// so do the user's oldest where there are too many.
    /// The attempt is uncounted then, the streak that it was in ends, and the user is known in its network.
    async fn open_session(&self, session: NewSession) -> Result<Opening, StoreFailure>;

    /// Lets a live session expire later; never earlier. When it expires now: none where it is not live.
    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure>;

    /// Ends the session of a token. Whether one was live.
    async fn close_session(
        &self,
        token: &TokenHash,
        context: &AuditContext,
    ) -> Result<bool, StoreFailure>;

    /// Lists live sessions, oldest first.
    async fn list_sessions(
        &self,
        which: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends sessions. How many were live.
    async fn revoke_sessions(
        &self,
        which: &SessionFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Ends these live sessions: all of them, or none when one of them is not live.
    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Counts live sessions. It may take a second where there are many millions; nothing else waits for it.
    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure>;

    /// Deletes at most `most` sessions that have expired. How many it were.
    async fn sweep_sessions(&self, now: DateTime<Utc>, most: u32) -> Result<u64, StoreFailure>;
}

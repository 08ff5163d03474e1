//! Sessions: checks, sliding expiration, logout and revocation.
//!
//! A session is live until the second of its expiry begins. A sweep of expired sessions only frees space.
//!
//! With sliding expiration, a check extends the session to one idle timeout from now, up to its absolute timeout. The
//! extension is written before the new expiry is returned, at most once per tenth of the idle timeout.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{Internal, ManageError, SWEEP_BATCH};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::session::{FoundSession, Session, SessionFilter, SessionId, SessionUser};
use crate::token::Token;

/// The status of a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// When the session expires.
    pub expires_at: DateTime<Utc>,
    /// The seconds until then, rounded up: at least 1.
    pub expires_in: i32,
    /// The user.
    pub user: Arc<SessionUser>,
}

/// The reason why a session check failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The token has no live session.
    #[error("no live session belongs to the token")]
    NoSession,
    /// An internal failure.
    #[error("the session could not be looked up")]
    Internal(#[source] Internal),
}

impl<E: Into<Internal>> From<E> for SessionError {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// Returns the live session of a token, and the time at which it was live.
async fn live(
    context: &Context,
    token: &Token,
) -> Result<(FoundSession, DateTime<Utc>), SessionError> {
    let found = context.session_lookup.find_session(&token.hash()).await?;
    // Read after the look-up, because the session may expire during the look-up.
    let now = context.clock.now();
    let session = found.filter(|session| now < session.expires_at);
    Ok((session.ok_or(SessionError::NoSession)?, now))
}

/// Returns the new expiry of a sliding session that is used `now`, if it is worth a write.
///
/// The expiry is worth a write if it gains a tenth of the idle timeout, or reaches the absolute timeout.
fn extension(
    context: &Context,
    session: &FoundSession,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if !context.sessions_slide() {
        return None;
    }
    let lifetime = context.session_lifetime;
    let absolute_expiry = context.session_max_lifetime.from(session.created_at);
    let extended_expiry = lifetime.from(now).min(absolute_expiry);
    let gain = extended_expiry - session.expires_at;
    let min_gain = TimeDelta::seconds(i64::from(lifetime.seconds() / 10).max(1));
    (gain >= min_gain || (gain > TimeDelta::zero() && extended_expiry == absolute_expiry))
        .then_some(extended_expiry)
}

/// Finds the live session of a token. If `extend` is set, a sliding session is extended.
pub async fn authenticate(
    context: &Context,
    token: &Token,
    extend: bool,
) -> Result<Status, SessionError> {
    let (mut session, now) = live(context, token).await?;
    let extended_expiry = extension(context, &session, now).filter(|_| extend);
    if let Some(extended_expiry) = extended_expiry {
        let token = token.hash();
        // If this fails, the session keeps its expiry and the next check tries again: a check must not fail because the
        // database cannot be written to.
        if let Ok(extended) = context
            .store
            .extend_session(&token, extended_expiry, now)
            .await
        {
            session.expires_at = extended.ok_or(SessionError::NoSession)?;
        }
    }
    // Both are whole seconds, so the difference has no fraction.
    let left = session.expires_at - now.trunc_subsecs(0);
    Ok(Status {
        expires_at: session.expires_at,
        // A lifetime fits in an `i32`, but the clock may have been set back meanwhile.
        expires_in: i32::try_from(left.num_seconds()).unwrap_or(i32::MAX),
        user: session.user,
    })
}

/// Ends the session of an authenticated token, unless it has ended meanwhile.
pub async fn logout(context: &Context, source: &Source, token: &Token) -> Result<(), SessionError> {
    let audit = context.audit_context(source);
    if context.store.close_session(&token.hash(), &audit).await? {
        Ok(())
    } else {
        Err(SessionError::NoSession)
    }
}

/// Deletes a batch of expired sessions and returns the number of deleted sessions.
pub async fn sweep(context: &Context) -> Result<u64, Internal> {
    let now = context.clock.now();
    Ok(context.store.sweep_sessions(now, SWEEP_BATCH).await?)
}

/// Counts live sessions.
pub async fn count_live(context: &Context) -> Result<u64, Internal> {
    let now = context.clock.now();
    Ok(context.store.count_live_sessions(now).await?)
}

/// Lists live sessions, oldest first.
pub async fn list(context: &Context, filter: &SessionFilter) -> Result<Vec<Session>, ManageError> {
    let now = context.clock.now();
    Ok(context.store.list_sessions(filter, now).await?)
}

/// Ends sessions and returns how many were live.
pub async fn revoke(
    context: &Context,
    source: &Source,
    filter: &SessionFilter,
) -> Result<u64, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.revoke_sessions(filter, &audit).await?)
}

/// Ends the given sessions and returns how many; ends none if one of them is not live.
pub async fn revoke_ids(
    context: &Context,
    source: &Source,
    ids: &[SessionId],
) -> Result<u64, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.revoke_session_ids(ids, &audit).await?)
}

#[cfg(test)]
mod tests;

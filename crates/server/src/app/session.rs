//! Sessions: their status, their end.
//!
//! A session is live until the second it expires at, and not in that second. Expired ones are as good as gone; sweeping
//! them only frees their space.
//!
//! Sessions may slide: then asking for one's status lets it live on for a lifetime from now, up to the longest lifetime
//! since it was opened. That is written at most once in a tenth of a lifetime, before it is told: what
//! `expires_at` says is what holds.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::session::{FoundSession, Session, SessionFilter, SessionId, SessionUser};
use crate::token::Token;

/// How many sessions one [`sweep`] deletes at most: few enough that a login that waits for it does not notice (some
/// milliseconds), and still more in a minute than a machine can open.
pub const SWEEP: u32 = 500;

/// How a live session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// From when it is no longer live.
    pub expires_at: DateTime<Utc>,
    /// The seconds until then, begun ones counted whole: at least 1.
    pub expires_in: i32,
    /// The user.
    pub user: Arc<SessionUser>,
}

/// Why there is nothing to tell of a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No live session belongs to the token.
    #[error("no live session belongs to the token")]
    NoSession,
    /// Something failed.
    #[error("the session could not be looked up")]
    Internal(#[source] Internal),
}

impl<E: Into<Internal>> From<E> for SessionError {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// The session of a token, and the time at which it is live.
async fn live(
    context: &Context,
    token: &Token,
) -> Result<(FoundSession, DateTime<Utc>), SessionError> {
    let found = context.session_lookup.find_session(&token.hash()).await?;
    // Not before the session was found: what expires while it is looked up has expired.
    let now = context.clock.now();
    let session = found.filter(|session| now < session.expires_at);
    Ok((session.ok_or(SessionError::NoSession)?, now))
}

/// Until when a session that is used `now` is to be extended, if it slides and it is worth a write: when that gains a
/// tenth of a lifetime, or reaches the end of the longest.
fn extension(
    context: &Context,
    session: &FoundSession,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if !context.sessions_slide() {
        return None;
    }
    let lifetime = context.session_lifetime;
    let last = context.session_max_lifetime.from(session.created_at);
    let later = lifetime.from(now).min(last);
    let gain = later - session.expires_at;
    let worth = TimeDelta::seconds(i64::from(lifetime.seconds() / 10).max(1));
    (gain >= worth || (gain > TimeDelta::zero() && later == last)).then_some(later)
}

/// Finds the live session of a token. This use extends a session that slides, if `extend` says so.
///
/// # Errors
///
/// [`SessionError::NoSession`] if the token has no live session.
pub async fn authenticate(
    context: &Context,
    token: &Token,
    extend: bool,
) -> Result<Status, SessionError> {
    let (mut session, now) = live(context, token).await?;
    let later = extension(context, &session, now).filter(|_| extend);
    if let Some(later) = later {
        let token = token.hash();
        // If this fails, the session lives as long as before and its next use tries again: a database that cannot be
        // written to is no reason to refuse every request.
        if let Ok(extended) = context.store.extend_session(&token, later, now).await {
            session.expires_at = extended.ok_or(SessionError::NoSession)?;
        }
    }
    // Both are whole seconds, so that the difference has no fraction to lose.
    let left = session.expires_at - now.trunc_subsecs(0);
    Ok(Status {
        expires_at: session.expires_at,
        // A lifetime fits by its type; the clock may have been set back by more since.
        expires_in: i32::try_from(left.num_seconds()).unwrap_or(i32::MAX),
        user: session.user,
    })
}

/// Ends the session of a token that was authenticated.
///
/// # Errors
///
/// [`SessionError::NoSession`] if it has ended since.
pub async fn logout(context: &Context, by: &Source, token: &Token) -> Result<(), SessionError> {
    let act = context.audit_context(by);
    if context.store.close_session(&token.hash(), &act).await? {
        Ok(())
    } else {
        Err(SessionError::NoSession)
    }
}

/// Deletes up to [`SWEEP`] sessions that have expired. How many it were: as many as [`SWEEP`] means that there may be
/// more.
///
/// # Errors
///
/// When the store fails.
pub async fn sweep(context: &Context) -> Result<u64, Internal> {
    let now = context.clock.now();
    Ok(context.store.sweep_sessions(now, SWEEP).await?)
}

/// Counts live sessions.
///
/// # Errors
///
/// When the store fails.
pub async fn count_live(context: &Context) -> Result<u64, Internal> {
    let now = context.clock.now();
    Ok(context.store.count_live_sessions(now).await?)
}

/// Lists live sessions, oldest first.
///
/// # Errors
///
/// When the tenant or user is not there, or the store fails.
pub async fn list(context: &Context, which: &SessionFilter) -> Result<Vec<Session>, ManageError> {
    let now = context.clock.now();
    Ok(context.store.list_sessions(which, now).await?)
}

/// Ends sessions. How many were live.
///
/// # Errors
///
/// When the tenant or user is not there, or the store fails.
pub async fn revoke(
    context: &Context,
    by: &Source,
    which: &SessionFilter,
) -> Result<u64, ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.revoke_sessions(which, &act).await?)
}

/// Ends these sessions. How many it were: all of them.
///
/// # Errors
///
/// When one of them is not live (none is ended then), or the store fails.
pub async fn revoke_ids(
    context: &Context,
    by: &Source,
    ids: &[SessionId],
) -> Result<u64, ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.revoke_session_ids(ids, &act).await?)
}

#[cfg(test)]
mod tests;

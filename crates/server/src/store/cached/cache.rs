//! Sessions in memory, and the rules by which they may be served from there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::table::{CachedSession, SessionTable};
use super::users::UserNumbers;
use crate::domain::session::FoundSession;
use crate::token::TokenHash;

/// How long after the start of the last successful poll sessions are served from memory.
///
/// A tenth of a second less than the documented bound of one second, since a request may wait before its session is found.
const STALENESS_BOUND: Duration = Duration::from_millis(900);

/// An opaque position in the changes of a backend, as the backend encodes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeToken(pub u64);

/// Sessions that may have changed since they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalidated {
    /// All sessions: the backend does not know which changed, or too many did.
    All,
    /// The sessions with these tokens; empty if nothing changed.
    Sessions(Vec<TokenHash>),
}

/// What other processes changed, up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The position: the next poll begins there.
    pub token: ChangeToken,
    /// What was changed since the position of the poll before.
    pub invalidated: Invalidated,
}

/// Sessions in memory.
///
/// A session is served from memory only as [`SessionLookup::find_session`](crate::store::session::SessionLookup) would find
/// it, with one exception: a change of another process may become visible later, within `STALENESS_BOUND`.
///
/// - **This process ends or changes a session.** The backend calls `SessionCache::invalidate` once the step is committed
///   and before its caller learns of it. A look-up that read before that and is about to insert what it read finds that
///   something was invalidated meanwhile, and inserts nothing.
/// - **Another process changes anything.** A poll of the backend returns it, and `SessionCache::apply` invalidates it.
/// - **No poll has succeeded within the bound**, since the database is locked, unreachable or slow. Then nothing is served
///   from memory: every look-up reads from the database, and fails if the database does.
/// - **A session expires.** The caller compares its expiry with the clock at each look-up.
///
/// Times are [`Instant`]s: setting the system clock must not make stale sessions fresh.
pub struct SessionCache {
    sessions: SessionTable,
    users: UserNumbers,
    /// How often everything was invalidated.
    epoch: AtomicU64,
    /// How often anything was invalidated.
    invalidations: AtomicU64,
    /// When the last successful poll began, in nanoseconds after `start`, and 1; 0 if there was none.
    polled: AtomicU64,
    start: Instant,
}

impl SessionCache {
    /// Creates an empty cache of at least `capacity` sessions, from which nothing is served before the first poll.
    #[must_use]
    pub fn new(capacity: usize, start: Instant) -> Self {
        Self {
            sessions: SessionTable::new(capacity),
            users: UserNumbers::default(),
            epoch: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
            polled: AtomicU64::new(0),
            start,
        }
    }

    /// Returns the session of a token at `now`: from memory if it may be served from there, else as `read` finds it.
    pub(in crate::store) async fn find<E>(
        &self,
        token: &TokenHash,
        now: Instant,
        read: impl Future<Output = Result<Option<FoundSession>, E>>,
    ) -> Result<Option<FoundSession>, E> {
        // In this order: what is served must not be older than the poll that it is served for.
        if self.is_fresh(now)
            && let Some(session) = self.get(token)
        {
            return Ok(Some(session));
        }
        let invalidations = self.invalidations.load(Ordering::SeqCst);
        let found = read.await?;
        if let Some(session) = &found {
            self.insert(token, session, invalidations);
        }
        Ok(found)
    }

    /// Returns whether a poll that began less than [`STALENESS_BOUND`] before `now` has succeeded.
    fn is_fresh(&self, now: Instant) -> bool {
        let polled = self.polled.load(Ordering::Acquire);
        polled != 0 && self.since_start(now) + 1 < polled + nanoseconds(STALENESS_BOUND)
    }

    fn get(&self, token: &TokenHash) -> Option<FoundSession> {
        let session = self.sessions.get(token)?;
        Some(FoundSession {
            created_at: DateTime::from_timestamp(session.created_at.into(), 0)?,
            expires_at: DateTime::from_timestamp(session.expires_at.into(), 0)?,
            user: Arc::clone(self.users.user(session.user)?),
        })
    }

    /// Inserts a session, unless something was invalidated since `invalidations` was read, which was before the session was.
    fn insert(&self, token: &TokenHash, session: &FoundSession, invalidations: u64) {
        let seconds = |time: DateTime<chrono::Utc>| u32::try_from(time.timestamp());
        let (Ok(created_at), Ok(expires_at), Some(user)) = (
            seconds(session.created_at),
            seconds(session.expires_at),
            self.users.number(&session.user),
        ) else {
            // It expires after the year 2106, or there are too many users: it is read each time.
            return;
        };
        let session = CachedSession {
            created_at,
            expires_at,
            user,
        };
        let is_current = || self.invalidations.load(Ordering::SeqCst) == invalidations;
        self.sessions.insert(token, session, is_current);
    }

    /// Returns how many sessions fit.
    pub(in crate::store) fn capacity(&self) -> usize {
        self.sessions.capacity()
    }

    /// Returns how often everything was invalidated: what [`SessionCache::preload`] is given.
    pub(in crate::store) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Inserts the sessions that `read` finds, and returns whether to go on: not if everything was invalidated since
    /// `epoch`. If anything is invalidated while `read` runs, none of its sessions is inserted.
    pub(in crate::store) fn preload<E>(
        &self,
        epoch: u64,
        read: impl FnOnce() -> Result<Vec<(TokenHash, FoundSession)>, E>,
    ) -> Result<bool, E> {
        let invalidations = self.invalidations.load(Ordering::SeqCst);
        // The other order would miss an end of the epoch in between.
        if self.epoch() != epoch {
            return Ok(false);
        }
        for (token, session) in read()? {
            self.insert(&token, &session, invalidations);
        }
        Ok(self.epoch() == epoch)
    }

    /// Removes a session that a committed step of this process ended or changed.
    pub(in crate::store) fn invalidate(&self, token: &TokenHash) {
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.sessions.remove(token);
    }

    /// Removes every session.
    pub(in crate::store) fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.sessions.clear();
    }

    /// Applies what a poll returned that began at `began`.
    pub(in crate::store) fn apply(&self, invalidated: &Invalidated, began: Instant) {
        match invalidated {
            Invalidated::All => self.invalidate_all(),
            Invalidated::Sessions(tokens) => {
                for token in tokens {
                    self.invalidate(token);
                }
            }
        }
        self.polled
            .fetch_max(self.since_start(began) + 1, Ordering::Release);
    }

    fn since_start(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.start))
    }
}

/// Centuries fit.
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCache")
    }
}

#[cfg(test)]
mod tests;

//! The session cache, which decides whether a cached session may be served.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::table::{CachedSession, SessionTable};
use super::users::UserNumbers;
use crate::domain::session::FoundSession;
use crate::token::TokenHash;

/// 100 ms less than the documented bound of one second, because a request may wait before its look-up.
const STALENESS_BOUND: Duration = Duration::from_millis(900);

/// An opaque position in the changes of a backend, which the backend encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeToken(pub u64);

/// The sessions that may have changed since they were cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalidated {
    /// All sessions, because the backend does not know which changed or because too many did.
    All,
    /// The sessions with these tokens; empty if nothing changed.
    Sessions(Vec<TokenHash>),
}

/// The changes of other processes up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The position at which the next poll begins.
    pub token: ChangeToken,
    /// The sessions that changed since the previous poll.
    pub invalidated: Invalidated,
}

/// The state of the cache when a batch of sessions begins to be read.
#[derive(Debug)]
pub(in crate::store) struct PreloadBatch {
    invalidations: u64,
}

/// A cache of sessions by token.
///
/// It serves a session as [`SessionLookup::find_session`](crate::store::session::SessionLookup) would find it, except
/// that a change of another process may become visible up to `STALENESS_BOUND` later.
///
/// - **This process ends or changes a session**: the backend calls `SessionCache::invalidate` after the commit and
///   before it returns. A look-up that has read the old row meanwhile notices the invalidation and inserts nothing.
/// - **Another process changes anything**: a poll of the backend reports it, and `SessionCache::apply` invalidates it.
/// - **No poll succeeds within the bound**: every look-up reads from the database, and fails if the database does.
/// - **A session expires**: the caller compares its expiry with the clock at each look-up.
///
/// Times are [`Instant`]s, so that setting the system clock never makes stale sessions fresh.
pub struct SessionCache {
    sessions: SessionTable,
    users: UserNumbers,
    /// The number of times that all sessions were invalidated.
    epoch: AtomicU64,
    /// The number of times that any session was invalidated.
    invalidations: AtomicU64,
    /// When the last successful poll began, in nanoseconds after `start`, plus 1; 0 before the first.
    polled: AtomicU64,
    start: Instant,
}

impl SessionCache {
    /// Creates an empty cache for at least `capacity` sessions. It serves nothing before the first poll.
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

    /// Returns the session of a token, from memory if that is allowed at `now`, otherwise from `read`.
    pub(in crate::store) async fn find<E>(
        &self,
        token: &TokenHash,
        now: Instant,
        read: impl Future<Output = Result<Option<FoundSession>, E>>,
    ) -> Result<Option<FoundSession>, E> {
        // Freshness is checked first: after `get`, a poll could invalidate this session and make the cache fresh.
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

    fn is_fresh(&self, now: Instant) -> bool {
        let polled = self.polled.load(Ordering::Acquire);
        polled != 0 && self.since_start(now) + 1 < polled + nanoseconds(STALENESS_BOUND)
    }

    /// Returns the time since the last successful poll began, or since the start before the first one.
    pub(in crate::store) fn staleness(&self, now: Instant) -> Duration {
        let polled = self.polled.load(Ordering::Acquire);
        Duration::from_nanos(
            self.since_start(now)
                .saturating_sub(polled.saturating_sub(1)),
        )
    }

    fn get(&self, token: &TokenHash) -> Option<FoundSession> {
        let session = self.sessions.get(token)?;
        Some(FoundSession {
            created_at: DateTime::from_timestamp(session.created_at.into(), 0)?,
            expires_at: DateTime::from_timestamp(session.expires_at.into(), 0)?,
            user: Arc::clone(self.users.user(session.user)?),
        })
    }

    /// Inserts a session unless anything was invalidated since `invalidations`, taken before the read.
    fn insert(&self, token: &TokenHash, session: &FoundSession, invalidations: u64) {
        let seconds = |time: DateTime<chrono::Utc>| u32::try_from(time.timestamp());
        let (Ok(created_at), Ok(expires_at), Some(user)) = (
            seconds(session.created_at),
            seconds(session.expires_at),
            self.users.number(&session.user),
        ) else {
            // Not cached: it expires after the year 2106, or there are too many users.
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

    pub(in crate::store) fn capacity(&self) -> usize {
        self.sessions.capacity()
    }

    pub(in crate::store) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Inserts what `read` finds, unless anything is invalidated. Returns whether `epoch` is current.
    pub(in crate::store) fn preload<E>(
        &self,
        epoch: u64,
        read: impl FnOnce() -> Result<Vec<(TokenHash, FoundSession)>, E>,
    ) -> Result<bool, E> {
        let Some(batch) = self.begin_batch(epoch) else {
            return Ok(false);
        };
        self.insert_batch(batch, &read()?);
        Ok(self.epoch() == epoch)
    }

    /// Begins to read a batch of sessions; `None` if everything was invalidated since `epoch`.
    pub(in crate::store) fn begin_batch(&self, epoch: u64) -> Option<PreloadBatch> {
        let invalidations = self.invalidations.load(Ordering::SeqCst);
        // Compared after `invalidations` is loaded: in the other order, an invalidation in between would be missed.
        (self.epoch() == epoch).then_some(PreloadBatch { invalidations })
    }

    /// Inserts the sessions of a batch, unless anything was invalidated since it began.
    pub(in crate::store) fn insert_batch(
        &self,
        batch: PreloadBatch,
        sessions: &[(TokenHash, FoundSession)],
    ) {
        for (token, session) in sessions {
            self.insert(token, session, batch.invalidations);
        }
    }

    /// Removes a session that a committed step of this process ended or changed.
    pub(in crate::store) fn invalidate(&self, token: &TokenHash) {
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.sessions.remove(token);
    }

    pub(in crate::store) fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.sessions.clear();
    }

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

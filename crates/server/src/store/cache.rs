//! Sessions that were looked up lately, so that the hottest path need not read the database.
//!
//! What may be served from here is what [`Store::find_session`](super::Store::find_session) would read, but for one thing:
//! what another process changed shows within [`TRUSTED`], under the second that is promised. It is kept like this:
//!
//! - **This process ends a session.** Whoever writes calls [`SessionCache::forget`] for each session that a step ended or
//!   changed, once the step is in the database and before its caller is told. A look-up that read before the step and
//!   comes to keep what it read after it finds that something was forgotten meanwhile, and keeps nothing.
//! - **Another process changes anything.** The database tells whether one did, though not what.
//!   [`SessionCache::confirm`] takes its word; when it is no longer the one from before, everything that was kept until
//!   then holds no longer and is read again when it is next asked for.
//! - **Nobody has confirmed for a while**, since the database is locked, out of reach or slow. Nothing is served from here
//!   then: every look-up reads, and fails where the database does.
//! - **A session expires.** Its expiry is kept, and compared with the clock by who asked, each time.
//!
//! The time is passed in, as elsewhere; it is [`Instant`], since a clock that is set must not make old knowledge new.
//!
//! Every request comes through here, on all cores at once, so that a look-up writes nothing that another core needs: see
//! `table.rs` and `users.rs`.

mod table;
mod users;

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::DateTime;

use self::table::{Entry, Table};
use self::users::Users;
use crate::domain::session::FoundSession;
use crate::token::TokenHash;

/// For how long after it was confirmed what is kept is served. A tenth under the second that is promised: a request may
/// wait before it is looked at.
const TRUSTED: Duration = Duration::from_millis(900);

/// How old a confirmation may get before a new one is asked for. The question costs microseconds; it has several chances
/// to be answered before the last answer is too old.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// See the module's documentation.
pub(super) struct SessionCache {
    sessions: Table,
    users: Users,
    /// Goes up when another process has changed something: entries of an earlier one hold no longer.
    generation: AtomicU32,
    /// How often something was forgotten. See [`SessionCache::keep`].
    forgotten: AtomicU64,
    /// What the database said of changes by other processes when it was last asked.
    version: Mutex<i64>,
    /// When that was, in nanoseconds after `start`.
    confirmed: AtomicU64,
    /// When an answer was last asked for, likewise.
    asked: AtomicU64,
    start: Instant,
}

impl SessionCache {
    /// Keeps about `capacity` sessions, if there is memory for them. `version` is what the database says of changes by other
    /// processes now, at `start`, before anything was read to be kept here.
    pub(super) fn new(capacity: usize, version: i64, start: Instant) -> Option<Self> {
        Some(Self {
            sessions: Table::new(capacity)?,
            users: Users::new(),
            generation: AtomicU32::new(0),
            forgotten: AtomicU64::new(0),
            version: Mutex::new(version),
            confirmed: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            start,
        })
    }

    /// The session of a token at `now`: a kept one if it may be trusted, else what `read` finds in the database.
    pub(super) fn find<E>(
        &self,
        token: &TokenHash,
        now: Instant,
        read: impl FnOnce() -> Result<Option<FoundSession>, E>,
    ) -> Result<Option<FoundSession>, E> {
        // In this order: what is trusted must not be of a generation before the confirmation that it is trusted for.
        let trusted = self.since(now) < self.confirmed.load(Ordering::Acquire) + nanos(TRUSTED);
        let generation = self.generation.load(Ordering::Acquire);
        let kept = self.sessions.get(token, generation);
        if let Some(session) = kept.and_then(|kept| self.session(kept)) {
            return if trusted { Ok(Some(session)) } else { read() };
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let found = read()?;
        if let Some(session) = &found {
            self.keep(token, session, generation, forgotten);
        }
        Ok(found)
    }

    /// What is kept of a session as the session.
    fn session(&self, kept: Entry) -> Option<FoundSession> {
        Some(FoundSession {
            created_at: DateTime::from_timestamp(kept.created_at.into(), 0)?,
            expires_at: DateTime::from_timestamp(kept.expires_at.into(), 0)?,
            user: Arc::clone(self.users.user(kept.user)?),
        })
    }

    /// Keeps a session that was read in a generation, unless something was forgotten since, or there is later knowledge:
    /// `forgotten` is how often something was before it was read.
    fn keep(&self, token: &TokenHash, session: &FoundSession, generation: u32, forgotten: u64) {
        let Some(entry) = self.entry(session, generation) else {
            return;
        };
        // What is forgotten after this was asked is removed from the table.
        let holds = || self.forgotten.load(Ordering::SeqCst) == forgotten;
        self.sessions.keep(token, entry, holds);
    }

    /// What is kept of a session; nothing where its user is one too many, or it expires after the year 2106.
    fn entry(&self, session: &FoundSession, generation: u32) -> Option<Entry> {
        Some(Entry {
            created_at: session.created_at.timestamp().try_into().ok()?,
            expires_at: session.expires_at.timestamp().try_into().ok()?,
            user: self.users.number(&session.user)?,
            generation,
        })
    }

    /// What [`SessionCache::preload`] is given: it ends when this is no longer so.
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps what `read` finds, where there is no other knowledge yet; whether it is worth going on. From the moment on at
    /// which anything is forgotten nothing of it is kept, whichever session that was.
    pub(super) fn preload<E>(
        &self,
        generation: u32,
        read: impl FnOnce() -> Result<Vec<(TokenHash, FoundSession)>, E>,
    ) -> Result<bool, E> {
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        for (token, session) in read()? {
            self.keep(&token, &session, generation, forgotten);
        }
        Ok(self.generation() == generation)
    }

    /// Makes room for so many sessions, or as many as may be kept.
    pub(super) fn reserve(&self, sessions: usize) {
        self.sessions.reserve(sessions);
    }

    /// How many sessions may be kept.
    pub(super) fn capacity(&self) -> usize {
        self.sessions.capacity()
    }

    /// Forgets a session: to be called when a step that ended or changed it is in the database.
    pub(super) fn forget(&self, token: &TokenHash) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.sessions.remove(token);
    }

    /// Forgets everything, as [`SessionCache::forget`] does one session.
    pub(super) fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes what the database says of changes by other processes. It must have been asked after `at`.
    pub(super) fn confirm(&self, version: i64, at: Instant) {
        let mut last = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != version {
            *last = version;
            self.forget_all();
        }
        self.confirmed.fetch_max(self.since(at), Ordering::Release);
    }

    /// Begins anew, with what another connection says of changes by other processes.
    pub(super) fn restart(&self, version: i64) {
        let mut last = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        *last = version;
        self.forget_all();
    }

    /// Whether the database is to be asked now; whoever is told so does.
    pub(super) fn ask(&self, now: Instant) -> bool {
        let now = self.since(now);
        let asked = self.asked.load(Ordering::Relaxed);
        let due = now >= asked + nanos(ASK_EVERY);
        due && self
            .asked
            .compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn since(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.start))
    }
}

/// Centuries fit.
fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCache")
    }
}

#[cfg(test)]
mod tests;

//! Sessions that were looked up lately, so that the hottest path need not read the database.
//!
//! What may be served from here is what [`Store::find_session`](super::Store::find_session) would read, but for one thing:
//! what another process changed shows within [`TRUSTED`], under the second that is promised. It is kept like this:
//!
//! - **This process ends a session.** Whoever writes calls [`SessionCache::forget`] for each session that a step ended or
//!   changed, once the step is in the database and before its caller is told. A look-up that read before the step and
//!   comes to keep what it read after it finds its place taken away: quick_cache gives a look-up a place in the cache
//!   before it reads, and a removal in between removes that place.
//! - **Another process changes anything.** The database tells whether one did, though not what.
//!   [`SessionCache::confirm`] takes its word; when it is no longer the one from before, everything that was kept until
//!   then holds no longer and is read again when it is next asked for.
//! - **Nobody has confirmed for a while**, since the database is locked, out of reach or slow. Nothing is served from here
//!   then: every look-up reads, and fails where the database does.
//! - **A session expires.** Its expiry is kept, and compared with the clock by who asked, each time.
//!
//! The time is passed in, as elsewhere; it is [`Instant`], since a clock that is set must not make old knowledge new.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::{Cache, GuardResult};

use super::model::FoundSession;
use crate::token::TokenHash;

/// For how long after it was confirmed what is kept is served. A tenth under the second that is promised: a request may
/// wait before it is looked at.
const TRUSTED: Duration = Duration::from_millis(900);

/// How old a confirmation may get before a new one is asked for. The question costs microseconds; it has several chances
/// to be answered before the last answer is too old.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How many different names of roles are shared between entries. Past this they are shared anew: a role takes a login to
/// come here, so that nobody fills the memory with them.
const ROLES: usize = 10_000;

/// What is kept of a session.
#[derive(Clone)]
struct Entry {
    session: FoundSession,
    /// As [`SessionCache::generation`] was before it was read.
    generation: u64,
}

/// See the module's documentation.
pub(super) struct SessionCache {
    entries: Cache<TokenHash, Entry>,
    /// Goes up when another process has changed something: entries of an earlier one hold no longer.
    generation: AtomicU64,
    /// How often something was forgotten. See [`SessionCache::preload`].
    forgotten: AtomicU64,
    /// What the database said of changes by other processes when it was last asked.
    version: Mutex<i64>,
    /// When that was, in nanoseconds after `start`.
    confirmed: AtomicU64,
    /// When an answer was last asked for, likewise.
    asked: AtomicU64,
    start: Instant,
    roles: Mutex<HashSet<Arc<str>>>,
}

impl SessionCache {
    /// Keeps about `capacity` sessions. `version` is what the database says of changes by other processes now, at `start`,
    /// before anything was read to be kept here.
    pub(super) fn new(capacity: usize, version: i64, start: Instant) -> Self {
        Self {
            entries: Cache::new(capacity),
            generation: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            version: Mutex::new(version),
            confirmed: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            start,
            roles: Mutex::default(),
        }
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
        let holds = |entry: &Entry| entry.generation == generation;
        match self.entries.get(token) {
            Some(entry) if holds(&entry) => {
                return if trusted {
                    Ok(Some(entry.session))
                } else {
                    read()
                };
            }
            Some(_) => {
                self.entries.remove_if(token, |entry| !holds(entry));
            }
            None => {}
        }
        match self.entries.get_value_or_guard(token, Some(Duration::ZERO)) {
            GuardResult::Guard(place) => {
                let found = read()?.map(|session| self.share_role(session));
                if let Some(session) = found.clone() {
                    // The place is gone where the session was forgotten meanwhile.
                    let _ = place.insert(Entry {
                        session,
                        generation,
                    });
                }
                Ok(found)
            }
            // Somebody else reads it, or just did. No need to wait.
            GuardResult::Value(_) | GuardResult::Timeout => read(),
        }
    }

    /// What [`SessionCache::preload`] is given: it ends when this is no longer so.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps what `read` finds, where there is no other knowledge yet; whether it is worth going on. Unlike
    /// [`SessionCache::find`] it does not know beforehand which sessions these are; so nothing of it is kept from the moment
    /// on at which anything is forgotten.
    pub(super) fn preload<E>(
        &self,
        generation: u64,
        read: impl FnOnce() -> Result<Vec<(TokenHash, FoundSession)>, E>,
    ) -> Result<bool, E> {
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        for (token, session) in read()? {
            let place = self
                .entries
                .get_value_or_guard(&token, Some(Duration::ZERO));
            if let GuardResult::Guard(place) = place {
                // Only now: what is forgotten from here on finds the place and takes it away.
                if self.forgotten.load(Ordering::SeqCst) != forgotten {
                    break;
                }
                let session = self.share_role(session);
                let _ = place.insert(Entry {
                    session,
                    generation,
                });
            }
        }
        Ok(self.generation() == generation)
    }

    /// How many sessions may be kept.
    pub(super) fn capacity(&self) -> u64 {
        self.entries.capacity()
    }

    /// Forgets a session: to be called when a step that ended or changed it is in the database.
    pub(super) fn forget(&self, token: &TokenHash) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.entries.remove(token);
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

    /// The same session; its role is the same text in memory as that of others.
    fn share_role(&self, session: FoundSession) -> FoundSession {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(role) = roles.get(&session.role) {
            return FoundSession {
                role: Arc::clone(role),
                ..session
            };
        }
        if roles.len() >= ROLES {
            roles.clear();
        }
        roles.insert(Arc::clone(&session.role));
        session
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

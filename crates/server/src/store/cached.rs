//! A decorator that looks up sessions in memory, over any backend.
//!
//! [`CachedSessions`] wraps a [`CachedBackend`], which invalidates sessions that this process ends and is polled for
//! changes of other processes. [`SessionCache`] stores the sessions and decides whether they may be served.

mod cache;
mod table;
mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use slog::{Logger, info, warn};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

pub use self::cache::{ChangeToken, Changes, Invalidated, SessionCache};
use super::error::StoreFailure;
use super::session::SessionLookup;
use crate::domain::session::FoundSession;
use crate::token::TokenHash;

/// Bounds propagation. Several polls may fail within the staleness bound; one takes microseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How long polls may fail before it is reported: long enough to reconnect to another host.
const REPORTED_STALENESS: Duration = Duration::from_secs(5);

/// A backend whose sessions can be cached.
///
/// It is opened with the [`SessionCache`]. Before it returns the outcome of a step, it invalidates the sessions that
/// the step ended or changed, or all sessions if it does not know which.
#[async_trait]
pub trait CachedBackend: SessionLookup {
    /// Returns the changes of other processes since a position: everything if it is `None` or too old.
    async fn poll_changes(&self, since: Option<ChangeToken>) -> Result<Changes, StoreFailure>;

    /// Starts to load live sessions into the cache in the background, with `SessionCache::preload`.
    fn start_preload(&self);
}

/// Looks up sessions in memory, and reads those that are not cached from the backend.
#[derive(Debug)]
pub struct CachedSessions<B> {
    backend: Arc<B>,
    cache: Arc<SessionCache>,
    poller: JoinHandle<()>,
}

impl<B: CachedBackend + 'static> CachedSessions<B> {
    /// Wraps a backend that was opened with `cache`; polls it once before returning, then regularly.
    pub async fn start(backend: Arc<B>, cache: Arc<SessionCache>, log: Logger) -> Self {
        let mut poller = Poller {
            backend: Arc::clone(&backend),
            cache: Arc::clone(&cache),
            token: None,
            is_reported: false,
            log,
        };
        poller.poll().await;
        // The preload starts after the first poll, which invalidates everything.
        backend.start_preload();
        Self {
            backend,
            cache,
            poller: tokio::spawn(poller.run()),
        }
    }
}

impl<B> Drop for CachedSessions<B> {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

#[async_trait]
impl<B: CachedBackend> SessionLookup for CachedSessions<B> {
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        // Lazy, because the backend's future is boxed and a cached session does not need it.
        let read = async { self.backend.find_session(token).await };
        self.cache.find(token, Instant::now(), read).await
    }

    fn stale_for(&self, now: Instant) -> Option<Duration> {
        reported_staleness(&self.cache, now)
    }
}

fn reported_staleness(cache: &SessionCache, now: Instant) -> Option<Duration> {
    let staleness = cache.staleness(now);
    (staleness > REPORTED_STALENESS).then_some(staleness)
}

struct Poller<B> {
    backend: Arc<B>,
    cache: Arc<SessionCache>,
    token: Option<ChangeToken>,
    /// Whether the log has the failure of the polls.
    is_reported: bool,
    log: Logger,
}

impl<B: CachedBackend> Poller<B> {
    async fn run(mut self) {
        let mut interval = tokio::time::interval(POLL_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.poll().await;
        }
    }

    async fn poll(&mut self) {
        let began = Instant::now();
        match self.backend.poll_changes(self.token).await {
            Ok(changes) => self.apply(&changes, began),
            Err(failure) => self.report(&failure, Instant::now()),
        }
    }

    fn apply(&mut self, changes: &Changes, began: Instant) {
        self.cache.apply(&changes.invalidated, began);
        self.token = Some(changes.token);
        if std::mem::take(&mut self.is_reported) {
            info!(self.log, "changes of other processes can be read again");
        }
    }

    /// Logs a failure that lasts. The next poll begins at the same position.
    fn report(&mut self, failure: &StoreFailure, now: Instant) {
        if self.is_reported || reported_staleness(&self.cache, now).is_none() {
            return;
        }
        self.is_reported = true;
        warn!(
            self.log,
            "changes of other processes cannot be read; sessions are not served from memory";
            "cause" => failure.causes()
        );
    }
}

#[cfg(test)]
mod tests;

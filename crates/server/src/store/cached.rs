//! A decorator that looks up sessions in memory, over any backend.
//!
//! [`CachedSessions`] wraps a [`CachedBackend`], which invalidates sessions that this process ends and is polled for changes
//! of other processes. [`SessionCache`] stores the sessions and decides whether they may be served.

mod cache;
mod table;
mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

pub use self::cache::{ChangeToken, Changes, Invalidated, SessionCache};
use super::error::StoreFailure;
use super::session::SessionLookup;
use crate::domain::session::FoundSession;
use crate::token::TokenHash;

/// Bounds propagation. Several polls may fail within the staleness bound; one takes microseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A backend whose sessions can be cached.
///
/// It is opened with the [`SessionCache`]. Before it returns the outcome of a step, it invalidates the sessions that the
/// step ended or changed, or all sessions if it does not know which.
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
    pub async fn start(backend: Arc<B>, cache: Arc<SessionCache>) -> Self {
        let mut poller = Poller {
            backend: Arc::clone(&backend),
            cache: Arc::clone(&cache),
            token: None,
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
}

struct Poller<B> {
    backend: Arc<B>,
    cache: Arc<SessionCache>,
    token: Option<ChangeToken>,
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

    /// After a failure, the next poll begins at the same position.
    async fn poll(&mut self) {
        let began = Instant::now();
        if let Ok(changes) = self.backend.poll_changes(self.token).await {
            self.cache.apply(&changes.invalidated, began);
            self.token = Some(changes.token);
        }
    }
}

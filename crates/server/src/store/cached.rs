//! A decorator that finds sessions in memory, over any backend.
//!
//! [`CachedSessions`] wraps the [`SessionLookup`] of a [`CachedBackend`]. [`SessionCache`] stores the sessions and decides
//! whether they may be served. The backend invalidates what this process ends, and is polled for changes of other processes.

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

/// How often the backend is polled. A poll costs microseconds; several may fail before the staleness bound is reached.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A backend whose sessions can be cached.
///
/// It is opened with the [`SessionCache`]. After each step of this process, before it returns the outcome, it invalidates
/// the sessions that the step ended or changed, or all sessions if it does not know which.
#[async_trait]
pub trait CachedBackend: SessionLookup {
    /// Returns what other processes changed since a position: all sessions if it is `None` or too old.
    async fn poll_changes(&self, since: Option<ChangeToken>) -> Result<Changes, StoreFailure>;

    /// Starts to read live sessions into the cache in the background, with `SessionCache::preload`.
    fn start_preload(&self);
}

/// Finds sessions in memory, and reads from the backend those that are not there.
#[derive(Debug)]
pub struct CachedSessions<B> {
    backend: Arc<B>,
    cache: Arc<SessionCache>,
    poller: JoinHandle<()>,
}

impl<B: CachedBackend + 'static> CachedSessions<B> {
    /// Serves what `backend` reports to `cache`. The backend is polled once before this returns, and then regularly.
    pub async fn start(backend: Arc<B>, cache: Arc<SessionCache>) -> Self {
        let mut poller = Poller {
            backend: Arc::clone(&backend),
            cache: Arc::clone(&cache),
            token: None,
        };
        poller.poll().await;
        // After the first poll, which invalidates everything.
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
        // The backend's future is only made if it is needed.
        let read = async { self.backend.find_session(token).await };
        self.cache.find(token, Instant::now(), read).await
    }
}

/// Polls a backend and applies the changes to the cache.
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

    /// Polls once. If it fails, nothing is applied, and the next poll begins at the same position.
    async fn poll(&mut self) {
        let began = Instant::now();
        if let Ok(changes) = self.backend.poll_changes(self.token).await {
            self.cache.apply(&changes.invalidated, began);
            self.token = Some(changes.token);
        }
    }
}

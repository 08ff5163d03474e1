//! Commits that were sent and have no answer, although their operations have timed out.
//!
//! A primary that has lost its synchronous standby answers no commit. Each of them occupies a process of the server
//! until the standby returns, even if its connection is closed. Such connections are therefore kept in the pool, which
//! limits their number. A change needs a permit until its commit is answered, so that commits without an answer never
//! occupy the whole pool: session checks continue. When they have all permits, changes are refused without being tried.
//! Probes of readiness have a permit of their own, so that they do not wait for changes that wait for a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed;
use slog::{Logger, warn};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::connect::Connector;
use crate::store::error::StoreFailure;

pub(super) type Pool = managed::Pool<Connector>;
pub(super) type Object = managed::Object<Connector>;

/// The interval of checks whether a commit still waits for a standby.
///
/// If none does, the connection was lost.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Finds commits of this user that wait for a standby; rows of other users do not show their wait.
const WAITS_FOR_STANDBY: &str = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1";

pub(super) struct PendingCommits {
    pool: Pool,
    changes: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    max: usize,
    /// The number of kept connections.
    kept: Arc<watch::Sender<usize>>,
    waiting: Arc<AtomicUsize>,
    log: Logger,
}

/// What a permit is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Admission {
    Change,
    Probe,
}

/// A permit for a commit that waits for a standby.
pub(super) type CommitPermit = OwnedSemaphorePermit;

impl PendingCommits {
    /// Limits the changes to half of the pool.
    pub(super) fn new(pool: Pool, log: Logger) -> Self {
        let max = (pool.status().max_size / 2).max(1);
        Self {
            pool,
            changes: Arc::new(Semaphore::new(max)),
            probes: Arc::new(Semaphore::new(1)),
            max,
            kept: Arc::new(watch::Sender::new(0)),
            waiting: Arc::default(),
            log,
        }
    }

    /// Returns the number of changes that wait for a permit.
    pub(super) fn waiting(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }

    /// Waits for a permit.
    ///
    /// Fails if commits without an answer have all of them, because another would wait as well.
    pub(super) async fn admit(&self, admission: Admission) -> Result<CommitPermit, StoreFailure> {
        let permits = match admission {
            Admission::Change => &self.changes,
            Admission::Probe => &self.probes,
        };
        let _waiting = Counted::add_to(&self.waiting);
        let mut kept = self.kept.subscribe();
        tokio::select! {
            biased;
            _ = kept.wait_for(|kept| *kept >= self.max) => Err(StoreFailure::unavailable(
                "earlier commits have no answer; check the synchronous standby",
            )),
            permit = Arc::clone(permits).acquire_owned() => {
                Ok(permit.expect("never closed"))
            }
        }
    }

    /// Keeps a connection until its commit is answered or the connection is lost, then closes it.
    pub(super) fn keep(&self, connection: Object, permit: CommitPermit) {
        let last_loss = self.pool.manager().last_loss();
        let mut losses = last_loss.subscribe();
        // There is no runtime if the process is ending.
        let (true, Ok(runtime)) = (last_loss.is_current(&connection), Handle::try_current()) else {
            drop(Object::take(connection));
            return;
        };
        let kept = KeptConnection {
            connection: Some(connection),
            count: Arc::clone(&self.kept),
            _permit: permit,
        };
        let mut is_first = false;
        self.kept.send_modify(|count| {
            is_first = *count == 0;
            *count += 1;
        });
        if is_first {
            warn!(
                self.log,
                "a commit has no answer; check the synchronous standby of PostgreSQL, and the network"
            );
        }
        let pool = self.pool.clone();
        runtime.spawn(async move {
            tokio::select! {
                () = kept.wait(&pool) => {}
                _ = losses.changed() => {}
            }
        });
    }
}

/// A guard that counts as long as it exists.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn add_to(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose commit has no answer. It is closed when it is dropped.
struct KeptConnection {
    connection: Option<Object>,
    count: Arc<watch::Sender<usize>>,
    _permit: CommitPermit,
}

impl KeptConnection {
    async fn wait(&self, pool: &Pool) {
        let connection = self.connection.as_ref().expect("taken only by drop");
        // The server answers this empty statement after the commit.
        let answer = connection.batch_execute("");
        tokio::pin!(answer);
        while timeout(CHECK_INTERVAL, &mut answer).await.is_err() {
            if !may_wait_for_standby(pool).await {
                return;
            }
        }
    }
}

impl Drop for KeptConnection {
    fn drop(&mut self) {
        drop(self.connection.take().map(Object::take));
        self.count.send_modify(|count| *count -= 1);
    }
}

/// Returns whether a commit of this user waits for a standby.
///
/// Returns `true` if that cannot be determined in time.
async fn may_wait_for_standby(pool: &Pool) -> bool {
    let Ok(Ok(client)) = timeout(CHECK_INTERVAL, pool.get()).await else {
        return true;
    };
    let asking = client.query_typed(WAITS_FOR_STANDBY, &[]);
    match timeout(CHECK_INTERVAL, asking).await {
        Ok(Ok(rows)) => !rows.is_empty(),
        Ok(Err(_)) => true,
        Err(_) => {
            // A connection with an unanswered statement must not return to the pool.
            drop(Object::take(client));
            true
        }
    }
}

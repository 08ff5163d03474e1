//! Commits that were sent and have no answer, although their operations have timed out.
//!
//! A primary that has lost its synchronous standby answers no commit. Each of them occupies a process of the server
//! until the standby returns, even if its connection is closed: if every operation closed its connection and the next
//! one opened another, they would use up `max_connections`. Therefore such connections are kept, and if there are too
//! many, changes are refused without being tried. Session checks continue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object, Pool};
use slog::{Logger, warn};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::store::error::StoreFailure;

/// The interval of checks whether a commit still waits for a standby.
///
/// If none does, the connection was lost.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Finds commits of this user that wait for a standby; rows of other users do not show their wait.
const WAITS_FOR_STANDBY: &str = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1";

pub(super) struct PendingCommits {
    pool: Pool,
    permits: Arc<Semaphore>,
    max: usize,
    log: Logger,
    /// Commits on connections that were opened before this time are not waited for.
    valid_since: watch::Sender<Instant>,
}

impl PendingCommits {
    /// Creates a limit of half the size of the pool.
    pub(super) fn new(pool: Pool, pool_size: usize, log: Logger) -> Self {
        let max = pool_size.div_ceil(2);
        Self {
            pool,
            permits: Arc::new(Semaphore::new(max)),
            max,
            log,
            valid_since: watch::Sender::new(Instant::now()),
        }
    }

    /// Refuses a change if the limit of pending commits is reached, because its commit would wait as well.
    pub(super) fn admit(&self) -> Result<(), StoreFailure> {
        match self.permits.available_permits() {
            0 => Err(StoreFailure::unavailable(
                "earlier commits have no answer; check the synchronous standby",
            )),
            _ => Ok(()),
        }
    }

    /// Closes all kept connections.
    pub(super) fn abandon(&self) {
        self.valid_since.send_replace(Instant::now());
    }

    /// Keeps a connection until its commit is answered, then closes it.
    pub(super) fn keep(&self, client: Object) {
        let mut valid_since = self.valid_since.subscribe();
        let is_valid = Object::metrics(&client).created >= *valid_since.borrow_and_update();
        let client = Object::take(client);
        if is_valid && self.permits.available_permits() == self.max {
            warn!(
                self.log,
                "a commit has no answer; check the synchronous standby of PostgreSQL, and the network"
            );
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        // There is no runtime if the process is ending.
        if let (true, Ok(permit), Ok(runtime)) = (is_valid, permit, Handle::try_current()) {
            let pool = self.pool.clone();
            runtime.spawn(async move {
                tokio::select! {
                    () = wait(client, &pool, permit) => {}
                    _ = valid_since.changed() => {}
                }
            });
        }
    }
}

async fn wait(client: ClientWrapper, pool: &Pool, _permit: OwnedSemaphorePermit) {
    // The server answers this empty statement after the commit.
    let answer = client.batch_execute("");
    tokio::pin!(answer);
    loop {
        tokio::select! {
            _ = &mut answer => return,
            () = tokio::time::sleep(CHECK_INTERVAL) => {}
        }
        if !may_wait_for_standby(pool).await {
            return;
        }
    }
}

/// Returns whether a commit of this user waits for a standby; `true` if that cannot be determined.
async fn may_wait_for_standby(pool: &Pool) -> bool {
    let Ok(client) = pool.get().await else {
        return true;
    };
    let asking = client.query_typed(WAITS_FOR_STANDBY, &[]);
    match tokio::time::timeout(CHECK_INTERVAL, asking).await {
        Ok(Ok(rows)) => !rows.is_empty(),
        Ok(Err(_)) => true,
        Err(_) => {
            // A connection with an unanswered statement must not return to the pool.
            drop(Object::take(client));
            true
        }
    }
}

//! The writing connection, on its own thread.
//!
//! SQLite allows one writer at a time, and a commit waits for the disk; neither may block the async runtime. Steps
//! arrive through a bounded channel and run one after another, each in its own transaction. The reply confirms that the
//! step is on disk. A step runs even if its caller is gone, so that a logout completes even if its client disconnects.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::core::{Core, is_read_only};
use super::open::BUSY_TIMEOUT;
use crate::store::cached::{ChangeToken, Changes};
use crate::store::error::StoreFailure;

/// Bounds memory; further callers wait. A full queue of disk flushes takes well under a second.
const QUEUE_CAPACITY: usize = 128;

/// Receives the connection, `None` if the database is closed, and may replace it.
pub(super) type Step = Box<dyn FnOnce(&mut Option<Connection>) + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The step is on disk.
    Full,
    /// The step survives a crash of the process, and is on disk with the next `Full` step.
    Soon,
}

#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    /// `None` only during the drop.
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, core: Arc<Core>) -> io::Result<Self> {
        let (steps, mut queue) = mpsc::channel::<Step>(QUEUE_CAPACITY);
        let mut connection = Some(connection);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                while let Some(step) = queue.blocking_recv() {
                    // A panic rolls the transaction back and drops the reply, so that the caller gets an error. Other
                    // steps are not affected.
                    let _ = catch_unwind(AssertUnwindSafe(|| step(&mut connection)));
                }
            })?;
        Ok(Self {
            core,
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Returns a sender of steps. The thread ends once every sender is dropped.
    pub(super) fn sender(&self) -> mpsc::Sender<Step> {
        self.steps.clone().expect("the sender lives until the drop")
    }

    /// Waits at most [`BUSY_TIMEOUT`] for other writing processes, together with the steps before it.
    pub(super) async fn run<T, E>(
        &self,
        durability: Durability,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + From<rusqlite::Error> + Send + 'static,
    {
        // Fails immediately instead of waiting in the queue.
        self.core.check_usable()?;
        let deadline = Instant::now() + BUSY_TIMEOUT;
        let (reply, answer) = oneshot::channel();
        let core = Arc::clone(&self.core);
        let step = Box::new(move |connection: &mut Option<Connection>| {
            let result = transact(&core, connection, deadline, durability, step);
            if let Some(changes) = &core.changes {
                changes.flush();
            }
            // The caller may be gone.
            let _ = reply.send(result);
        });
        let stopped = || StoreFailure::new("the writer has stopped");
        let steps = self.steps.as_ref().ok_or_else(stopped)?;
        steps.send(step).await.map_err(|_| stopped())?;
        answer
            .await
            .map_err(|_| StoreFailure::new("a step panicked"))?
    }

    /// Runs on the writing connection, to which SQLite reports only the changes of other processes.
    pub(super) async fn poll_changes(
        &self,
        since: Option<ChangeToken>,
    ) -> Result<Changes, StoreFailure> {
        let (reply, answer) = oneshot::channel();
        let core = Arc::clone(&self.core);
        let step = Box::new(move |connection: &mut Option<Connection>| {
            if let (Some(changes), Some(connection)) = (&core.changes, connection) {
                // The caller may be gone.
                let _ = reply.send(changes.poll(connection, since));
            }
        });
        let stopped = || StoreFailure::new("the writer has stopped");
        let steps = self.steps.as_ref().ok_or_else(stopped)?;
        steps.send(step).await.map_err(|_| stopped())?;
        let closed = |_| StoreFailure::unavailable("the database is closed");
        Ok(answer.await.map_err(closed)??)
    }
}

fn transact<T, E: From<rusqlite::Error> + From<StoreFailure>>(
    core: &Core,
    connection: &mut Option<Connection>,
    deadline: Instant,
    durability: Durability,
    step: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    core.verify()?;
    let closed = || StoreFailure::unavailable("the database is closed");
    let connection = connection.as_ref().ok_or_else(closed)?;
    // Steps that wait for a lock time out together, not one after another. Each is tried at least once.
    let timeout = deadline.saturating_duration_since(Instant::now());
    connection.busy_timeout(timeout.max(Duration::from_millis(1)))?;
    if let Some(audit) = &core.audit {
        audit.discard();
    }
    let value = commit(connection, durability, step).inspect_err(|_| {
        if is_read_only(connection) {
            core.mark_read_only();
        }
    })?;
    if let Some(audit) = &core.audit {
        audit.publish();
    }
    core.verify()?;
    Ok(value)
}

fn commit<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    durability: Durability,
    step: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    // Set before each step, so that a failed step cannot leave the wrong mode. In WAL mode, a commit with NORMAL does
    // not wait for the disk (https://sqlite.org/pragma.html#pragma_synchronous).
    connection
        .prepare_cached(match durability {
            Durability::Full => "PRAGMA synchronous = FULL",
            Durability::Soon => "PRAGMA synchronous = NORMAL",
        })?
        .execute([])?;
    // Takes the lock now: at the first write, it could fail after rows were read.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let value = step(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

impl Drop for Writer {
    /// Runs the queued steps, then closes the connection.
    fn drop(&mut self) {
        self.steps = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches every panic.
            let _ = thread.join();
        }
    }
}

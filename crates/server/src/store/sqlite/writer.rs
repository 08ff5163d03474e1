//! The one connection that writes, on a thread of its own.
//!
//! SQLite has one writer at a time, and a commit waits for the disk: neither may hold up the async runtime. Steps come
//! over a bounded channel and are taken one by one, each in a transaction of its own; the reply tells when it is on disk.
//! A step is taken even when its caller has lost interest: half of a logout is worse than one that nobody waits for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::core::{Core, only_reads};
use super::open::BUSY;
use crate::store::cached::{ChangeToken, Changes};
use crate::store::error::StoreFailure;

/// How many steps may wait. Past this, callers wait for a place: memory stays bounded. A step takes about a flush of the
/// disk, so that this is well under a second on any disk worth the name.
const WAITING: usize = 128;

/// Gets the connection, if the database is open, and may put another one in its place.
pub(super) type Step = Box<dyn FnOnce(&mut Option<Connection>) + Send>;

/// What a step's reply promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// It is on the disk.
    Full,
    /// It outlives this process, and is on the disk with the next step that must be. Such a step does not wait for the
    /// disk (https://sqlite.org/pragma.html#pragma_synchronous: NORMAL in WAL mode).
    Soon,
}

/// Takes steps one by one, as long as it lives.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    /// `None` only while it is dropped.
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, core: Arc<Core>) -> io::Result<Self> {
        let (steps, mut waiting) = mpsc::channel::<Step>(WAITING);
        let mut connection = Some(connection);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                while let Some(step) = waiting.blocking_recv() {
                    // A panic is told to its caller by the reply that does not come; its transaction is rolled back
                    // on the way out. The others must not suffer.
                    let _ = catch_unwind(AssertUnwindSafe(|| step(&mut connection)));
                }
            })?;
        Ok(Self {
            core,
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Where steps can be handed in. The thread ends when every such sender is gone.
    pub(super) fn steps(&self) -> mpsc::Sender<Step> {
        self.steps.clone().expect("there while it lives")
    }

    /// Takes a step in a transaction, which is rolled back when the step fails. Waits for other processes that write, and
    /// for the steps before it that do, [`BUSY`] at most.
    pub(super) async fn take<T, E>(
        &self,
        durability: Durability,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + From<rusqlite::Error> + Send + 'static,
    {
        // Nobody waits in line for what is not there.
        self.core.usable()?;
        let until = Instant::now() + BUSY;
        let (reply, answer) = oneshot::channel();
        let core = Arc::clone(&self.core);
        let step = Box::new(move |connection: &mut Option<Connection>| {
            let result = transact(&core, connection, until, durability, step);
            if let Some(changes) = &core.changes {
                changes.flush();
            }
            // The caller may be gone.
            let _ = reply.send(result);
        });
        let gone = || StoreFailure::new("the writer is gone");
        let steps = self.steps.as_ref().ok_or_else(gone)?;
        steps.send(step).await.map_err(|_| gone())?;
        answer
            .await
            .map_err(|_| StoreFailure::new("a step was broken off"))?
    }

    /// Returns what other processes changed.
    ///
    /// Runs between two steps on the writing connection: SQLite reports to a connection what other connections changed, and
    /// all changes of this process are made on this one.
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
        let gone = || StoreFailure::new("the writer is gone");
        let steps = self.steps.as_ref().ok_or_else(gone)?;
        steps.send(step).await.map_err(|_| gone())?;
        let closed = |_| StoreFailure::unavailable("the database is closed");
        Ok(answer.await.map_err(closed)??)
    }
}

fn transact<T, E: From<rusqlite::Error> + From<StoreFailure>>(
    core: &Core,
    connection: &mut Option<Connection>,
    until: Instant,
    durability: Durability,
    step: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    core.verify()?;
    let closed = || StoreFailure::unavailable("the database is closed");
    let connection = connection.as_ref().ok_or_else(closed)?;
    // All that wait behind a lock give up together, not one after the other; each is tried once all the same.
    let patience = until.saturating_duration_since(Instant::now());
    connection.busy_timeout(patience.max(Duration::from_millis(1)))?;
    let taken = commit(connection, durability, step).inspect_err(|_| {
        if only_reads(connection) {
            core.cannot_write();
        }
    })?;
    core.verify()?;
    Ok(taken)
}

fn commit<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    durability: Durability,
    step: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    // Before each step, so that no failure of another leaves it wrong.
    connection
        .prepare_cached(match durability {
            Durability::Full => "PRAGMA synchronous = FULL",
            Durability::Soon => "PRAGMA synchronous = NORMAL",
        })?
        .execute([])?;
    // The lock is taken at once: one that is only taken at the first write can fail half-way, past what was read.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let value = step(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

impl Drop for Writer {
    /// Takes the steps that wait, then closes the connection.
    fn drop(&mut self) {
        self.steps = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches every panic.
            let _ = thread.join();
        }
    }
}

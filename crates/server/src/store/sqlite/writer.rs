//! The one connection that writes, on a thread of its own.
//!
//! SQLite has one writer at a time, and a commit waits for the disk: neither may hold up the async runtime. Steps come
//! over a bounded channel and are taken one by one, each in a transaction of its own; the reply tells when it is on disk.
//! A step is taken even when its caller has lost interest: half of a logout is worse than one that nobody waits for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StoreFailure;

/// How many steps may wait. Past this, callers wait for a place: memory stays bounded. A step takes about a flush of the
/// disk, so that this is well under a second on any disk worth the name.
const WAITING: usize = 128;

type Step = Box<dyn FnOnce(&mut Connection) + Send>;

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
    /// `None` only while it is dropped.
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> io::Result<Self> {
        let (steps, mut waiting) = mpsc::channel::<Step>(WAITING);
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
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Takes a step in a transaction, which is rolled back when the step fails.
    pub(super) async fn take<T, E>(
        &self,
        durability: Durability,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + From<rusqlite::Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let step = Box::new(move |connection: &mut Connection| {
            // The caller may be gone.
            let _ = reply.send(transact(connection, durability, step));
        });
        let gone = || StoreFailure::new("the writer is gone");
        let steps = self.steps.as_ref().ok_or_else(gone)?;
        steps.send(step).await.map_err(|_| gone())?;
        answer
            .await
            .map_err(|_| StoreFailure::new("a step was broken off"))?
    }
}

fn transact<T, E: From<rusqlite::Error>>(
    connection: &mut Connection,
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
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
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

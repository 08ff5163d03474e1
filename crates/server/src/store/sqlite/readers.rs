//! The reading connections.
//!
//! In WAL mode a reader never waits for the writer, and an indexed read takes a few microseconds, less than passing it
//! to another thread. So reads run on the calling thread, each on a free connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

/// One connection for each concurrent read; all are `None` while the database is closed.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Option<Connection>>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        debug_assert!(!connections.is_empty(), "at least one reader is required");
        let connections = connections.into_iter().map(Some).map(Mutex::new);
        Self {
            connections: connections.collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Reads on a free connection, or waits for one. Returns `None` if the connection is closed.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> Option<T> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let (before, from) = self.connections.split_at(first);
        for connection in from.iter().chain(before) {
            match connection.try_lock() {
                Ok(connection) => return connection.as_ref().map(read),
                // A read that panics leaves no state on its connection.
                Err(TryLockError::Poisoned(poisoned)) => {
                    return poisoned.into_inner().as_ref().map(read);
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.connections[first]).as_ref().map(read)
    }

    pub(super) fn close(&self) {
        for connection in &self.connections {
            *lock(connection) = None;
        }
    }

    /// Opens every connection again. If one fails, it and those after it stay closed.
    pub(super) fn reopen<E>(&self, open: impl Fn() -> Result<Connection, E>) -> Result<(), E> {
        for connection in &self.connections {
            let opened = open()?;
            *lock(connection) = Some(opened);
        }
        Ok(())
    }
}

fn lock(connection: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

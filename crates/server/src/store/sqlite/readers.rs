//! The connections that read.
//!
//! In WAL mode a reader waits for nobody, and a read by an index takes a few microseconds: less than handing it to another
//! thread would. So reads run where they are asked for, each on a connection that is free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

/// As many connections as threads may read at once; none of them is there while the database is closed.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Option<Connection>>>,
    next: AtomicUsize,
}

impl Readers {
    /// Takes the connections over: at least one.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        debug_assert!(!connections.is_empty(), "a reader is needed");
        let connections = connections.into_iter().map(Some).map(Mutex::new);
        Self {
            connections: connections.collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Reads on a free connection, or waits for one. `None` while they are closed.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> Option<T> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let (before, from) = self.connections.split_at(first);
        for connection in from.iter().chain(before) {
            match connection.try_lock() {
                Ok(connection) => return connection.as_ref().map(read),
                // A read that panicked leaves nothing behind on its connection.
                Err(TryLockError::Poisoned(poisoned)) => {
                    return poisoned.into_inner().as_ref().map(read);
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.connections[first]).as_ref().map(read)
    }

    /// Closes every connection, each when the read on it is done.
    pub(super) fn close(&self) {
        for connection in &self.connections {
            *lock(connection) = None;
        }
    }

    /// Opens every connection anew. Where one cannot be opened, it and those after it stay closed.
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

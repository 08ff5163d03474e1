//! The connections that read.
//!
//! In WAL mode a reader waits for nobody, and a read by an index takes a few microseconds: less than handing it to another
//! thread would. So reads run where they are asked for, each on a connection that is free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::Connection;

/// As many connections as threads may read at once.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    /// Takes the connections over: at least one.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        debug_assert!(!connections.is_empty(), "a reader is needed");
        Self {
            connections: connections.into_iter().map(Mutex::new).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Reads on a free connection, or waits for one.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let (before, from) = self.connections.split_at(first);
        for connection in from.iter().chain(before) {
            match connection.try_lock() {
                Ok(connection) => return read(&connection),
                // A read that panicked leaves nothing behind on its connection.
                Err(TryLockError::Poisoned(poisoned)) => return read(&poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let connection = self.connections[first].lock();
        read(&connection.unwrap_or_else(PoisonError::into_inner))
    }
}

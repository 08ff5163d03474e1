//! A connection, and the loss of connections, after which they are replaced.
//!
//! A connection can be lost without an error: its server no longer answers, or another one is the primary. When a poll
//! or a probe detects this, it reports a loss. Each connection that began to open earlier is then replaced: the pool
//! and the poller do not use it again, operations on it are repeated, and pending commits on it are no longer awaited.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use deadpool_postgres::ClientWrapper;
use tokio::sync::watch;
use tokio_postgres::Error;

/// A connection that is closed when it is dropped.
pub(super) struct Connection {
    client: ClientWrapper,
    /// Losses before this time do not concern the connection.
    began: Instant,
}

impl Connection {
    /// `began` is a time before its host was resolved. Its server may have been lost while it opened.
    pub(super) fn new(client: ClientWrapper, began: Instant) -> Self {
        Self { client, began }
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

/// The time of the last loss of connections.
#[derive(Debug)]
pub(super) struct LastLoss(watch::Sender<Instant>);

impl LastLoss {
    /// Creates it for a process that has no connections yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Instant::now()))
    }

    /// Reports that all connections are lost.
    pub(super) fn report(&self) {
        self.0.send_modify(|last| *last = Instant::now().max(*last));
    }

    /// Reports that all other connections are lost, unless the connection itself was lost meanwhile.
    ///
    /// Returns whether it is current.
    pub(super) fn report_others(&self, connection: &mut Connection) -> bool {
        self.0.send_if_modified(|last| {
            if connection.began < *last {
                return false;
            }
            *last = Instant::now().max(*last);
            connection.began = *last;
            true
        })
    }

    /// Returns whether a connection began to open after the last loss.
    pub(super) fn is_current(&self, connection: &Connection) -> bool {
        connection.began >= *self.0.borrow()
    }

    /// Returns a receiver of the next loss.
    pub(super) fn subscribe(&self) -> watch::Receiver<Instant> {
        self.0.subscribe()
    }
}

/// The reason why a connection cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Database(#[from] Error),
    #[error("the server did not answer in time")]
    Timeout,
    #[error("the server is an old primary; another one was promoted")]
    OldPrimary,
    #[error("the server belongs to another database system than the one in use")]
    OtherSystem,
}

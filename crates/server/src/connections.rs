//! Closes connections that dropshot would keep open without a limit.
//!
//! dropshot has no timeout for a TLS handshake, for the first byte of a connection or for HTTP/2, and no hook for
//! connections. The guard therefore finds the sockets of the API among the open files of the process and shuts down
//! connections for a [`CloseReason`]. After the first request, hyper closes a connection that is idle for 30 s.

mod guard;
mod sockets;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::thread::Thread;

pub(crate) use self::guard::{Limits, start_guard};

/// The reason why the guard closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The connection has sent HTTP/2, which is refused.
    Http2,
    /// The connection has not sent a complete request in time.
    Silent,
    /// The network of the connection has reached its maximum number of connections.
    Network,
}

/// The information that requests report to the guard.
#[derive(Debug, Default)]
pub struct Connections {
    /// The thread of the guard. Without it, nothing is inserted, because nothing would remove it.
    guard: OnceLock<Thread>,
    /// Whether `waiting` has entries: usually the only thing that a request reads.
    has_waiting: AtomicBool,
    /// The peers that have sent no request since the guard first saw them. Only the guard inserts.
    waiting: RwLock<HashSet<SocketAddr>>,
    /// The peers that have sent HTTP/2 since the last scan.
    http2: Mutex<HashSet<SocketAddr>>,
}

impl Connections {
    /// Returns whether [`Connections::record_request`] has an effect.
    pub(crate) fn has_waiting(&self) -> bool {
        self.has_waiting.load(Ordering::Relaxed)
    }

    /// Records a request, after which its connection is not silent.
    pub(crate) fn record_request(&self, peer: SocketAddr) {
        if self.has_waiting() && self.is_silent(peer) {
            self.change_waiting(|waiting| {
                waiting.remove(&peer);
            });
        }
    }

    /// Records a request in HTTP/2, after which its connection is closed.
    pub(crate) fn record_http2(&self, peer: SocketAddr) {
        if let Some(guard) = self.guard.get() {
            let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
            if http2.insert(peer) {
                guard.unpark();
            }
        }
    }

    fn set_guard(&self, thread: Thread) {
        // Fails only if there is a guard already; a process starts one.
        let _ = self.guard.set(thread);
    }

    fn is_silent(&self, peer: SocketAddr) -> bool {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        waiting.contains(&peer)
    }

    fn change_waiting(&self, change: impl FnOnce(&mut HashSet<SocketAddr>)) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut waiting);
        self.has_waiting
            .store(!waiting.is_empty(), Ordering::Relaxed);
    }

    fn take_http2(&self) -> HashSet<SocketAddr> {
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut http2)
    }
}

//! The thread that looks after the database while nobody uses it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::core::Core;
use super::writer::Step;

/// How often it looks: a fault is known, and its end, within a quarter of a second. A look costs some microseconds.
const EVERY: Duration = Duration::from_millis(250);

/// Looks after a database as long as it lives.
#[derive(Debug)]
pub(super) struct Watch {
    /// `None` only while it is dropped: that ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Hands what is to be done to the writer, over `steps`.
    pub(super) fn start(core: Arc<Core>, steps: Sender<Step>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-watch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    if core.needs_recovery() {
                        let core = Arc::clone(&core);
                        // Where the queue is full, the next look is soon.
                        let _ = steps.try_send(Box::new(move |writer| core.recover(writer)));
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It does nothing that panics.
            let _ = thread.join();
        }
    }
}

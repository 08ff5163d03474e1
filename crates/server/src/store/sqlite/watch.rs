//! The thread that detects faults of the database and starts its recovery.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::core::Core;
use super::writer::Step;

/// The start and end of a fault are detected within this time. A check takes a few microseconds.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Watch {
    /// `None` only during the drop, which ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Sends recoveries to the writer through `steps`.
    pub(super) fn start(core: Arc<Core>, steps: Sender<Step>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-watch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(CHECK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if core.needs_recovery() {
                        let core = Arc::clone(&core);
                        // If the queue is full, the next check tries again.
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
            // The thread does not panic.
            let _ = thread.join();
        }
    }
}

//! The state of the database after a fault, and its recovery.
//!
//! Before and after each step of the writer, and four times a second, [`super::file`] checks that the files are still
//! those that were opened. If they are not, nothing is acknowledged or read, and every step fails immediately until the
//! files are back. A missing file is never created again.
//!
//! A lock, a full disk or a read-only file system needs no recovery: SQLite rolls the failed step back, and the next
//! step succeeds once the fault has ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB};
use slog::{info, warn};

use super::audit_reporter::AuditReporter;
use super::changes::ChangeReporter;
use super::file::{FileState, Files, Identity};
use super::open::{self, OpenError};
use super::readers::Readers;
use crate::store::error::StoreFailure;
use crate::store::observer::Observer;
use crate::store::url::IfMissing;

#[derive(Debug)]
pub(super) struct Core {
    path: PathBuf,
    /// Whether a file that replaces the database is migrated.
    missing: IfMissing,
    files: Files,
    pub(super) readers: Readers,
    pub(super) observer: Observer,
    pub(super) changes: Option<ChangeReporter>,
    pub(super) audit: Option<AuditReporter>,
    /// Whether `state` has a fault. Every read checks this without taking the lock.
    unusable: AtomicBool,
    /// Whether the writing connection can only read, because it was opened while the file was read-only.
    read_only: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    opened: Identity,
    fault: Option<String>,
}

impl Core {
    pub(super) fn new(
        path: PathBuf,
        missing: IfMissing,
        readers: Readers,
        observer: Observer,
        changes: Option<ChangeReporter>,
        audit: Option<AuditReporter>,
    ) -> Result<Self, std::io::Error> {
        let files = Files::new(&path)?;
        let opened = files.identity();
        Ok(Self {
            path,
            missing,
            files,
            readers,
            observer,
            changes,
            audit,
            unusable: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
            state: Mutex::new(State {
                opened,
                fault: None,
            }),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an error if the last check found that the database cannot be used.
    pub(super) fn check_usable(&self) -> Result<(), StoreFailure> {
        if !self.unusable.load(Ordering::SeqCst) {
            return Ok(());
        }
        let reason = self.state().fault.clone();
        reason.map_or(Ok(()), |reason| Err(StoreFailure::unavailable(reason)))
    }

    /// Checks the files, before a step begins and before it is acknowledged.
    pub(super) fn verify(&self) -> Result<(), StoreFailure> {
        self.check_usable()?;
        match self.file_state() {
            FileState::Unchanged => Ok(()),
            files => {
                self.mark_unusable(self.describe(files));
                self.check_usable()
            }
        }
    }

    fn file_state(&self) -> FileState {
        let opened = self.state().opened;
        self.files.state(opened)
    }

    fn describe(&self, files: FileState) -> String {
        let path = self.path.display();
        match files {
            FileState::Unchanged => format!("{path} was closed"),
            FileState::Missing => format!("{path} is missing; move it back or restore a backup"),
            FileState::Replaced => format!("{path} was replaced while it was open"),
            FileState::Incomplete => {
                format!("the -wal or -shm file of {path} was removed while it was open")
            }
        }
    }

    pub(super) fn mark_read_only(&self) {
        self.read_only.store(true, Ordering::Release);
    }

    pub(super) fn needs_recovery(&self) -> bool {
        self.unusable.load(Ordering::Acquire)
            || self.read_only.load(Ordering::Acquire)
            || self.file_state() != FileState::Unchanged
    }

    /// Reopens the database if possible, on the writer's thread, so that nothing is written meanwhile.
    pub(super) fn recover(&self, writer: &mut Option<Connection>) {
        if self.read_only.swap(false, Ordering::AcqRel) {
            // Readers are not affected.
            if let Ok(connection) = self.open_writer() {
                *writer = Some(connection);
            }
        }
        let opened = self.state().opened;
        let files = self.files.state(opened);
        match files {
            // The file was moved away and back.
            FileState::Unchanged if writer.is_some() => return self.mark_usable(opened),
            FileState::Missing => {
                self.mark_unusable(self.describe(files));
                checkpoint(writer.as_ref());
                return;
            }
            // The reason of the last failed attempt is more precise.
            FileState::Unchanged | FileState::Replaced | FileState::Incomplete
                if self.check_usable().is_err() => {}
            FileState::Unchanged | FileState::Replaced | FileState::Incomplete => {
                self.mark_unusable(self.describe(files))
            }
        }
        checkpoint(writer.as_ref());
        // All connections are closed first: the last one checkpoints the log into its file, and two files must never be
        // open with the same log.
        self.readers.close();
        *writer = None;
        match self.reopen(files, opened) {
            Ok(connection) => {
                *writer = Some(connection);
                self.mark_usable(self.files.identity());
            }
            Err(reason) => self.mark_unusable(reason),
        }
    }

    fn reopen(&self, files: FileState, opened: Identity) -> Result<Connection, String> {
        if files == FileState::Replaced {
            let describe =
                |error| format!("the log of the replaced database cannot be renamed ({error})");
            self.files.quarantine_wal(opened).map_err(describe)?;
        }
        let describe = |error: OpenError| error.to_string();
        let writer = self.open_writer().map_err(describe)?;
        let reader = || open::open_look_up_reader(&self.path);
        self.readers.reopen(reader).map_err(describe)?;
        Ok(writer)
    }

    /// Opens a writing connection that reports its changes, and invalidates all cached sessions.
    fn open_writer(&self) -> Result<Connection, OpenError> {
        let connection = open::reopen_writer(&self.path, self.missing)?;
        let open_error = |cause| open::to_open_error(&self.path, cause);
        if let Some(changes) = &self.changes {
            changes.watch_again(&connection).map_err(open_error)?;
        }
        if let Some(audit) = &self.audit {
            audit.watch(&connection).map_err(open_error)?;
        }
        Ok(connection)
    }

    fn mark_unusable(&self, reason: String) {
        let mut state = self.state();
        if state.fault.as_ref() != Some(&reason) {
            warn!(self.observer.log, "the database cannot be used"; "cause" => &reason);
        }
        let was_usable = state.fault.replace(reason).is_none();
        self.unusable.store(true, Ordering::SeqCst);
        self.observer.metrics.set_database_up(false);
        if was_usable && let Some(changes) = &self.changes {
            // No session is served from memory while none can be read from the database.
            changes.invalidate_all();
        }
    }

    fn mark_usable(&self, opened: Identity) {
        let mut state = self.state();
        state.opened = opened;
        if state.fault.take().is_some() {
            info!(self.observer.log, "the database can be used again");
        }
        self.unusable.store(false, Ordering::Release);
        self.observer.metrics.set_database_up(true);
    }
}

/// How long a checkpoint waits for reads, which take microseconds. Nothing is written meanwhile.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(100);

/// Completes the file even if it was moved, so that no acknowledged change is left in an orphaned log.
fn checkpoint(writer: Option<&Connection>) {
    if let Some(writer) = writer {
        // If this fails or others still read from the log, the log stays next to the file.
        let _ = writer.busy_timeout(CHECKPOINT_TIMEOUT);
        let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

pub(super) fn is_read_only(connection: &Connection) -> bool {
    connection.is_readonly(MAIN_DB).unwrap_or(false)
}

//! Whether the database can be used, and how it comes back when it could not.
//!
//! Before and after each step of the writer, and four times a second, it is looked whether the files are still those that
//! were opened ([`super::file`]). Where they are not, nothing is acknowledged and nothing is answered from what is left:
//! every step fails at once, until the files are back. No file is created in the place of one that is gone.
//!
//! What mends itself needs no help here: a lock that ends, a disk that has room again, a file system that can be written
//! to again. SQLite rolls the failed step back, and the next one is taken as if nothing had happened.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB};
use slog::{info, warn};

use super::changes::ChangeReporter;
use super::file::{FileState, Files, Identity};
use super::open::{self, OpenError};
use super::readers::Readers;
use crate::store::error::StoreFailure;
use crate::store::observer::Observer;

/// What the writer's thread and those who read share.
#[derive(Debug)]
pub(super) struct Core {
    path: PathBuf,
    files: Files,
    pub(super) readers: Readers,
    pub(super) observer: Observer,
    /// Reports to the cache of sessions, if there is one.
    pub(super) changes: Option<ChangeReporter>,
    /// Whether `state` has a reason: looked at by every read.
    out: AtomicBool,
    /// Whether the writer's connection cannot write: the file could only be read when it was opened.
    read_only: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    opened: Identity,
    /// Why the database cannot be used.
    reason: Option<String>,
}

impl Core {
    /// Of a database that has just been opened.
    pub(super) fn new(
        path: PathBuf,
        readers: Readers,
        observer: Observer,
        changes: Option<ChangeReporter>,
    ) -> Result<Self, std::io::Error> {
        let files = Files::of(&path)?;
        let opened = files.identity();
        Ok(Self {
            path,
            files,
            readers,
            observer,
            changes,
            out: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
            state: Mutex::new(State {
                opened,
                reason: None,
            }),
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the database could be used when that was last looked at.
    pub(super) fn usable(&self) -> Result<(), StoreFailure> {
        if !self.out.load(Ordering::SeqCst) {
            return Ok(());
        }
        let reason = self.state().reason.clone();
        reason.map_or(Ok(()), |reason| Err(StoreFailure::unavailable(reason)))
    }

    /// Whether the database can be used and its files are still those that were opened. The writer asks before it begins
    /// and before it acknowledges.
    pub(super) fn verify(&self) -> Result<(), StoreFailure> {
        self.usable()?;
        match self.file_state() {
            FileState::There => Ok(()),
            fate => {
                self.fail(self.describe(fate));
                self.usable()
            }
        }
    }

    fn file_state(&self) -> FileState {
        let opened = self.state().opened;
        self.files.state(opened)
    }

    fn describe(&self, fate: FileState) -> String {
        let path = self.path.display();
        match fate {
            FileState::There => format!("{path} was closed"),
            FileState::Gone => format!("{path} is gone; put it back, or a backup of it"),
            FileState::Replaced => format!("{path} was replaced while it was open"),
            FileState::Torn => {
                format!("the -wal or -shm file of {path} was removed while it was open")
            }
        }
    }

    /// The writer's connection was opened while the file could only be read.
    pub(super) fn cannot_write(&self) {
        self.read_only.store(true, Ordering::Release);
    }

    /// Whether there is something for [`Core::recover`] to do.
    pub(super) fn needs_recovery(&self) -> bool {
        self.out.load(Ordering::Acquire)
            || self.read_only.load(Ordering::Acquire)
            || self.file_state() != FileState::There
    }

    /// Brings the database back, if that can be done now. On the writer's thread: nothing is written meanwhile.
    pub(super) fn recover(&self, writer: &mut Option<Connection>) {
        if self.read_only.swap(false, Ordering::AcqRel) {
            // Those who read are well.
            if let Ok(connection) = self.open_writer() {
                *writer = Some(connection);
            }
        }
        let opened = self.state().opened;
        let fate = self.files.state(opened);
        match fate {
            // It had been moved away and came back.
            FileState::There if writer.is_some() => return self.mark_usable(opened),
            FileState::Gone => {
                self.fail(self.describe(fate));
                fold(writer.as_ref());
                return;
            }
            // Why it could not be opened the last time says more.
            FileState::There | FileState::Replaced | FileState::Torn if self.usable().is_err() => {}
            FileState::There | FileState::Replaced | FileState::Torn => {
                self.fail(self.describe(fate))
            }
        }
        fold(writer.as_ref());
        // All of them first: the last one to close folds the log into a file that is still in its place; and two files
        // must never be open with the same log beside them.
        self.readers.close();
        *writer = None;
        match self.reopen(fate, opened) {
            Ok(connection) => {
                *writer = Some(connection);
                self.mark_usable(self.files.identity());
            }
            Err(reason) => self.fail(reason),
        }
    }

    fn reopen(&self, fate: FileState, opened: Identity) -> Result<Connection, String> {
        if fate == FileState::Replaced {
            let told = |error| format!("its old log cannot be set aside ({error})");
            self.files.quarantine_wal(opened).map_err(told)?;
        }
        let told = |error: OpenError| error.to_string();
        let writer = self.open_writer().map_err(told)?;
        let reader = || open::look_up_reader(&self.path);
        self.readers.reopen(reader).map_err(told)?;
        Ok(writer)
    }

    /// A connection that writes; what it changes is told, and nothing holds any more that was known before.
    fn open_writer(&self) -> Result<Connection, OpenError> {
        let connection = open::again(&self.path)?;
        if let Some(changes) = &self.changes {
            changes
                .watch_again(&connection)
                .map_err(|cause| open::describe(&self.path, cause))?;
        }
        Ok(connection)
    }

    fn fail(&self, reason: String) {
        let mut state = self.state();
        if state.reason.as_ref() != Some(&reason) {
            warn!(self.observer.log, "the database cannot be used"; "cause" => &reason);
        }
        let was_usable = state.reason.replace(reason).is_none();
        self.out.store(true, Ordering::SeqCst);
        self.observer.metrics.database_up(false);
        if was_usable && let Some(changes) = &self.changes {
            // What cannot be read is not served from memory either.
            changes.invalidate_all();
        }
    }

    fn mark_usable(&self, opened: Identity) {
        let mut state = self.state();
        state.opened = opened;
        if state.reason.take().is_some() {
            info!(self.observer.log, "the database can be used again");
        }
        self.out.store(false, Ordering::Release);
        self.observer.metrics.database_up(true);
    }
}

/// How long to wait for those who read while the log is folded: a read takes microseconds. Meanwhile nothing is written.
const FOLD: Duration = Duration::from_millis(100);

/// Folds the log into the file that is open, wherever that has been moved to: it is whole then, and nothing that was
/// acknowledged stays behind in a log that nobody will find.
fn fold(writer: Option<&Connection>) {
    if let Some(writer) = writer {
        // Where it fails, or others still read from the log, that is kept beside the file.
        let _ = writer.busy_timeout(FOLD);
        let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Whether a connection can do nothing but read, since the file could not be written to when it was opened.
pub(super) fn only_reads(connection: &Connection) -> bool {
    connection.is_readonly(MAIN_DB).unwrap_or(false)
}

//! Copying a database into a new one, of the same backend or of the other.
//!
//! Rows are read in one snapshot of the source and written in one transaction of the target. Before it is committed,
//! they are read back and compared by their number and checksum. Afterwards the source is read again, to report changes
//! after the snapshot, which are not in the copy.

mod table;

use std::path::PathBuf;

use sha2::{Digest, Sha256};

pub(super) use self::table::{TABLES, Table, Type};

/// A value of a row.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Integer(Option<i64>),
    Boolean(bool),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// The tables of a database, in one snapshot.
pub(super) trait Tables {
    /// Returns the number of rows of a table.
    async fn count(&self, table: &Table) -> Result<u64, CopyError>;

    /// Returns the highest id that a table has ever assigned, or 0.
    async fn last_id(&self, table: &Table) -> Result<i64, CopyError>;

    /// Passes all rows of a table to `rows`, in the order of their keys.
    async fn read(&self, table: &Table, rows: &mut impl AcceptRow) -> Result<(), CopyError>;
}

/// Receives rows, one after the other.
pub(super) trait AcceptRow {
    async fn accept(&mut self, row: &[Value]) -> Result<(), CopyError>;
}

/// Writes the rows of a table.
pub(super) trait TableWriter: AcceptRow {
    async fn finish(self) -> Result<(), CopyError>;
}

/// The database that is copied.
pub(super) trait CopySource {
    fn tables(&self) -> &impl Tables;

    /// Begins another snapshot.
    async fn renew(&mut self) -> Result<(), CopyError>;
}

/// A new database, which has all rows after its commit, and none without it.
pub(super) trait CopyTarget {
    type Writer<'t>: TableWriter
    where
        Self: 't;

    fn tables(&self) -> &impl Tables;

    async fn write<'t>(&'t self, table: &'static Table) -> Result<Self::Writer<'t>, CopyError>;

    /// Sets the highest id that a table has assigned, so that an id of a deleted row is not assigned again.
    async fn set_last_id(&self, table: &Table, id: i64) -> Result<(), CopyError>;

    /// Makes the rows durable and visible.
    async fn commit(self) -> Result<(), CopyError>;
}

/// The current step of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep {
    /// Copying rows.
    Copy,
    /// Reading the rows of the target, and comparing them with those that were copied.
    Verify,
    /// Reading the source again, to find changes after the snapshot.
    Compare,
}

/// The progress of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// The step.
    pub step: CopyStep,
    /// The number of rows that this step has processed.
    pub rows: u64,
    /// The number of rows of the source.
    pub total: u64,
}

/// A table after the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedTable {
    /// The name of the table.
    pub name: &'static str,
    /// The number of rows.
    pub rows: u64,
    /// The SHA-256 hash of all rows in the order of their keys.
    pub checksum: [u8; 32],
}

/// Whether the source changed while it was copied.
#[derive(Debug)]
pub enum SourceState {
    /// It did not change.
    Unchanged,
    /// These tables changed after the snapshot.
    Changed(Vec<&'static str>),
    /// It could not be read again.
    Unknown(CopyError),
}

/// The result of a copy that is complete and verified.
#[derive(Debug)]
pub struct CopyReport {
    /// The tables, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// Whether the source changed meanwhile.
    pub source: SourceState,
}

/// The reason that nothing was copied.
///
/// Names of databases have no password, and causes have no content of rows.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum CopyError {
    #[error("{0}")]
    Open(String),
    #[error(
        "the schema of {0} is older than this version; run `pbx-login-server migrate` on it, then copy again"
    )]
    Older(String),
    #[error(
        "the schema of {0} is newer than this version; copy with the version that the servers have"
    )]
    Newer(String),
    #[error("{database} is not empty ({found}); copy to a new database")]
    NotEmpty { database: String, found: String },
    #[error("{0} already exists; choose another name, or delete it if it is not needed")]
    Exists(PathBuf),
    #[error("{0} cannot be locked ({1}); stop every server and command that uses it")]
    Locked(String, String),
    #[error("cannot read {table} of {database} ({cause}); check the database with `check`")]
    Read {
        table: &'static str,
        database: String,
        cause: String,
    },
    #[error(
        "cannot write {table} to {database} ({cause}); check the source with `check`, and the free disk space of the target"
    )]
    Write {
        table: &'static str,
        database: String,
        cause: String,
    },
    #[error(
        "{table} differs between source and copy ({read} read, {written} written, compared by checksum); the copy was undone; look for triggers on the table in the target",
        read = Rows(*read), written = Rows(*written)
    )]
    Differs {
        table: &'static str,
        read: u64,
        written: u64,
    },
    #[error("{0} cannot be written ({1}); check its directory and the free disk space")]
    File(PathBuf, std::io::Error),
    #[error(
        "{0} is complete and verified, but may be missing after a power loss, because its directory cannot be synced ({1}); run sync, and check the file"
    )]
    Unsynced(PathBuf, std::io::Error),
    #[error(
        "the connection to {0} failed during the commit ({1}); copy again: if the target is then not empty, this copy is complete"
    )]
    UnknownCommit(String, String),
    #[error(
        "{0} cannot be used ({1}); check that the database is available, and the privileges of its user"
    )]
    Database(String, String),
}

impl CopyError {
    /// Creates the error for a database that cannot be opened, which an option of `copy` names.
    pub(super) fn open(error: &impl ToString, option: &str) -> Self {
        Self::Open(error.to_string().replace("--database", option))
    }
}

/// A number of rows, for messages.
struct Rows(u64);

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::domain::plural::Pluralized(self.0, "row").fmt(f)
    }
}

/// Returns an error if a table of a target has rows.
pub(super) async fn check_empty(target: &impl Tables, database: &str) -> Result<(), CopyError> {
    let mut found = Vec::new();
    for table in TABLES {
        match target.count(table).await? {
            0 => {}
            rows => found.push(format!("{} in {}", Rows(rows), table.name)),
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(CopyError::NotEmpty {
        database: database.to_owned(),
        found: found.join(", "),
    })
}

/// Reports progress after this number of rows, which takes some milliseconds.
const PROGRESS_INTERVAL: u64 = 1000;

/// Counts the rows of a step and reports its progress.
struct Meter<'p> {
    progress: CopyProgress,
    report: &'p mut dyn FnMut(CopyProgress),
}

impl<'p> Meter<'p> {
    fn start(step: CopyStep, total: u64, report: &'p mut dyn FnMut(CopyProgress)) -> Self {
        let progress = CopyProgress {
            step,
            rows: 0,
            total,
        };
        report(progress);
        Self { progress, report }
    }

    fn count(&mut self) {
        self.progress.rows += 1;
        if self.progress.rows.is_multiple_of(PROGRESS_INTERVAL) {
            (self.report)(self.progress);
        }
    }
}

/// Computes the number and the checksum of rows, and passes the rows to a writer.
struct Summary<'m, 'p, W> {
    rows: u64,
    hash: Sha256,
    meter: &'m mut Meter<'p>,
    writer: W,
}

/// Accepts rows and drops them.
struct Discard;

impl AcceptRow for Discard {
    async fn accept(&mut self, _: &[Value]) -> Result<(), CopyError> {
        Ok(())
    }
}

impl<'m, 'p, W: AcceptRow> Summary<'m, 'p, W> {
    /// Reads a table, passes its rows to `writer`, and returns it with the result.
    async fn of_table(
        tables: &impl Tables,
        table: &Table,
        meter: &'m mut Meter<'p>,
        writer: W,
    ) -> Result<(CopiedTable, W), CopyError> {
        let mut summary = Self {
            rows: 0,
            hash: Sha256::new(),
            meter,
            writer,
        };
        tables.read(table, &mut summary).await?;
        let copied = CopiedTable {
            name: table.name,
            rows: summary.rows,
            checksum: summary.hash.finalize().into(),
        };
        Ok((copied, summary.writer))
    }
}

impl<W: AcceptRow> AcceptRow for Summary<'_, '_, W> {
    async fn accept(&mut self, row: &[Value]) -> Result<(), CopyError> {
        self.rows += 1;
        for value in row {
            add_to_hash(&mut self.hash, value);
        }
        self.meter.count();
        self.writer.accept(row).await
    }
}

/// Adds a value as its type, its length and its content, so that different rows have different texts.
fn add_to_hash(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Integer(Some(number)) => {
            hash.update(b"i");
            hash.update(number.to_be_bytes());
        }
        Value::Boolean(value) => hash.update(if *value { b"1" } else { b"0" }),
        Value::Text(Some(text)) => {
            hash.update(b"t");
            add_bytes(hash, text.as_bytes());
        }
        Value::Bytes(Some(bytes)) => {
            hash.update(b"b");
            add_bytes(hash, bytes);
        }
        Value::Integer(None) | Value::Text(None) | Value::Bytes(None) => hash.update(b"n"),
    }
}

fn add_bytes(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Copies, verifies and commits, and then looks for changes of the source.
///
/// The target must be empty. If the copy fails, it remains empty, except after [`CopyError::UnknownCommit`].
pub(super) async fn copy_tables(
    mut source: impl CopySource,
    target: impl CopyTarget,
    report: &mut dyn FnMut(CopyProgress),
) -> Result<CopyReport, CopyError> {
    let mut total = 0;
    for table in TABLES {
        total += source.tables().count(table).await?;
    }
    let mut meter = Meter::start(CopyStep::Copy, total, report);
    let mut copied = Vec::new();
    for table in TABLES {
        let writer = target.write(table).await?;
        let (summary, writer) =
            Summary::of_table(source.tables(), table, &mut meter, writer).await?;
        writer.finish().await?;
        if table.has_ids() {
            let last = source.tables().last_id(table).await?;
            // A sequence of PostgreSQL cannot be set to 0.
            if last > 0 {
                target.set_last_id(table, last).await?;
            }
        }
        copied.push(summary);
    }
    let mut meter = Meter::start(CopyStep::Verify, total, report);
    for (table, read) in TABLES.iter().zip(&copied) {
        let (written, _) = Summary::of_table(target.tables(), table, &mut meter, Discard).await?;
        if written != *read {
            return Err(CopyError::Differs {
                table: table.name,
                read: read.rows,
                written: written.rows,
            });
        }
    }
    target.commit().await?;
    let meter = Meter::start(CopyStep::Compare, total, report);
    Ok(CopyReport {
        source: match find_changes(&mut source, &copied, meter).await {
            Ok(changed) if changed.is_empty() => SourceState::Unchanged,
            Ok(changed) => SourceState::Changed(changed),
            Err(error) => SourceState::Unknown(error),
        },
        tables: copied,
    })
}

/// Returns the tables whose rows are no longer those that were copied.
async fn find_changes(
    source: &mut impl CopySource,
    copied: &[CopiedTable],
    mut meter: Meter<'_>,
) -> Result<Vec<&'static str>, CopyError> {
    source.renew().await?;
    let mut changed = Vec::new();
    for (table, before) in TABLES.iter().zip(copied) {
        let (now, _) = Summary::of_table(source.tables(), table, &mut meter, Discard).await?;
        if now != *before {
            changed.push(table.name);
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;

//! Opening a database file: creating it, setting connections up, bringing the tables to the form of this version.
//!
//! Commands run beside servers, and several servers may start at once, so each step is safe against another process that
//! takes the same one at the same time.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::store::url::IfMissing;

/// Why a database cannot be opened. Causes stand in the text, so that they are no sources: a chain would tell them twice.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not there, and was not to be created.
    #[error(
        "the database {0} is not there; start the server once to create it, or name another with --database"
    )]
    NotThere(PathBuf),
    /// The file cannot be created.
    #[error(
        "the database {path} cannot be created ({cause}); check that its directory exists and can be written to"
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The file is there, but is none of SQLite.
    #[error("{0} is no SQLite database; name another file with --database")]
    NotSqlite(PathBuf),
    /// The file is a database of SQLite, but not ours.
    #[error(
        "{0} is the database of another program and is left alone; name another file with --database"
    )]
    Foreign(PathBuf),
    /// The database has a form that this version does not know.
    #[error(
        "database {0} was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup"
    )]
    Newer(PathBuf),
    /// The database has an older form than this version writes.
    #[error("the database {0} has an older form; restart pbx-login-server to bring it up to date")]
    Older(PathBuf),
    /// The file came back without anything in it.
    #[error("{0} is empty; restore a backup")]
    Emptied(PathBuf),
    /// The file system does not allow a write-ahead log.
    #[error("{0} is on a file system without shared memory; put the database on a local disk")]
    NoWal(PathBuf),
    /// SQLite says something else.
    #[error("the database {path} cannot be opened ({cause}); check the file and its permissions")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: rusqlite::Error,
    },
    /// The file is gone again.
    #[error("the database {path} cannot be found ({cause}); check the file and its permissions")]
    Lost {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("no thread for the database ({0}); raise the limit on threads")]
    Thread(io::Error),
}

/// How long to wait for another process that writes. Its steps take milliseconds; a sweep or a large deletion may take
/// longer.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Marks a file as ours in its header (`PRAGMA application_id`): `PBXL`.
const APPLICATION_ID: i32 = 0x5042_584C;

/// Each brings the tables from the form before it to its own; the header's `user_version` counts how many were applied.
///
/// Applied by hand: the crate for it, rusqlite_migration 2.6, reads the version before it takes the lock, so that of two
/// processes that start at once the second would apply them again.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001-initial.sql"),
    include_str!("../../../migrations/sqlite/0002-throttling.sql"),
    include_str!("../../../migrations/sqlite/0003-audit.sql"),
];

/// Opens the connection that writes, and with it makes the file ready for any other.
pub(super) fn writer(path: &Path, missing: IfMissing) -> Result<Connection, OpenError> {
    file(path, missing)?;
    // Where two processes turn the write-ahead log on at once, SQLite does not wait for the one that came first.
    let since = Instant::now();
    loop {
        match prepare(path) {
            Err(OpenError::Sqlite { cause, .. })
                if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && since.elapsed() < BUSY =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// Opens the connection that writes once more, to a file that was there before. An empty one is not filled: where there
/// were users, a database without any must not come to stand.
pub(super) fn again(path: &Path) -> Result<Connection, OpenError> {
    file(path, IfMissing::Fail)?;
    let connection = connect(path).map_err(|source| describe(path, source))?;
    match read_form(&connection).map_err(|source| describe(path, source))? {
        Form::Empty => Err(OpenError::Emptied(path.to_owned())),
        Form::Migrated(_) | Form::Newer | Form::Foreign => {
            drop(connection);
            prepare(path)
        }
    }
}

/// Whether a connection can be written to and its tables have the form of this version: what readiness means. It writes,
/// by setting the version that is set already: a lock or a full disk shows by that alone.
pub(super) fn ready(path: &Path, transaction: &Transaction<'_>) -> Result<(), OpenError> {
    let sqlite = |source| describe(path, source);
    if !migrations_to_apply(path, form(transaction).map_err(sqlite)?)?.is_empty() {
        return Err(OpenError::Older(path.to_owned()));
    }
    transaction
        .pragma_update(None, "user_version", MIGRATIONS.len())
        .map_err(sqlite)
}

/// Opens a connection that only reads, to a file that [`writer`] made ready.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let connection = connect(path)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|source| describe(path, source))
}

/// What a reader that looks up may keep of the file in memory, in KiB. The inner pages of the tables of ten million sessions
/// are 8 MiB; with SQLite's own 2 MB they would push each other out, and each look-up would read them again.
const LOOK_UP_CACHE: i64 = 16 * 1024;

/// Opens a [`reader`] that looks up single rows, again and again. What reads everything once has no use for that memory.
pub(super) fn look_up_reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = reader(path)?;
    connection
        .pragma_update(None, "cache_size", -LOOK_UP_CACHE)
        .map_err(|source| describe(path, source))?;
    Ok(connection)
}

/// Opens a connection that only reads, to a database of ours that nobody has made ready: nothing is migrated.
pub(super) fn existing(path: &Path) -> Result<Connection, OpenError> {
    file(path, IfMissing::Fail)?;
    let connection = reader(path)?;
    let form = read_form(&connection).map_err(|source| describe(path, source))?;
    match form {
        Form::Migrated(_) => Ok(connection),
        Form::Empty => Err(OpenError::Emptied(path.to_owned())),
        Form::Newer => Err(OpenError::Newer(path.to_owned())),
        Form::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

/// Whether the tables have an older form than this version needs.
pub(super) fn is_older(connection: &Connection) -> rusqlite::Result<bool> {
    let form = read_form(connection)?;
    Ok(matches!(form, Form::Migrated(applied) if applied < MIGRATIONS.len()))
}

/// Makes sure that the file is there. SQLite would create it readable for everybody.
fn file(path: &Path, missing: IfMissing) -> Result<(), OpenError> {
    // Closing a file gives up every lock that the process has on it (POSIX, `fcntl`), also those that SQLite took for
    // another connection. So no other thread may come to SQLite between creation and closing.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    if path.exists() {
        return Ok(());
    }
    match missing {
        IfMissing::Fail => Err(OpenError::NotThere(path.to_owned())),
        IfMissing::Create => create(path).map_err(|cause| OpenError::Create {
            path: path.to_owned(),
            cause,
        }),
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => drop(file),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // The file's name must outlive a power loss as well.
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Neither created here nor read as a URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // More than there are statements: none is ever parsed twice.
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    // Otherwise a statement whose plan might be better for another value is parsed anew for each: that costs a read of a
    // session three times what the read itself does (https://sqlite.org/queryplannerng.html#qpstab).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // In WAL mode only this makes a commit outlive power loss (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Which form the tables of a file have.
enum Form {
    /// There are none.
    Empty,
    /// Ours, after so many migrations.
    Migrated(usize),
    /// Ours, but unknown to this version.
    Newer,
    /// Not ours.
    Foreign,
}

/// Within a transaction: a migration of another process in between would look like neither form.
fn form(connection: &Transaction<'_>) -> rusqlite::Result<Form> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(if application == i64::from(APPLICATION_ID) {
        match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Form::Migrated(version),
            Ok(_) | Err(_) => Form::Newer,
        }
    } else if (application, version, objects) == (0, 0, 0) {
        Form::Empty
    } else {
        Form::Foreign
    })
}

fn read_form(connection: &Connection) -> rusqlite::Result<Form> {
    form(&connection.unchecked_transaction()?)
}

fn prepare(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source| describe(path, source);
    let mut connection = connect(path).map_err(sqlite)?;
    // Before anything is written to it.
    migrations_to_apply(path, read_form(&connection).map_err(sqlite)?)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(sqlite)?;
    if mode != "wal" {
        return Err(OpenError::NoWal(path.to_owned()));
    }
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// The migrations that a file still needs.
fn migrations_to_apply(path: &Path, form: Form) -> Result<&'static [&'static str], OpenError> {
    match form {
        Form::Empty => Ok(MIGRATIONS),
        Form::Migrated(applied) => Ok(&MIGRATIONS[applied..]),
        Form::Newer => Err(OpenError::Newer(path.to_owned())),
        Form::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let sqlite = |source| describe(path, source);
    if migrations_to_apply(path, read_form(connection).map_err(sqlite)?)?.is_empty() {
        return Ok(());
    }
    // Once more behind the lock: another process may have been faster.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sqlite)?;
    let migrations = migrations_to_apply(path, form(&transaction).map_err(sqlite)?)?;
    for migration in migrations {
        transaction.execute_batch(migration).map_err(sqlite)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", MIGRATIONS.len()))
        .and_then(|()| transaction.commit())
        .map_err(sqlite)
}

pub(super) fn describe(path: &Path, cause: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotSqlite(path),
        _ => OpenError::Sqlite { path, cause },
    }
}

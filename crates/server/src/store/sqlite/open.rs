//! Opening a database file: creation, connection settings, migrations.
//!
//! Commands run next to servers, and several servers may start at the same time, so each step is safe against a
//! concurrent process that does the same.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::store::migrated::Migrated;
use crate::store::url::IfMissing;

/// The reason why a database cannot be opened. Causes are in the text, so they are not sources.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file does not exist, and must not be created.
    #[error(
        "the database {0} does not exist; start the server once to create it, or choose another with --database"
    )]
    Missing(PathBuf),
    /// The file cannot be created.
    #[error(
        "the database {0} cannot be created ({1}); check that its directory exists and can be written to"
    )]
    Create(PathBuf, io::Error),
    /// The file is not an SQLite database.
    #[error("{0} is not an SQLite database; choose another file with --database")]
    NotSqlite(PathBuf),
    /// The file is an SQLite database of another program.
    #[error("{0} is a database of another program; choose another file with --database")]
    Foreign(PathBuf),
    /// The file does not exist, and the settings forbid migrations.
    #[error(
        "the database {0} does not exist, and `migrate` is `never`; run `pbx-login-server migrate` to create it, or choose another with --database"
    )]
    NotCreated(PathBuf),
    /// The schema is older than this version, and the settings forbid migrations.
    #[error(
        "the database {path} has schema version {found}, this program needs {needed}, and `migrate` is `never`; run `pbx-login-server migrate`"
    )]
    NotMigrated {
        /// The database.
        path: PathBuf,
        /// The number of migrations that were applied.
        found: usize,
        /// The number of migrations that this program knows.
        needed: usize,
    },
    /// The schema is newer than this version.
    #[error(
        "database {0} was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup"
    )]
    Newer(PathBuf),
    /// The schema is older than this version.
    #[error("the database {0} has an older schema; restart pbx-login-server to migrate it")]
    Older(PathBuf),
    /// Two tenants have the same domain now that IPv4-mapped addresses are normalized.
    #[error(
        "the database {path} cannot be upgraded and was not changed: in this version, these tenants have the same \
         domain: {pairs}; delete one of each pair with `tenant delete DOMAIN` of the version that you upgrade from, \
         which also deletes its users, then start this version again",
        pairs = .pairs.join(", ")
    )]
    SameDomain {
        /// The database.
        path: PathBuf,
        /// The domains of two tenants each, such as `::ffff:192.0.2.7 and 192.0.2.7`.
        pairs: Vec<String>,
    },
    /// The file exists but is empty.
    #[error("{0} is empty; restore a backup")]
    Empty(PathBuf),
    /// The file system does not allow a write-ahead log.
    #[error("{0} is on a file system without shared memory; put the database on a local disk")]
    NoWal(PathBuf),
    /// SQLite reports another error.
    #[error("the database {0} cannot be opened ({1}); check the file and its permissions")]
    Sqlite(PathBuf, rusqlite::Error),
    /// The file disappeared while it was opened.
    #[error("the database {0} cannot be found ({1}); check the file and its permissions")]
    Disappeared(PathBuf, io::Error),
    /// No thread can be started.
    #[error("cannot start a thread for the database ({0}); raise the limit on threads")]
    Thread(io::Error),
}

/// How long to wait for another writing process: long enough for a sweep or a large deletion.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Identifies a file of this program by its header (`PRAGMA application_id`): `PBXL`.
const APPLICATION_ID: i32 = 0x5042_584C;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001-initial.sql"),
    include_str!("../../../migrations/sqlite/0002-throttling.sql"),
    include_str!("../../../migrations/sqlite/0003-audit.sql"),
    include_str!("../../../migrations/sqlite/0004-public-ids.sql"),
    include_str!("../../../migrations/sqlite/0005-allowances.sql"),
    include_str!("../../../migrations/sqlite/0006-ipv4-mapped-domains.sql"),
    include_str!("../../../migrations/sqlite/0007-password-weakness.sql"),
    include_str!("../../../migrations/sqlite/0008-audit-operators.sql"),
    include_str!("../../../migrations/sqlite/0009-refusal-days.sql"),
];

/// Opens the writing connection; creates and migrates the file if necessary.
pub(super) fn open_writer(path: &Path, missing: IfMissing) -> Result<Connection, OpenError> {
    ensure_file(path, missing)?;
    // If two processes enable WAL at the same time, one of them gets `SQLITE_BUSY` without waiting.
    let since = Instant::now();
    loop {
        match prepare(path, missing) {
            Err(OpenError::Sqlite(_, cause))
                if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && since.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// Opens the writing connection again. Refuses an empty file, which would replace the data.
pub(super) fn reopen_writer(path: &Path, missing: IfMissing) -> Result<Connection, OpenError> {
    ensure_file(path, IfMissing::Fail)?;
    let connection = connect(path).map_err(|source| to_open_error(path, source))?;
    match read_schema_in_transaction(&connection).map_err(|source| to_open_error(path, source))? {
        Schema::Empty => Err(OpenError::Empty(path.to_owned())),
        Schema::Migrated(_) | Schema::Newer | Schema::Foreign => {
            drop(connection);
            prepare(path, missing)
        }
    }
}

/// Checks the schema and writes its version again, which fails if the database is locked or full.
pub(super) fn check_ready(path: &Path, transaction: &Transaction<'_>) -> Result<(), OpenError> {
    let open_error = |source| to_open_error(path, source);
    if !migrations_to_apply(path, read_schema(transaction).map_err(open_error)?)?.is_empty() {
        return Err(OpenError::Older(path.to_owned()));
    }
    transaction
        .pragma_update(None, "user_version", MIGRATIONS.len())
        .map_err(open_error)
}

/// A large transaction writes to all pages of the index of token hashes, in any order.
const LOAD_CACHE_KIB: i64 = 256 * 1024;

/// Creates the schema in an empty file, to which one large transaction is then written.
///
/// There is no journal: if the transaction fails, the file must be deleted. If it succeeds, the file must be synced.
pub(super) fn create_unlogged(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let connection = connect(path)?;
        connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "cache_size", -LOAD_CACHE_KIB)?;
        Ok(connection)
    };
    let mut connection = open().map_err(|cause| to_open_error(path, cause))?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// Opens a reading connection to a file that [`open_writer`] has prepared.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let connection = connect(path)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|source| to_open_error(path, source))
}

/// The inner pages of ten million sessions take 8 MiB, more than SQLite's default of 2 MB.
const LOOK_UP_CACHE_KIB: i64 = 10 * 1024;

/// Like [`open_reader`], with a larger page cache for repeated look-ups of single rows.
pub(super) fn open_look_up_reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = open_reader(path)?;
    connection
        .pragma_update(None, "cache_size", -LOOK_UP_CACHE_KIB)
        .map_err(|source| to_open_error(path, source))?;
    Ok(connection)
}

/// Opens a reading connection to an existing database without migrating it.
pub(super) fn open_existing(path: &Path) -> Result<Connection, OpenError> {
    ensure_file(path, IfMissing::Fail)?;
    let connection = open_reader(path)?;
    let schema =
        read_schema_in_transaction(&connection).map_err(|source| to_open_error(path, source))?;
    match schema {
        Schema::Migrated(_) => Ok(connection),
        Schema::Empty => Err(OpenError::Empty(path.to_owned())),
        Schema::Newer => Err(OpenError::Newer(path.to_owned())),
        Schema::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

pub(super) fn is_older(connection: &Connection) -> rusqlite::Result<bool> {
    let schema = read_schema_in_transaction(connection)?;
    Ok(matches!(schema, Schema::Migrated(applied) if applied < MIGRATIONS.len()))
}

/// Creates the file if necessary, readable only by its owner, which SQLite would not ensure.
fn ensure_file(path: &Path, missing: IfMissing) -> Result<(), OpenError> {
    // Closing a file releases every lock that the process has on it (POSIX, `fcntl`), including those of SQLite's
    // connections. So no other thread may open it between creation and closing.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    if path.exists() {
        return Ok(());
    }
    match missing {
        IfMissing::Fail => Err(OpenError::Missing(path.to_owned())),
        IfMissing::NeverMigrate => Err(OpenError::NotCreated(path.to_owned())),
        IfMissing::Create => {
            create(path).map_err(|cause| OpenError::Create(path.to_owned(), cause))
        }
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => drop(file),
        // Another process created the file first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // The file's name must survive a power loss as well.
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without `CREATE` and `URI`: the file exists, and a path is not a URI.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The capacity exceeds the number of statements, so that each is parsed only once.
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    // Otherwise SQLite parses a statement again for each value that may need another plan, which takes three times as
    // long as the look-up of a session (https://sqlite.org/queryplannerng.html#qpstab).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Overwrites deleted password hashes and names with zeros (https://sqlite.org/pragma.html#pragma_secure_delete).
    connection.pragma_update(None, "secure_delete", true)?;
    // In WAL mode, only FULL lets a commit survive a power loss (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// The schema of a file.
enum Schema {
    Empty,
    /// The schema of this program, with this number of migrations applied.
    Migrated(usize),
    Newer,
    Foreign,
}

/// Reads the schema in a transaction, so that it does not see part of another process's migration.
fn read_schema(connection: &Transaction<'_>) -> rusqlite::Result<Schema> {
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = read("PRAGMA user_version")?;
    let application = read("PRAGMA application_id")?;
    let objects = read("SELECT count(*) FROM sqlite_schema")?;
    Ok(if application == i64::from(APPLICATION_ID) {
        match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Schema::Migrated(version),
            Ok(_) | Err(_) => Schema::Newer,
        }
    } else if (application, version, objects) == (0, 0, 0) {
        Schema::Empty
    } else {
        Schema::Foreign
    })
}

fn read_schema_in_transaction(connection: &Connection) -> rusqlite::Result<Schema> {
    read_schema(&connection.unchecked_transaction()?)
}

/// Creates or migrates a database; returns its version before and after.
pub(in crate::store) fn migrate_file(path: &Path) -> Result<Migrated, OpenError> {
    ensure_file(path, IfMissing::Create)?;
    let schema = connect(path).and_then(|connection| read_schema_in_transaction(&connection));
    let schema = schema.map_err(|source| to_open_error(path, source))?;
    let missing = migrations_to_apply(path, schema)?.len();
    drop(open_writer(path, IfMissing::Create)?);
    let to = MIGRATIONS.len();
    Ok(Migrated {
        from: to - missing,
        to,
    })
}

fn prepare(path: &Path, missing: IfMissing) -> Result<Connection, OpenError> {
    let open_error = |source| to_open_error(path, source);
    let mut connection = connect(path).map_err(open_error)?;
    // Checked before anything is written, because the file may be foreign.
    let schema = read_schema_in_transaction(&connection).map_err(open_error)?;
    let migrations = migrations_to_apply(path, schema)?;
    if missing == IfMissing::NeverMigrate && !migrations.is_empty() {
        return Err(OpenError::NotMigrated {
            path: path.to_owned(),
            found: MIGRATIONS.len() - migrations.len(),
            needed: MIGRATIONS.len(),
        });
    }
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(open_error)?;
    if mode != "wal" {
        return Err(OpenError::NoWal(path.to_owned()));
    }
    migrate(path, &mut connection)?;
    Ok(connection)
}

fn migrations_to_apply(path: &Path, schema: Schema) -> Result<&'static [&'static str], OpenError> {
    match schema {
        Schema::Empty => Ok(MIGRATIONS),
        Schema::Migrated(applied) => Ok(&MIGRATIONS[applied..]),
        Schema::Newer => Err(OpenError::Newer(path.to_owned())),
        Schema::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let open_error = |source| to_open_error(path, source);
    if migrations_to_apply(
        path,
        read_schema_in_transaction(connection).map_err(open_error)?,
    )?
    .is_empty()
    {
        return Ok(());
    }
    // Checked again under the lock, which rusqlite_migration 2.6 omits: another process may have migrated meanwhile.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(open_error)?;
    let migrations = migrations_to_apply(path, read_schema(&transaction).map_err(open_error)?)?;
    for migration in migrations {
        transaction
            .execute_batch(migration)
            .map_err(|cause| explain_failure(path, &transaction, cause))?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", MIGRATIONS.len()))
        .and_then(|()| transaction.commit())
        .map_err(open_error)
}

/// Pairs of tenants that `0006-ipv4-mapped-domains.sql` would give the same key.
const SAME_DOMAINS: &str = "
    SELECT mapped.domain || ' and ' || other.domain FROM tenants mapped
        JOIN tenants other ON other.domain_key = substr(mapped.domain_key, 8)
        WHERE mapped.domain_key GLOB '::ffff:*.*.*.*' ORDER BY mapped.id";

/// Names the tenants that prevent a migration, if they are the reason why it failed.
fn explain_failure(
    path: &Path,
    transaction: &Transaction<'_>,
    cause: rusqlite::Error,
) -> OpenError {
    if cause.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
        return to_open_error(path, cause);
    }
    let same_domains = || {
        let mut statement = transaction.prepare(SAME_DOMAINS)?;
        let pairs = statement.query_map([], |row| row.get(0))?;
        pairs.collect::<rusqlite::Result<Vec<String>>>()
    };
    match same_domains() {
        Ok(pairs) if !pairs.is_empty() => OpenError::SameDomain {
            path: path.to_owned(),
            pairs,
        },
        Ok(_) | Err(_) => to_open_error(path, cause),
    }
}

pub(super) fn to_open_error(path: &Path, cause: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotSqlite(path),
        _ => OpenError::Sqlite(path, cause),
    }
}

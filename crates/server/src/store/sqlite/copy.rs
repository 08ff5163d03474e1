//! SQLite as source and target of a copy.

use std::path::{Path, PathBuf};

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension, Row, Statement, ToSql, params, params_from_iter};

use super::new_file::{self, NewFile, PersistError};
use super::open;
use crate::store::copy::{
    AcceptRow, CopyError, CopySource, CopyTarget, Table, TableWriter, Tables, Type, Value,
    check_empty,
};

/// A file that is copied.
#[derive(Debug)]
pub(in crate::store) struct SqliteSource(OpenFile);

/// A new file to which rows are copied. It gets its name at the commit.
#[derive(Debug)]
pub(in crate::store) struct SqliteTarget {
    // Closed before the file is deleted.
    open: OpenFile,
    file: NewFile,
    path: PathBuf,
}

/// A connection in a transaction.
#[derive(Debug)]
struct OpenFile {
    connection: Connection,
    /// The URL, for messages.
    database: String,
}

impl SqliteSource {
    pub(in crate::store) fn open(path: &Path) -> Result<Self, CopyError> {
        let connection =
            open::open_existing(path).map_err(|error| CopyError::open(&error, "--from"))?;
        let source = OpenFile {
            connection,
            database: url(path),
        };
        let is_older = open::is_older(&source.connection);
        if is_older.map_err(|cause| source.error(&cause))? {
            return Err(CopyError::Older(source.database));
        }
        source.begin_snapshot()?;
        Ok(Self(source))
    }
}

impl SqliteTarget {
    /// Creates a file next to `path`, which must not exist.
    pub(in crate::store) async fn create(path: &Path) -> Result<Self, CopyError> {
        if new_file::exists(path) {
            check_existing(path).await?;
            return Err(CopyError::Exists(path.to_owned()));
        }
        // SQLite would apply a log of another database to this one.
        let siblings = new_file::siblings(path);
        if let Some(sibling) = siblings.into_iter().find(|it| new_file::exists(it)) {
            return Err(CopyError::Exists(sibling));
        }
        let failed = |cause| CopyError::File(path.to_owned(), cause);
        let file = NewFile::create(path, ".pbx-login-copy-").map_err(failed)?;
        let connection =
            open::create_unlogged(file.path()).map_err(|error| CopyError::open(&error, "--to"))?;
        let open = OpenFile {
            connection,
            database: url(path),
        };
        open.execute("BEGIN")?;
        let path = path.to_owned();
        Ok(Self { open, file, path })
    }
}

/// Returns an error that lists the rows of an existing database.
async fn check_existing(path: &Path) -> Result<(), CopyError> {
    match SqliteSource::open(path) {
        Ok(existing) => check_empty(existing.tables(), &existing.0.database).await,
        // It is another file, which is not replaced either.
        Err(_) => Ok(()),
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

impl OpenFile {
    fn error(&self, cause: &rusqlite::Error) -> CopyError {
        CopyError::Database(self.database.clone(), cause.to_string())
    }

    fn execute(&self, sql: &str) -> Result<(), CopyError> {
        let result = self.connection.execute_batch(sql);
        result.map_err(|cause| self.error(&cause))
    }

    /// Begins a transaction, whose snapshot is that of its first read.
    fn begin_snapshot(&self) -> Result<(), CopyError> {
        self.execute("BEGIN")?;
        let version = "PRAGMA user_version";
        let read = self.connection.query_row(version, [], |_| Ok(()));
        read.map_err(|cause| self.error(&cause))
    }

    fn last_id(&self, table: &Table) -> rusqlite::Result<i64> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let last = self
            .connection
            .query_row(sql, [table.name], |row| row.get(0));
        Ok(last.optional()?.unwrap_or(0))
    }

    fn set_last_id(&self, table: &Table, id: i64) -> rusqlite::Result<()> {
        let update = "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1";
        // The table of the last ids has a row only after the first insertion.
        if self.connection.execute(update, params![table.name, id])? == 0 {
            let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
            self.connection.execute(insert, params![table.name, id])?;
        }
        Ok(())
    }
}

impl Tables for OpenFile {
    async fn count(&self, table: &Table) -> Result<u64, CopyError> {
        let count = self
            .connection
            .query_row(&table.count(), [], |row| row.get(0));
        count.map_err(|cause| self.error(&cause))
    }

    async fn last_id(&self, table: &Table) -> Result<i64, CopyError> {
        self.last_id(table).map_err(|cause| self.error(&cause))
    }

    async fn read(&self, table: &Table, rows: &mut impl AcceptRow) -> Result<(), CopyError> {
        let failed = |cause: rusqlite::Error| CopyError::Read {
            table: table.name,
            database: self.database.clone(),
            cause: cause.to_string(),
        };
        let mut statement = self.connection.prepare(&table.select()).map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        let mut values = Vec::with_capacity(table.columns.len());
        while let Some(row) = found.next().map_err(failed)? {
            values.clear();
            for (column, (_, kind)) in table.columns.iter().enumerate() {
                values.push(read_value(row, column, *kind).map_err(failed)?);
            }
            rows.accept(&values).await?;
        }
        Ok(())
    }
}

fn read_value(row: &Row<'_>, column: usize, kind: Type) -> rusqlite::Result<Value> {
    Ok(match kind {
        Type::Integer => Value::Integer(row.get(column)?),
        Type::Boolean => Value::Boolean(row.get(column)?),
        Type::Bytes => Value::Bytes(row.get(column)?),
        Type::Text => {
            let text: Option<String> = row.get(column)?;
            // PostgreSQL cannot store U+0000. Only text that a client invented contains it.
            Value::Text(text.map(|text| match text.contains('\0') {
                true => text.replace('\0', "\u{FFFD}"),
                false => text,
            }))
        }
    })
}

impl CopySource for SqliteSource {
    fn tables(&self) -> &impl Tables {
        &self.0
    }

    async fn renew(&mut self) -> Result<(), CopyError> {
        self.0.execute("COMMIT")?;
        self.0.begin_snapshot()
    }
}

/// Inserts rows, one statement for each.
pub(in crate::store) struct SqliteWriter<'t> {
    insert: Statement<'t>,
    table: &'static Table,
    database: &'t str,
}

impl SqliteWriter<'_> {
    fn error(table: &Table, database: &str, cause: &rusqlite::Error) -> CopyError {
        CopyError::Write {
            table: table.name,
            database: database.to_owned(),
            cause: cause.to_string(),
        }
    }
}

impl AcceptRow for SqliteWriter<'_> {
    async fn accept(&mut self, row: &[Value]) -> Result<(), CopyError> {
        let inserted = self.insert.execute(params_from_iter(row));
        match inserted {
            Ok(_) => Ok(()),
            Err(cause) => Err(Self::error(self.table, self.database, &cause)),
        }
    }
}

impl TableWriter for SqliteWriter<'_> {
    async fn finish(self) -> Result<(), CopyError> {
        Ok(())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Integer(number) => number.to_sql(),
            Self::Boolean(value) => value.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

impl CopyTarget for SqliteTarget {
    type Writer<'t> = SqliteWriter<'t>;

    fn tables(&self) -> &impl Tables {
        &self.open
    }

    async fn write<'t>(&'t self, table: &'static Table) -> Result<SqliteWriter<'t>, CopyError> {
        let parameters = vec!["?"; table.columns.len()].join(", ");
        let (name, columns) = (table.name, table.column_list());
        let sql = format!("INSERT INTO {name} ({columns}) VALUES ({parameters})");
        let OpenFile {
            connection,
            database,
        } = &self.open;
        let prepared = connection.prepare(&sql);
        let insert = prepared.map_err(|cause| SqliteWriter::error(table, database, &cause))?;
        Ok(SqliteWriter {
            insert,
            table,
            database,
        })
    }

    async fn set_last_id(&self, table: &Table, id: i64) -> Result<(), CopyError> {
        let set = self.open.set_last_id(table, id);
        set.map_err(|cause| self.open.error(&cause))
    }

    async fn commit(self) -> Result<(), CopyError> {
        self.open.execute("COMMIT")?;
        drop(self.open);
        match self.file.persist(false) {
            Ok(_) => Ok(()),
            Err(PersistError::Exists) => Err(CopyError::Exists(self.path)),
            Err(PersistError::Write(cause)) => Err(CopyError::File(self.path, cause)),
            Err(PersistError::Unsynced(cause)) => Err(CopyError::Unsynced(self.path, cause)),
        }
    }
}

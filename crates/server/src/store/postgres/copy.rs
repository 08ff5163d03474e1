//! PostgreSQL as source and target of a copy.

use std::cmp::Ordering;
use std::pin::{Pin, pin};

use futures::TryStreamExt as _;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type as SqlType};
use tokio_postgres::{Error, Row};

use super::connect::{self, Connector};
use super::connection::Connection;
use super::credentials::Environment;
use super::error::{PostgresOpenError, describe};
use super::migrate::{self, MIGRATIONS};
use super::options::PostgresOptions;
use super::retry::Cause;
use super::value;
use crate::store::copy::{
    AcceptRow, CopyError, CopySource, CopyTarget, TABLES, Table, TableWriter, Tables, Type, Value,
    check_empty,
};
use crate::store::url::{IfMissing, PostgresUrl};

/// A database that is copied.
pub(in crate::store) struct PostgresSource(OpenDatabase);

/// A database to which rows are copied.
pub(in crate::store) struct PostgresTarget(OpenDatabase);

/// A connection in a transaction, which the server rolls back if it is closed before the commit.
struct OpenDatabase {
    client: Connection,
    /// The URL without a password, for messages.
    database: String,
}

/// Statements of a copy may take any time, and one side is idle while it waits for the other.
///
/// The settings apply to the transaction only, because a pooler would give those of a session to another client.
const NO_TIMEOUTS: &str =
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The `id` column of a table has this sequence. Its last value is `NULL` until it assigns an id.
///
/// Without a privilege, the last value is `NULL` as well in PostgreSQL 18, and an error before. This statement then
/// returns `NULL`.
const LAST_ID: &str = "
    SELECT CASE WHEN has_sequence_privilege(pg_get_serial_sequence($1, 'id'), 'SELECT, USAGE')
        THEN coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) END";

const SET_LAST_ID: &str = "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)";

impl PostgresSource {
    pub(in crate::store) async fn open(
        url: &PostgresUrl,
        options: &PostgresOptions,
    ) -> Result<Self, CopyError> {
        let opened = OpenDatabase::connect(url, options).await;
        let source = opened.map_err(|error| CopyError::open(&error, "--from"))?;
        match source.version().await? {
            Some(version) => source.check_version(version)?,
            None => {
                let database = source.database;
                let missing = PostgresOpenError::Missing { database };
                return Err(CopyError::open(&missing, "--from"));
            }
        }
        source.begin(BEGIN_SNAPSHOT).await?;
        Ok(Self(source))
    }
}

impl PostgresTarget {
    /// Creates the schema unless it exists, and locks the tables, which must be empty.
    pub(in crate::store) async fn create(
        url: &PostgresUrl,
        options: &PostgresOptions,
    ) -> Result<Self, CopyError> {
        let open_error = |error| CopyError::open(&error, "--to");
        let opened = OpenDatabase::connect(url, options).await;
        let mut target = opened.map_err(open_error)?;
        match target.version().await? {
            Some(version) => target.check_version(version)?,
            None => {
                let OpenDatabase { client, database } = &mut target;
                let created = migrate::migrate(client, MIGRATIONS, IfMissing::Create, database);
                created.await.map_err(open_error)?;
            }
        }
        target.begin(&connect::begin_with_settings(options)).await?;
        target.lock().await?;
        check_empty(&target, &target.database).await?;
        Ok(Self(target))
    }
}

impl OpenDatabase {
    async fn connect(
        url: &PostgresUrl,
        options: &PostgresOptions,
    ) -> Result<Self, PostgresOpenError> {
        let connector = Connector::new(url, options, &Environment::of_process())?;
        let client = super::connect(url, &connector).await?;
        Ok(Self {
            client,
            database: url.to_string(),
        })
    }

    fn error(&self, cause: &Error) -> CopyError {
        CopyError::Database(self.database.clone(), describe(cause))
    }

    async fn execute(&self, sql: &str) -> Result<(), CopyError> {
        let result = self.client.batch_execute(sql).await;
        result.map_err(|cause| self.error(&cause))
    }

    async fn begin(&self, begin: &str) -> Result<(), CopyError> {
        self.execute(&format!("{begin}; {NO_TIMEOUTS}")).await
    }

    /// Returns the number of migrations that were applied; `None` without a schema.
    async fn version(&self) -> Result<Option<usize>, CopyError> {
        let version = migrate::read_version(&self.client).await;
        version.map_err(|cause| self.error(&cause))
    }

    /// Refuses even a newer schema that is compatible: it may have data that this version does not copy.
    fn check_version(&self, version: usize) -> Result<(), CopyError> {
        match version.cmp(&MIGRATIONS.len()) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(CopyError::Older(self.database.clone())),
            Ordering::Greater => Err(CopyError::Newer(self.database.clone())),
        }
    }

    /// Locks the tables against writes, so that no server creates its first administrator meanwhile.
    async fn lock(&self) -> Result<(), CopyError> {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let sql = format!(
            "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
            names.join(", ")
        );
        let locked = self.client.batch_execute(&sql).await;
        locked.map_err(|cause| CopyError::Locked(self.database.clone(), describe(&cause)))
    }

    async fn read_rows(
        &self,
        table: &Table,
        rows: &mut impl AcceptRow,
    ) -> Result<Result<(), CopyError>, Error> {
        let sql = table.select();
        let no_parameters = std::iter::empty::<(&(dyn ToSql + Sync), SqlType)>();
        let mut found = pin!(self.client.query_typed_raw(&sql, no_parameters).await?);
        let mut values = Vec::with_capacity(table.columns.len());
        while let Some(row) = found.try_next().await? {
            values.clear();
            for (column, (_, kind)) in table.columns.iter().enumerate() {
                values.push(read_value(&row, column, *kind)?);
            }
            if let Err(error) = rows.accept(&values).await {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}

impl Tables for OpenDatabase {
    async fn count(&self, table: &Table) -> Result<u64, CopyError> {
        let counted = self.client.query_typed_one(&table.count(), &[]).await;
        let count = counted.and_then(|row| row.try_get::<_, i64>(0));
        let count = count.map_err(|cause| self.error(&cause))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn last_id(&self, table: &Table) -> Result<i64, CopyError> {
        let parameters: [(&(dyn ToSql + Sync), SqlType); 1] = [(&table.name, SqlType::TEXT)];
        let read = self.client.query_typed_one(LAST_ID, &parameters).await;
        let last = read.and_then(|row| row.try_get::<_, Option<i64>>(0));
        let last = last.map_err(|cause| self.error(&cause))?;
        last.ok_or_else(|| {
            let cause = format!("its user may not read the sequence of {}", table.name);
            CopyError::Database(self.database.clone(), cause)
        })
    }

    async fn read(&self, table: &Table, rows: &mut impl AcceptRow) -> Result<(), CopyError> {
        let read = self.read_rows(table, rows).await;
        read.map_err(|cause| CopyError::Read {
            table: table.name,
            database: self.database.clone(),
            cause: describe(&cause),
        })?
    }
}

fn read_value(row: &Row, column: usize, kind: Type) -> Result<Value, Error> {
    Ok(match kind {
        Type::Integer => Value::Integer(row.try_get(column)?),
        Type::Boolean => Value::Boolean(row.try_get(column)?),
        Type::Text => Value::Text(row.try_get(column)?),
        Type::Bytes => Value::Bytes(row.try_get(column)?),
    })
}

impl<'a> From<&'a Value> for value::Value<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(*number),
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Text(text) => Self::from(text.as_deref()),
            Value::Bytes(bytes) => Self::Bytes(bytes.as_deref().map(Into::into)),
        }
    }
}

impl CopySource for PostgresSource {
    fn tables(&self) -> &impl Tables {
        &self.0
    }

    async fn renew(&mut self) -> Result<(), CopyError> {
        self.0.execute("COMMIT").await?;
        self.0.begin(BEGIN_SNAPSHOT).await
    }
}

/// Sends rows to a `COPY` statement.
pub(in crate::store) struct PostgresWriter<'t> {
    rows: Pin<Box<BinaryCopyInWriter>>,
    table: &'static Table,
    database: &'t str,
}

impl PostgresWriter<'_> {
    fn error(table: &Table, database: &str, cause: &Error) -> CopyError {
        CopyError::Write {
            table: table.name,
            database: database.to_owned(),
            cause: describe(cause),
        }
    }
}

impl AcceptRow for PostgresWriter<'_> {
    async fn accept(&mut self, row: &[Value]) -> Result<(), CopyError> {
        let values = row.iter().map(value::Value::from);
        let written = self.rows.as_mut().write_raw(values).await;
        written.map_err(|cause| Self::error(self.table, self.database, &cause))
    }
}

impl TableWriter for PostgresWriter<'_> {
    async fn finish(mut self) -> Result<(), CopyError> {
        match self.rows.as_mut().finish().await {
            Ok(_) => Ok(()),
            Err(cause) => Err(Self::error(self.table, self.database, &cause)),
        }
    }
}

impl CopyTarget for PostgresTarget {
    type Writer<'t> = PostgresWriter<'t>;

    fn tables(&self) -> &impl Tables {
        &self.0
    }

    async fn write<'t>(&'t self, table: &'static Table) -> Result<PostgresWriter<'t>, CopyError> {
        let OpenDatabase { client, database } = &self.0;
        let (name, columns) = (table.name, table.column_list());
        let sql = format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)");
        let types: Vec<SqlType> = (table.columns.iter())
            .map(|(_, kind)| match kind {
                Type::Integer => SqlType::INT8,
                Type::Boolean => SqlType::BOOL,
                Type::Text => SqlType::TEXT,
                Type::Bytes => SqlType::BYTEA,
            })
            .collect();
        let started = client.copy_in(&sql).await;
        let sink = started.map_err(|cause| PostgresWriter::error(table, database, &cause))?;
        Ok(PostgresWriter {
            rows: Box::pin(BinaryCopyInWriter::new(sink, &types)),
            table,
            database,
        })
    }

    async fn set_last_id(&self, table: &Table, id: i64) -> Result<(), CopyError> {
        let parameters: [(&(dyn ToSql + Sync), SqlType); 2] =
            [(&table.name, SqlType::TEXT), (&id, SqlType::INT8)];
        let set = self.0.client.query_typed(SET_LAST_ID, &parameters).await;
        set.map(drop).map_err(|cause| self.0.error(&cause))
    }

    async fn commit(self) -> Result<(), CopyError> {
        let OpenDatabase { client, database } = self.0;
        match client.batch_execute("COMMIT").await {
            Ok(()) => Ok(()),
            // The server rolled back.
            Err(cause) if Cause::of(&cause) != Cause::Connection => {
                Err(CopyError::Database(database, describe(&cause)))
            }
            Err(cause) => Err(CopyError::UnknownCommit(database, describe(&cause))),
        }
    }
}

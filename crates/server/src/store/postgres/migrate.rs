//! Migrations of the schema.
//!
//! Servers of two versions may use one database while they are upgraded one by one. A migration therefore states which
//! earlier programs can still use the database after it.

use tokio_postgres::{Client, Error, IsolationLevel};

use super::error::PostgresOpenError;
use crate::store::migrated::Migrated;
use crate::store::url::IfMissing;

/// A migration. The version of the schema is the number of migrations that were applied.
pub(super) struct Migration {
    pub(super) sql: &'static str,
    /// The number of migrations that a program must know to work with the schema after this one.
    pub(super) compatible_from: i32,
}

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("../../../migrations/postgres/0001-initial.sql"),
        compatible_from: 1,
    },
    Migration {
        sql: include_str!("../../../migrations/postgres/0002-changes.sql"),
        compatible_from: 2,
    },
];

/// The key of the advisory lock that a migrating process holds: `PBXL` in ASCII.
const MIGRATION_LOCK: i64 = 0x5042_584C;

/// The version of the schema in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Missing,
    /// Only this number of migrations was applied.
    Older(usize),
    /// The schema can be used.
    Current,
    Newer,
}

/// Does not use `to_regclass`, which would not see a table that another process has just created.
const FIND_VERSION_TABLE: &str = "
    SELECT EXISTS (SELECT FROM pg_tables
        WHERE tablename = 'schema_version' AND schemaname = ANY (current_schemas(false)))";

const READ_VERSION: &str = "SELECT version, compatible_from FROM schema_version";

/// Compares the version of a schema with the number of migrations that this program knows.
pub(super) fn compare(version: i32, compatible_from: i32, known: usize) -> Schema {
    let known_version = i32::try_from(known).unwrap_or(i32::MAX);
    match usize::try_from(version) {
        Ok(applied) if applied < known => Schema::Older(applied),
        Ok(applied) if applied == known => Schema::Current,
        _ if compatible_from <= known_version => Schema::Current,
        Ok(_) | Err(_) => Schema::Newer,
    }
}

/// The version of a schema, and whether this program can use it.
struct Found {
    version: usize,
    schema: Schema,
}

/// Returns the version of the schema, compared with this program's.
pub(super) async fn find_schema(client: &Client) -> Result<Schema, Error> {
    Ok(read_schema(client, MIGRATIONS.len()).await?.schema)
}

/// Returns the number of migrations that were applied; `None` without a schema.
pub(super) async fn read_version(client: &Client) -> Result<Option<usize>, Error> {
    let found = read_schema(client, MIGRATIONS.len()).await?;
    Ok(match found.schema {
        Schema::Missing => None,
        Schema::Older(_) | Schema::Current | Schema::Newer => Some(found.version),
    })
}

/// Needs no prepared statement, which would be lost through a pooler of connections.
async fn read_schema(client: &Client, known: usize) -> Result<Found, Error> {
    let tables = client.query_typed(FIND_VERSION_TABLE, &[]).await?;
    let exists = match tables.first() {
        Some(row) => row.try_get(0)?,
        None => false,
    };
    let rows = match exists {
        true => client.query_typed(READ_VERSION, &[]).await?,
        false => Vec::new(),
    };
    let Some(row) = rows.first() else {
        return Ok(Found {
            version: 0,
            schema: Schema::Missing,
        });
    };
    let (version, compatible_from) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Found {
        version: usize::try_from(version).unwrap_or_default(),
        schema: compare(version, compatible_from, known),
    })
}

/// Creates or migrates the schema if necessary. Any number of processes may do so at the same time.
pub(super) async fn migrate(
    client: &mut Client,
    migrations: &[Migration],
    missing: IfMissing,
    database: &str,
) -> Result<Migrated, PostgresOpenError> {
    let statement = |cause| PostgresOpenError::statement(&database, &cause);
    let database = || database.to_owned();
    let newer = || PostgresOpenError::Newer {
        database: database(),
    };
    let needed = migrations.len();
    let before = read_schema(client, needed).await.map_err(statement)?;
    let from = before.version;
    match (before.schema, missing) {
        (Schema::Current, _) => return Ok(Migrated { from, to: from }),
        (Schema::Newer, _) => return Err(newer()),
        (Schema::Missing, IfMissing::Fail) => {
            return Err(PostgresOpenError::Missing {
                database: database(),
            });
        }
        (Schema::Missing, IfMissing::NeverMigrate) => {
            return Err(PostgresOpenError::NotCreated {
                database: database(),
            });
        }
        (Schema::Older(found), IfMissing::NeverMigrate) => {
            return Err(PostgresOpenError::NotMigrated {
                database: database(),
                found,
                needed,
            });
        }
        (Schema::Missing, IfMissing::Create)
        | (Schema::Older(_), IfMissing::Create | IfMissing::Fail) => {}
    }
    apply(client, migrations).await.map_err(statement)?;
    // Another process may have applied newer migrations meanwhile.
    let after = read_schema(client, needed).await.map_err(statement)?;
    match after.schema {
        Schema::Current => Ok(Migrated {
            from,
            to: after.version,
        }),
        Schema::Missing | Schema::Older(_) | Schema::Newer => Err(newer()),
    }
}

async fn apply(client: &mut Client, migrations: &[Migration]) -> Result<(), Error> {
    // With another isolation, the migrations of another process would not be seen after the wait for its lock.
    let beginning = client.build_transaction();
    let beginning = beginning.isolation_level(IsolationLevel::ReadCommitted);
    let transaction = beginning.start().await?;
    // A migration, and the wait for that of another process, may take longer than other statements. If this machine is
    // lost in between, PostgreSQL must release the locks.
    transaction
        .batch_execute(&format!(
            "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
            SET LOCAL idle_in_transaction_session_timeout = '10s';
            SELECT pg_advisory_xact_lock({MIGRATION_LOCK});"
        ))
        .await?;
    let found = read_schema(transaction.client(), migrations.len()).await?;
    let applied = match found.schema {
        Schema::Missing => 0,
        Schema::Older(applied) => applied,
        Schema::Current | Schema::Newer => return transaction.rollback().await,
    };
    if applied == 0 {
        transaction
            .batch_execute(
                "CREATE TABLE IF NOT EXISTS schema_version (
                    id              boolean PRIMARY KEY DEFAULT true CHECK (id),
                    version         int     NOT NULL,
                    -- Programs that know at least this version can use the schema.
                    compatible_from int     NOT NULL
                );
                INSERT INTO schema_version (version, compatible_from) VALUES (0, 0)
                    ON CONFLICT DO NOTHING;",
            )
            .await?;
    }
    for (number, migration) in migrations.iter().enumerate().skip(applied) {
        transaction.batch_execute(migration.sql).await?;
        transaction
            .batch_execute(&format!(
                "UPDATE schema_version SET version = {}, compatible_from = {}",
                number + 1,
                migration.compatible_from
            ))
            .await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_schema_is_used_only_if_it_is_marked_compatible() {
        assert_eq!(compare(1, 1, 2), Schema::Older(1));
        assert_eq!(compare(2, 1, 2), Schema::Current);
        assert_eq!(compare(3, 2, 2), Schema::Current);
        assert_eq!(compare(3, 3, 2), Schema::Newer);
        assert_eq!(compare(-1, 3, 2), Schema::Newer);
    }
}

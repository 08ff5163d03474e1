//! Migrations of the schema.
//!
//! Servers of two versions may use one database while they are upgraded one by one. A migration therefore states which
//! earlier programs can still use the database after it.

use tokio_postgres::{Client, Error};

use super::error::PostgresOpenError;
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

pub(super) const READ_VERSION: &str = "SELECT version, compatible_from FROM schema_version";

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

/// Returns the version of the schema, compared with this program's.
pub(super) async fn find_schema(client: &Client) -> Result<Schema, Error> {
    read_schema(client, MIGRATIONS.len()).await
}

async fn read_schema(client: &Client, known: usize) -> Result<Schema, Error> {
    Ok(match read_versions(client).await? {
        Some((version, compatible_from)) => compare(version, compatible_from, known),
        None => Schema::Missing,
    })
}

/// Returns the number of migrations that were applied; `None` without a schema.
pub(super) async fn read_version(client: &Client) -> Result<Option<i32>, Error> {
    let versions = read_versions(client).await?;
    Ok(versions.map(|(version, _)| version))
}

async fn read_versions(client: &Client) -> Result<Option<(i32, i32)>, Error> {
    let exists: bool = client
        .query_one(FIND_VERSION_TABLE, &[])
        .await?
        .try_get(0)?;
    if !exists {
        return Ok(None);
    }
    let row = client.query_one(READ_VERSION, &[]).await?;
    Ok(Some((row.try_get(0)?, row.try_get(1)?)))
}

/// Creates or migrates the schema if necessary. Any number of processes may do so at the same time.
pub(super) async fn migrate(
    client: &mut Client,
    migrations: &[Migration],
    missing: IfMissing,
    database: &str,
) -> Result<(), PostgresOpenError> {
    let statement = |cause| PostgresOpenError::statement(&database, &cause);
    let database = || database.to_owned();
    let schema = read_schema(client, migrations.len()).await;
    match (schema.map_err(statement)?, missing) {
        (Schema::Current, _) => return Ok(()),
        (Schema::Newer, _) => {
            return Err(PostgresOpenError::Newer {
                database: database(),
            });
        }
        (Schema::Missing, IfMissing::Fail) => {
            return Err(PostgresOpenError::Missing {
                database: database(),
            });
        }
        (Schema::Missing, IfMissing::Create) | (Schema::Older(_), _) => {}
    }
    apply(client, migrations).await.map_err(statement)?;
    // Another process may have applied newer migrations meanwhile.
    match read_schema(client, migrations.len())
        .await
        .map_err(statement)?
    {
        Schema::Current => Ok(()),
        Schema::Missing | Schema::Older(_) | Schema::Newer => Err(PostgresOpenError::Newer {
            database: database(),
        }),
    }
}

async fn apply(client: &mut Client, migrations: &[Migration]) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    // A migration, and the wait for that of another process, may take longer than other statements.
    transaction
        .batch_execute(&format!(
            "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
            SELECT pg_advisory_xact_lock({MIGRATION_LOCK});"
        ))
        .await?;
    let applied = match read_schema(transaction.client(), migrations.len()).await? {
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

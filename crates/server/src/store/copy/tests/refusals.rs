//! Databases that are not copied, or not copied to.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use super::*;
use crate::store::postgres::testing::TestDatabase;

#[tokio::test]
async fn file_that_exists_is_not_replaced() {
    let scratch = Scratch::filled();
    let (source, target) = (scratch.url("source.db"), scratch.url("target.db"));
    let path = scratch.path("target.db");
    std::fs::write(&path, "text").unwrap();
    let text = scratch.refusal(&source, &target).await;
    assert_eq!(std::fs::read(&path).unwrap(), b"text");
    std::fs::remove_file(&path).unwrap();
    Sqlite::open(&path, IfMissing::Create).unwrap();
    let empty = scratch.refusal(&source, &target).await;
    let connection = Connection::open(&path).unwrap();
    let insert = "INSERT INTO tenants VALUES (1, 'a', 'a', 1, 0, zeroblob(16))";
    connection.execute(insert, []).unwrap();
    let not_empty = scratch.refusal(&source, &target).await;
    drop(connection);
    std::fs::remove_file(&path).unwrap();
    let log = scratch.path("target.db-wal");
    std::fs::write(log, "log of another database").unwrap();
    let log = scratch.refusal(&source, &target).await;
    let itself = scratch.refusal(&source, &source).await;
    let nowhere = scratch.url("nowhere/x.db");
    let no_directory = scratch.refusal(&source, &nowhere).await;
    assert_snapshot!([text, empty, not_empty, log, itself, no_directory].join("\n"), @"
    DIRECTORY/target.db already exists; choose another name, or delete it if it is not needed
    DIRECTORY/target.db already exists; choose another name, or delete it if it is not needed
    sqlite:DIRECTORY/target.db is not empty (1 row in tenants); copy to a new database
    DIRECTORY/target.db-wal already exists; choose another name, or delete it if it is not needed
    sqlite:DIRECTORY/source.db is not empty (3 rows in tenants, 3 rows in roles, 3 rows in users, 3 rows in sessions, 3 rows in attempts, 4 rows in streaks, 4 rows in account_days, 3 rows in known_networks, 3 rows in allowance_attempts, 3 rows in audit, 4 rows in refusal_days); copy to a new database
    DIRECTORY/nowhere/x.db cannot be written (entity not found); check its directory and the free disk space
    ");
    assert_eq!(scratch.names(), names(["source.db", "target.db-wal"]));
}

#[tokio::test]
async fn source_that_this_version_cannot_read_is_refused_and_not_changed() {
    let scratch = Scratch::filled();
    let (source, target) = (scratch.url("source.db"), scratch.url("target.db"));
    let missing = scratch.refusal(&scratch.url("missing.db"), &target).await;
    std::fs::write(scratch.path("text.db"), "text".repeat(100)).unwrap();
    let text = scratch.refusal(&scratch.url("text.db"), &target).await;
    let set_version = |version: i64| {
        let connection = scratch.source();
        connection
            .pragma_update(None, "user_version", version)
            .unwrap();
    };
    set_version(1);
    let older = scratch.refusal(&source, &target).await;
    set_version(99);
    let newer = scratch.refusal(&source, &target).await;
    assert_snapshot!([missing, text, older, newer].join("\n"), @"
    the database DIRECTORY/missing.db does not exist; start the server once to create it, or choose another with --from
    DIRECTORY/text.db is not an SQLite database; choose another file with --from
    the schema of sqlite:DIRECTORY/source.db is older than this version; run `pbx-login-server migrate` on it, then copy again
    database DIRECTORY/source.db was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup
    ");
    let version = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let version = (scratch.source()).pragma_query_value(None, "user_version", version);
    assert_eq!(version.unwrap(), 99);
    assert_eq!(scratch.names(), names(["source.db", "text.db"]));
}

#[tokio::test]
async fn postgres_database_with_rows_or_another_schema_is_refused() {
    let scratch = Scratch::filled();
    let source = scratch.url("source.db");
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let (postgres, target) = (url(&database), scratch.url("target.db"));
    let mut refusals = vec![scratch.refusal(&postgres, &target).await];
    run_unchanged(&source, &postgres).await;
    let rows = count_rows(&database).await;
    refusals.push(scratch.refusal(&source, &postgres).await);
    refusals.push(scratch.refusal(&postgres, &postgres).await);
    // The newer schema is compatible, but may have data that this version does not know.
    for version in [1, 99] {
        let sql = format!("UPDATE schema_version SET version = {version}");
        database.client().await.batch_execute(&sql).await.unwrap();
        refusals.push(scratch.refusal(&source, &postgres).await);
        refusals.push(scratch.refusal(&postgres, &target).await);
    }
    let refusals = refusals
        .join("\n")
        .replace(&postgres.to_string(), "DATABASE");
    assert_snapshot!(refusals, @"
    the database DATABASE has no tables of pbx-login-server; start the server once to create them, or choose another with --from
    DATABASE is not empty (3 rows in tenants, 3 rows in roles, 3 rows in users, 3 rows in sessions, 3 rows in attempts, 4 rows in streaks, 4 rows in account_days, 3 rows in known_networks, 3 rows in allowance_attempts, 3 rows in audit, 4 rows in refusal_days); copy to a new database
    DATABASE is not empty (3 rows in tenants, 3 rows in roles, 3 rows in users, 3 rows in sessions, 3 rows in attempts, 4 rows in streaks, 4 rows in account_days, 3 rows in known_networks, 3 rows in allowance_attempts, 3 rows in audit, 4 rows in refusal_days); copy to a new database
    the schema of DATABASE is older than this version; run `pbx-login-server migrate` on it, then copy again
    the schema of DATABASE is older than this version; run `pbx-login-server migrate` on it, then copy again
    the schema of DATABASE is newer than this version; copy with the version that the servers have
    the schema of DATABASE is newer than this version; copy with the version that the servers have
    ");
    assert_eq!(count_rows(&database).await, rows);
    assert_eq!(scratch.names(), names(["source.db"]));
}

#[tokio::test]
async fn postgres_database_in_use_is_refused() {
    let scratch = Scratch::filled();
    let Some(database) = postgres::migrated().await else {
        return;
    };
    let mut client = database.client().await;
    let writing = client.transaction().await.unwrap();
    let lock = "LOCK TABLE audit IN ROW EXCLUSIVE MODE";
    writing.batch_execute(lock).await.unwrap();
    let options = postgres::PostgresOptions {
        lock_timeout: std::time::Duration::from_millis(1),
        ..TEST_OPTIONS
    };
    let (source, target) = (scratch.url("source.db"), url(&database));
    let copied = copy(&source, &target, &options, &mut |_| {}).await;
    let error = copied.unwrap_err().to_string();
    assert_snapshot!(error.replace(&target.to_string(), "DATABASE"), @"DATABASE cannot be locked (canceling statement due to lock timeout); stop every server and command that uses it");
    drop(writing);
    run_unchanged(&source, &target).await;
}

#[tokio::test]
async fn new_file_is_a_single_sound_file_that_only_its_owner_can_read() {
    let scratch = Scratch::filled();
    run_unchanged(&scratch.url("source.db"), &scratch.url("target.db")).await;
    assert_eq!(scratch.names(), names(["source.db", "target.db"]));
    let metadata = scratch.path("target.db").metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let connection = Connection::open(scratch.path("target.db")).unwrap();
    let integrity = "PRAGMA integrity_check";
    let result = connection.query_row(integrity, [], |row| row.get::<_, String>(0));
    assert_eq!(result.unwrap(), "ok");
    let mut violations = connection.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(!violations.exists([]).unwrap());
}

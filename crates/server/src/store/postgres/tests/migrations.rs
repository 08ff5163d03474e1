//! Migrations, including those by several processes and by newer versions.

use super::*;
use crate::store::postgres::migrate::{MIGRATIONS, Migration, migrate};

async fn run(database: &TestDatabase, migrations: &[Migration]) -> Result<(), String> {
    let mut client = database.client().await;
    let migrated = migrate(&mut client, migrations, IfMissing::Create, "DATABASE").await;
    migrated.map(drop).map_err(|error| error.to_string())
}

/// Returns the migrations of a later version of the program.
fn later(sql: &'static str, compatible_from: i32) -> Vec<Migration> {
    let known = MIGRATIONS
        .iter()
        .map(|migration| Migration { ..*migration });
    let next = Migration {
        sql,
        compatible_from,
    };
    known.chain([next]).collect()
}

#[tokio::test]
async fn concurrent_processes_create_one_schema() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let opened = futures::future::join_all((0..10).map(|_| open(&database))).await;
    for store in &opened {
        assert!(!store.has_system_admin().await.unwrap());
    }
}

#[tokio::test]
async fn missing_schema_is_not_created_by_a_command() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let url = parse(&database.url);
    let opened =
        Postgres::open_with(&url, IfMissing::Fail, OPTIONS, Observer::default(), None).await;
    let error = opened.unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&url.to_string(), "DATABASE"), @"the database DATABASE has no tables of pbx-login-server; start the server once to create them, or choose another with --database");
    let tables = "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let client = database.client().await;
    assert_eq!(client.query(tables, &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn schema_is_not_changed_if_migrations_are_forbidden() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let open = async |migrations: &[Migration]| {
        let mut client = database.client().await;
        let never = IfMissing::NeverMigrate;
        let opened = migrate(&mut client, migrations, never, "DATABASE").await;
        opened.map_err(|error| error.to_string())
    };
    insta::assert_snapshot!(open(MIGRATIONS).await.unwrap_err(), @"the database DATABASE has no tables of pbx-login-server, and `migrate` is `never`; run `pbx-login-server migrate` with a role that may create tables, or choose another with --database");
    let client = database.client().await;
    let tables = "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(client.query(tables, &[]).await.unwrap().len(), 0);

    run(&database, MIGRATIONS).await.unwrap();
    let known = MIGRATIONS.len();
    let unchanged = Migrated {
        from: known,
        to: known,
    };
    assert_eq!(open(MIGRATIONS).await, Ok(unchanged));
    let next = later("CREATE TABLE extra (id int)", 2);
    let refused = open(&next).await.unwrap_err();
    insta::assert_snapshot!(refused, @"the database DATABASE has schema version 2, this program needs 3, and `migrate` is `never`; run `pbx-login-server migrate` with the role that owns the tables");
    let extra = "SELECT to_regclass('extra') IS NULL";
    let unchanged: bool = client.query_one(extra, &[]).await.unwrap().get(0);
    assert!(unchanged);
}

#[tokio::test]
async fn failed_migration_changes_nothing() {
    let Some(database) = migrated().await else {
        return;
    };
    let broken = later("CREATE TABLE extra (id int); SELECT missing()", 2);
    assert!(
        run(&database, &broken)
            .await
            .unwrap_err()
            .contains("missing()")
    );
    let extra = "SELECT to_regclass('extra') IS NULL AND version = 2 FROM schema_version";
    let client = database.client().await;
    let unchanged: bool = client.query_one(extra, &[]).await.unwrap().get(0);
    assert!(unchanged);
}

#[tokio::test]
async fn servers_of_two_versions_use_a_compatible_schema() {
    let Some(database) = migrated().await else {
        return;
    };
    let old = open(&database).await;
    let known = i32::try_from(MIGRATIONS.len()).unwrap();
    let compatible = later("ALTER TABLE users ADD COLUMN extra text", known);
    run(&database, &compatible).await.unwrap();
    // A running server, and one that starts.
    use crate::store::health::Health as _;
    old.check_ready().await.unwrap();
    let bob = add_dealer(&old, "bob").await;
    let restarted = open(&database).await;
    open_session(&restarted, bob, 1).await;

    let incompatible = later("ALTER TABLE users ADD COLUMN extra text", known + 1);
    database
        .client()
        .await
        .batch_execute("UPDATE schema_version SET compatible_from = version")
        .await
        .unwrap();
    run(&database, &incompatible).await.unwrap();
    let refused = run(&database, MIGRATIONS).await.unwrap_err();
    insta::assert_snapshot!(refused, @"the schema of DATABASE is newer than this version of pbx-login-server and not compatible with it; upgrade pbx-login-server or restore a backup");
    assert!(old.check_ready().await.is_err());
}

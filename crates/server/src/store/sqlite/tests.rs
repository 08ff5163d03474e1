//! Tests of what only SQLite has: files, settings, migrations and threads.

mod attempts;
mod audit_reporter;
mod backup;
mod deletion;
mod domains;
mod faults;
mod plans;
mod public_ids;
mod weakness;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Barrier;

use rusqlite::Connection;

use super::*;
use crate::domain::audit::{AuditContext, Operator, Source};
use crate::domain::public_id::PublicId;
use crate::domain::tenant::Domain;
use crate::random::OsRandom;
use crate::store::tenant::Tenants as _;

struct Scratch {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    Scratch {
        path: directory.path().join("x.db"),
        _directory: directory,
    }
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, IfMissing::Create).unwrap()
}

fn refusal(path: &Path, missing: IfMissing) -> String {
    let error = Sqlite::open(path, missing).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

fn query_number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn cause(error: &StoreFailure) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

fn read_number(store: &Sqlite, sql: &str) -> i64 {
    let read = store.read(|connection| Ok::<_, StoreFailure>(query_number(connection, sql)));
    read.unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn context() -> AuditContext {
    AuditContext {
        at: now(),
        source: Source::Command(Operator::new(b"root", None)),
    }
}

fn domain(typed: &str) -> Domain {
    typed.parse().unwrap()
}

fn id() -> PublicId {
    PublicId::generate(now(), &OsRandom).unwrap()
}

fn current_version() -> i64 {
    i64::try_from(open::MIGRATIONS.len()).unwrap()
}

const PRAGMAS: [&str; 4] = ["synchronous", "foreign_keys", "secure_delete", "query_only"];

fn pragmas(connection: &Connection) -> String {
    let mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    let others = PRAGMAS.map(|name| {
        format!(
            " {name}={}",
            query_number(connection, &format!("PRAGMA {name}"))
        )
    });
    format!("journal_mode={mode}{}", others.concat())
}

#[tokio::test]
async fn every_connection_has_the_required_pragmas() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let writer = store
        .write(|step| Ok::<_, StoreFailure>(pragmas(step)))
        .await
        .unwrap();
    // The value 2 of `synchronous` is FULL.
    assert_eq!(
        writer,
        "journal_mode=wal synchronous=2 foreign_keys=1 secure_delete=1 query_only=0"
    );
    for _ in 0..8 {
        assert_eq!(
            store.read(|c| Ok::<_, StoreFailure>(pragmas(c))).unwrap(),
            "journal_mode=wal synchronous=2 foreign_keys=1 secure_delete=1 query_only=1"
        );
    }
}

#[tokio::test]
async fn only_look_up_readers_have_a_large_page_cache() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let size = |connection: &Connection| query_number(connection, "PRAGMA cache_size");
    // A negative size is in KiB.
    for _ in 0..8 {
        let of_look_ups = store.read(|connection| Ok::<_, StoreFailure>(size(connection)));
        assert_eq!(of_look_ups.unwrap(), -10 * 1024);
    }
    assert_eq!(size(&open::open_reader(&scratch.path).unwrap()), -2000);
}

#[tokio::test]
async fn only_steps_with_durability_soon_do_not_wait_for_the_disk() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let synchronous =
        |step: &Transaction<'_>| Ok::<_, StoreFailure>(query_number(step, "PRAGMA synchronous"));
    // The value 1 is NORMAL, and 2 is FULL.
    assert_eq!(store.write_soon(synchronous).await.unwrap(), 1);
    assert_eq!(store.write(synchronous).await.unwrap(), 2);
    assert_eq!(store.write_soon(synchronous).await.unwrap(), 1);
    let failed = store.write_soon(|_| Err::<(), _>(StoreFailure::new("it fails")));
    failed.await.unwrap_err();
    assert_eq!(store.write(synchronous).await.unwrap(), 2);
}

#[test]
fn database_files_are_accessible_only_to_their_owner() {
    let scratch = scratch();
    let _store = open(&scratch.path);
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", scratch.path.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn changes_persist_when_the_file_is_reopened() {
    let scratch = scratch();
    let store = open(&scratch.path);
    store
        .create_tenant(id(), &domain("a.example"), &context())
        .await
        .unwrap();
    assert_eq!(open(&scratch.path).list_tenants().await.unwrap().len(), 1);
    drop(store);
    // The last connection checkpoints and removes the log.
    assert!(!PathBuf::from(format!("{}-wal", scratch.path.display())).exists());
    let store = Sqlite::open(&scratch.path, IfMissing::Fail).unwrap();
    assert_eq!(store.list_tenants().await.unwrap().len(), 1);
}

#[test]
fn unusable_file_is_refused_with_a_remedy() {
    let scratch = scratch();
    let path = &scratch.path;
    let mut refusals = vec![refusal(path, IfMissing::Fail)];
    assert!(!path.exists());

    let nowhere = path.join("nowhere/x.db");
    refusals.push(refusal(&nowhere, IfMissing::Create));

    std::fs::write(path, "listen = '127.0.0.1:1'\n".repeat(100)).unwrap();
    refusals.push(refusal(path, IfMissing::Create));
    std::fs::remove_file(path).unwrap();

    let other = Connection::open(path).unwrap();
    other
        .execute_batch("CREATE TABLE tenants (name TEXT)")
        .unwrap();
    refusals.push(refusal(path, IfMissing::Create));
    drop(other);
    std::fs::remove_file(path).unwrap();

    drop(open(path));
    let newer = Connection::open(path).unwrap();
    newer
        .pragma_update(None, "user_version", current_version() + 1)
        .unwrap();
    refusals.push(refusal(path, IfMissing::Create));
    drop(newer);

    let directory = path.parent().unwrap();
    refusals.push(refusal(directory, IfMissing::Create));
    insta::assert_snapshot!(refusals.join("\n"), @"
    the database FILE does not exist; start the server once to create it, or choose another with --database
    the database FILE cannot be created (No such file or directory (os error 2)); check that its directory exists and can be written to
    FILE is not an SQLite database; choose another file with --database
    FILE is a database of another program; choose another file with --database
    database FILE was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup
    the database FILE cannot be opened (unable to open database file: FILE); check the file and its permissions
    ");
}

#[test]
fn foreign_database_is_not_changed() {
    let scratch = scratch();
    let other = Connection::open(&scratch.path).unwrap();
    other.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(other);
    let before = std::fs::read(&scratch.path).unwrap();
    refusal(&scratch.path, IfMissing::Create);
    assert_eq!(std::fs::read(&scratch.path).unwrap(), before);
}

#[test]
fn empty_file_is_migrated_once() {
    let scratch = scratch();
    std::fs::write(&scratch.path, "").unwrap();
    for _ in 0..2 {
        let store = open(&scratch.path);
        assert_eq!(
            read_number(&store, "PRAGMA user_version"),
            current_version()
        );
        assert_eq!(read_number(&store, "PRAGMA application_id"), 0x5042_584C);
    }
}

#[test]
fn file_of_an_older_version_keeps_its_rows() {
    let scratch = scratch();
    let connection = Connection::open(&scratch.path).unwrap();
    connection.execute_batch(open::MIGRATIONS[0]).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 0x5042584C;
            PRAGMA user_version = 1;
            INSERT INTO tenants (domain, domain_key, created_at) VALUES ('A.example', 'a.example', 7);",
        )
        .unwrap();
    drop(connection);
    let store = open(&scratch.path);
    assert_eq!(
        read_number(&store, "PRAGMA user_version"),
        current_version()
    );
    let tenants = "SELECT count(*) FROM tenants WHERE domain = 'A.example' AND created_at = 7";
    assert_eq!(read_number(&store, tenants), 1);
}

#[test]
fn failed_migration_is_rolled_back() {
    // The name of an index is in use, so the script fails near its end.
    let scratch = scratch();
    let connection = Connection::open(&scratch.path).unwrap();
    connection
        .execute_batch("CREATE TABLE sessions_by_expiry (x)")
        .unwrap();
    connection
        .pragma_update(None, "application_id", 0x5042_584C)
        .unwrap();
    let error = refusal(&scratch.path, IfMissing::Create);
    assert!(error.contains("sessions_by_expiry"), "{error}");
    assert_eq!(
        query_number(&connection, "SELECT count(*) FROM sqlite_schema"),
        1
    );
    assert_eq!(query_number(&connection, "PRAGMA user_version"), 0);
}

#[test]
fn concurrent_opens_migrate_a_new_database_once() {
    for _ in 0..5 {
        let scratch = scratch();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        read_number(&open(&scratch.path), "PRAGMA user_version")
                    })
                })
                .collect();
            for opened in opening {
                assert_eq!(opened.join().unwrap(), current_version());
            }
        });
    }
}

#[tokio::test]
async fn panicking_step_is_reported_and_rolled_back() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let result: Result<(), StoreFailure> = store
        .write(|step| {
            tenant::create(step, id(), &domain("a.example"), &context()).unwrap();
            panic!("deliberate")
        })
        .await;
    let error = result.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        format!("{error}: {source}"),
        "the database failed: a step panicked"
    );
    assert_eq!(store.list_tenants().await.unwrap(), []);
    store
        .create_tenant(id(), &domain("a.example"), &context())
        .await
        .unwrap();
}

#[test]
fn panicking_read_leaves_the_store_usable() {
    let scratch = scratch();
    let store = open(&scratch.path);
    for _ in 0..8 {
        let read = std::panic::AssertUnwindSafe(|| {
            store.read::<(), StoreFailure>(|_| panic!("deliberate"))
        });
        std::panic::catch_unwind(read).unwrap_err();
    }
    assert_eq!(read_number(&store, "SELECT count(*) FROM users"), 0);
}

#[tokio::test]
async fn step_runs_after_its_caller_is_gone() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let a = domain("a.example");
    let context = context();
    let mut step = store.create_tenant(id(), &a, &context);
    // Polled once, so that the step is in the queue.
    std::future::poll_fn(|context| {
        let _ = step.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(step);
    store
        .create_tenant(id(), &domain("b.example"), &context)
        .await
        .unwrap();
    assert_eq!(store.list_tenants().await.unwrap().len(), 2);
}

#[test]
fn readers_cannot_write() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let error = store
        .read(|c| Ok::<_, StoreFailure>(c.execute("DELETE FROM sessions", [])?))
        .unwrap_err();
    assert_eq!(cause(&error), "attempt to write a readonly database");
}

#[tokio::test]
async fn schema_rejects_rows_that_the_rules_forbid() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let statements = [
        "INSERT INTO tenants VALUES (0, 'zero.example', 'zero.example', 1, 0, randomblob(16))",
        "INSERT INTO tenants VALUES (9, 'A.EXAMPLE', 'a.example', 1, 0, randomblob(16))",
        "INSERT INTO tenants VALUES (9, '', '', 1, 0, randomblob(16))",
        "INSERT INTO tenants VALUES (9, 'c.example', 'c.example', 2, 0, randomblob(16))",
        "INSERT INTO roles VALUES (9, 1, 'NIGHT', 'night', 0)",
        "INSERT INTO roles VALUES (9, 1, 'Dealer', 'dealer', 0)",
        "INSERT INTO roles VALUES (9, 1, 'Day', 'Day', 0)",
        "INSERT INTO roles VALUES (9, 9, 'Day', 'day', 0)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', NULL, NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', 'Admin', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', 'Dealer', 1, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', NULL, NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', 'Dealer', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', 'Admin', 1, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 2, 'a', 'a', NULL, 1, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'a', 'A', 'Admin', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, NULL, 'Root', 'root', 'Dealer', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'System', 'system', 'Admin', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, NULL, 'BOB', 'bob', 'Dealer', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'BOB', 'bob', 'Admin', NULL, 'h', 1, 0, randomblob(16), NULL)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', 'Admin', NULL, 'h', 1, 0, randomblob(16), 'old')",
        "INSERT INTO sessions VALUES (9, zeroblob(32), 99, 0, 1)",
        "INSERT INTO sessions VALUES (9, zeroblob(31), 1, 0, 1)",
        "INSERT INTO sessions VALUES (9, zeroblob(32), 1, 1, 1)",
        "DELETE FROM roles WHERE id = 1",
    ];
    let allowed = "
        INSERT INTO tenants VALUES (1, 'a.example', 'a.example', 1, 0, randomblob(16)), (2, 'b.example', 'b.example', 1, 0, randomblob(16));
        INSERT INTO roles VALUES (1, 1, 'Night', 'night', 0);
        INSERT INTO users VALUES (1, NULL, 'Bob', 'bob', 'Dealer', NULL, 'h', 1, 0, randomblob(16), NULL),
            (2, 1, 'Bob', 'bob', NULL, 1, 'h', 1, 0, randomblob(16), NULL),
            (3, 2, 'Bob', 'bob', 'Admin', NULL, 'h', 1, 0, randomblob(16), NULL),
            (4, NULL, 'Root', 'root', 'SystemAdmin', NULL, 'h', 1, 0, randomblob(16), NULL);";
    let results = store
        .write(move |step| {
            step.execute_batch(allowed)?;
            Ok::<_, StoreFailure>(statements.map(|sql| {
                let code = match step.execute(sql, []) {
                    Err(error) => error.sqlite_error_code(),
                    Ok(_) => None,
                };
                (sql, code)
            }))
        })
        .await
        .unwrap();
    for (sql, code) in results {
        assert_eq!(
            code,
            Some(rusqlite::ErrorCode::ConstraintViolation),
            "{sql}"
        );
    }
}

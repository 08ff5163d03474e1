//! What is SQLite's own: the file, its settings, its migrations, its thread. The rest is the contract's.

mod attempts;
mod backup;
mod faults;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Barrier;

use rusqlite::Connection;

use super::*;
use crate::domain::audit::AuditContext;
use crate::domain::audit::Source;
use crate::domain::tenant::Domain;
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

/// Why a database is not opened, with its path shortened.
fn refusal(path: &Path, missing: IfMissing) -> String {
    let error = Sqlite::open(path, missing).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn cause(error: &StoreFailure) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

/// What a reader sees.
fn reads(store: &Sqlite, sql: &str) -> i64 {
    let read = store.read(|connection| Ok::<_, StoreFailure>(number(connection, sql)));
    read.unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn act() -> AuditContext {
    AuditContext {
        at: now(),
        source: Source::Command,
    }
}

fn domain(typed: &str) -> Domain {
    typed.parse().unwrap()
}

/// How many migrations a file has had that is of this version.
fn version() -> i64 {
    i64::try_from(open::MIGRATIONS.len()).unwrap()
}

const PRAGMAS: [&str; 3] = ["synchronous", "foreign_keys", "query_only"];

fn pragmas(connection: &Connection) -> String {
    let mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    let others =
        PRAGMAS.map(|name| format!(" {name}={}", number(connection, &format!("PRAGMA {name}"))));
    format!("journal_mode={mode}{}", others.concat())
}

#[tokio::test]
async fn every_connection_is_durable_and_checked() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let writer = store
        .write(|step| Ok::<_, StoreFailure>(pragmas(step)))
        .await
        .unwrap();
    // `synchronous` 2 is FULL.
    assert_eq!(
        writer,
        "journal_mode=wal synchronous=2 foreign_keys=1 query_only=0"
    );
    for _ in 0..8 {
        assert_eq!(
            store.read(|c| Ok::<_, StoreFailure>(pragmas(c))).unwrap(),
            "journal_mode=wal synchronous=2 foreign_keys=1 query_only=1"
        );
    }
}

#[tokio::test]
async fn only_readers_that_look_up_keep_much_of_the_file_in_memory() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let size = |connection: &Connection| number(connection, "PRAGMA cache_size");
    // In KiB, since it is negative.
    for _ in 0..8 {
        let of_look_ups = store.read(|connection| Ok::<_, StoreFailure>(size(connection)));
        assert_eq!(of_look_ups.unwrap(), -16 * 1024);
    }
    assert_eq!(size(&open::reader(&scratch.path).unwrap()), -2000);
}

#[tokio::test]
async fn only_a_counted_attempt_does_not_wait_for_the_disk() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let synchronous =
        |step: &Transaction<'_>| Ok::<_, StoreFailure>(number(step, "PRAGMA synchronous"));
    // 1 is NORMAL, 2 is FULL.
    assert_eq!(store.write_soon(synchronous).await.unwrap(), 1);
    assert_eq!(store.write(synchronous).await.unwrap(), 2);
    assert_eq!(store.write_soon(synchronous).await.unwrap(), 1);
    let failed = store.write_soon(|_| Err::<(), _>(StoreFailure::new("it fails")));
    failed.await.unwrap_err();
    assert_eq!(store.write(synchronous).await.unwrap(), 2);
}

#[test]
fn the_file_and_its_log_are_for_their_owner_alone() {
    let scratch = scratch();
    let _store = open(&scratch.path);
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", scratch.path.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let scratch = scratch();
    let store = open(&scratch.path);
    store
        .create_tenant(&domain("a.example"), &act())
        .await
        .unwrap();
    // Another process sees it at once,
    assert_eq!(open(&scratch.path).list_tenants().await.unwrap().len(), 1);
    drop(store);
    // and the log is folded back into the file when the last one closes it.
    assert!(!PathBuf::from(format!("{}-wal", scratch.path.display())).exists());
    let store = Sqlite::open(&scratch.path, IfMissing::Fail).unwrap();
    assert_eq!(store.list_tenants().await.unwrap().len(), 1);
}

#[test]
fn what_cannot_be_opened_is_refused_with_what_to_do() {
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
        .pragma_update(None, "user_version", version() + 1)
        .unwrap();
    refusals.push(refusal(path, IfMissing::Create));
    drop(newer);

    let directory = path.parent().unwrap();
    refusals.push(refusal(directory, IfMissing::Create));
    insta::assert_snapshot!(refusals.join("\n"), @"
    the database FILE is not there; start the server once to create it, or name another with --database
    the database FILE cannot be created (No such file or directory (os error 2)); check that its directory exists and can be written to
    FILE is no SQLite database; name another file with --database
    FILE is the database of another program and is left alone; name another file with --database
    database FILE was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup
    the database FILE cannot be opened (unable to open database file: FILE); check the file and its permissions
    ");
}

#[test]
fn a_foreign_database_is_left_as_it_was() {
    let scratch = scratch();
    let other = Connection::open(&scratch.path).unwrap();
    other.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(other);
    let before = std::fs::read(&scratch.path).unwrap();
    refusal(&scratch.path, IfMissing::Create);
    assert_eq!(std::fs::read(&scratch.path).unwrap(), before);
}

#[test]
fn an_empty_file_is_filled_and_migrations_are_applied_once() {
    let scratch = scratch();
    std::fs::write(&scratch.path, "").unwrap();
    for _ in 0..2 {
        let store = open(&scratch.path);
        assert_eq!(reads(&store, "PRAGMA user_version"), version());
        assert_eq!(reads(&store, "PRAGMA application_id"), 0x5042_584C);
    }
}

#[test]
fn a_file_of_an_older_version_keeps_what_it_holds() {
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
    assert_eq!(reads(&store, "PRAGMA user_version"), version());
    let tenants = "SELECT count(*) FROM tenants WHERE domain = 'A.example' AND created_at = 7";
    assert_eq!(reads(&store, tenants), 1);
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    // The index exists already, so that the script fails towards its end.
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
    assert_eq!(number(&connection, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_eq!(number(&connection, "PRAGMA user_version"), 0);
}

#[test]
fn several_may_open_a_new_database_at_once() {
    for _ in 0..5 {
        let scratch = scratch();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        reads(&open(&scratch.path), "PRAGMA user_version")
                    })
                })
                .collect();
            for opened in opening {
                assert_eq!(opened.join().unwrap(), version());
            }
        });
    }
}

#[tokio::test]
async fn a_step_that_panics_is_an_error_undone_and_survived() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let result: Result<(), StoreFailure> = store
        .write(|step| {
            tenant::create(step, &domain("a.example"), &act()).unwrap();
            panic!("deliberate")
        })
        .await;
    let error = result.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        format!("{error}: {source}"),
        "the database failed: a step was broken off"
    );
    assert_eq!(store.list_tenants().await.unwrap(), []);
    store
        .create_tenant(&domain("a.example"), &act())
        .await
        .unwrap();
}

#[test]
fn a_read_that_panics_is_survived() {
    let scratch = scratch();
    let store = open(&scratch.path);
    for _ in 0..8 {
        let read = std::panic::AssertUnwindSafe(|| {
            store.read::<(), StoreFailure>(|_| panic!("deliberate"))
        });
        std::panic::catch_unwind(read).unwrap_err();
    }
    assert_eq!(reads(&store, "SELECT count(*) FROM users"), 0);
}

#[tokio::test]
async fn a_step_whose_caller_is_gone_is_taken_all_the_same() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let a = domain("a.example");
    let act = act();
    let mut step = store.create_tenant(&a, &act);
    // Polled once: it is on its way to the writer.
    std::future::poll_fn(|context| {
        let _ = step.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(step);
    // Steps are taken in order, so that the first is done when the second is.
    store
        .create_tenant(&domain("b.example"), &act)
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

/// The rules that the tables keep on their own, should a step ever forget them.
#[tokio::test]
async fn the_tables_refuse_what_the_rules_forbid() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let statements = [
        "INSERT INTO tenants VALUES (0, 'zero.example', 'zero.example', 1, 0)",
        "INSERT INTO tenants VALUES (9, 'A.EXAMPLE', 'a.example', 1, 0)",
        "INSERT INTO tenants VALUES (9, '', '', 1, 0)",
        "INSERT INTO tenants VALUES (9, 'c.example', 'c.example', 2, 0)",
        "INSERT INTO roles VALUES (9, 1, 'NIGHT', 'night', 0)",
        "INSERT INTO roles VALUES (9, 1, 'Dealer', 'dealer', 0)",
        "INSERT INTO roles VALUES (9, 1, 'Day', 'Day', 0)",
        "INSERT INTO roles VALUES (9, 9, 'Day', 'day', 0)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', NULL, NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', 'Admin', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, NULL, 'a', 'a', 'Dealer', 1, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', NULL, NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', 'Dealer', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'a', 'a', 'Admin', 1, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 2, 'a', 'a', NULL, 1, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'a', 'A', 'Admin', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, NULL, 'Root', 'root', 'Dealer', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'System', 'system', 'Admin', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, NULL, 'BOB', 'bob', 'Dealer', NULL, 'h', 1, 0)",
        "INSERT INTO users VALUES (9, 1, 'BOB', 'bob', 'Admin', NULL, 'h', 1, 0)",
        "INSERT INTO sessions VALUES (9, zeroblob(32), 99, 0, 1)",
        "INSERT INTO sessions VALUES (9, zeroblob(31), 1, 0, 1)",
        "INSERT INTO sessions VALUES (9, zeroblob(32), 1, 1, 1)",
        "DELETE FROM roles WHERE id = 1",
    ];
    let allowed = "
        INSERT INTO tenants VALUES (1, 'a.example', 'a.example', 1, 0), (2, 'b.example', 'b.example', 1, 0);
        INSERT INTO roles VALUES (1, 1, 'Night', 'night', 0);
        INSERT INTO users VALUES (1, NULL, 'Bob', 'bob', 'Dealer', NULL, 'h', 1, 0),
            (2, 1, 'Bob', 'bob', NULL, 1, 'h', 1, 0),
            (3, 2, 'Bob', 'bob', 'Admin', NULL, 'h', 1, 0),
            (4, NULL, 'Root', 'root', 'SystemAdmin', NULL, 'h', 1, 0);";
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

/// Queries without a plan in `queries_are_answered_by_an_index`: file, beginning and reason.
const WITHOUT_PLAN: &[(&str, &str, &str)] = &[
    (
        "attempt.rs",
        "SELECT {column}, count(*)",
        "an administrator's list of everything",
    ),
    ("check.rs", "", "an offline check reads everything"),
    (
        "open.rs",
        "SELECT count(*) FROM sqlite_schema",
        "the schema",
    ),
    (
        "session.rs",
        "SELECT count(*) FROM sessions WHERE {condition}",
        "the number of what is then deleted",
    ),
    (
        "session.rs",
        "SELECT s.id, t.domain",
        "an administrator's list",
    ),
];

#[test]
fn every_query_has_a_plan() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite");
    let planned = include_str!("tests.rs");
    let mut queries = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if !path.is_file() || file == "tests.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Every other piece is a string.
        let pieces: Vec<&str> = text.split('"').collect();
        for at in (1..pieces.len()).step_by(2) {
            let query = pieces[at].trim_start();
            let exempt = |(name, beginning, _): &(&str, &str, &str)| {
                *name == file && query.starts_with(beginning)
            };
            if !query.starts_with("SELECT") || WITHOUT_PLAN.iter().any(exempt) {
                continue;
            }
            queries += 1;
            let name = pieces[at - 1].rsplit_once("const ").and_then(|(_, rest)| {
                rest.strip_suffix(": &str = ")
                    .or_else(|| rest.split_once(": &str =").map(|parts| parts.0))
            });
            let module = file.trim_end_matches(".rs");
            let has_plan = name.is_some_and(|name| {
                let planned_as = |end| planned.contains(&format!("{module}::{name}{end}"));
                planned_as(")") || planned_as(",")
            });
            assert!(
                has_plan,
                "{file}: make {query:.60} a constant and add it to queries_are_answered_by_an_index, or list it in WITHOUT_PLAN"
            );
        }
    }
    assert!(queries > 20, "only {queries} queries were found");
}

#[test]
fn queries_are_answered_by_an_index() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let plans = [
        ("find_session", session::FIND),
        ("find_login", user::FIND_LOGIN),
        ("open_session", session::OPEN),
        ("open_session, trim", session::TRIM),
        ("extend_session", session::EXTEND),
        ("close_session", session::CLOSE),
        ("preload", preload::NEWEST),
        ("preload, count", preload::COUNT),
        ("count_live_sessions", session::COUNT_LIVE),
        ("sweep_sessions", session::SWEEP),
        ("check_attempt, streak", attempt::STREAK),
        ("check_attempt, network", attempt::NETWORK_LIMIT),
        ("check_attempt, account", attempt::ACCOUNT_LIMIT),
        ("check_attempt, under way", attempt::IN_FLIGHT),
        ("check_attempt, network failed", attempt::NETWORK_FAILED),
        ("check_attempt, account failed", attempt::ACCOUNT_FAILED),
        ("reserve_attempt, attempts", attempt::EXPIRE_ATTEMPTS),
        ("reserve_attempt, streaks", attempt::EXPIRE_STREAKS),
        (
            "sweep_attempts, attempts ahead",
            attempt::CLAMP_FUTURE_ATTEMPTS,
        ),
        (
            "sweep_attempts, streaks ahead",
            attempt::CLAMP_FUTURE_STREAKS,
        ),
        ("reserve_attempt, newest", attempt::NEWEST),
        ("reserve_attempt, reserved since", attempt::RESERVED_SINCE),
        ("list_attempts, streaks", attempt::LIST_STREAKS),
        ("sweep_attempts, excess attempt", attempt::EXCESS_ATTEMPT),
        ("sweep_attempts, excess streak", attempt::EXCESS_STREAK),
        ("record_refusals, user", audit::USER_NAMES),
        ("record_refusals, tenant", audit::TENANT_NAMES),
        ("list_audit", audit::LIST),
        ("sweep_audit, overflow", audit::OVERFLOW),
        ("tenant by domain", lookup::TENANT),
        ("role by name", lookup::ROLE),
        ("user by name", lookup::USER),
        ("change of a user", user::FIND),
        ("list_users", user::LIST),
        ("list_tenants", tenant::LIST),
        ("list_roles", role::LIST),
        ("delete_role, users", role::COUNT_USERS),
        ("has_system_admin", user::HAS_SYSTEM_ADMIN),
        (
            "count_enabled_system_admins",
            user::COUNT_ENABLED_SYSTEM_ADMINS,
        ),
    ]
    .map(|(name, sql)| {
        store
            .read(|connection| {
                let mut plan = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                    .unwrap();
                let parameters = plan.parameter_count();
                let nulls = rusqlite::params_from_iter(std::iter::repeat_n(
                    rusqlite::types::Null,
                    parameters,
                ));
                let steps = plan
                    .query_map(nulls, |row| row.get::<_, String>(3))
                    .unwrap();
                let steps: Vec<String> = steps.map(Result::unwrap).collect();
                Ok::<_, StoreFailure>(format!("{name}: {}", steps.join(" / ")))
            })
            .unwrap()
    });
    insta::assert_snapshot!(plans.join("\n"), @"
    find_session: SEARCH s USING INDEX sqlite_autoindex_sessions_1 (token_hash=?) / SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    find_login: SEARCH u USING INDEX users_by_name (<expr>=? AND username_key=?) / SCALAR SUBQUERY 1 / SEARCH tenants USING COVERING INDEX sqlite_autoindex_tenants_1 (domain_key=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    open_session: SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    open_session, trim: SEARCH sessions USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH sessions USING INDEX sessions_by_user (user_id=?)
    extend_session: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (token_hash=?)
    close_session: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (token_hash=?)
    preload: SEARCH s USING INTEGER PRIMARY KEY (rowid<?) / SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    preload, count: CO-ROUTINE (subquery-1) / SCAN sessions USING COVERING INDEX sessions_by_expiry / SCAN (subquery-1)
    count_live_sessions: SEARCH sessions USING COVERING INDEX sessions_by_expiry (expires_at>?)
    sweep_sessions: SEARCH sessions USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH sessions USING COVERING INDEX sessions_by_expiry (expires_at<?)
    check_attempt, streak: SEARCH streaks USING PRIMARY KEY (account=? AND network=?)
    check_attempt, network: SEARCH attempts USING COVERING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, account: SEARCH attempts USING COVERING INDEX attempts_by_account (account=? AND at>?) / SCALAR SUBQUERY 1 / SEARCH known_networks USING PRIMARY KEY (user_id=? AND network=?)
    check_attempt, under way: SEARCH attempts USING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, network failed: SEARCH attempts USING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, account failed: SEARCH attempts USING INDEX attempts_by_account (account=? AND at>?)
    reserve_attempt, attempts: SEARCH attempts USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH attempts USING COVERING INDEX attempts_by_time (at<?)
    reserve_attempt, streaks: SEARCH streaks USING PRIMARY KEY (account=? AND network=?) / LIST SUBQUERY 2 / SEARCH streaks USING COVERING INDEX streaks_by_time (last_at<?)
    sweep_attempts, attempts ahead: SEARCH attempts USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH attempts USING COVERING INDEX attempts_by_time (at>?)
    sweep_attempts, streaks ahead: SEARCH streaks USING PRIMARY KEY (account=? AND network=?) / LIST SUBQUERY 2 / SEARCH streaks USING COVERING INDEX streaks_by_time (last_at>?)
    reserve_attempt, newest: SEARCH attempts
    reserve_attempt, reserved since: SCAN CONSTANT ROW / SCALAR SUBQUERY 1 / SEARCH attempts USING INTEGER PRIMARY KEY (rowid>?)
    list_attempts, streaks: SEARCH streaks USING INDEX streaks_by_time (last_at>?)
    sweep_attempts, excess attempt: SCAN attempts USING COVERING INDEX attempts_by_time
    sweep_attempts, excess streak: SCAN streaks USING COVERING INDEX streaks_by_time
    record_refusals, user: SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    record_refusals, tenant: SEARCH tenants USING INDEX sqlite_autoindex_tenants_1 (domain_key=?)
    list_audit: SCAN audit
    sweep_audit, overflow: SEARCH audit USING COVERING INDEX audit_by_refused (refused=?)
    tenant by domain: SEARCH tenants USING COVERING INDEX sqlite_autoindex_tenants_1 (domain_key=?)
    role by name: SEARCH roles USING COVERING INDEX sqlite_autoindex_roles_1 (tenant_id=? AND name_key=?)
    user by name: SEARCH users USING INDEX users_by_name (<expr>=? AND username_key=?)
    change of a user: SEARCH users USING INDEX users_by_name (<expr>=? AND username_key=?)
    list_users: SCAN u / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / USE TEMP B-TREE FOR ORDER BY
    list_tenants: SCAN t USING INDEX sqlite_autoindex_tenants_1 / CORRELATED SCALAR SUBQUERY 1 / SEARCH u USING COVERING INDEX users_by_role (tenant_id=?)
    list_roles: SCAN t USING INDEX sqlite_autoindex_tenants_1 / SEARCH r USING INDEX sqlite_autoindex_roles_1 (tenant_id=?) / CORRELATED SCALAR SUBQUERY 1 / SEARCH u USING COVERING INDEX users_by_role (tenant_id=? AND custom_role_id=?)
    delete_role, users: SEARCH users USING COVERING INDEX users_by_role (tenant_id=? AND custom_role_id=?)
    has_system_admin: SCAN CONSTANT ROW / SCALAR SUBQUERY 1 / SCAN users USING COVERING INDEX users_system_admins
    count_enabled_system_admins: SEARCH users USING COVERING INDEX users_system_admins (enabled=?)
    ");
}

#[test]
fn no_statement_is_parsed_twice_whatever_it_is_asked_for() {
    let scratch = scratch();
    let connection = open::writer(&scratch.path, IfMissing::Create).unwrap();
    for number in 0..10_u8 {
        let mut find = connection.prepare_cached(session::FIND).unwrap();
        assert!(!find.exists([[number; 32]]).unwrap());
        // https://sqlite.org/c3ref/c_stmtstatus_counter.html
        assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}

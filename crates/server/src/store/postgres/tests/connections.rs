//! Lost connections, unknown outcomes and the settings of a session.

use std::time::Duration;

use super::*;
use crate::store::health::Health as _;
use crate::store::session::SessionLookup as _;

const TERMINATE_OTHERS: &str = "
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn read_settings(connection: &Connection) -> String {
    let names = [
        "application_name",
        "default_transaction_isolation",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "statement_timeout",
        "synchronous_commit",
    ];
    let mut settings = Vec::new();
    for name in names {
        let sql = format!("SELECT current_setting('{name}')");
        let value: String = connection.query_one(&sql, &[]).await.unwrap().get(0);
        settings.push(format!("{name} = {value}"));
    }
    settings.join("\n")
}

#[tokio::test]
async fn connection_that_is_lost_before_it_reports_a_loss_is_not_current() {
    let Some(database) = migrated().await else {
        return;
    };
    let environment = Environment::default();
    let connector = Connector::new(&parse(&database.url), &OPTIONS, &environment).unwrap();
    let last_loss = connector.last_loss();
    let mut lost = connector.open().await.unwrap();
    last_loss.report();
    assert!(!last_loss.report_others(&mut lost));
    assert!(!last_loss.is_current(&lost));

    let other = connector.open().await.unwrap();
    let mut polled = connector.open().await.unwrap();
    assert!(last_loss.report_others(&mut polled));
    assert!(last_loss.is_current(&polled));
    assert!(!last_loss.is_current(&other));
}

#[tokio::test]
async fn session_of_a_server_has_the_settings_that_the_store_relies_on() {
    let Some(database) = migrated().await else {
        return;
    };
    let client = database.client().await;
    let name = database.url.rsplit('/').next().unwrap();
    client
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET synchronous_commit = off;
            ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
        ))
        .await
        .unwrap();
    let options = PostgresOptions {
        lock_timeout: Duration::from_millis(1234),
        ..PostgresOptions::DEFAULT
    };
    let environment = Environment::default();
    let connector = Connector::new(&parse(&database.url), &options, &environment).unwrap();
    // A pooler would give the settings of a command to other clients.
    let of_command = read_settings(&connector.open().await.unwrap()).await;
    insta::assert_snapshot!(of_command, @"
    application_name = pbx-login-server
    default_transaction_isolation = serializable
    idle_in_transaction_session_timeout = 0
    lock_timeout = 0
    statement_timeout = 0
    synchronous_commit = off
    ");
    let connector = connector.for_server(&options, Arc::default());
    let of_server = read_settings(&connector.open().await.unwrap()).await;
    insta::assert_snapshot!(of_server, @"
    application_name = pbx-login-server
    default_transaction_isolation = read committed
    idle_in_transaction_session_timeout = 1s
    lock_timeout = 1234ms
    statement_timeout = 5s
    synchronous_commit = on
    ");
}

#[tokio::test]
async fn transaction_without_preparation_has_the_settings_of_a_session() {
    let Some(database) = migrated().await else {
        return;
    };
    let name = database.url.rsplit('/').next().unwrap();
    let client = database.client().await;
    client
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET synchronous_commit = off;
            ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
        ))
        .await
        .unwrap();
    let options = PostgresOptions {
        lock_timeout: Duration::from_millis(1234),
        prepare_statements: false,
        ..PostgresOptions::DEFAULT
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let mut settings = Vec::new();
    for mode in [Mode::Read, Mode::Write(Repeat::Safe), Mode::WriteSoon] {
        let reading = store.core.run::<_, _, StoreFailure>(mode, &(), |step, ()| {
            let sql = "SELECT concat_ws(' ', current_setting('transaction_isolation'),
                current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout'),
                current_setting('statement_timeout'), current_setting('synchronous_commit'))";
            Box::pin(async move { Ok(step.query(sql, &[]).await?[0].get::<_, String>(0)) })
        });
        settings.push(reading.await.unwrap());
    }
    // A read is one statement, which the operation timeout ends.
    insta::assert_snapshot!(settings.join("\n"), @"
    serializable 0 0 0 off
    read committed 1s 1234ms 5s on
    read committed 1s 1234ms 5s off
    ");
}

/// Returns the process of the database that serves an operation.
async fn backend(store: &Postgres) -> i32 {
    let reading = store
        .core
        .run::<_, _, StoreFailure>(Mode::Read, &(), |step, ()| {
            Box::pin(async { Ok(step.query("SELECT pg_backend_pid()", &[]).await?[0].get(0)) })
        });
    reading.await.unwrap()
}

#[tokio::test]
async fn idle_connections_of_pool_and_poller_are_replaced_once_after_a_loss() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let mut position = store.poll_changes(None).await.unwrap().token;
    let mut before = backend(&store).await;
    for _ in 0..2 {
        assert_eq!(backend(&store).await, before, "the connection is in use");
        store.connector.last_loss().report();
        let after = backend(&store).await;
        assert_ne!(after, before);
        for is_first in [true, false] {
            let polled = store.poll_changes(Some(position)).await.unwrap();
            position = polled.token;
            let is_reconnected = polled.invalidated == crate::store::cached::Invalidated::All;
            assert_eq!(is_reconnected, is_first);
        }
        // The poll on the new connection reported the loss of all others.
        before = backend(&store).await;
        assert_ne!(before, after);
    }
}

#[tokio::test]
async fn operation_after_a_lost_connection_reconnects() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let bob = add_dealer(&store, "bob").await;
    let admin = database.client().await;
    for number in 0..5 {
        admin.batch_execute(TERMINATE_OTHERS).await.unwrap();
        open_session(&store, bob, number).await;
        admin.batch_execute(TERMINATE_OTHERS).await.unwrap();
        assert!(store.find_session(&token(number)).await.unwrap().is_some());
    }
    store.check_ready().await.unwrap();
}

#[tokio::test]
async fn login_whose_commit_was_not_acknowledged_is_settled_by_a_retry() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let bob = add_dealer(&store, "bob").await;
    // The first commit was applied, but not acknowledged: the login runs once more.
    open_session(&store, bob, 1).await;
    open_session(&store, bob, 1).await;
    let client = database.client().await;
    for (sql, expected) in [
        ("SELECT count(*) FROM sessions", 1_i64),
        ("SELECT count(*) FROM audit WHERE event = 'login'", 1),
    ] {
        let count: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(count, expected, "{sql}");
    }
    // A token of another user is not mistaken for the login's own.
    let carol = add_dealer(&store, "carol").await;
    let other = store.open_session(new_session(carol, 1)).await.unwrap();
    assert_eq!(other, OpenOutcome::Refused);
}

#[tokio::test]
async fn locked_row_is_an_outage_after_the_lock_timeout() {
    let Some(database) = migrated().await else {
        return;
    };
    let options = PostgresOptions {
        lock_timeout: Duration::from_millis(50),
        ..OPTIONS
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let bob = add_dealer(&store, "bob").await;
    let mut client = database.client().await;
    let locking = client.transaction().await.unwrap();
    locking
        .query("SELECT FROM users FOR UPDATE", &[])
        .await
        .unwrap();
    let failure = store.open_session(new_session(bob, 1)).await.unwrap_err();
    assert!(failure.is_outage(), "{failure:?}");
    locking.rollback().await.unwrap();
    open_session(&store, bob, 1).await;
}

#[tokio::test]
async fn unreachable_server_is_an_outage_within_the_operation_timeout() {
    let Some(database) = migrated().await else {
        return;
    };
    let options = PostgresOptions {
        operation_timeout: Duration::from_secs(2),
        ..OPTIONS
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    let other = TestDatabase::empty().await.unwrap();
    let admin = other.client().await;
    let admit = |allowed| format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
    admin.batch_execute(&admit(false)).await.unwrap();
    admin
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await
        .unwrap();
    let failure = store.find_session(&token(1)).await.unwrap_err();
    assert!(failure.is_outage(), "{failure:?}");
    assert!(store.poll_changes(None).await.is_err());
    admin.batch_execute(&admit(true)).await.unwrap();
    assert_eq!(store.find_session(&token(1)).await.unwrap(), None);
    store.poll_changes(None).await.unwrap();
}

#[tokio::test]
async fn statements_without_preparation_have_the_same_results() {
    let Some(database) = migrated().await else {
        return;
    };
    let options = PostgresOptions {
        prepare_statements: false,
        ..OPTIONS
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let bob = add_dealer(&store, "bob").await;
    open_session(&store, bob, 1).await;
    let found = store.find_session(&token(1)).await.unwrap().unwrap();
    assert_eq!(found.user.id, bob);
    let lease = store
        .core
        .run::<_, _, StoreFailure>(Mode::Read, &(), |step, ()| {
            Box::pin(async {
                Ok(step
                    .query("SELECT FROM pg_prepared_statements", &[])
                    .await?)
            })
        });
    assert_eq!(lease.await.unwrap().len(), 0);
    store.poll_changes(None).await.unwrap();
}

/// Returns the URL of a database for a new role without privileges.
async fn url_without_privileges(database: &TestDatabase) -> (String, String) {
    let role = format!("{}_reader", database.url.rsplit('/').next().unwrap());
    let create = format!("CREATE ROLE {role} LOGIN");
    let client = database.client().await;
    client.batch_execute(&create).await.unwrap();
    (
        database.url.replace("//postgres@", &format!("//{role}@")),
        role,
    )
}

#[tokio::test]
async fn check_reports_what_it_cannot_read_and_checks_the_rest() {
    let Some(database) = migrated().await else {
        return;
    };
    let (url, role) = url_without_privileges(&database).await;
    let url = parse(&url);
    let run = || check(&url, &OPTIONS);
    let unreadable = run().await.unwrap_err().to_string();
    let cause = "cannot be opened (permission denied for table schema_version); check the privileges of its user";
    assert!(unreadable.ends_with(cause), "{unreadable}");

    let client = database.client().await;
    let grant = format!("GRANT SELECT ON schema_version, roles, users, sessions TO {role}");
    client.batch_execute(&grant).await.unwrap();
    let report = run().await.unwrap();
    insta::assert_snapshot!(report.problems.join("\n"), @"
    the tenants cannot be read: permission denied for table tenants
    the sessions cannot be read: permission denied for table tenants
    there is no enabled system administrator; create or enable one
    the weak passwords cannot be read: permission denied for table tenants
    the names of roles cannot be read: permission denied for table tenants
    ");
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&drop).await.unwrap();
}

#[tokio::test]
async fn copy_without_a_privilege_on_a_sequence_is_refused() {
    let Some(database) = migrated().await else {
        return;
    };
    let (url, role) = url_without_privileges(&database).await;
    let client = database.client().await;
    let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}");
    client.batch_execute(&grant).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let target = DatabaseUrl::Sqlite(directory.path().join("target.db"));
    let source = url.parse().unwrap();
    let copied = crate::store::copy(&source, &target, &OPTIONS, &mut |_| {}).await;
    let error = copied.unwrap_err().to_string();
    let cause = "its user may not read the sequence of tenants";
    assert!(error.contains(cause), "{error}");
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&drop).await.unwrap();
}

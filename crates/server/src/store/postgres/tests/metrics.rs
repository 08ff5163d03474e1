//! Metrics of the pool, of retries and connections, and of propagation.

use std::time::{Duration, Instant};

use super::*;
use crate::store::error::StoreFailure;
use crate::store::health::Health as _;
use crate::store::session::SessionLookup as _;
use crate::store::{OpenOptions, open_cached as open_database};

const POOL: [&str; 4] = [
    "pbx_login_pool_max_connections",
    "pbx_login_pool_connections",
    "pbx_login_pool_connections_in_use",
    "pbx_login_pool_waiting",
];
const WAITS: &str = "pbx_login_pool_wait_seconds_count";
const OPENED: &str = "pbx_login_database_connections_total{outcome=\"opened\"}";
const FAILED: &str = "pbx_login_database_connections_total{outcome=\"failed\"}";
const CONFLICTS: &str = "pbx_login_database_retries_total{cause=\"conflict\"}";
const PROPAGATIONS: &str = "pbx_login_propagation_delay_seconds_count";
const DELAYS: &str = "pbx_login_propagation_delay_seconds_sum";
const INVALIDATIONS: &str = "pbx_login_session_cache_invalidations_total";

async fn terminate_connections(database: &TestDatabase) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.client().await.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn operation_that_waits_for_a_connection_is_counted() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let pool = || POOL.map(|name| metric(&observer, name));
    let options = PostgresOptions {
        pool_size: 1,
        ..OPTIONS
    };
    let store = open_observed(&database, options, observer.clone(), None).await;
    assert_eq!(pool(), [1.0, 0.0, 0.0, 0.0]);
    let bob = add_dealer(&store, "bob").await;
    assert_eq!(pool(), [1.0, 1.0, 0.0, 0.0]);

    let mut client = database.client().await;
    let locking = client.transaction().await.unwrap();
    let lock = "SELECT FROM users FOR UPDATE";
    locking.query(lock, &[]).await.unwrap();
    let waits = metric(&observer, WAITS);
    let hash = token(1);
    let blocked = async {
        // The only connection waits for the lock, and the look-up for the connection.
        wait_for_metric(&observer, POOL[3], 1.0).await;
        assert_eq!(pool(), [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(metric(&observer, WAITS), waits + 1.0);
        locking.rollback().await.unwrap();
    };
    let (opened, found, ()) = tokio::join!(
        store.open_session(new_session(bob, 1)),
        store.find_session(&hash),
        blocked
    );
    assert!(matches!(opened.unwrap(), OpenOutcome::Opened { .. }));
    found.unwrap();
    assert_eq!(pool(), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(metric(&observer, WAITS), waits + 2.0);
}

#[tokio::test]
async fn operation_that_gets_no_connection_reports_it_and_counts_its_wait() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let options = PostgresOptions {
        pool_size: 1,
        probe_timeout: Duration::from_millis(50),
        ..OPTIONS
    };
    let store = open_observed(&database, options, observer.clone(), None).await;
    let bob = add_dealer(&store, "bob").await;
    let mut client = database.client().await;
    let locking = client.transaction().await.unwrap();
    let lock = "SELECT FROM users FOR UPDATE";
    locking.query(lock, &[]).await.unwrap();
    let blocked = async {
        wait_for_metric(&observer, POOL[2], 1.0).await;
        let waits = metric(&observer, WAITS);
        let failure = store.check_ready().await.unwrap_err();
        let text = "no connection to the database was available in time";
        assert_eq!(failure.causes(), text);
        assert_eq!(metric(&observer, WAITS), waits + 1.0);
        locking.rollback().await.unwrap();
    };
    let (opened, ()) = tokio::join!(store.open_session(new_session(bob, 1)), blocked);
    opened.unwrap();
}

#[tokio::test]
async fn connection_that_replaces_a_lost_one_is_counted() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let store = open_observed(&database, OPTIONS, observer.clone(), None).await;
    for opened in [1.0, 2.0, 3.0] {
        store.check_ready().await.unwrap();
        assert_eq!(metric(&observer, OPENED), opened);
        store.check_ready().await.unwrap();
        assert_eq!(metric(&observer, OPENED), opened);
        terminate_connections(&database).await;
    }
    assert_eq!(metric(&observer, FAILED), 0.0);
}

#[tokio::test]
async fn retry_after_a_conflict_is_counted() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let store = open_observed(&database, OPTIONS, observer.clone(), None).await;
    let client = database.client().await;
    client.batch_execute("CREATE SEQUENCE runs").await.unwrap();
    // A sequence is not rolled back, so that only the first three runs fail.
    let running =
        store
            .core
            .run::<_, _, StoreFailure>(Mode::Write(Repeat::Unsafe), &(), |step, ()| {
                Box::pin(async {
                    let sql = "DO $$ BEGIN
                    IF nextval('runs') <= 3 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
                END $$";
                    step.execute(sql, &[]).await?;
                    Ok(())
                })
            });
    running.await.unwrap();
    assert_eq!(metric(&observer, CONFLICTS), 3.0);
}

#[tokio::test]
async fn database_is_up_again_after_an_operation_that_needs_as_much_as_the_failed_one() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let store = open_observed(&database, OPTIONS, observer.clone(), None).await;
    let up = || metric(&observer, "pbx_login_database_up");
    let run = async |mode, sql: &'static str| {
        let running = store
            .core
            .run::<_, _, StoreFailure>(mode, &sql, |step, sql| {
                Box::pin(async move { Ok(step.query(sql, &[]).await.map(drop)?) })
            });
        running.await.is_ok()
    };
    let full = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$";
    let (read, soon, write) = (Mode::Read, Mode::WriteSoon, Mode::Write(Repeat::Safe));
    for (failed, insufficient, sufficient) in [
        (read, vec![], vec![read, soon, write]),
        (soon, vec![read], vec![soon, write]),
        (write, vec![read, soon], vec![write, Mode::Probe]),
    ] {
        for mode in sufficient {
            assert!(!run(failed, full).await);
            assert_eq!(up(), 0.0);
            for mode in &insufficient {
                assert!(run(*mode, "SELECT").await);
                assert_eq!(up(), 0.0, "{failed:?} {mode:?}");
            }
            assert!(run(mode, "SELECT").await);
            assert_eq!(up(), 1.0, "{failed:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn change_that_waits_for_a_permit_is_counted_as_waiting() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let options = PostgresOptions {
        pool_size: 2,
        ..OPTIONS
    };
    let store = open_observed(&database, options, observer.clone(), None).await;
    let bob = add_dealer(&store, "bob").await;
    let mut client = database.client().await;
    let locking = client.transaction().await.unwrap();
    let lock = "SELECT FROM users FOR UPDATE";
    locking.query(lock, &[]).await.unwrap();
    let hash = token(1);
    let blocked = async {
        wait_for_metric(&observer, POOL[3], 1.0).await;
        // The other half of the pool is for operations that wait for no standby.
        store.find_session(&hash).await.unwrap();
        locking.rollback().await.unwrap();
    };
    let (first, second, ()) = tokio::join!(
        store.open_session(new_session(bob, 1)),
        store.open_session(new_session(bob, 2)),
        blocked
    );
    first.and(second).unwrap();
    assert_eq!(metric(&observer, POOL[3]), 0.0);
}

/// A server that polls, with another one that ends sessions.
struct Pair {
    database: TestDatabase,
    observer: Observer,
    store: Postgres,
    other: Postgres,
    position: Option<ChangeToken>,
}

impl Pair {
    /// Opens sessions with the numbers 1 to 3, and polls once; `None` if the test is skipped.
    async fn open() -> Option<Self> {
        let database = migrated().await?;
        let observer = Observer::default();
        let store = open_observed(&database, OPTIONS, observer.clone(), None).await;
        let other = open(&database).await;
        let bob = add_dealer(&other, "bob").await;
        for number in 1..=3 {
            open_session(&other, bob, number).await;
        }
        let position = Some(store.poll_changes(None).await.unwrap().token);
        Some(Self {
            database,
            observer,
            store,
            other,
            position,
        })
    }

    /// Polls, and returns how many delays were measured until then.
    async fn poll(&mut self) -> f64 {
        let changes = self.store.poll_changes(self.position).await.unwrap();
        self.position = Some(changes.token);
        metric(&self.observer, PROPAGATIONS)
    }

    async fn end(&self, number: u128) {
        let ended = self.other.close_session(&token(number), &context()).await;
        assert!(ended.unwrap());
    }
}

#[tokio::test]
async fn propagation_delay_is_the_time_since_the_change_was_written() {
    let Some(mut pair) = Pair::open().await else {
        return;
    };
    assert_eq!(pair.poll().await, 0.0);
    let before = Instant::now();
    pair.end(1).await;
    let written = Instant::now();
    // The change waits for the poll during these operations.
    for number in 0..20 {
        add_dealer(&pair.other, &format!("user{number}")).await;
    }
    let waited = written.elapsed().as_secs_f64();
    let poll_began = Instant::now();
    assert_eq!(pair.poll().await, 1.0);
    let delay = metric(&pair.observer, DELAYS);
    // The metric is an upper bound: it can count the duration of the poll twice.
    let longest = (before.elapsed() + poll_began.elapsed()).as_secs_f64();
    assert!(
        (waited..longest).contains(&delay),
        "{waited} {delay} {longest}"
    );
}

#[tokio::test]
async fn propagation_of_a_change_is_measured_once() {
    let Some(mut pair) = Pair::open().await else {
        return;
    };
    // While this transaction has not ended, each poll reads the later changes again.
    let mut client = pair.database.client().await;
    let older = client.transaction().await.unwrap();
    older
        .batch_execute("SELECT pg_current_xact_id()")
        .await
        .unwrap();
    pair.end(1).await;
    assert_eq!(pair.poll().await, 1.0);
    assert_eq!(pair.poll().await, 1.0);
    pair.end(2).await;
    assert_eq!(pair.poll().await, 2.0);
    older.commit().await.unwrap();
    pair.end(3).await;
    assert_eq!(pair.poll().await, 3.0);
}

#[tokio::test]
async fn propagation_of_a_change_before_the_first_poll_is_not_measured() {
    let Some(mut pair) = Pair::open().await else {
        return;
    };
    let mut client = pair.database.client().await;
    let older = client.transaction().await.unwrap();
    older
        .batch_execute("SELECT pg_current_xact_id()")
        .await
        .unwrap();
    pair.end(1).await;
    pair.store = open_observed(&pair.database, OPTIONS, pair.observer.clone(), None).await;
    pair.position = None;
    assert_eq!(pair.poll().await, 0.0);
    // Read again, because of the older transaction.
    let changes = pair.store.poll_changes(pair.position).await.unwrap();
    assert_eq!(
        changes.invalidated,
        crate::store::cached::Invalidated::Sessions(vec![token(1)])
    );
    assert_eq!(metric(&pair.observer, PROPAGATIONS), 0.0);
}

#[tokio::test]
async fn invalidation_of_the_whole_cache_and_its_staleness_are_measured() {
    let Some(database) = migrated().await else {
        return;
    };
    let observer = Observer::default();
    let options = OpenOptions {
        postgres: OPTIONS,
        observer: observer.clone(),
        ..OpenOptions::new(IfMissing::Fail)
    };
    let opened = Instant::now();
    let url = database.url.parse().unwrap();
    let _open = open_database(&url, options, 100).await.unwrap();
    // By the first poll.
    assert_eq!(metric(&observer, INVALIDATIONS), 1.0);
    let staleness = metric(&observer, "pbx_login_session_cache_staleness_seconds");
    let longest = opened.elapsed().as_secs_f64();
    assert!(staleness > 0.0 && staleness < longest, "{staleness}");
    terminate_connections(&database).await;
    wait_for_metric(&observer, INVALIDATIONS, 2.0).await;
}

//! Commits that wait for a standby that is away.

use std::time::{Duration, Instant};

use super::testing::cluster::Cluster;
use super::*;
use crate::store::health::Health as _;
use crate::store::session::SessionLookup as _;

const DEADLINE: Duration = Duration::from_secs(60);

async fn open_on(cluster: &Cluster, observer: Observer) -> Postgres {
    let client = cluster.client().await;
    let create = "CREATE DATABASE pbx TEMPLATE template0 ENCODING 'UTF8'";
    client.batch_execute(create).await.unwrap();
    let options = PostgresOptions {
        pool_size: 4,
        operation_timeout: Duration::from_secs(1),
        ..OPTIONS
    };
    let url = parse(&cluster.url("pbx"));
    let opened = Postgres::open_with(&url, IfMissing::Create, options, observer, None).await;
    opened.unwrap()
}

/// Starts a primary, the standby for which its commits wait, and a store with a small pool.
async fn start(observer: Observer) -> Option<(Cluster, Cluster, Postgres)> {
    let primary = Cluster::primary()?;
    let store = open_on(&primary, observer).await;
    let standby = primary.standby("one");
    primary
        .configure("synchronous_standby_names = 'ANY 1 (one)'")
        .await;
    primary.wait_for_standby("one", "quorum").await;
    Some((primary, standby, store))
}

/// Adds users: a login that waits locks its user.
async fn add_users(store: &Postgres, count: usize) -> Vec<UserId> {
    let mut users = Vec::new();
    for number in 0..count {
        users.push(add_dealer(store, &format!("user{number}")).await);
    }
    users
}

#[tokio::test]
async fn concurrent_commits_without_a_standby_never_exceed_the_pool() {
    let Some((primary, standby, store)) = start(Observer::default()).await else {
        return;
    };
    let users = add_users(&store, 8).await;
    open_session(&store, users[0], 0).await;
    let client = primary.client().await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'pbx'";
    let count = async || client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);

    standby.kill();
    for round in 0..2 {
        let opening = users.iter().zip(1..).map(async |(user, number)| {
            let session = new_session(*user, 10 * round + number);
            store.open_session(session).await.unwrap_err()
        });
        let failures = futures::future::join_all(opening).await;
        assert!(failures.iter().all(StoreFailure::is_outage), "{failures:?}");
        let hash = token(0);
        let reading = (0..8).map(|_| store.find_session(&hash));
        let found = futures::future::try_join_all(reading).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        assert_eq!(count().await, 4);
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let waiting: i64 = client.query_one(waiting, &[]).await.unwrap().get(0);
    assert_eq!(waiting, 2);
}

#[tokio::test]
async fn commits_without_a_standby_do_not_use_up_the_connections() {
    let observer = Observer::default();
    let metrics = Arc::clone(&observer.metrics);
    let is_up = || metrics.encode().contains("pbx_login_database_up 1");
    let Some((primary, standby, store)) = start(observer).await else {
        return;
    };
    let users = add_users(&store, 4).await;
    open_session(&store, users[0], 0).await;

    standby.kill();
    let since = Instant::now();
    let mut refusals = Vec::new();
    for (user, number) in users.iter().zip(1..) {
        let opened = store.open_session(new_session(*user, number)).await;
        let failure = opened.unwrap_err();
        assert!(failure.is_outage(), "{failure:?}");
        refusals.push(format!("{failure:?}").contains("synchronous standby"));
    }
    // Half of the size of the pool may wait.
    assert_eq!(refusals, [false, false, true, true]);
    assert!(store.find_session(&token(0)).await.unwrap().is_some());
    assert!(!is_up(), "changes fail");

    standby.restart();
    primary.wait_for_standby("one", "quorum").await;
    while store
        .open_session(new_session(users[3], 100))
        .await
        .is_err()
    {
        assert!(since.elapsed() < DEADLINE, "refused");
    }
    assert!(is_up());
}

#[tokio::test]
async fn probe_does_not_wait_for_changes_that_wait_for_a_lock() {
    let Some(database) = migrated().await else {
        return;
    };
    let options = PostgresOptions {
        pool_size: 4,
        ..OPTIONS
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let users = add_users(&store, 3).await;
    let (mut holder, client) = (database.client().await, database.client().await);
    let holding = holder.transaction().await.unwrap();
    holding.batch_execute("LOCK TABLE sessions").await.unwrap();

    let opening = users.iter().zip(1..);
    let opening = opening.map(|(user, number)| store.open_session(new_session(*user, number)));
    let probing = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let since = Instant::now();
        // Half of the pool.
        while client
            .query_one(waiting, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            < 2
        {
            assert!(since.elapsed() < DEADLINE, "no change waits");
        }
        let ready = tokio::time::timeout(DEADLINE / 2, store.check_ready()).await;
        holding.rollback().await.unwrap();
        ready
    };
    let (opened, ready) = futures::join!(futures::future::join_all(opening), probing);
    ready.expect("the probe does not wait").unwrap();
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

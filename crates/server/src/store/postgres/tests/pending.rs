//! Commits that wait for a standby that is away.

use std::time::{Duration, Instant};

use super::testing::cluster::Cluster;
use super::*;
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

#[tokio::test]
async fn commits_without_a_standby_do_not_use_up_the_connections() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let observer = Observer::default();
    let metrics = Arc::clone(&observer.metrics);
    let is_up = || metrics.encode().contains("pbx_login_database_up 1");
    let store = open_on(&primary, observer).await;
    let standby = primary.standby("one");
    primary
        .configure("synchronous_standby_names = 'ANY 1 (one)'")
        .await;
    primary.wait_for_standby("one", "quorum").await;
    // A login that waits locks its user.
    let mut users = Vec::new();
    for name in ["ann", "bob", "carol", "dave"] {
        users.push(add_dealer(&store, name).await);
    }
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

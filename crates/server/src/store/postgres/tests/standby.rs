//! Standbys: streaming, synchronous replication and promotion of the servers of these tests.

use super::testing::cluster::Cluster;

const IS_STANDBY: &str = "SELECT pg_is_in_recovery()";

#[tokio::test]
async fn standby_streams_becomes_synchronous_and_is_promoted() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let standby = primary.standby("one");
    primary.wait_for_standby("one", "async").await;
    primary
        .configure("synchronous_standby_names = 'ANY 1 (*)'")
        .await;
    primary.wait_for_standby("one", "quorum").await;
    standby.wait_until(IS_STANDBY).await;
    let signal = standby.directory().join("data/standby.signal");
    assert!(signal.exists());
    let client = primary.client().await;
    client.batch_execute("CREATE TABLE t ()").await.unwrap();

    primary.kill();
    standby.promote();
    standby.wait_until("SELECT NOT pg_is_in_recovery()").await;
    let found = "SELECT to_regclass('t') IS NOT NULL";
    standby.wait_until(found).await;

    // What was committed survives the crash of the old primary too.
    primary.restart();
    primary.wait_until(found).await;
    primary.freeze();
    primary.resume();
    primary.stop("fast");
}

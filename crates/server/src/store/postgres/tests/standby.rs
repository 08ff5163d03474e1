//! Warnings about asynchronous standbys, and a failover that does not stop the old primary.

use super::super::monitor::Monitor;
use super::testing::cluster::Cluster;
use super::*;
use crate::store::health::Health as _;
use crate::store::session::SessionLookup as _;

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

async fn open_logged(url: &str, lines: &Lines) -> Postgres {
    let observer = Observer {
        log: lines.log(),
        ..Observer::default()
    };
    let url = parse(url);
    let opened = Postgres::open_with(&url, IfMissing::Create, OPTIONS, observer, None);
    opened.await.unwrap()
}

/// Checks the standbys; returns the metric and what was logged.
async fn check(store: &Postgres, monitor: &mut Monitor, lines: &Lines) -> String {
    monitor.check_standbys(&store.core).await.unwrap();
    let text = store.core.observer.metrics.encode();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("pbx_login_asynchronous_standbys "));
    format!("{} {}", value.unwrap(), lines.take())
}

const ROLE: &str = "CREATE ROLE pbx LOGIN; GRANT ALL ON DATABASE postgres TO pbx; GRANT ALL ON SCHEMA public TO pbx";

#[tokio::test]
async fn asynchronous_standby_is_reported_with_the_setting_to_change() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let lines = Lines::default();
    primary.client().await.batch_execute(ROLE).await.unwrap();
    let url = primary.url("postgres").replace("postgres@", "pbx@");
    let store = open_logged(&url, &lines).await;
    let mut monitor = store.monitor();
    assert_eq!(check(&store, &mut monitor, &lines).await, "0 ");

    let standby = primary.standby("my \"standby\"");
    primary.wait_for_standby("my \"standby\"", "async").await;
    insta::assert_snapshot!(check(&store, &mut monitor, &lines).await, @r#"NaN {"msg":"the role lacks the privilege to see whether a failover can lose acknowledged changes; grant it","run":"GRANT pg_read_all_stats TO pbx"}"#);
    assert_eq!(check(&store, &mut monitor, &lines).await, "NaN ");
    let client = primary.client().await;
    let grant = "GRANT pg_read_all_stats TO pbx";
    client.batch_execute(grant).await.unwrap();
    let replays = "SELECT replay_lsn IS NOT NULL FROM pg_stat_replication";
    primary.wait_until(replays).await;
    let asynchronous = check(&store, &mut monitor, &lines).await;
    insta::assert_snapshot!(asynchronous, @r#"1 {"msg":"a failover can lose acknowledged logins and logouts, because commits wait for no standby; configure PostgreSQL","setting":"synchronous_standby_names = 'ANY 1 (\"my \"\"standby\"\"\")'","standbys":1}"#);
    assert_eq!(check(&store, &mut monitor, &lines).await, "1 ");

    primary
        .configure("synchronous_standby_names = 'ANY 1 (\"my \"\"standby\"\"\")'")
        .await;
    primary.wait_for_standby("my \"standby\"", "quorum").await;
    insta::assert_snapshot!(check(&store, &mut monitor, &lines).await, @r#"0 {"msg":"a failover loses no acknowledged changes"}"#);
    // Commits wait for a standby that is away.
    standby.stop("immediate");
    assert_eq!(check(&store, &mut monitor, &lines).await, "0 ");
    standby.restart();
    primary.wait_for_standby("my \"standby\"", "quorum").await;
    primary.wait_until(replays).await;

    let local = open_logged(
        &format!("{url}?options=-csynchronous_commit%3Dlocal"),
        &lines,
    )
    .await;
    let mut monitor = local.monitor();
    insta::assert_snapshot!(check(&local, &mut monitor, &lines).await, @r#"1 {"msg":"a failover can lose acknowledged logins and logouts, because commits wait for no standby; configure PostgreSQL","setting":"synchronous_commit = on","standbys":1}"#);
}

const SUBSCRIBE: &str = "
    CREATE SUBSCRIPTION copy CONNECTION 'host=DIRECTORY user=postgres dbname=postgres' PUBLICATION copy
        WITH (create_slot = false, slot_name = 'copy')";

#[tokio::test]
async fn archiver_and_subscription_are_not_standbys() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let lines = Lines::default();
    let store = open_logged(&primary.url("postgres"), &lines).await;
    let mut monitor = store.monitor();
    let _archiver = primary.archiver();
    let client = primary.client().await;
    for sql in [
        "CREATE PUBLICATION copy",
        "SELECT pg_create_logical_replication_slot('copy', 'pgoutput')",
        "CREATE DATABASE other",
    ] {
        client.batch_execute(sql).await.unwrap();
    }
    let other = testing::connect(&primary.url("other")).await;
    let directory = primary.directory().display().to_string();
    let subscribe = SUBSCRIBE.replace("DIRECTORY", &directory);
    other.batch_execute(&subscribe).await.unwrap();
    primary
        .wait_until(
            "SELECT count(*) = 2 AND count(replay_lsn) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
        )
        .await;
    assert_eq!(check(&store, &mut monitor, &lines).await, "0 ");
    let unsubscribe = "ALTER SUBSCRIPTION copy DISABLE";
    other.batch_execute(unsubscribe).await.unwrap();
}

#[tokio::test]
async fn servers_leave_an_old_primary_that_still_answers() {
    let Some(old) = Cluster::primary() else {
        return;
    };
    let new = old.standby("one");
    let hosts = [&old, &new].map(|server| server.directory().display().to_string());
    // The role of a server has no privileges on the whole system.
    old.client().await.batch_execute(ROLE).await.unwrap();
    let url = format!("postgres:///postgres?user=pbx&host={}", hosts.join(","));
    let lines = Lines::default();
    let store = open_logged(&url, &lines).await;
    let mut monitor = store.monitor();
    monitor.check(&store.core).await;
    let bob = add_dealer(&store, "bob").await;
    let mut position = store.poll_changes(None).await.unwrap().token;
    // The connection of the poller is in use, and that of the pool.
    position = store.poll_changes(Some(position)).await.unwrap().token;
    open_session(&store, bob, 1).await;
    let sessions = "SELECT count(*) = 1 FROM sessions";
    new.wait_until(sessions).await;
    lines.take();

    new.promote();
    monitor.check(&store.core).await;
    let logged = lines.take();
    for (number, host) in hosts.iter().enumerate() {
        let name = if number == 0 { "previous" } else { "host" };
        assert!(
            logged.contains(&format!("\"{name}\":\"{host}:5432\"")),
            "{logged}"
        );
    }
    open_session(&store, bob, 2).await;
    let polled = store.poll_changes(Some(position)).await.unwrap();
    assert_eq!(polled.invalidated, crate::store::cached::Invalidated::All);
    // Only the probe of the old primary remains, and does not reconnect.
    let only = "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'pbx'";
    old.wait_until(only).await;
    let client = old.client().await;
    let read = "SELECT pid FROM pg_stat_activity WHERE usename = 'pbx'";
    let probe = async || client.query_one(read, &[]).await.unwrap().get::<_, i32>(0);
    let before = probe().await;
    for _ in 0..3 {
        monitor.check(&store.core).await;
    }
    assert_eq!(probe().await, before);
    assert!(store.find_session(&token(2)).await.unwrap().is_some());
    new.wait_until("SELECT count(*) = 2 FROM sessions").await;
    old.wait_until(sessions).await;

    // A process that starts now never uses the old primary either, although it is the first host.
    let other = open_logged(&url, &lines).await;
    assert!(other.find_session(&token(2)).await.unwrap().is_some());

    // Without the new primary, nothing is acknowledged.
    let options = PostgresOptions {
        operation_timeout: std::time::Duration::from_secs(2),
        ..OPTIONS
    };
    let (url, observer) = (parse(&url), Observer::default());
    let opening = Postgres::open_with(&url, IfMissing::Fail, options, observer, None);
    let strict = opening.await.unwrap();
    new.stop("immediate");
    let failure = strict.open_session(new_session(bob, 3)).await.unwrap_err();
    let cause = format!("{failure:?}");
    assert!(failure.is_outage(), "{cause}");
    old.wait_until(sessions).await;
}

#[tokio::test]
async fn host_of_another_system_is_reported_once_and_never_used() {
    let (Some(first), Some(other)) = (Cluster::primary(), Cluster::primary()) else {
        return;
    };
    let hosts = [&first, &other].map(|server| server.directory().display().to_string());
    let url = format!(
        "postgres:///postgres?user=postgres&host={}",
        hosts.join(",")
    );
    let lines = Lines::default();
    let observer = Observer {
        log: lines.log(),
        ..Observer::default()
    };
    let options = PostgresOptions {
        operation_timeout: std::time::Duration::from_secs(2),
        ..OPTIONS
    };
    let url = parse(&url);
    let opening = Postgres::open_with(&url, IfMissing::Create, options, observer, None);
    let store = opening.await.unwrap();
    let mut monitor = store.monitor();
    for _ in 0..3 {
        monitor.check(&store.core).await;
    }
    let logged = lines.take();
    let is_report = |line: &&str| line.contains("another database system");
    let reports: Vec<&str> = logged.lines().filter(is_report).collect();
    let [report] = *reports else {
        panic!("{logged}");
    };
    assert!(report.contains(&format!("\"host\":\"{}:5432\"", hosts[1])));
    assert!(!logged.contains("primary now"), "{logged}");

    let bob = add_dealer(&store, "bob").await;
    first.stop("immediate");
    let failure = store.open_session(new_session(bob, 1)).await.unwrap_err();
    assert!(failure.is_outage(), "{failure:?}");
    first.restart();
    open_session(&store, bob, 2).await;
    let empty = "SELECT count(*) = 0 FROM pg_tables WHERE tablename = 'sessions'";
    other.wait_until(empty).await;
}

#[tokio::test]
async fn promotion_is_detected_while_a_third_host_is_frozen() {
    let Some(old) = Cluster::primary() else {
        return;
    };
    let (new, frozen) = (old.standby("one"), old.standby("two"));
    let hosts = [&old, &new, &frozen].map(|server| server.directory().display().to_string());
    let url = format!(
        "postgres:///postgres?user=postgres&host={}",
        hosts.join(",")
    );
    let store = open_logged(&url, &Lines::default()).await;
    let bob = add_dealer(&store, "bob").await;
    new.wait_until("SELECT count(*) = 1 FROM users").await;
    store.start_monitor().await;
    frozen.freeze();
    new.promote();
    let finding = async {
        let mut number = 1;
        let client = new.client().await;
        let sql = "SELECT count(*) > 0 FROM sessions";
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            // Beyond their maximum, each login ends another session.
            store.open_session(new_session(bob, number)).await.unwrap();
            number += 1;
        }
    };
    // Less than the timeout of the probe of the frozen host.
    let deadline = OPTIONS.connect_timeout / 2;
    let found = tokio::time::timeout(deadline, finding).await;
    found.expect("the new primary is used");
}

#[tokio::test]
async fn standby_is_not_ready_until_it_is_promoted() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let standby = primary.standby("one");
    let hosts = [&primary, &standby].map(|server| server.directory().display().to_string());
    let url = format!(
        "postgres:///postgres?user=postgres&host={}",
        hosts.join(",")
    );
    let options = PostgresOptions {
        probe_timeout: std::time::Duration::from_secs(2),
        ..OPTIONS
    };
    let (url, observer) = (parse(&url), Observer::default());
    let opening = Postgres::open_with(&url, IfMissing::Create, options, observer, None);
    let store = opening.await.unwrap();
    store.check_ready().await.unwrap();
    standby
        .wait_until("SELECT count(*) = 1 FROM readiness")
        .await;

    let any = format!("{}?target_session_attrs=any", standby.url("postgres"));
    let reading = open_logged(&any, &Lines::default()).await;
    let cause = reading.check_ready().await.unwrap_err().causes();
    assert_eq!(cause, "the database is a standby");
    primary.stop("immediate");
    let cause = store.check_ready().await.unwrap_err().causes();
    assert_eq!(cause, "the database is a standby or read-only");
    standby.promote();
    for store in [store, reading] {
        store.check_ready().await.unwrap();
    }
}

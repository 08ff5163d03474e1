//! Guarantees of three servers on one PostgreSQL database with a synchronous standby, under faults.

mod api;
mod fleet;
mod ledger;
mod load;
#[path = "../common/program.rs"]
mod program;
mod proxy;
mod random;
mod schedule;
mod site;
#[expect(dead_code, reason = "tests of the store use more of it")]
#[path = "../../src/store/postgres/testing.rs"]
mod testing;

use std::time::{Duration, Instant};

use load::{FREE_FAILURES, Load};
use site::Site;

const SEED: u64 = 1;

/// Runs a test under load.
async fn under_load(test: impl AsyncFnOnce(&mut Site)) {
    let Some(mut site) = Site::start(4).await else {
        return;
    };
    let load = Load::start(&site.shared, SEED);
    // Before the fault, there must be sessions that it could lose.
    let since = Instant::now();
    while site.shared.ledger.counts().opened < 10 {
        assert!(since.elapsed() < fleet::DEADLINE, "no session is opened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    test(&mut site).await;
    // Longer than the bound of resumption, after which no operation may be refused.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    load.finish().await;
    site.verify(SEED).await;
    let counts = site.shared.ledger.counts();
    println!("{counts:?}");
    assert!(counts.confirmed > 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_session_is_refused_within_a_second_also_after_a_reconnect() {
    under_load(async |site| {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            site.cut(|| true);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_loses_no_acknowledged_session() {
    under_load(async |site| {
        for number in 0..fleet::SERVERS {
            site.restart_server(number).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_database_loses_no_acknowledged_session() {
    under_load(async |site| {
        site.crash(Duration::from_millis(500)).await;
        site.crash(Duration::ZERO).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_standby_has_every_acknowledged_session() {
    under_load(async |site| {
        site.fail_over(Duration::ZERO).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        site.fail_over(Duration::from_millis(500)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_primary_that_still_answers_acknowledges_nothing() {
    under_load(async |site| site.split(Duration::from_secs(2), false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_primary_that_answers_again_is_not_used() {
    under_load(async |site| {
        site.split(Duration::from_secs(3), true).await;
        site.split(Duration::from_secs(3), true).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_server_does_not_delay_others() {
    under_load(async |site| {
        for number in 0..fleet::SERVERS {
            site.freeze_server(number, Duration::from_secs(2)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_without_a_standby_is_not_acknowledged() {
    under_load(async |site| site.crash_standby(Duration::from_secs(7)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_database_causes_an_outage_until_it_resumes() {
    under_load(async |site| site.freeze(Duration::from_secs(7)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn network_partition_causes_an_outage_until_it_ends() {
    under_load(async |site| {
        site.partition(Duration::from_millis(300)).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        site.partition(Duration::from_secs(6)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_guesses_on_three_servers_are_verified_up_to_the_limit() {
    let Some(site) = Site::start(0).await else {
        return;
    };
    let verified = load::guess(&site.shared, "user", 1000).await;
    assert_eq!(verified, FREE_FAILURES);
    site.verify(SEED).await;
}

/// `CHAOS_SECONDS` sets the duration, and `CHAOS_SEED` repeats the order of faults.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; .ci/run runs it"]
async fn random_faults_violate_no_guarantee() {
    let setting = |name| std::env::var(name).ok().map(|text| text.parse());
    let time = setting("CHAOS_SECONDS").unwrap_or(Ok(600));
    let seed = setting("CHAOS_SEED").unwrap_or(Ok(u64::from(std::process::id())));
    let seed = seed.expect("CHAOS_SEED is a number");
    println!("CHAOS_SEED={seed}");
    let Some(site) = Site::start(16).await else {
        return;
    };
    let time = Duration::from_secs(time.expect("CHAOS_SECONDS is a number"));
    schedule::run(site, seed, time).await;
}

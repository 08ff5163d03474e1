//! One clock for all processes, whatever the clocks of their machines show.

use chrono::TimeDelta;

use super::*;
use crate::clock::SystemClock;
use crate::store::{OpenOptions, open_cached as open_database};

/// The clock of a machine that is not synchronized.
#[derive(Debug)]
struct ShiftedClock(TimeDelta);

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

fn observer(seconds: i64, log: slog::Logger) -> Observer {
    Observer {
        clock: Arc::new(ShiftedClock(TimeDelta::seconds(seconds))),
        log,
        ..Observer::default()
    }
}

/// Returns the metric of the difference, in whole seconds.
fn difference(observer: &Observer) -> f64 {
    let text = observer.metrics.encode();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("pbx_login_clock_difference_seconds "));
    value.unwrap().parse::<f64>().unwrap().round()
}

#[tokio::test]
async fn difference_of_the_machines_clock_is_reported() {
    let Some(database) = migrated().await else {
        return;
    };
    for (seconds, warning) in [
        (
            -5,
            "{\"msg\":\"the clock of this machine differs from that of the database; synchronize both, for example with chrony\",\"difference_s\":\"-5.0\"}\n",
        ),
        (1, ""),
    ] {
        let lines = Lines::default();
        let observer = observer(seconds, lines.log());
        let url = parse(&database.url);
        let opened = Postgres::open_with(&url, IfMissing::Fail, OPTIONS, observer.clone(), None);
        let store = opened.await.unwrap();
        assert_eq!(lines.take(), warning);
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let expected = seconds as f64;
        assert_eq!(difference(&observer), expected);
        observer.metrics.set_clock_difference(TimeDelta::zero());
        store.poll_changes(None).await.unwrap();
        assert_eq!(difference(&observer), expected, "each poll updates it");
    }
}

#[tokio::test]
async fn servers_whose_machines_differ_have_the_clock_of_the_database() {
    let Some(database) = migrated().await else {
        return;
    };
    let open = async |seconds, cached_sessions| {
        let options = OpenOptions {
            postgres: OPTIONS,
            observer: observer(seconds, Observer::default().log),
            ..OpenOptions::new(IfMissing::Fail)
        };
        let url = database.url.parse().unwrap();
        let opened = open_database(&url, options, cached_sessions).await;
        opened.unwrap().clock
    };
    let client = database.client().await;
    let read = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let clocks = [open(-5, 100).await, open(5, 100).await, open(5, 0).await];
    for clock in clocks {
        let before = clock.now();
        let time: i64 = client.query_one(read, &[]).await.unwrap().get(0);
        let time = DateTime::from_timestamp_micros(time).unwrap();
        let after = clock.now();
        let tolerance = TimeDelta::seconds(1);
        assert!(before - tolerance < time, "{before} {time}");
        assert!(time < after + tolerance, "{time} {after}");
    }
}

#[tokio::test]
async fn poll_follows_the_clock_of_a_database_that_is_set() {
    let Some(database) = migrated().await else {
        return;
    };
    let lines = Lines::default();
    let observer = observer(0, lines.log());
    let url = parse(&database.url);
    let opened = Postgres::open_with(&url, IfMissing::Fail, OPTIONS, observer, None);
    let store = opened.await.unwrap();
    let before = store.clock.now();
    // As if the clock had been five minutes ahead before the next poll.
    let ahead = (before + TimeDelta::minutes(5)).timestamp_micros();
    let log = store.core.observer.log.clone();
    store.clock.record(std::time::Instant::now(), ahead, &log);
    assert!(store.clock.now() > before + TimeDelta::minutes(4));
    store.poll_changes(None).await.unwrap();
    assert!(store.clock.now() < before + TimeDelta::minutes(4));
    let lines = lines.take();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("\"change_s\":\"300.0\"}"), "{lines:?}");
    assert!(lines[1].contains("\"change_s\":\"-"), "{lines:?}");
}

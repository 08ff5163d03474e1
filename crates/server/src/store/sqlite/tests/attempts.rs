//! Tests of attempts that need several connections or many rows.

use chrono::TimeDelta;

use super::*;
use crate::domain::attempt::AccountKey;
use crate::domain::attempt::NewAttempt;
use crate::domain::rate_limit::{Rules, Sweep};
use crate::store::attempt::Attempts as _;

#[tokio::test]
async fn concurrent_processes_reserve_attempts_up_to_the_limit() {
    let scratch = scratch();
    let rules = Rules::DEFAULT;
    // Each store has its own writer, as separate processes have.
    let stores = [(); 3].map(|()| open(&scratch.path));
    let attempt = NewAttempt {
        account: AccountKey::new("bob", None),
        network: std::net::IpAddr::from([192, 0, 2, 1]).into(),
        user: None,
        at: now(),
    };
    let reserving = (0..300).map(|number| stores[number % 3].reserve_attempt(&attempt, &rules));
    let reserved = futures::future::try_join_all(reserving).await.unwrap();
    assert_eq!(
        reserved
            .iter()
            .filter(|result| result.reservation().is_some())
            .count(),
        5
    );
}

#[tokio::test]
async fn sweep_deletes_the_oldest_excess_attempts() {
    let scratch = scratch();
    let store = open(&scratch.path);
    for number in 0..10_u8 {
        let attempt = NewAttempt {
            account: AccountKey::new(&number.to_string(), None),
            network: std::net::IpAddr::from([192, 0, 2, number]).into(),
            user: None,
            at: now() + TimeDelta::seconds(number.into()),
        };
        let reserved = store.reserve_attempt(&attempt, &Rules::DEFAULT).await;
        reserved.unwrap().reservation().unwrap();
    }
    let sweep = async |max_rows| {
        let swept = store.write(move |step| {
            let sweep = Sweep::new(now() - TimeDelta::days(1), now(), 100);
            attempt::sweep(step, &Sweep { max_rows, ..sweep })
        });
        swept.await.unwrap()
    };
    assert_eq!(sweep(10).await, 0);
    // Four attempts and four streaks.
    assert_eq!(sweep(6).await, 8);
    for table in ["attempts", "streaks"] {
        let left = format!("SELECT count(*) FROM {table} WHERE network > x'C0000203'");
        assert_eq!(
            store
                .read(|c| Ok::<_, StoreFailure>(query_number(c, &left)))
                .unwrap(),
            6,
            "{table}"
        );
    }
}

//! Tests of attempts that need several connections or many rows.

use chrono::TimeDelta;

use super::*;
use crate::domain::attempt::AccountKey;
use crate::domain::attempt::{NewAllowanceAttempt, NewAttempt, ReserveOutcome};
use crate::domain::audit::Caller;
use crate::domain::rate_limit::{LimitKind, Rules};
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
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
async fn concurrent_processes_never_exceed_an_allowance() {
    let scratch = scratch();
    let stores = [(); 3].map(|()| open(&scratch.path));
    let user =
        "INSERT INTO users (username, username_key, built_in_role, password_hash, created_at)
        VALUES ('bob', 'bob', 'Dealer', 'h', 0)";
    let attempt = NewAllowanceAttempt {
        user: UserId(1),
        network: std::net::IpAddr::from([192, 0, 2, 1]).into(),
        at: now(),
    };
    let known = stores[0].write(move |step| {
        step.execute_batch(user)?;
        allowance::record_network(step, attempt.user, attempt.network, attempt.at)?;
        Ok::<_, StoreFailure>(())
    });
    known.await.unwrap();
    let reserving = (0..300).map(|number| stores[number % 3].reserve_allowance(&attempt));
    let reserved = futures::future::try_join_all(reserving).await.unwrap();
    assert_eq!(reserved.iter().flatten().count(), 5);
}

#[tokio::test]
async fn sweep_deletes_the_oldest_excess_attempts() {
    let scratch = scratch();
    let store = open(&scratch.path);
    for number in 0..10_u8 {
        let attempt = NewAttempt {
            account: AccountKey::new(&number.to_string(), None),
            network: std::net::IpAddr::from([192, 0, 2, number]).into(),
            at: now() + TimeDelta::seconds(number.into()),
        };
        fail(&store, &attempt).await;
    }
    let sweep = async |max_rows| {
        let swept = store.write(move |step| {
            let sweep = Sweep::new(Some(&Rules::DEFAULT), now(), 100);
            attempt_maintenance::sweep(step, &Sweep { max_rows, ..sweep })
        });
        swept.await.unwrap()
    };
    assert_eq!(sweep(10).await, 0);
    // The sweep deletes four attempts, four streaks and four days.
    assert_eq!(sweep(6).await, 12);
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

#[tokio::test]
async fn sweep_deletes_the_excess_days_with_the_fewest_failures() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let rules = Rules::DEFAULT;
    // Account 0 has the most failures, and the oldest.
    for number in 0..6_u8 {
        for failure in number..6 {
            let attempt = NewAttempt {
                account: AccountKey::new(&number.to_string(), None),
                network: std::net::IpAddr::from([192, 0, number, failure]).into(),
                at: now() + TimeDelta::seconds(number.into()),
            };
            fail(&store, &attempt).await;
        }
    }
    let plan = Sweep {
        max_rows: 4,
        ..Sweep::new(Some(&rules), now(), 100)
    };
    store.sweep_attempts(&plan).await.unwrap();
    let days = "SELECT count(*) * 100 + min(failures) FROM account_days";
    assert_eq!(read_number(&store, days), 403);
}

/// Guesses from 4096 /64s in all /56s of one /48 at one time, each at a different account.
#[tokio::test]
async fn guesses_from_many_networks_of_one_48_are_verified_200_times() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let mut verified = 0;
    for number in (0..=0xFFFF_u128).step_by(16) {
        let address = 0x2001_0db8_0000_0000 << 64 | number << 64;
        let attempt = NewAttempt {
            account: AccountKey::new(&number.to_string(), None),
            network: std::net::IpAddr::from(std::net::Ipv6Addr::from_bits(address)).into(),
            at: now(),
        };
        match store
            .reserve_attempt(&attempt, &Rules::DEFAULT)
            .await
            .unwrap()
        {
            ReserveOutcome::Reserved(reservation) => {
                verified += 1;
                store
                    .fail_attempt(&reservation, &refusal_of(&attempt), &Rules::DEFAULT)
                    .await
                    .unwrap();
            }
            ReserveOutcome::Limited(limited) => {
                assert!(matches!(
                    limited.limit,
                    LimitKind::Network56 | LimitKind::Network48
                ));
            }
        }
    }
    assert_eq!(verified, 200);
}

/// A guess each minute, each from another network: below the hourly limit of 100, for two days.
#[tokio::test]
async fn guesses_at_one_account_are_verified_240_times_a_day() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let mut verified = [0; 2];
    for minute in 0..2 * 24 * 60_u16 {
        let [high, low] = minute.to_be_bytes();
        let attempt = NewAttempt {
            account: AccountKey::new("bob", None),
            network: std::net::IpAddr::from([192, 0, high, low]).into(),
            at: now() + TimeDelta::minutes(minute.into()),
        };
        let outcome = store.reserve_attempt(&attempt, &Rules::DEFAULT).await;
        if let Some(reservation) = outcome.unwrap().reservation() {
            verified[usize::from(minute / (24 * 60))] += 1;
            store
                .fail_attempt(&reservation, &refusal_of(&attempt), &Rules::DEFAULT)
                .await
                .unwrap();
        }
    }
    assert_eq!(verified, [240, 240]);
}

/// Reserves an attempt and records it as failed.
async fn fail(store: &Sqlite, attempt: &NewAttempt) {
    let reserved = store.reserve_attempt(attempt, &Rules::DEFAULT).await;
    let reservation = reserved.unwrap().reservation().unwrap();
    let refusal = refusal_of(attempt);
    let failed = store.fail_attempt(&reservation, &refusal, &Rules::DEFAULT);
    failed.await.unwrap();
}

fn refusal_of(attempt: &NewAttempt) -> Refusal {
    Refusal {
        cause: RefusalCause::UnknownAccount,
        account: attempt.account,
        user: None,
        domain: None,
        at: attempt.at,
        caller: Caller {
            address: [192, 0, 2, 1].into(),
            user_agent: None,
            request_id: "r".to_owned(),
        },
        count: 1,
    }
}

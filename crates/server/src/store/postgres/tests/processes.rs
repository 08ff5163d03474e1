//! Rules that hold over several processes.

use std::net::{IpAddr, Ipv6Addr};

use super::*;
use crate::domain::attempt::{AccountKey, NewAllowanceAttempt, NewAttempt};
use crate::domain::audit::Caller;
use crate::domain::change::Change;
use crate::domain::rate_limit::{Limit, Rules};
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::user::{Scope, UserKey};
use crate::store::StoreError;
use crate::store::attempt::Attempts as _;
use crate::store::session::SessionLookup as _;

pub(super) fn attempt(account: &str, address: impl Into<IpAddr>) -> NewAttempt {
    NewAttempt {
        account: AccountKey::new(account, None),
        network: address.into().into(),
        at: now(),
    }
}

/// Opens three stores: each has its own connections, as separate processes have.
async fn open_three(database: &TestDatabase) -> [Postgres; 3] {
    [
        open(database).await,
        open(database).await,
        open(database).await,
    ]
}

/// Reserves all attempts concurrently; returns the number of reservations.
async fn reserve_all(stores: &[Postgres; 3], rules: &Rules, attempts: &[NewAttempt]) -> usize {
    let reserving = attempts
        .iter()
        .enumerate()
        .map(|(number, attempt)| stores[number % 3].reserve_attempt(attempt, rules));
    let reserved = futures::future::try_join_all(reserving).await.unwrap();
    let reserved = reserved.into_iter().filter_map(|it| it.reservation());
    reserved.count()
}

#[tokio::test]
async fn concurrent_processes_reserve_attempts_up_to_the_limits() {
    let Some(database) = migrated().await else {
        return;
    };
    let stores = open_three(&database).await;
    let rules = Rules {
        account: Limit {
            max_failures: 20,
            ..Rules::DEFAULT.account
        },
        ..Rules::DEFAULT
    };
    let reserve = async |attempts: Vec<NewAttempt>| reserve_all(&stores, &rules, &attempts).await;
    let one = attempt("bob", [192, 0, 2, 1]);
    assert_eq!(reserve(vec![one; 400]).await, 5);
    // The attempts are on one account from many networks, and on many accounts from one network.
    let networks = (0..300_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        attempt("carol", [198, 51, high, low])
    });
    assert_eq!(reserve(networks.collect()).await, 20);
    let accounts = (0..300).map(|number| attempt(&format!("user{number}"), [203, 0, 113, 1]));
    assert_eq!(reserve(accounts.collect()).await, 50);
}

#[tokio::test]
async fn concurrent_processes_reserve_attempts_up_to_the_limit_of_a_prefix_and_a_day() {
    let Some(database) = migrated().await else {
        return;
    };
    let stores = open_three(&database).await;
    let rules = Rules {
        account_daily_failures: 20,
        ..Rules::DEFAULT
    };
    // Each attempt is on another account, from another /64: in one /56, then in other /56s of the same /48.
    let attempts = |networks: std::ops::Range<u128>, step: usize| {
        let attempts = networks.step_by(step).map(|network| {
            let address = 0x2001_0db8_0000_0000 << 64 | network << 64;
            attempt(&network.to_string(), Ipv6Addr::from_bits(address))
        });
        attempts.collect::<Vec<_>>()
    };
    let reserve = async |attempts: Vec<NewAttempt>| reserve_all(&stores, &rules, &attempts).await;
    assert_eq!(reserve(attempts(0..0x100, 1)).await, 100);
    assert_eq!(reserve(attempts(0x100..0x1_0000, 0xFF)).await, 100);
    assert_eq!(reserve(attempts(0x1_0000..0x1_0001, 1)).await, 1);
    // Attempts on one account, from many networks.
    let day = (0..200).map(|number| attempt("bob", [192, 0, 2, number]));
    assert_eq!(reserve(day.collect()).await, 20);
}

#[tokio::test]
async fn concurrent_processes_count_every_outcome_of_a_day_and_a_streak() {
    let Some(database) = migrated().await else {
        return;
    };
    let stores = open_three(&database).await;
    let rules = Rules {
        free_failures: 100,
        ..Rules::DEFAULT
    };
    let one = attempt("bob", [192, 0, 2, 1]);
    // While some attempts are reserved, others fail or are released.
    let reserve_and_end = (0..40).map(|number| {
        let (one, store) = (&one, &stores[number % 3]);
        let rules = &rules;
        async move {
            let reserved = store.reserve_attempt(one, rules).await.unwrap();
            let reserved = reserved.reservation().unwrap();
            let ended = if number < 10 {
                store.fail_attempt(&reserved, &refusal_of(one), rules).await
            } else {
                store.release_attempt(&reserved).await
            };
            ended.unwrap();
        }
    });
    futures::future::join_all(reserve_and_end).await;
    let client = database.client().await;
    let sql = "SELECT (SELECT failures FROM account_days), (SELECT failures FROM streaks),
        (SELECT count(*) FROM attempts)";
    let row = client.query_one(sql, &[]).await.unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [10; 3]);
}

fn refusal_of(attempt: &NewAttempt) -> Refusal {
    Refusal {
        cause: RefusalCause::WrongPassword,
        account: attempt.account,
        user: None,
        domain: None,
        at: attempt.at,
        caller: Caller {
            address: IpAddr::from([192, 0, 2, 1]),
            user_agent: None,
            request_id: "r".to_owned(),
        },
        count: 1,
    }
}

/// Logs `bob` in; returns an attempt from the allowance of his network.
async fn log_in(store: &Postgres, bob: UserId, number: u8) -> NewAllowanceAttempt {
    let attempt = attempt("bob", [192, 0, 2, number]);
    let reserved = store.reserve_attempt(&attempt, &Rules::DEFAULT).await;
    let session = NewSession {
        reservation: reserved.unwrap().reservation(),
        ..new_session(bob, number.into())
    };
    store.open_session(session).await.unwrap();
    NewAllowanceAttempt {
        user: bob,
        network: attempt.network,
        at: attempt.at,
    }
}

#[tokio::test]
async fn concurrent_processes_never_exceed_an_allowance() {
    let Some(database) = migrated().await else {
        return;
    };
    let stores = open_three(&database).await;
    let bob = add_dealer(&stores[0], "bob").await;
    let attempt = log_in(&stores[0], bob, 1).await;
    let reserving = (0..300).map(|number| stores[number % 3].reserve_allowance(&attempt));
    let reserved = futures::future::try_join_all(reserving).await.unwrap();
    assert_eq!(reserved.iter().flatten().count(), 5);
}

#[tokio::test]
async fn allowance_during_a_change_of_its_user_is_reserved_or_refused() {
    let Some(database) = migrated().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let key = UserKey {
        scope: Scope::System,
        username: "bob".parse().unwrap(),
    };
    for number in 0..20 {
        let bob = add_dealer(&one, "bob").await;
        let attempt = log_in(&one, bob, number).await;
        let context = context();
        let (reserved, deleted) = tokio::join!(
            other.reserve_allowance(&attempt),
            one.delete_user(&key, &context)
        );
        reserved.unwrap();
        deleted.unwrap();
        let reserved = other.reserve_allowance(&attempt).await.unwrap();
        assert_eq!(reserved, None);
    }
}

#[tokio::test]
async fn concurrent_changes_leave_one_administrator() {
    let Some(database) = migrated().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let names = ["ann", "ben"];
    for name in names {
        let user = NewUser {
            public_id: PublicId::generate(now(), &OsRandom).unwrap(),
            username: name.parse().unwrap(),
            membership: Membership::System(SystemRole::SystemAdmin),
            password_hash: PasswordHash::from_store("hash".to_owned()),
        };
        one.create_user(user, &context()).await.unwrap();
    }
    let [ann, ben] = names.map(|name| UserKey {
        scope: Scope::System,
        username: name.parse().unwrap(),
    });
    let context = context();
    for _ in 0..20 {
        let (first, second) = tokio::join!(
            one.set_user_enabled(&ann, false, &context),
            other.set_user_enabled(&ben, false, &context)
        );
        let disabled = [&first, &second]
            .into_iter()
            .filter(|it| matches!(it, Ok(Change::Applied { .. })));
        assert_eq!(disabled.count(), 1, "{first:?} {second:?}");
        for user in [&ann, &ben] {
            one.set_user_enabled(user, true, &context).await.unwrap();
        }
    }
}

#[tokio::test]
async fn session_that_opens_during_a_change_ends_or_is_refused() {
    let Some(database) = migrated().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let bob = add_dealer(&one, "bob").await;
    let key = UserKey {
        scope: Scope::System,
        username: "bob".parse().unwrap(),
    };
    let context = context();
    for number in 0..50 {
        let session = new_session(bob, number);
        let (opened, disabled) = tokio::join!(
            one.open_session(session),
            other.set_user_enabled(&key, false, &context)
        );
        let ended = match disabled.unwrap() {
            Change::Applied { ended } => ended,
            Change::Unchanged => panic!("the user was enabled"),
        };
        let was_opened = matches!(opened.unwrap(), OpenOutcome::Opened { .. });
        assert_eq!(ended, u64::from(was_opened));
        other.set_user_enabled(&key, true, &context).await.unwrap();
        let found = one.find_session(&token(number)).await.unwrap();
        assert_eq!(found, None);
    }
}

#[tokio::test]
async fn one_of_two_concurrent_creations_succeeds() {
    let Some(database) = migrated().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let user = || NewUser {
        public_id: PublicId::generate(now(), &OsRandom).unwrap(),
        username: "bob".parse().unwrap(),
        membership: Membership::System(SystemRole::Dealer),
        password_hash: PasswordHash::from_store("hash".to_owned()),
    };
    let context = context();
    let (first, second) = tokio::join!(
        one.create_user(user(), &context),
        other.create_user(user(), &context)
    );
    let results = [first, second];
    let created = results.iter().filter(|result| result.is_ok()).count();
    let conflicts = results
        .iter()
        .filter(|result| matches!(result, Err(StoreError::Conflict(_))));
    assert_eq!((created, conflicts.count()), (1, 1));
}

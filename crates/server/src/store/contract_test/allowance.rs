//! Limits of prefixes and days, and the allowance of known networks.

use std::net::{IpAddr, Ipv6Addr};

use super::attempt::{
    RULES, account, attempt, commit_failure, fail, limited, network, reserve_by, succeed,
    succeed_with,
};
use super::*;
use crate::domain::attempt::{AttemptFilter, NewAllowanceAttempt, NewAttempt, Reservation};
use crate::domain::rate_limit::{LimitKind, Rules};
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;

/// An attempt of one account from a /64 of `2001:db8::/32`.
fn from_ipv6(name: &str, network: u32, seconds: i64) -> NewAttempt {
    let address = 0x2001_0db8_0000_0000 << 64 | u128::from(network) << 64;
    NewAttempt {
        account: account(name),
        network: IpAddr::from(Ipv6Addr::from_bits(address)).into(),
        at: at(seconds),
    }
}

/// Reserves and fails an attempt of each account and network; returns the last limit.
async fn fail_all(
    store: &Database,
    attempts: impl Iterator<Item = NewAttempt>,
) -> Option<LimitKind> {
    for attempt in attempts {
        match reserve_by(store, &RULES, &attempt).await {
            Ok(reserved) => commit_failure(store, "anyone", reserved, 0, 0).await,
            Err(limited) => return Some(limited.limit),
        }
    }
    None
}

async fn ipv6_prefixes_are_limited_over_their_networks(store: &Database) {
    let names: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
    let attempts = |networks: std::ops::Range<u32>| {
        let pairs = names.iter().zip(networks);
        pairs.map(|(name, network)| from_ipv6(name, network, 0))
    };
    // The attempts are from eight /64s of one /56, then from one of the next.
    assert_eq!(fail_all(store, attempts(0..8)).await, None);
    assert_eq!(
        fail_all(store, attempts(8..9)).await,
        Some(LimitKind::Network56)
    );
    assert_eq!(fail_all(store, attempts(0x100..0x108)).await, None);
    // The /48 has 16 failures: all of its networks are limited.
    assert_eq!(
        fail_all(store, attempts(0x200..0x201)).await,
        Some(LimitKind::Network48)
    );
    assert_eq!(
        fail_all(store, attempts(0xFFFF..0x1_0000)).await,
        Some(LimitKind::Network48)
    );
    assert_eq!(fail_all(store, attempts(0x1_0000..0x1_0001)).await, None);
    let later = reserve_by(store, &RULES, &from_ipv6("later", 0x200, 100)).await;
    assert!(later.is_ok(), "{later:?}");
}

async fn concurrent_attempts_from_one_48_are_reserved_up_to_its_limit(store: &Database) {
    let names: Vec<String> = (0..250).map(|number| format!("user{number}")).collect();
    let attempts: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| from_ipv6(name, number * 0x101, 0))
        .collect();
    let reserving = attempts
        .iter()
        .map(|attempt| reserve_by(store, &RULES, attempt));
    let outcomes = futures::future::join_all(reserving).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        16
    );
}

async fn account_is_limited_for_the_rest_of_its_day(store: &Database) {
    const HOUR: i64 = 3600;
    add_user(store, "bob", "Dealer").await;
    let rules = Rules {
        account_daily_failures: 3,
        ..RULES
    };
    let reserve = async |name: &str, from, seconds| {
        let reserved = reserve_by(store, &rules, &attempt(name, from, seconds)).await;
        reserved.map_err(|limited| (limited.limit, limited.retry_after_seconds()))
    };
    for at in [0, HOUR, 2 * HOUR] {
        // Neither a released attempt nor a successful one counts.
        let released = reserve("bob", 1, at + 1).await.unwrap();
        store.release_attempt(&released).await.unwrap();
        let correct = reserve("bob", 1, at + 2).await.unwrap();
        succeed_with(store, "bob", 1, at + 2, correct).await;
        let wrong = reserve("bob", 1, at).await.unwrap();
        commit_failure(store, "bob", wrong, 1, at).await;
    }
    let limited = |seconds: i64| Err((LimitKind::AccountDay, u32::try_from(seconds).unwrap()));
    assert_eq!(reserve("bob", 2, 3 * HOUR).await, limited(21 * HOUR));
    assert_eq!(reserve("bob", 2, 24 * HOUR - 1).await, limited(1));
    assert!(reserve("carol", 2, 3 * HOUR).await.is_ok());
    // The next day begins with its first attempt.
    for from in 1..=3 {
        reserve("bob", from, 30 * HOUR).await.unwrap();
    }
    let in_flight = reserve("bob", 4, 30 * HOUR).await;
    assert_eq!(in_flight, Err((LimitKind::Concurrency, 1)));
    // After the timeout, an unknown outcome counts as a failure.
    assert_eq!(
        reserve("bob", 4, 30 * HOUR + 16).await,
        limited(24 * HOUR - 16)
    );
}

async fn reserve_allowance(
    store: &Database,
    user: UserId,
    from: u8,
    seconds: i64,
) -> Option<Reservation> {
    let attempt = NewAllowanceAttempt {
        user,
        network: network(from),
        at: at(seconds),
    };
    store.reserve_allowance(&attempt).await.unwrap()
}

async fn allowance_permits_five_failures_an_hour_on_a_known_network(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "carol", "Dealer").await;
    let bob = succeed(store, "bob", 1, 0).await;
    let carol = succeed(store, "carol", 2, 0).await;
    for seconds in 0..5 {
        let reserved = reserve_allowance(store, bob, 1, seconds).await.unwrap();
        commit_failure(store, "bob", reserved, 1, seconds).await;
    }
    let is_permitted =
        async |user, from, seconds| match reserve_allowance(store, user, from, seconds).await {
            Some(reserved) => {
                store.release_attempt(&reserved).await.unwrap();
                true
            }
            None => false,
        };
    assert!(!is_permitted(bob, 1, 5).await);
    assert!(!is_permitted(bob, 2, 5).await, "a network of another user");
    assert!(
        is_permitted(carol, 2, 5).await,
        "the allowance of another user"
    );
    assert!(!is_permitted(bob, 1, 3599).await);
    assert!(is_permitted(bob, 1, 3600).await);
    let day = 86_400;
    assert!(is_permitted(carol, 2, 90 * day - 1).await);
    assert!(!is_permitted(carol, 2, 90 * day).await);
    // A later login extends it, also one from the allowance. It is stored to the hour.
    succeed(store, "carol", 2, 3599).await;
    assert!(!is_permitted(carol, 2, 90 * day).await);
    let correct = reserve_allowance(store, carol, 2, 3600).await.unwrap();
    succeed_with(store, "carol", 2, 3600, correct).await;
    assert!(is_permitted(carol, 2, 90 * day + 3599).await);
    assert!(!is_permitted(carol, 2, 90 * day + 3600).await);
}

async fn network_seen_longest_ago_is_forgotten_beyond_the_maximum(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let mut bob = UserId(0);
    for from in 1..=33 {
        bob = succeed(store, "bob", from, from.into()).await;
    }
    assert_eq!(reserve_allowance(store, bob, 1, 40).await, None);
    for from in [2, 33] {
        assert!(reserve_allowance(store, bob, from, 40).await.is_some());
    }
}

async fn concurrent_attempts_never_exceed_the_allowance(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let bob = succeed(store, "bob", 1, 0).await;
    let reserving = (0..100).map(|_| reserve_allowance(store, bob, 1, 0));
    let outcomes = futures::future::join_all(reserving).await;
    assert_eq!(outcomes.iter().flatten().count(), 5);
}

async fn attempts_from_the_allowance_change_no_limit(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let bob = succeed(store, "bob", 1, 0).await;
    for (name, from) in [
        ("bob", 2),
        ("bob", 1),
        ("dave", 1),
        ("erin", 1),
        ("frank", 1),
    ] {
        fail(store, name, from, 10).await;
    }
    let counted = async || {
        let listed = store.list_attempts(&RULES, at(10)).await.unwrap();
        (limited(store, "bob", 1, 10).await, listed)
    };
    let before = counted().await;
    assert_eq!(before.0, Some((LimitKind::Network, 100)));
    for _ in 0..3 {
        let reserved = reserve_allowance(store, bob, 1, 10).await.unwrap();
        commit_failure(store, "bob", reserved, 1, 10).await;
    }
    let released = reserve_allowance(store, bob, 1, 10).await.unwrap();
    store.release_attempt(&released).await.unwrap();
    // A success from the allowance neither ends the streak nor clears other failures.
    for seconds in 11..20 {
        let correct = reserve_allowance(store, bob, 1, seconds).await.unwrap();
        succeed_with(store, "bob", 1, seconds, correct).await;
    }
    assert_eq!(counted().await, before);
    // The three failures used up three of the five that the allowance permits.
    let left = [(); 3].map(|()| reserve_allowance(store, bob, 1, 20));
    let left = futures::future::join_all(left).await;
    assert_eq!(left.iter().flatten().count(), 2);
}

async fn reset_password_forgets_the_known_networks(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "carol", "Dealer").await;
    let bob = succeed(store, "bob", 1, 0).await;
    let carol = succeed(store, "carol", 1, 1).await;
    assert!(reserve_allowance(store, bob, 1, 1).await.is_some());
    let changed = store
        .set_password(&key("bob"), password_hash("new"), &context(1))
        .await;
    changed.unwrap();
    assert_eq!(reserve_allowance(store, bob, 1, 1).await, None);
    assert!(reserve_allowance(store, carol, 1, 1).await.is_some());
    succeed(store, "bob", 1, 2).await;
    assert!(reserve_allowance(store, bob, 1, 2).await.is_some());
}

async fn allowance_is_cleared_swept_and_deleted_with_its_user(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "root", "SystemAdmin").await;
    let bob = succeed(store, "bob", 1, 0).await;
    let use_up = async |seconds| {
        let mut reserved = 0;
        while reserve_allowance(store, bob, 1, seconds).await.is_some() {
            reserved += 1;
        }
        reserved
    };
    let clear = async |user, from: Option<u8>| {
        let filter = AttemptFilter {
            user,
            network: from.map(|from| network(from).into()),
        };
        store.clear_attempts(&filter, &context(0)).await.unwrap()
    };
    assert_eq!(use_up(0).await, 5);
    assert_eq!(clear(Some(key("bob")), Some(2)).await, 0);
    assert_eq!(clear(Some(key("carol")), None).await, 0);
    assert_eq!(use_up(0).await, 0);
    assert_eq!(clear(Some(key("BOB")), None).await, 5);
    assert_eq!(use_up(0).await, 5);
    assert_eq!(clear(None, Some(1)).await, 5);
    assert_eq!(use_up(0).await, 5);
    assert_eq!(clear(None, None).await, 5);
    assert_eq!(use_up(0).await, 5);
    let sweep = async |seconds| {
        let plan = Sweep::new(Some(&RULES), at(seconds), 100);
        store.sweep_attempts(&plan).await.unwrap()
    };
    assert_eq!(sweep(3599).await, 0);
    // Attempts in the future do not count until the clock reaches them again.
    assert_eq!(sweep(-100).await, 5);
    assert_eq!(sweep(3499).await, 0);
    assert_eq!(sweep(3500).await, 5);
    assert_eq!(use_up(3500).await, 5);
    store.delete_user(&key("bob"), &context(1)).await.unwrap();
    assert_eq!(reserve_allowance(store, bob, 1, 9999).await, None);
    assert_eq!(clear(None, None).await, 0);
}

super::contract_tests! {
    ipv6_prefixes_are_limited_over_their_networks
    concurrent_attempts_from_one_48_are_reserved_up_to_its_limit
    account_is_limited_for_the_rest_of_its_day
    allowance_permits_five_failures_an_hour_on_a_known_network
    network_seen_longest_ago_is_forgotten_beyond_the_maximum
    concurrent_attempts_never_exceed_the_allowance
    attempts_from_the_allowance_change_no_limit
    reset_password_forgets_the_known_networks
    allowance_is_cleared_swept_and_deleted_with_its_user
}

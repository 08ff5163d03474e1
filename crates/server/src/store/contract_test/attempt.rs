use std::net::IpAddr;

use super::*;
use crate::domain::attempt::{
    AccountKey, NewAllowanceAttempt, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::{AuditFilter, Caller};
use crate::domain::network::Network;
use crate::domain::rate_limit::{Limit, LimitKind, RateLimited, Rules};
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::user::UserId;

pub(super) const RULES: Rules = Rules {
    free_failures: 2,
    first_delay: TimeDelta::seconds(10),
    max_delay: TimeDelta::seconds(60),
    network: Limit {
        max_failures: 4,
        window: TimeDelta::seconds(100),
    },
    account: Limit {
        max_failures: 5,
        window: TimeDelta::seconds(200),
    },
    account_daily_failures: 1000,
};

pub(super) fn account(name: &str) -> AccountKey {
    AccountKey::new(name, None)
}

pub(super) fn network(number: u8) -> Network {
    IpAddr::from([192, 0, 2, number]).into()
}

pub(super) fn attempt(name: &str, from: u8, seconds: i64) -> NewAttempt {
    NewAttempt {
        account: account(name),
        network: network(from),
        at: at(seconds),
    }
}

async fn reserve(store: &Database, attempt: &NewAttempt) -> Result<Reservation, RateLimited> {
    reserve_by(store, &RULES, attempt).await
}

pub(super) async fn reserve_by(
    store: &Database,
    rules: &Rules,
    attempt: &NewAttempt,
) -> Result<Reservation, RateLimited> {
    match store.reserve_attempt(attempt, rules).await.unwrap() {
        ReserveOutcome::Reserved(reservation) => Ok(reservation),
        ReserveOutcome::Limited(limited) => Err(limited),
    }
}

/// Returns the limit that refuses an attempt, and its delay in seconds. Releases a permitted attempt.
pub(super) async fn limited(
    store: &Database,
    name: &str,
    from: u8,
    seconds: i64,
) -> Option<(LimitKind, u32)> {
    match reserve(store, &attempt(name, from, seconds)).await {
        Ok(reservation) => {
            store.release_attempt(&reservation).await.unwrap();
            None
        }
        Err(limited) => Some((limited.limit, limited.retry_after_seconds())),
    }
}

pub(super) async fn fail(store: &Database, name: &str, from: u8, seconds: i64) {
    let reserved = reserve(store, &attempt(name, from, seconds)).await;
    let reserved =
        reserved.unwrap_or_else(|limited| panic!("{name} from {from} at {seconds}: {limited:?}"));
    commit_failure(store, name, reserved, from, seconds).await;
}

pub(super) async fn commit_failure(
    store: &Database,
    name: &str,
    reserved: Reservation,
    from: u8,
    seconds: i64,
) {
    let refusal = Refusal {
        cause: RefusalCause::WrongPassword,
        account: account(name),
        user: None,
        domain: None,
        at: at(seconds),
        caller: Caller {
            address: [192, 0, 2, from].into(),
            user_agent: None,
            request_id: "r".to_owned(),
        },
        count: 1,
    };
    store
        .fail_attempt(&reserved, &refusal, &RULES)
        .await
        .unwrap();
}

pub(super) async fn succeed(store: &Database, name: &str, from: u8, seconds: i64) -> UserId {
    let reserved = reserve(store, &attempt(name, from, seconds)).await;
    succeed_with(store, name, from, seconds, reserved.unwrap()).await
}

pub(super) async fn succeed_with(
    store: &Database,
    name: &str,
    from: u8,
    seconds: i64,
    reservation: Reservation,
) -> UserId {
    let login = find(store, name).await.unwrap();
    let session = NewSession {
        reservation: Some(reservation),
        created_at: at(seconds),
        ..new_session(
            &login,
            u128::from(from) << 64 | u128::try_from(seconds).unwrap(),
            100_000,
        )
    };
    assert_opened(store.open_session(session).await.unwrap());
    login.user
}

async fn attempt_counts_until_it_succeeds(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    fail(store, "bob", 1, 0).await;
    fail(store, "bob", 1, 0).await;
    assert_eq!(
        limited(store, "bob", 1, 0).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
    assert!(reserve(store, &attempt("bob", 1, 9)).await.is_err());
    assert_eq!(
        limited(store, "bob", 1, 9).await,
        Some((LimitKind::AccountFromNetwork, 1))
    );
    fail(store, "bob", 1, 10).await;
    assert_eq!(
        limited(store, "bob", 1, 10).await,
        Some((LimitKind::AccountFromNetwork, 20))
    );
    assert_eq!(limited(store, "bob", 2, 10).await, None);
    assert_eq!(limited(store, "carol", 1, 10).await, None);

    succeed(store, "bob", 1, 30).await;
    assert_eq!(limited(store, "bob", 1, 30).await, None);
    // Without the success, the old streak would still count.
    fail(store, "bob", 1, 130).await;
    assert_eq!(limited(store, "bob", 1, 130).await, None);
}

async fn attempt_in_flight_counts_until_its_outcome_is_known(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let first = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    fail(store, "bob", 1, 0).await;
    // The outcome of the first attempt is not known yet.
    assert_eq!(
        limited(store, "bob", 1, 1).await,
        Some((LimitKind::Concurrency, 1))
    );
    commit_failure(store, "bob", first, 1, 1).await;
    assert_eq!(
        limited(store, "bob", 1, 1).await,
        Some((LimitKind::AccountFromNetwork, 9))
    );

    for (name, from) in [
        ("carol", 1),
        ("dave", 1),
        ("erin", 2),
        ("erin", 3),
        ("erin", 4),
        ("erin", 5),
        ("erin", 6),
    ] {
        reserve(store, &attempt(name, from, 1)).await.unwrap();
    }
    assert_eq!(
        limited(store, "frank", 1, 2).await,
        Some((LimitKind::Concurrency, 1))
    );
    assert_eq!(
        limited(store, "erin", 7, 2).await,
        Some((LimitKind::Concurrency, 1))
    );
    // After the timeout, an unknown outcome counts as a failure.
    assert_eq!(
        limited(store, "frank", 1, 16).await,
        Some((LimitKind::Network, 84))
    );
    assert_eq!(
        limited(store, "erin", 7, 16).await,
        Some((LimitKind::Account, 185))
    );
}

async fn attempt_without_an_outcome_counts_in_its_streak(store: &Database) {
    fail(store, "bob", 1, 0).await;
    for seconds in [0, 16] {
        // Its process ends before the outcome is known.
        reserve(store, &attempt("bob", 1, seconds)).await.unwrap();
    }
    let limited = async |seconds| limited(store, "bob", 1, seconds).await;
    assert_eq!(limited(32).await, Some((LimitKind::AccountFromNetwork, 4)));
    assert_eq!(limited(36).await, None);
    // The reservation has stored both as failures.
    let listed = store.list_attempts(&RULES, at(199)).await.unwrap();
    let streak = listed.iter().find_map(|count| count.tally.streak);
    let streak = streak.map(|streak| (streak.failures, streak.last_at));
    assert_eq!(streak, Some((3, at(16))));
}

async fn success_ends_a_streak_of_attempts_without_an_outcome_but_not_their_day(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let late = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    succeed(store, "bob", 1, 20).await;
    // This outcome is known only after the timeout.
    commit_failure(store, "bob", late, 1, 20).await;
    fail(store, "bob", 1, 21).await;
    assert_eq!(limited(store, "bob", 1, 21).await, None);
    let rules = Rules {
        account_daily_failures: 1,
        ..RULES
    };
    let listed = store.list_attempts(&rules, at(300)).await.unwrap();
    let failures: Vec<u32> = listed.iter().map(|count| count.failures).collect();
    assert_eq!(failures, [3]);
}

async fn attempt_fails_once(store: &Database) {
    let reserved = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    for _ in 0..2 {
        // A repetition can follow a commit with an unknown outcome.
        commit_failure(store, "bob", reserved, 1, 0).await;
    }
    assert_eq!(limited(store, "bob", 1, 0).await, None);
}

async fn success_ends_no_attempt_in_flight(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let wrong = reserve(store, &attempt("bob", 1, 10)).await.unwrap();
    succeed(store, "bob", 1, 10).await;
    assert_eq!(limited(store, "bob", 1, 10).await, None);
    commit_failure(store, "bob", wrong, 1, 11).await;
    fail(store, "bob", 1, 11).await;
    assert_eq!(
        limited(store, "bob", 1, 11).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
}

async fn attempt_counts_if_its_session_is_refused(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    fail(store, "bob", 1, 0).await;
    let reserved = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    // The password changed during the verification.
    let session = NewSession {
        reservation: Some(reserved),
        password_hash: password_hash("old"),
        ..new_session(&find(store, "bob").await.unwrap(), 1, 60)
    };
    let opened = store.open_session(session).await.unwrap();
    assert_eq!(opened, OpenOutcome::Refused);
    assert_eq!(
        limited(store, "bob", 1, 0).await,
        Some((LimitKind::Concurrency, 1))
    );
    commit_failure(store, "bob", reserved, 1, 0).await;
    assert_eq!(
        limited(store, "bob", 1, 0).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
    let known = NewAllowanceAttempt {
        user: find(store, "bob").await.unwrap().user,
        network: network(1),
        at: at(0),
    };
    assert_eq!(store.reserve_allowance(&known).await.unwrap(), None);
}

async fn failed_attempt_and_its_refusal_are_recorded_together(store: &Database) {
    for seconds in [0, 1] {
        fail(store, "bob", 1, seconds).await;
    }
    let filter = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let entries = store.list_audit(&filter).await.unwrap();
    let causes = entries
        .iter()
        .map(|entry| (entry.count, entry.cause.as_deref()));
    assert_eq!(causes.collect::<Vec<_>>(), [(2, Some("wrong-password"))]);
    assert_eq!(
        limited(store, "bob", 1, 1).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
}

async fn success_ends_its_streak_and_no_other(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    for (name, from) in [
        ("bob", 1),
        ("bob", 2),
        ("bob", 2),
        ("carol", 1),
        ("carol", 1),
    ] {
        fail(store, name, from, 0).await;
    }
    succeed(store, "bob", 1, 0).await;
    assert_eq!(
        limited(store, "bob", 2, 0).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
    assert_eq!(
        limited(store, "carol", 1, 0).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
    // The network still has three of four failures; the success does not count.
    fail(store, "dave", 1, 0).await;
    assert_eq!(
        limited(store, "erin", 1, 0).await,
        Some((LimitKind::Network, 100))
    );
}

async fn network_is_limited_while_its_window_is_full(store: &Database) {
    for (name, seconds) in [("a", 0), ("b", 30), ("c", 60), ("d", 90)] {
        assert_eq!(limited(store, "e", 1, seconds).await, None);
        fail(store, name, 1, seconds).await;
    }
    assert_eq!(
        limited(store, "e", 1, 90).await,
        Some((LimitKind::Network, 10))
    );
    assert_eq!(limited(store, "e", 2, 90).await, None);
    assert_eq!(
        limited(store, "e", 1, 99).await,
        Some((LimitKind::Network, 1))
    );
    fail(store, "e", 1, 100).await;
    // The oldest of the four remaining failures is at second 30.
    assert_eq!(
        limited(store, "f", 1, 100).await,
        Some((LimitKind::Network, 30))
    );
}

async fn account_is_limited_from_all_networks(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    succeed(store, "bob", 9, 0).await;
    for from in 1..=5 {
        fail(store, "bob", from, i64::from(from)).await;
    }
    // Network 9 is known to bob.
    for from in [6, 9] {
        assert_eq!(
            limited(store, "bob", from, 10).await,
            Some((LimitKind::Account, 191))
        );
    }
    assert_eq!(limited(store, "carol", 9, 10).await, None);
}

async fn released_attempt_does_not_count(store: &Database) {
    for _ in 0..2 {
        let reserved = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
        store.release_attempt(&reserved).await.unwrap();
        store.release_attempt(&reserved).await.unwrap();
    }
    fail(store, "bob", 1, 0).await;
    let second = reserve(store, &attempt("bob", 1, 0)).await.unwrap();
    assert_eq!(
        limited(store, "bob", 1, 0).await,
        Some((LimitKind::Concurrency, 1))
    );
    store.release_attempt(&second).await.unwrap();
    assert_eq!(limited(store, "bob", 1, 0).await, None);
    fail(store, "carol", 1, 0).await;
    fail(store, "dave", 1, 0).await;
    assert_eq!(limited(store, "erin", 1, 0).await, None);
    fail(store, "erin", 1, 0).await;
    assert_eq!(
        limited(store, "frank", 1, 0).await,
        Some((LimitKind::Network, 100))
    );
}

async fn expired_streak_starts_again(store: &Database) {
    for seconds in [0, 1, 11] {
        fail(store, "bob", 1, seconds).await;
    }
    assert_eq!(
        limited(store, "bob", 1, 11).await,
        Some((LimitKind::AccountFromNetwork, 20))
    );
    // The longest period in the rules is 200 s.
    fail(store, "bob", 1, 210).await;
    assert_eq!(
        limited(store, "bob", 1, 210).await,
        Some((LimitKind::AccountFromNetwork, 40))
    );
    fail(store, "bob", 1, 410).await;
    assert_eq!(limited(store, "bob", 1, 410).await, None);
    fail(store, "bob", 1, 410).await;
    assert_eq!(
        limited(store, "bob", 1, 410).await,
        Some((LimitKind::AccountFromNetwork, 10))
    );
}

async fn concurrent_attempts_are_reserved_up_to_the_limit(store: &Database) {
    let attempts = |name: &'static str, from: fn(u8) -> u8| {
        let attempts = (0..250).map(move |number| attempt(name, from(number), 0));
        attempts.collect::<Vec<_>>()
    };
    let reserved = async |attempts: Vec<NewAttempt>| {
        let reserving = attempts.iter().map(|a| store.reserve_attempt(a, &RULES));
        let all = futures::future::try_join_all(reserving).await.unwrap();
        let reserved = |outcome: &&ReserveOutcome| matches!(outcome, ReserveOutcome::Reserved(_));
        all.iter().filter(reserved).count()
    };
    assert_eq!(reserved(attempts("bob", |_| 1)).await, 2);
    assert_eq!(reserved(attempts("carol", |number| number)).await, 5);
    let accounts: Vec<String> = (0..250).map(|number| format!("user{number}")).collect();
    let accounts = accounts.iter().map(|name| attempt(name, 255, 0));
    assert_eq!(reserved(accounts.collect()).await, 4);
}

super::contract_tests! {
    attempt_counts_until_it_succeeds
    attempt_in_flight_counts_until_its_outcome_is_known
    attempt_without_an_outcome_counts_in_its_streak
    success_ends_a_streak_of_attempts_without_an_outcome_but_not_their_day
    attempt_fails_once
    success_ends_no_attempt_in_flight
    attempt_counts_if_its_session_is_refused
    failed_attempt_and_its_refusal_are_recorded_together
    success_ends_its_streak_and_no_other
    network_is_limited_while_its_window_is_full
    account_is_limited_from_all_networks
    released_attempt_does_not_count
    expired_streak_starts_again
    concurrent_attempts_are_reserved_up_to_the_limit
}

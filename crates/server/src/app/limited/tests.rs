use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::app::LoginError;
use crate::app::login::{Attempt, login};
use crate::app::testing::{
    Fixture, GENEROUS_LIMITS, PASSWORD, StoppedTime, caller, command, hasher, key, password,
};
use crate::app::user;
use crate::domain::attempt::AccountKey;
use crate::domain::audit::AuditFilter;
use crate::domain::rate_limit::{Limit, Rules};
use crate::password::{Cost, Hasher, Limits};
use crate::random::{Random, RandomError};
use crate::rate_limiter::RateLimiter;

const HOME: [u8; 4] = [192, 0, 2, 1];

/// The time of a response that is delayed, on tokio's paused clock.
const DELAYED: u128 = 1000;

/// Creates the user bob, who has logged in from [`HOME`].
async fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.user("bob", "SystemAdmin").await;
    fixture.user("carol", "Dealer").await;
    assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in after 0");
    fixture
}

/// Returns the outcome of a login and its duration in milliseconds on tokio's clock.
async fn attempt(
    fixture: &Fixture,
    username: &str,
    password: &str,
    from: impl Into<IpAddr>,
) -> String {
    let began = tokio::time::Instant::now();
    let attempt = Attempt {
        username,
        password,
        domain: None,
        previous: None,
        caller: caller(from),
    };
    let outcome = match login(&fixture.context, attempt).await {
        Ok(_) => "in".to_owned(),
        Err(LoginError::InvalidCredentials) => "out".to_owned(),
        Err(LoginError::TooManyAttempts(limited)) => {
            format!("{:?} {}", limited.limit, limited.retry_after_seconds())
        }
        Err(LoginError::Internal(error)) => panic!("{error:?}"),
    };
    format!("{outcome} after {}", began.elapsed().as_millis())
}

/// Logs in while time stops, so that the verification is never abandoned.
async fn log_in(fixture: &Fixture, username: &str, from: impl Into<IpAddr>) -> String {
    let _stopped = StoppedTime::start();
    attempt(fixture, username, PASSWORD, from).await
}

/// Returns the causes of refused logins of an account with their numbers.
async fn refusals(fixture: &Fixture, username: &str) -> Vec<(String, u64)> {
    let filter = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    crate::app::audit::flush(&fixture.context).await.unwrap();
    let entries = crate::app::audit::list(&fixture.context, &filter).await;
    let entries = entries.unwrap().into_iter();
    let of_user = entries.filter(|entry| entry.username.as_deref() == Some(username));
    let refused = of_user.filter_map(|entry| Some((entry.cause?, entry.count)));
    refused.collect()
}

/// Fails while time stops until the outcome is recorded.
async fn fail_from_allowance(fixture: &Fixture, username: &str, from: [u8; 4]) -> String {
    let before = refusals(fixture, username).await;
    let stopped = StoppedTime::start();
    let mut attempt = Box::pin(attempt(fixture, username, "wrong", from));
    assert!(futures::poll!(&mut attempt).is_pending());
    while refusals(fixture, username).await == before {
        assert!(futures::poll!(&mut attempt).is_pending());
        tokio::task::yield_now().await;
    }
    drop(stopped);
    attempt.await
}

/// Reaches the limit of the network [`HOME`] with failures on accounts that do not exist.
async fn reach_network_limit(fixture: &Fixture) {
    for number in 0..50 {
        let user = format!("user{number}");
        let outcome = attempt(fixture, &user, "wrong", HOME).await;
        assert_eq!(outcome, "out after 0");
    }
}

#[tokio::test(start_paused = true)]
async fn neighbours_do_not_lock_out_a_user_on_a_known_network() {
    let fixture = fixture().await;
    reach_network_limit(&fixture).await;
    for _ in 0..10 {
        assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
    }
    // Carol has never logged in from this network.
    let carol = attempt(&fixture, "carol", PASSWORD, HOME).await;
    assert_eq!(carol, format!("Network 900 after {DELAYED}"));
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_lock_out_a_user_on_a_known_network() {
    let fixture = fixture().await;
    for number in 0..100 {
        let from = [198, 51, 100, number];
        let outcome = attempt(&fixture, "bob", "wrong", from).await;
        assert_eq!(outcome, "out after 0");
    }
    let elsewhere = attempt(&fixture, "bob", PASSWORD, [203, 0, 113, 1]).await;
    assert_eq!(elsewhere, format!("Account 3600 after {DELAYED}"));
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

#[tokio::test(start_paused = true)]
async fn daily_limit_does_not_lock_out_a_user_on_a_known_network() {
    let mut fixture = fixture().await;
    fixture.context.rate_limiter = Some(RateLimiter::new(Rules {
        account_daily_failures: 3,
        ..Rules::DEFAULT
    }));
    for number in 0..3 {
        attempt(&fixture, "bob", "wrong", [198, 51, 100, number]).await;
    }
    let elsewhere = attempt(&fixture, "bob", PASSWORD, [203, 0, 113, 1]).await;
    assert_eq!(elsewhere, format!("AccountDay 86400 after {DELAYED}"));
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

#[tokio::test(start_paused = true)]
async fn wrong_password_from_the_allowance_is_answered_as_limited_and_audited_as_wrong() {
    let fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let limited = format!("Network 900 after {DELAYED}");
    for number in 1..=5 {
        let outcome = fail_from_allowance(&fixture, "bob", HOME).await;
        assert_eq!(outcome, limited);
        let wrong = ("wrong-password".to_owned(), number);
        assert_eq!(refusals(&fixture, "bob").await, [wrong]);
    }
    // The allowance is used up for an hour.
    assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, limited);
    assert_eq!(
        refusals(&fixture, "bob").await,
        [("wrong-password".to_owned(), 5)],
        "the refusal by the limit of the network has no account"
    );
    fixture.clock.advance(3_600_000);
    reach_network_limit(&fixture).await;
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

#[tokio::test(start_paused = true)]
async fn streak_is_answered_immediately_and_permits_no_allowance() {
    let fixture = fixture().await;
    for _ in 0..5 {
        attempt(&fixture, "bob", "wrong", HOME).await;
    }
    let streak = attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(streak, "AccountFromNetwork 1 after 0");
    reach_limit_after(&fixture, 45).await;
    let both = attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(both, format!("Network 900 after {DELAYED}"));
    fixture.clock.advance(1000);
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

async fn reach_limit_after(fixture: &Fixture, failures: u32) {
    for number in 0..failures {
        attempt(fixture, &format!("user{number}"), "wrong", HOME).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_at_a_shared_limit_is_sent_at_the_same_time() {
    let fixture = fixture().await;
    user::disable(&fixture.context, &command(), &key("carol"))
        .await
        .unwrap();
    reach_network_limit(&fixture).await;
    let limited = format!("Network 900 after {DELAYED}");
    for user in ["bob", "carol", "mallory"] {
        for _ in 0..7 {
            assert_eq!(attempt(&fixture, user, "wrong", HOME).await, limited);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_is_sent_a_second_after_the_login_began_even_if_the_login_waited() {
    let fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let limiter = &fixture.context.rate_limiter.as_ref().unwrap().concurrency;
    let account = AccountKey::new("mallory", None);
    let mut others = Vec::new();
    for _ in 0..5 {
        let network = IpAddr::from(HOME).into();
        let other = limiter.acquire(&account, network, Duration::ZERO);
        others.push(other.await.unwrap());
    }
    let mut attempt = Box::pin(attempt(&fixture, "mallory", "wrong", HOME));
    assert!(futures::poll!(&mut attempt).is_pending());
    tokio::time::advance(Duration::from_millis(300)).await;
    drop(others);
    assert_eq!(attempt.await, format!("Network 900 after {DELAYED}"));
}

#[tokio::test(start_paused = true)]
async fn disabled_user_is_answered_as_limited() {
    let fixture = fixture().await;
    fixture.user("dave", "SystemAdmin").await;
    user::disable(&fixture.context, &command(), &key("bob"))
        .await
        .unwrap();
    reach_network_limit(&fixture).await;
    let stopped = StoppedTime::start();
    let mut attempt = Box::pin(attempt(&fixture, "bob", PASSWORD, HOME));
    assert!(futures::poll!(&mut attempt).is_pending());
    while refusals(&fixture, "bob").await.is_empty() {
        assert!(futures::poll!(&mut attempt).is_pending());
        tokio::task::yield_now().await;
    }
    drop(stopped);
    assert_eq!(attempt.await, format!("Network 900 after {DELAYED}"));
    let disabled = ("disabled".to_owned(), 1);
    assert_eq!(refusals(&fixture, "bob").await, [disabled]);
}

#[tokio::test(start_paused = true)]
async fn slow_verification_from_the_allowance_is_abandoned() {
    let mut fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let limits = Limits {
        queue: 0,
        ..GENEROUS_LIMITS
    };
    // The verification is slow enough to be abandoned before its end.
    let slow = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    fixture.context.hasher = slow.unwrap();
    let stopped = StoppedTime::start();
    let mut attempt = Box::pin(attempt(&fixture, "bob", "wrong", HOME));
    while fixture.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut attempt).is_pending());
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_millis(999)).await;
    assert!(futures::poll!(&mut attempt).is_pending());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(attempt.await, format!("Network 900 after {DELAYED}"));
    drop(stopped);
    let abandoned = ("abandoned".to_owned(), 1);
    assert_eq!(refusals(&fixture, "bob").await, [abandoned]);
}

#[tokio::test(start_paused = true)]
async fn overload_does_not_reveal_the_allowance_and_does_not_use_it() {
    let mut fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let limits = Limits {
        queue: 1,
        ..GENEROUS_LIMITS
    };
    fixture.context.hasher = hasher(limits);
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let stored = |sql| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    let reserved =
        || stored("SELECT max(seq) FROM sqlite_sequence WHERE name = 'allowance_attempts'");
    let left = || stored("SELECT count(*) FROM allowance_attempts");
    database
        .execute_batch("INSERT INTO sqlite_sequence VALUES ('allowance_attempts', 0)")
        .unwrap();
    for number in 1..=10 {
        let permit = fixture.context.hasher.try_acquire().unwrap();
        // The reservation waits for this lock.
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        let stopped = StoppedTime::start();
        let mut attempt = Box::pin(attempt(&fixture, "bob", PASSWORD, HOME));
        assert!(futures::poll!(&mut attempt).is_pending());
        // The login found that a permit was left, but acquires it only after its reservation.
        let last_permit = fixture.context.hasher.try_acquire().unwrap();
        database.execute_batch("ROLLBACK").unwrap();
        while reserved() < number || left() > 0 {
            assert!(futures::poll!(&mut attempt).is_pending());
            tokio::task::yield_now().await;
        }
        drop(stopped);
        assert_eq!(attempt.await, format!("Network 900 after {DELAYED}"));
        drop((permit, last_permit));
    }
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

#[tokio::test(start_paused = true)]
async fn response_that_cannot_be_delayed_is_sent_without_the_allowance() {
    let mut fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let limiter = fixture.context.rate_limiter.as_mut().unwrap();
    limiter.responses.response_time = Duration::ZERO;
    let outcome = log_in(&fixture, "bob", HOME).await;
    assert_eq!(outcome, "Network 900 after 0");
}

struct FailingRandom;

impl Random for FailingRandom {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError::new("no bytes"))
    }
}

#[tokio::test(start_paused = true)]
async fn internal_failure_is_answered_as_limited_and_does_not_use_the_allowance() {
    let mut fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let random = std::mem::replace(&mut fixture.context.random, Arc::new(FailingRandom));
    for _ in 0..10 {
        let outcome = log_in(&fixture, "bob", HOME).await;
        assert_eq!(outcome, "Network 900 after 0");
    }
    fixture.context.random = random;
    assert_eq!(log_in(&fixture, "bob", HOME).await, "in after 0");
}

#[tokio::test(start_paused = true)]
async fn reset_password_ends_the_allowance() {
    let fixture = fixture().await;
    reach_network_limit(&fixture).await;
    let reset = password("another long password");
    user::set_password(&fixture.context, &command(), &key("bob"), &reset)
        .await
        .unwrap();
    let stopped = StoppedTime::start();
    let mut login = Box::pin(attempt(&fixture, "bob", "another long password", HOME));
    assert!(futures::poll!(&mut login).is_pending());
    drop(stopped);
    assert_eq!(login.await, format!("Network 900 after {DELAYED}"));
}

/// Limits that a short sequence of attempts can reach.
const RULES: Rules = Rules {
    free_failures: 3,
    first_delay: TimeDelta::seconds(1),
    max_delay: TimeDelta::seconds(60),
    network: Limit {
        max_failures: 5,
        window: TimeDelta::seconds(100),
    },
    account: Limit {
        max_failures: 7,
        window: TimeDelta::seconds(200),
    },
    account_daily_failures: 12,
};

/// Returns one of two IPv4 networks, or of four IPv6 networks in two /56s of one /48.
fn network(number: u8) -> IpAddr {
    match number {
        0 | 1 => IpAddr::from([198, 51, 100, number]),
        _ => {
            let number = u128::from(number - 2);
            let address = 0x2001_0db8_0000_0000 << 64 | (number / 2) << 72 | (number % 2) << 64;
            Ipv6Addr::from_bits(address).into()
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Guess { network: u8 },
    GuessOther { name: u8, network: u8 },
    Wait { milliseconds: i64 },
    OwnerLogsIn,
}

fn step() -> impl Strategy<Value = Step> {
    let network = 0..6_u8;
    prop_oneof![
        6 => network.clone().prop_map(|network| Step::Guess { network }),
        3 => (0..20_u8, network).prop_map(|(name, network)| Step::GuessOther { name, network }),
        2 => (1..150_000_i64).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => Just(Step::Wait { milliseconds: 30_000_000 }),
        1 => Just(Step::OwnerLogsIn),
    ]
}

/// Returns what a client observes when it guesses the passwords of bob's account and of others.
async fn observe(steps: &[Step], account_exists: bool) -> Vec<String> {
    let mut fixture = Fixture::new();
    fixture.context.rate_limiter = Some(RateLimiter::new(RULES));
    if account_exists {
        fixture.user("bob", "SystemAdmin").await;
        for number in 0..6 {
            attempt(&fixture, "bob", PASSWORD, network(number)).await;
        }
    }
    let mut observed = Vec::new();
    for step in steps {
        match step {
            Step::Guess { network: number } => {
                observed.push(attempt(&fixture, "bob", "wrong", network(*number)).await);
            }
            Step::GuessOther {
                name,
                network: number,
            } => {
                let name = format!("user{name}");
                observed.push(attempt(&fixture, &name, "wrong", network(*number)).await);
            }
            Step::Wait { milliseconds } => fixture.clock.advance(*milliseconds),
            Step::OwnerLogsIn if account_exists => {
                attempt(&fixture, "bob", PASSWORD, HOME).await;
            }
            Step::OwnerLogsIn => {}
        }
    }
    observed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn existing_account_on_known_networks_is_answered_like_one_that_does_not_exist(
        steps in prop::collection::vec(step(), 20..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        let (existing, unknown) = runtime.block_on(async {
            (observe(&steps, true).await, observe(&steps, false).await)
        });
        prop_assert_eq!(existing, unknown);
    }
}

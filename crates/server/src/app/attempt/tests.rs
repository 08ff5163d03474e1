use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::*;
use crate::app::LoginError;
use crate::app::login::{Attempt, login};
use crate::app::testing::{Fixture, GENEROUS_LIMITS, PASSWORD, caller, command, hasher, key};
use crate::password::{Cost, Hasher, HasherError, Limits};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

async fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.tenant("pbx.example.com").await;
    fixture.user("alice@pbx.example.com", "StandardUser").await;
    fixture.user("bob", "SystemAdmin").await;
    fixture
}

async fn attempt(fixture: &Fixture, user: &str, password: &str, from: impl Into<IpAddr>) -> String {
    let (username, domain) = match user.split_once('@') {
        Some((username, domain)) => (username, Some(domain)),
        None => (user, None),
    };
    let attempt = Attempt {
        username,
        password,
        domain,
        previous: None,
        caller: caller(from),
    };
    match login(&fixture.context, attempt).await {
        Ok(_) => "in".to_owned(),
        Err(LoginError::InvalidCredentials) => "out".to_owned(),
        Err(LoginError::TooManyAttempts(limited)) => {
            format!("{:?} {}", limited.limit, limited.retry_after_seconds())
        }
        Err(LoginError::Internal(Internal::Hasher(HasherError::Overloaded { .. }))) => {
            "overloaded".to_owned()
        }
        Err(LoginError::Internal(error)) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn correct_password_is_not_verified_during_a_delay() {
    let fixture = fixture().await;
    for _ in 0..5 {
        assert_eq!(attempt(&fixture, "bob", "wrong", HOME).await, "out");
    }
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, HOME).await,
        "AccountFromNetwork 1"
    );
    fixture.clock.advance(999);
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, HOME).await,
        "AccountFromNetwork 1"
    );
    fixture.clock.advance(1);
    assert_eq!(attempt(&fixture, "bob", "wrong", HOME).await, "out");
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, HOME).await,
        "AccountFromNetwork 2"
    );
    fixture.clock.advance(2000);
    assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in");
    // The success ended the streak.
    for _ in 0..5 {
        assert_eq!(attempt(&fixture, "bob", "wrong", HOME).await, "out");
    }
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, HOME).await,
        "AccountFromNetwork 1"
    );
}

#[tokio::test]
async fn unknown_account_is_rate_limited_like_any_other() {
    let fixture = fixture().await;
    for user in [
        "bob",
        "mallory",
        "alice@pbx.example.com",
        "mallory@pbx.example.com",
        "alice@other.example.com",
        "alice@not a domain",
    ] {
        let mut results = Vec::new();
        let from = [198, 51, 100, results.len() as u8];
        for _ in 0..7 {
            results.push(attempt(&fixture, user, "wrong", from).await);
            fixture.clock.advance(500);
        }
        let expected = [
            "out",
            "out",
            "out",
            "out",
            "out",
            "AccountFromNetwork 1",
            "out",
        ];
        assert_eq!(results, expected, "{user}");
        fixture.clock.advance(15 * 60_000);
    }
}

#[tokio::test]
async fn account_key_ignores_the_spelling_of_a_name() {
    let fixture = fixture().await;
    for user in [
        "alice@pbx.example.com",
        "ALICE@pbx.example.com",
        "alice@PBX.example.com",
        "alice@pbx.example.com.",
        "Alice@Pbx.Example.Com.",
    ] {
        assert_eq!(attempt(&fixture, user, "wrong", HOME).await, "out");
    }
    let limited = attempt(&fixture, "alice@pbx.example.com", PASSWORD, HOME).await;
    assert_eq!(limited, "AccountFromNetwork 1");
}

#[tokio::test(start_paused = true)]
async fn network_is_limited_after_fifty_failures_in_a_quarter_of_an_hour() {
    let fixture = fixture().await;
    let guess = async |number: u32| attempt(&fixture, &format!("user{number}"), "x", HOME).await;
    for number in 0..50 {
        // A success does not count.
        assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in");
        assert_eq!(guess(number).await, "out");
        fixture.clock.advance(1000);
    }
    assert_eq!(guess(50).await, "Network 850");
    // This user has not logged in from the network.
    assert_eq!(
        attempt(&fixture, "alice@pbx.example.com", PASSWORD, HOME).await,
        "Network 850"
    );
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, [192, 0, 2, 2]).await,
        "in"
    );
    fixture.clock.advance(850_000);
    assert_eq!(guess(50).await, "out");
    assert_eq!(guess(51).await, "Network 1");
}

#[tokio::test]
async fn thousand_concurrent_guesses_cause_five_verifications() {
    let fixture = fixture().await;
    let guesses = (0..1000).map(|_| attempt(&fixture, "bob", "wrong", HOME));
    let answers = futures::future::join_all(guesses).await;
    let verified = answers.iter().filter(|answer| *answer == "out").count();
    assert_eq!(verified, 5);
}

#[tokio::test]
async fn concurrent_correct_logins_all_succeed() {
    let fixture = fixture().await;
    let logins = (0..60).map(|_| attempt(&fixture, "bob", PASSWORD, HOME));
    let answers = futures::future::join_all(logins).await;
    assert!(answers.iter().all(|answer| answer == "in"), "{answers:?}");
}

#[tokio::test]
async fn login_with_too_many_others_ahead_in_its_queue_is_shed_immediately() {
    let mut fixture = fixture().await;
    // One login is hashed, and two may wait.
    fixture.context.hasher = hasher(Limits {
        queue: 2,
        wait: Duration::from_secs(60),
    });
    let limiter = &fixture.context.rate_limiter.as_ref().unwrap().concurrency;
    let mut tickets: Vec<_> = (0..3).map(|_| limiter.enqueue(HOME.into())).collect();
    for (user, password) in [("bob", PASSWORD), ("bob", "wrong"), ("mallory", "wrong")] {
        assert_eq!(attempt(&fixture, user, password, HOME).await, "overloaded");
    }
    // The shed logins are not counted and delay no other network.
    assert_eq!(list(&fixture.context, &Rules::DEFAULT).await.unwrap(), []);
    let other_networks =
        (1..5).map(|number| attempt(&fixture, "bob", PASSWORD, [192, 0, 2, 1 + number]));
    let mut answers = Vec::new();
    for answer in other_networks {
        answers.push(answer.await);
    }
    assert!(answers.contains(&"in".to_owned()), "{answers:?}");
    tickets.pop();
    for _ in 0..2 {
        assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in");
    }
}

#[tokio::test]
async fn login_with_a_hash_permit_has_left_the_queue() {
    let mut fixture = fixture().await;
    // Hashing is slow enough to be observed, and there is a single permit.
    let limits = Limits {
        queue: 0,
        ..GENEROUS_LIMITS
    };
    let slow = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    fixture.context.hasher = slow.unwrap();
    let limiter = &fixture.context.rate_limiter.as_ref().unwrap().concurrency;
    let account = AccountKey::new("bob", None);
    let mut others = Vec::new();
    for _ in 0..5 {
        let other = limiter.acquire(&account, HOME.into(), Duration::ZERO);
        others.push(other.await.unwrap());
    }
    let mut login = Box::pin(attempt(&fixture, "bob", PASSWORD, HOME));
    assert!(futures::poll!(&mut login).is_pending());
    assert_eq!(limiter.enqueue(HOME.into()).ahead(), 1);
    drop(others);
    while fixture.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.enqueue(HOME.into()).ahead(), 0);
    assert_eq!(login.await, "in");
}

#[tokio::test]
async fn attempt_that_could_not_be_verified_does_not_count() {
    let fixture = fixture().await;
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch("UPDATE users SET password_hash = 'invalid' WHERE username = 'bob'")
        .unwrap();
    for _ in 0..10 {
        let attempt = Attempt {
            username: "bob",
            password: PASSWORD,
            domain: None,
            previous: None,
            caller: caller(HOME),
        };
        let error = login(&fixture.context, attempt).await.unwrap_err();
        assert!(matches!(error, LoginError::Internal(_)), "{error:?}");
    }
    let statuses = list(&fixture.context, &Rules::DEFAULT).await.unwrap();
    assert_eq!(statuses, []);
}

#[tokio::test]
async fn login_without_rate_limiting_is_never_limited() {
    let mut fixture = fixture().await;
    fixture.context.rate_limiter = None;
    for _ in 0..60 {
        assert_eq!(attempt(&fixture, "bob", "wrong", HOME).await, "out");
    }
    assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in");
}

#[tokio::test]
async fn counted_failures_are_listed_by_name_and_can_be_cleared() {
    let fixture = fixture().await;
    for user in [
        "Alice@PBX.example.com",
        "bob",
        "hunter2",
        "bob",
        "bob",
        "bob",
        "bob",
    ] {
        fixture.clock.advance(1000);
        attempt(&fixture, user, "wrong", HOME).await;
    }
    let listed = async || {
        let statuses = list(&fixture.context, &Rules::DEFAULT).await.unwrap();
        let lines = statuses.iter().map(|status| {
            let account = match &status.account {
                Account::Any => "all".to_owned(),
                Account::Unknown => "unknown".to_owned(),
                Account::User(user) => user.to_string(),
            };
            let now = fixture.context.clock.now();
            let limited = status
                .limited
                .map(|limited| (limited.until - now).num_seconds());
            format!("{account}: {} {limited:?}", status.failures.failures)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(listed().await, @"
    system user bob: 5 Some(1)
    unknown: 1 None
    user alice of pbx.example.com: 1 None
    ");
    let bob = AttemptFilter {
        user: Some(key("BOB")),
        network: Some(HOME.into()),
    };
    assert_eq!(clear(&fixture.context, &command(), &bob).await.unwrap(), 5);
    insta::assert_snapshot!(listed().await, @"
    unknown: 1 None
    user alice of pbx.example.com: 1 None
    ");
    assert_eq!(attempt(&fixture, "bob", PASSWORD, HOME).await, "in");
}

#[tokio::test]
async fn sweep_keeps_failures_that_still_count() {
    let fixture = fixture().await;
    attempt(&fixture, "bob", "wrong", HOME).await;
    fixture.clock.advance(3_599_999);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 0);
    fixture.clock.advance(1);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 2);
    // The failures of the day still count.
    fixture.clock.advance(23 * 3_600_000 - 1);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 0);
    fixture.clock.advance(1);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 1);
}

#[tokio::test]
async fn sweep_deletes_every_failure_if_rate_limiting_is_disabled() {
    let mut fixture = fixture().await;
    attempt(&fixture, "bob", "wrong", HOME).await;
    fixture.context.rate_limiter = None;
    assert_eq!(sweep(&fixture.context).await.unwrap(), 3);
}

#[tokio::test]
async fn login_waits_for_attempts_in_flight_elsewhere_up_to_a_timeout() {
    let mut fixture = fixture().await;
    let other_process = NewAttempt {
        account: AccountKey::new("bob", None),
        network: HOME.into(),
        at: fixture.context.clock.now(),
    };
    let reserve = async || {
        let reserved = fixture
            .context
            .store
            .reserve_attempt(&other_process, &Rules::DEFAULT);
        reserved.await.unwrap().reservation().unwrap()
    };
    let mut reserved = Vec::new();
    for _ in 0..5 {
        reserved.push(reserve().await);
    }
    // The attempts in flight end while the login waits.
    let release = async {
        for reserved in &reserved {
            fixture
                .context
                .store
                .release_attempt(reserved)
                .await
                .unwrap();
        }
    };
    let (answer, ()) = futures::join!(attempt(&fixture, "bob", PASSWORD, HOME), release);
    assert_eq!(answer, "in");

    for _ in 0..5 {
        reserve().await;
    }
    fixture.context.hasher = hasher(Limits {
        wait: Duration::from_millis(50),
        ..Limits::DEFAULT
    });
    assert_eq!(
        attempt(&fixture, "bob", PASSWORD, HOME).await,
        "Concurrency 1"
    );
    fixture.context.hasher = hasher(GENEROUS_LIMITS);
    // After the timeout, attempts without an outcome count as failures.
    fixture.clock.advance(15_000);
    let unknown = attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(unknown, "in");
}

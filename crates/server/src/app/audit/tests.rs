use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::app::login::{Attempt, login};
use crate::app::testing::{PASSWORD, World, caller, key};
use crate::app::{attempt as attempts, tenant, user};
use crate::domain::attempt::AccountKey;
use crate::domain::audit::{AuditEvent, Source};
use crate::domain::rate_limit::Rules;
use crate::password::{Cost, Hasher, Limits};

const HOME: [u8; 4] = [192, 0, 2, 1];

async fn world() -> World {
    let world = World::new();
    world.tenant("pbx.example.com").await;
    world.user("Alice@pbx.example.com", "StandardUser").await;
    world.user("bob", "SystemAdmin").await;
    world
}

async fn attempt(world: &World, user: &str, password: &str, from: impl Into<IpAddr>) {
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
    // The audit log shows whether it succeeded.
    let _ = login(&world.context, attempt).await;
}

/// Renders the audit log, without times and without the entries of the setup.
async fn audit_log(world: &World) -> String {
    let filter = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    let entries = list(&world.context, &filter).await.unwrap();
    let lines = entries
        .iter()
        .filter(|entry| !entry.event.ends_with("-created"))
        .map(|entry| {
            let AuditEntry {
                count,
                event,
                cause,
                username,
                domain,
                address,
                detail,
                ..
            } = entry;
            let texts = [username, domain, address, cause, detail];
            let texts = texts.map(|text| text.as_deref().unwrap_or("-"));
            format!("{count}x {event} {}", texts.join(" "))
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn refused_login_is_audited_with_its_cause() {
    let world = world().await;
    attempt(&world, "ALICE@PBX.example.com", PASSWORD, HOME).await;
    attempt(&world, "alice@pbx.example.com", "wrong", HOME).await;
    attempt(&world, "mallory@pbx.example.com", "wrong", HOME).await;
    attempt(&world, "alice@other.example.com", "wrong", HOME).await;
    attempt(&world, "hunter2", "wrong", HOME).await;
    let alice = key("alice@pbx.example.com");
    user::disable(&world.context, &Source::Command, &alice)
        .await
        .unwrap();
    attempt(&world, "alice@pbx.example.com", PASSWORD, HOME).await;
    attempt(&world, "alice@pbx.example.com", "wrong", HOME).await;
    insta::assert_snapshot!(audit_log(&world).await, @"
    1x login Alice pbx.example.com 192.0.2.1 - -
    2x login-refused Alice pbx.example.com 192.0.2.1 wrong-password -
    1x login-refused - pbx.example.com 192.0.2.1 unknown-account -
    1x login-refused - - 192.0.2.1 unknown-account -
    1x login-refused - - 192.0.2.1 unknown-account -
    1x user-disabled alice pbx.example.com - - 1 session ended
    1x login-refused Alice pbx.example.com 192.0.2.1 disabled -
    ");
}

#[tokio::test]
async fn login_abandoned_during_verification_is_audited_and_counts_as_failed() {
    let mut world = world().await;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    // Slow enough to abandon each login during its verification.
    let slow = Hasher::limited(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    world.context.hasher = slow.unwrap();
    for (user, password) in [
        ("bob", "wrong"),
        ("bob", PASSWORD),
        ("nobody@pbx.example.com", "wrong"),
    ] {
        let mut login = Box::pin(attempt(&world, user, password, HOME));
        while world.context.hasher.check_capacity(0).is_ok() {
            assert!(futures::poll!(&mut login).is_pending());
            tokio::task::yield_now().await;
        }
        // Pending entries are written in order of time.
        world.clock.advance(1);
    }
    flush(&world.context).await.unwrap();
    assert_eq!(
        audit_log(&world).await,
        "2x login-refused bob - 192.0.2.1 abandoned -\n\
         1x login-refused - pbx.example.com 192.0.2.1 abandoned -"
    );
    let standing = attempts::list(&world.context, &Rules::DEFAULT);
    let failures = standing.await.unwrap().into_iter();
    let failures: Vec<u32> = failures
        .map(|standing| standing.failures.failures)
        .collect();
    assert_eq!(failures, [1, 2]);
}

#[tokio::test]
async fn outcome_of_an_abandoned_login_is_recorded_once_even_if_the_writer_is_busy() {
    let mut world = world().await;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    let slow = Hasher::limited(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    world.context.hasher = slow.unwrap();
    let mut login = Box::pin(attempt(&world, "bob", "wrong", HOME));
    while world.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    // The password is being verified. From here on, the writer waits for a lock and its queue is full.
    let lock = rusqlite::Connection::open(world.directory.path().join("test.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let now = world.context.clock.now();
    let mut steps: Vec<_> = (0..200)
        .map(|_| world.context.store.sweep_sessions(now, 1))
        .collect();
    for step in &mut steps {
        assert!(futures::poll!(step).is_pending());
    }
    while world.context.hasher.check_capacity(0).is_err() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    // The verification failed, but the outcome has not reached the writer yet.
    drop(login);
    lock.execute_batch("ROLLBACK").unwrap();
    futures::future::join_all(steps).await;
    flush(&world.context).await.unwrap();
    let recorded = async {
        while audit_log(&world).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let recorded = tokio::time::timeout(Duration::from_secs(10), recorded).await;
    recorded.expect("the outcome is not recorded");
    assert_eq!(
        audit_log(&world).await,
        "1x login-refused bob - 192.0.2.1 wrong-password -"
    );
    // The attempt counts as failed and is no longer in flight.
    let attempts = attempts::list(&world.context, &Rules::DEFAULT).await;
    assert_eq!(attempts.unwrap()[0].failures.failures, 1);
}

#[tokio::test]
async fn abandoned_login_without_rate_limiting_is_not_audited() {
    let mut world = world().await;
    // Without rate limiting, nothing bounds the number of abandoned logins.
    world.context.rate_limiter = None;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    let slow = Hasher::limited(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    world.context.hasher = slow.unwrap();
    let mut login = Box::pin(attempt(&world, "bob", "wrong", HOME));
    while world.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    drop(login);
    flush(&world.context).await.unwrap();
    assert_eq!(audit_log(&world).await, "");
}

#[tokio::test]
async fn login_abandoned_in_the_queue_is_neither_audited_nor_counted() {
    let world = world().await;
    let limiter = &world.context.rate_limiter.as_ref().unwrap().concurrency;
    let account = AccountKey::new("bob", None);
    let network = IpAddr::from(HOME).into();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(
            limiter
                .acquire(&account, network, Duration::ZERO)
                .await
                .unwrap(),
        );
    }
    for _ in 0..100 {
        let mut login = Box::pin(attempt(&world, "bob", "wrong", HOME));
        assert!(futures::poll!(&mut login).is_pending());
    }
    flush(&world.context).await.unwrap();
    assert_eq!(audit_log(&world).await, "");
    drop(others);
    attempt(&world, "bob", PASSWORD, HOME).await;
    assert_eq!(audit_log(&world).await, "1x login bob - 192.0.2.1 - -");
}

#[tokio::test]
async fn rate_limited_logins_are_audited_immediately_and_then_coalesced() {
    let world = world().await;
    for _ in 0..5 {
        attempt(&world, "bob", "wrong", HOME).await;
    }
    attempt(&world, "bob", PASSWORD, HOME).await;
    assert_eq!(
        audit_log(&world).await,
        "5x login-refused bob - 192.0.2.1 wrong-password -\n\
         1x login-throttled bob - 192.0.2.1 account-from-address -"
    );
    for _ in 0..100 {
        attempt(&world, "bob", PASSWORD, HOME).await;
    }
    let before = audit_log(&world).await;
    assert!(before.ends_with("1x login-throttled bob - 192.0.2.1 account-from-address -"));
    flush(&world.context).await.unwrap();
    let after = audit_log(&world).await;
    assert!(
        after.ends_with("101x login-throttled bob - 192.0.2.1 account-from-address -"),
        "{after}"
    );
    flush(&world.context).await.unwrap();
    assert_eq!(audit_log(&world).await, after);
}

#[tokio::test]
async fn flood_of_guesses_from_one_address_adds_few_audit_rows_a_minute() {
    let world = world().await;
    for number in 0..50 {
        attempt(&world, &format!("user{number}"), "wrong", HOME).await;
    }
    for number in 50..1000 {
        attempt(&world, &format!("user{number}"), "wrong", HOME).await;
    }
    flush(&world.context).await.unwrap();
    let log = audit_log(&world).await;
    assert_eq!(log.lines().count(), 51);
    assert!(
        log.ends_with("950x login-throttled - - 192.0.2.1 address -"),
        "{log}"
    );
}

#[tokio::test]
async fn audit_entries_that_cannot_be_written_are_written_later() {
    let world = world().await;
    let path = world.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    for _ in 0..5 {
        attempt(&world, "bob", "wrong", HOME).await;
    }
    flush(&world.context).await.unwrap_err();
    assert_eq!(audit_log(&world).await, "");
    database.execute_batch("DROP TRIGGER full").unwrap();
    flush(&world.context).await.unwrap();
    insta::assert_snapshot!(audit_log(&world).await, @"5x login-refused bob - 192.0.2.1 wrong-password -");
}

#[tokio::test]
async fn change_that_cannot_be_audited_is_not_made() {
    let world = world().await;
    let path = world.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let domain = "pbx.example.com".parse().unwrap();
    tenant::disable(&world.context, &Source::Command, &domain)
        .await
        .unwrap_err();
    attempt(&world, "bob", PASSWORD, HOME).await;
    let tenants = tenant::list(&world.context).await.unwrap();
    assert!(tenants[0].enabled);
    let sessions = crate::domain::session::SessionFilter::All;
    let sessions = crate::app::session::list(&world.context, &sessions).await;
    assert_eq!(sessions.unwrap(), []);
}

#[tokio::test]
async fn neither_password_nor_a_stranger_s_name_is_written() {
    let world = world().await;
    for user in ["hunter2", "hunter2@pbx.example.com", "alice@hunter2"] {
        attempt(&world, user, "hunter2-password", HOME).await;
    }
    flush(&world.context).await.unwrap();
    for entry in std::fs::read_dir(world.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[tokio::test]
async fn audit_entries_past_their_retention_are_deleted() {
    let world = world().await;
    attempt(&world, "bob", PASSWORD, HOME).await;
    let day = 24 * 60 * 60 * 1000;
    world.clock.advance(90 * day - 1);
    assert_eq!(sweep(&world.context).await.unwrap(), 0);
    world.clock.advance(1);
    // The creation of the tenant and of two users, and the login.
    assert_eq!(sweep(&world.context).await.unwrap(), 4);
    assert_eq!(audit_log(&world).await, "");
    let logins = AuditFilter {
        event: Some(AuditEvent::Login),
        limit: 1,
        ..AuditFilter::default()
    };
    attempt(&world, "bob", PASSWORD, HOME).await;
    assert_eq!(list(&world.context, &logins).await.unwrap().len(), 1);
}

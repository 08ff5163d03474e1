use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::app::login::{Attempt, login};
use crate::app::testing::{Fixture, PASSWORD, caller, command, key};
use crate::app::{attempt as attempts, tenant, user};
use crate::domain::attempt::AccountKey;
use crate::domain::audit::AuditEvent;
use crate::domain::rate_limit::Rules;
use crate::password::{Cost, Hasher, Limits};

const HOME: [u8; 4] = [192, 0, 2, 1];

async fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.tenant("pbx.example.com").await;
    fixture.user("Alice@pbx.example.com", "StandardUser").await;
    fixture.user("bob", "SystemAdmin").await;
    fixture
}

async fn attempt(fixture: &Fixture, user: &str, password: &str, from: impl Into<IpAddr>) {
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
    // The audit log shows whether the login succeeded.
    let _ = login(&fixture.context, attempt).await;
}

/// Renders the audit log, without times and without the entries of the setup.
async fn audit_log(fixture: &Fixture) -> String {
    let filter = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    let entries = list(&fixture.context, &filter).await.unwrap();
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
    let fixture = fixture().await;
    attempt(&fixture, "ALICE@PBX.example.com", PASSWORD, HOME).await;
    attempt(&fixture, "alice@pbx.example.com", "wrong", HOME).await;
    attempt(&fixture, "mallory@pbx.example.com", "wrong", HOME).await;
    attempt(&fixture, "alice@other.example.com", "wrong", HOME).await;
    attempt(&fixture, "hunter2", "wrong", HOME).await;
    let alice = key("alice@pbx.example.com");
    user::disable(&fixture.context, &command(), &alice)
        .await
        .unwrap();
    attempt(&fixture, "alice@pbx.example.com", PASSWORD, HOME).await;
    attempt(&fixture, "alice@pbx.example.com", "wrong", HOME).await;
    insta::assert_snapshot!(audit_log(&fixture).await, @"
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
    let mut fixture = fixture().await;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    // Hashing is slow enough to abandon each login during its verification.
    let slow = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    fixture.context.hasher = slow.unwrap();
    for (user, password) in [
        ("bob", "wrong"),
        ("bob", PASSWORD),
        ("mallory@pbx.example.com", "wrong"),
    ] {
        let mut login = Box::pin(attempt(&fixture, user, password, HOME));
        while fixture.context.hasher.check_capacity(0).is_ok() {
            assert!(futures::poll!(&mut login).is_pending());
            tokio::task::yield_now().await;
        }
        // Pending entries are written in order of time.
        fixture.clock.advance(1);
    }
    flush(&fixture.context).await.unwrap();
    assert_eq!(
        audit_log(&fixture).await,
        "2x login-refused bob - 192.0.2.1 abandoned -\n\
         1x login-refused - pbx.example.com 192.0.2.1 abandoned -"
    );
    let statuses = attempts::list(&fixture.context, &Rules::DEFAULT);
    let failures = statuses.await.unwrap().into_iter();
    let failures: Vec<u32> = failures.map(|status| status.failures.failures).collect();
    assert_eq!(failures, [1, 2]);
}

#[tokio::test]
async fn outcome_of_an_abandoned_login_is_recorded_once_even_if_the_writer_is_busy() {
    let mut fixture = fixture().await;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    let slow = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    fixture.context.hasher = slow.unwrap();
    let mut login = Box::pin(attempt(&fixture, "bob", "wrong", HOME));
    while fixture.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    // The password is being verified. From here on, the writer waits for a lock and its queue is full.
    let lock = rusqlite::Connection::open(fixture.directory.path().join("test.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let now = fixture.context.clock.now();
    let mut sweeps: Vec<_> = (0..200)
        .map(|_| fixture.context.store.sweep_sessions(now, 1))
        .collect();
    for sweep in &mut sweeps {
        assert!(futures::poll!(sweep).is_pending());
    }
    while fixture.context.hasher.check_capacity(0).is_err() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    // The verification failed, but the outcome has not reached the writer yet.
    drop(login);
    lock.execute_batch("ROLLBACK").unwrap();
    futures::future::join_all(sweeps).await;
    flush(&fixture.context).await.unwrap();
    let recorded = async {
        while audit_log(&fixture).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let recorded = tokio::time::timeout(Duration::from_secs(10), recorded).await;
    recorded.expect("the outcome is not recorded");
    assert_eq!(
        audit_log(&fixture).await,
        "1x login-refused bob - 192.0.2.1 wrong-password -"
    );
    // The attempt counts as failed and is no longer in flight.
    let attempts = attempts::list(&fixture.context, &Rules::DEFAULT).await;
    assert_eq!(attempts.unwrap()[0].failures.failures, 1);
}

#[tokio::test]
async fn abandoned_login_without_rate_limiting_is_not_audited() {
    let mut fixture = fixture().await;
    // Without rate limiting, nothing bounds the number of abandoned logins.
    fixture.context.rate_limiter = None;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    let slow = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
    fixture.context.hasher = slow.unwrap();
    let mut login = Box::pin(attempt(&fixture, "bob", "wrong", HOME));
    while fixture.context.hasher.check_capacity(0).is_ok() {
        assert!(futures::poll!(&mut login).is_pending());
        tokio::task::yield_now().await;
    }
    drop(login);
    flush(&fixture.context).await.unwrap();
    assert_eq!(audit_log(&fixture).await, "");
}

#[tokio::test]
async fn login_abandoned_in_the_queue_is_neither_audited_nor_counted() {
    let fixture = fixture().await;
    let limiter = &fixture.context.rate_limiter.as_ref().unwrap().concurrency;
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
        let mut login = Box::pin(attempt(&fixture, "bob", "wrong", HOME));
        assert!(futures::poll!(&mut login).is_pending());
    }
    flush(&fixture.context).await.unwrap();
    assert_eq!(audit_log(&fixture).await, "");
    drop(others);
    attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(audit_log(&fixture).await, "1x login bob - 192.0.2.1 - -");
}

#[tokio::test]
async fn rate_limited_logins_are_audited_immediately_and_then_coalesced() {
    let fixture = fixture().await;
    for _ in 0..5 {
        attempt(&fixture, "bob", "wrong", HOME).await;
    }
    attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(
        audit_log(&fixture).await,
        "5x login-refused bob - 192.0.2.1 wrong-password -\n\
         1x login-throttled bob - 192.0.2.1 account-from-address -"
    );
    for _ in 0..100 {
        attempt(&fixture, "bob", PASSWORD, HOME).await;
    }
    let before = audit_log(&fixture).await;
    assert!(before.ends_with("1x login-throttled bob - 192.0.2.1 account-from-address -"));
    flush(&fixture.context).await.unwrap();
    let after = audit_log(&fixture).await;
    assert!(
        after.ends_with("101x login-throttled bob - 192.0.2.1 account-from-address -"),
        "{after}"
    );
    flush(&fixture.context).await.unwrap();
    assert_eq!(audit_log(&fixture).await, after);
}

#[tokio::test(start_paused = true)]
async fn flood_of_guesses_from_one_network_adds_few_audit_rows_a_minute() {
    let fixture = fixture().await;
    for number in 0..50 {
        attempt(&fixture, &format!("user{number}"), "wrong", HOME).await;
    }
    for number in 50..1000 {
        attempt(&fixture, &format!("user{number}"), "wrong", HOME).await;
    }
    flush(&fixture.context).await.unwrap();
    let log = audit_log(&fixture).await;
    assert_eq!(log.lines().count(), 51);
    assert!(
        log.ends_with("950x login-throttled - - 192.0.2.1 address -"),
        "{log}"
    );
}

#[tokio::test]
async fn audit_entries_that_cannot_be_written_are_written_later() {
    let fixture = fixture().await;
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    for _ in 0..5 {
        attempt(&fixture, "bob", "wrong", HOME).await;
    }
    flush(&fixture.context).await.unwrap_err();
    assert_eq!(audit_log(&fixture).await, "");
    database.execute_batch("DROP TRIGGER full").unwrap();
    flush(&fixture.context).await.unwrap();
    insta::assert_snapshot!(audit_log(&fixture).await, @"5x login-refused bob - 192.0.2.1 wrong-password -");
}

#[tokio::test]
async fn change_that_cannot_be_audited_is_not_made() {
    let fixture = fixture().await;
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let domain = "pbx.example.com".parse().unwrap();
    tenant::disable(&fixture.context, &command(), &domain)
        .await
        .unwrap_err();
    attempt(&fixture, "bob", PASSWORD, HOME).await;
    let tenants = tenant::list(&fixture.context).await.unwrap();
    assert!(tenants[0].enabled);
    let sessions = crate::domain::session::SessionFilter::All;
    let sessions = crate::app::session::list(&fixture.context, &sessions).await;
    assert_eq!(sessions.unwrap(), []);
}

#[tokio::test]
async fn refused_login_writes_neither_password_nor_unknown_name() {
    let fixture = fixture().await;
    for user in ["hunter2", "hunter2@pbx.example.com", "alice@hunter2"] {
        attempt(&fixture, user, "hunter2-password", HOME).await;
    }
    flush(&fixture.context).await.unwrap();
    for entry in std::fs::read_dir(fixture.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[tokio::test]
async fn audit_entries_past_their_retention_are_deleted() {
    let fixture = fixture().await;
    attempt(&fixture, "bob", PASSWORD, HOME).await;
    let day = 24 * 60 * 60 * 1000;
    fixture.clock.advance(90 * day - 1);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 0);
    fixture.clock.advance(1);
    // The sweep deletes the creation of the tenant and of two users, and the login.
    assert_eq!(sweep(&fixture.context).await.unwrap(), 4);
    assert_eq!(audit_log(&fixture).await, "");
    let logins = AuditFilter {
        event: Some(AuditEvent::Login),
        limit: 1,
        ..AuditFilter::default()
    };
    attempt(&fixture, "bob", PASSWORD, HOME).await;
    assert_eq!(list(&fixture.context, &logins).await.unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_that_cannot_be_counted_are_not_deleted() {
    let mut fixture = fixture().await;
    fixture.context.audit = Arc::new(AuditBuffer::new(AuditBuffer::RETENTION, 1));
    for user in ["alice@pbx.example.com", "bob", "mallory"] {
        attempt(&fixture, user, "wrong", HOME).await;
    }
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON refusal_days
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let before = audit_log(&fixture).await;
    sweep(&fixture.context).await.unwrap_err();
    assert_eq!(audit_log(&fixture).await, before);
    database.execute_batch("DROP TRIGGER full").unwrap();
    // The sweep deletes two refusals, and two of the three creations.
    assert_eq!(sweep(&fixture.context).await.unwrap(), 4);
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let days = list_refusal_days(&fixture.context, &all).await.unwrap();
    let names = days.iter().map(|day| (day.username.as_deref(), day.count));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [(Some("Alice"), 1), (Some("bob"), 1)]
    );
}

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::*;
use crate::app::Internal;
use crate::app::session::{self, SessionError};
use crate::app::testing::{Fixture, PASSWORD, caller, command, hasher, key, password};
use crate::app::{tenant, user};
use crate::domain::password::PasswordHash;
use crate::domain::session::SessionFilter;
use crate::domain::tenant::Domain;
use crate::password::{Cost, Hasher, HasherError, Limits};
use crate::random::{Random, RandomError};

async fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.tenant("PBX.Example.com").await;
    fixture.user("Alice@pbx.example.com", "StandardUser").await;
    fixture.user("bob", "SystemAdmin").await;
    fixture.user("carol", "Dealer").await;
    fixture
}

fn attempt<'a>(username: &'a str, password: &'a str, domain: Option<&'a str>) -> Attempt<'a> {
    Attempt {
        username,
        password,
        domain,
        previous: None,
        caller: caller([192, 0, 2, 1]),
    }
}

async fn try_login(
    fixture: &Fixture,
    username: &str,
    password: &str,
    domain: Option<&str>,
) -> String {
    match login(&fixture.context, attempt(username, password, domain)).await {
        Ok(opened) => {
            let status = session::authenticate(&fixture.context, &opened.token, true)
                .await
                .unwrap();
            format!(
                "{} until {} in {}",
                status.user.membership.role_name(),
                opened.expires_at,
                opened.expires_in
            )
        }
        Err(LoginError::InvalidCredentials) => "refused".to_owned(),
        Err(LoginError::TooManyAttempts(limited)) => {
            format!(
                "limited by {:?} for {}",
                limited.limit,
                limited.retry_after_seconds()
            )
        }
        Err(LoginError::Internal(error)) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn login_opens_a_session_whose_lifetime_is_in_whole_seconds() {
    let fixture = fixture().await;
    let tenant = try_login(&fixture, "alice", PASSWORD, Some("pbx.example.com")).await;
    assert_eq!(tenant, "StandardUser until 2026-03-01 08:30:00 UTC in 1800");
    fixture.clock.advance(999);
    let system = try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(system, "SystemAdmin until 2026-03-01 08:30:00 UTC in 1800");
}

struct FailingRandom;

impl Random for FailingRandom {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError::new("no bytes"))
    }
}

#[tokio::test]
async fn internal_failures_do_not_count_against_the_account() {
    let mut fixture = fixture().await;
    let random = std::mem::replace(&mut fixture.context.random, Arc::new(FailingRandom));
    for _ in 0..10 {
        let result = login(&fixture.context, attempt("bob", PASSWORD, None)).await;
        assert!(matches!(result, Err(LoginError::Internal(_))), "{result:?}");
    }
    fixture.context.random = random;
    let result = try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(result, "SystemAdmin until 2026-03-01 08:30:00 UTC in 1800");
}

#[tokio::test]
async fn login_matches_names_and_domains_in_any_spelling() {
    let fixture = fixture().await;
    for (username, domain) in [
        ("ALICE", Some("pbx.example.com")),
        ("aLiCe", Some("PBX.EXAMPLE.COM.")),
        ("Alice", Some("pbx.example.com.")),
        ("BOB", None),
    ] {
        let result = try_login(&fixture, username, PASSWORD, domain).await;
        assert_ne!(result, "refused", "{username} {domain:?}");
    }
}

#[tokio::test]
async fn login_with_wrong_credentials_is_refused() {
    let fixture = fixture().await;
    let domain = Some("pbx.example.com");
    let long = "x".repeat(20_000);
    for (username, password, domain) in [
        ("alice", "wrong", domain),
        ("alice", "", domain),
        ("alice", &long, domain),
        ("alice", "Correct horse battery staple", domain),
        ("alice", "correct horse battery staple ", domain),
        ("alice", PASSWORD, None),
        ("alice", PASSWORD, Some("other.example.com")),
        ("alice", PASSWORD, Some("")),
        ("alice", PASSWORD, Some("not a domain")),
        ("alice", PASSWORD, Some("pbx.example.com..")),
        ("alice", PASSWORD, Some(&long)),
        ("alice ", PASSWORD, domain),
        ("", PASSWORD, domain),
        ("al\0ice", PASSWORD, domain),
        ("ålice", PASSWORD, domain),
        (&long, PASSWORD, domain),
        ("mallory", PASSWORD, domain),
        ("bob", PASSWORD, domain),
        ("bob", "wrong", None),
    ] {
        let result = try_login(&fixture, username, password, domain).await;
        assert_eq!(
            result, "refused",
            "{username:.20} {password:.20} {domain:.20?}"
        );
    }
}

#[tokio::test]
async fn login_of_a_disabled_user_or_tenant_is_refused_until_enabled_again() {
    let fixture = fixture().await;
    let domain: Domain = "pbx.example.com".parse().unwrap();
    let alice = key("alice@pbx.example.com");
    let result = async || try_login(&fixture, "alice", PASSWORD, Some("pbx.example.com")).await;
    user::disable(&fixture.context, &command(), &alice)
        .await
        .unwrap();
    assert_eq!(result().await, "refused");
    user::enable(&fixture.context, &command(), &alice)
        .await
        .unwrap();
    assert_ne!(result().await, "refused");
    tenant::disable(&fixture.context, &command(), &domain)
        .await
        .unwrap();
    assert_eq!(result().await, "refused");
    tenant::enable(&fixture.context, &command(), &domain)
        .await
        .unwrap();
    assert_ne!(result().await, "refused");
}

#[tokio::test]
async fn unauthorized_requests_do_not_write_to_the_store() {
    let fixture = fixture().await;
    for _ in 0..6 {
        try_login(&fixture, "bob", "wrong", None).await;
    }
    // A write would now wait for the lock, and fail.
    let lock = rusqlite::Connection::open(fixture.directory.path().join("test.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let limited = try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(limited, "limited by AccountFromNetwork for 1");
    let unknown = Token::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
    let found = session::authenticate(&fixture.context, &unknown, true).await;
    assert!(matches!(found, Err(SessionError::NoSession)));
}

#[tokio::test]
async fn repeated_logins_open_separate_sessions() {
    let fixture = fixture().await;
    for _ in 0..3 {
        try_login(&fixture, "bob", PASSWORD, None).await;
    }
    let sessions = session::list(&fixture.context, &SessionFilter::All)
        .await
        .unwrap();
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn login_ends_the_previous_session_only_if_it_succeeds() {
    let fixture = fixture().await;
    let first = login(&fixture.context, attempt("bob", PASSWORD, None))
        .await
        .unwrap()
        .token;
    let again = |password| Attempt {
        previous: Token::parse(first.expose()),
        ..attempt("carol", password, None)
    };
    login(&fixture.context, again("wrong")).await.unwrap_err();
    assert!(
        session::authenticate(&fixture.context, &first, true)
            .await
            .is_ok()
    );
    let second = login(&fixture.context, again(PASSWORD))
        .await
        .unwrap()
        .token;
    let ended = session::authenticate(&fixture.context, &first, true).await;
    assert!(matches!(ended, Err(SessionError::NoSession)));
    assert!(
        session::authenticate(&fixture.context, &second, true)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn login_after_a_password_change_requires_the_new_password() {
    let fixture = fixture().await;
    let bob = key("bob");
    user::set_password(
        &fixture.context,
        &command(),
        &bob,
        &password("new password"),
    )
    .await
    .unwrap();
    assert_eq!(try_login(&fixture, "bob", PASSWORD, None).await, "refused");
    assert_ne!(
        try_login(&fixture, "bob", "new password", None).await,
        "refused"
    );
}

#[tokio::test]
async fn neither_password_nor_token_reaches_the_disk() {
    let fixture = fixture().await;
    let opened = login(&fixture.context, attempt("bob", PASSWORD, None))
        .await
        .unwrap();
    let mut bytes_read = 0;
    let mut found_hash = false;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(fixture.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        bytes_read += bytes.len();
        assert!(!holds(PASSWORD.as_bytes()), "{path:?}");
        assert!(!holds(opened.token.expose().as_bytes()), "{path:?}");
        found_hash |= holds(opened.token.hash().as_bytes());
        files.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    files.sort();
    assert_eq!(files, ["test.db", "test.db-shm", "test.db-wal"]);
    assert!(found_hash, "the session is in none of {bytes_read} bytes");
}

#[test]
fn debug_of_an_attempt_hides_the_password() {
    let attempt = attempt("alice", "hunter2", Some("pbx.example.com"));
    assert_eq!(
        format!("{attempt:?}"),
        r#"Attempt { username: "alice", domain: Some("pbx.example.com"), caller: Caller { address: 192.0.2.1, user_agent: Some(UserAgent("a test")), request_id: "r1" }, .. }"#
    );
}

async fn stored_hash(fixture: &Fixture, username: &str) -> PasswordHash {
    let login = fixture.context.store.find_login(username, None);
    login.await.unwrap().unwrap().password_hash
}

#[tokio::test]
async fn login_with_a_hash_of_another_cost_is_rehashed() {
    let mut fixture = fixture().await;
    let old = stored_hash(&fixture, "bob").await;
    let first = login(&fixture.context, attempt("bob", PASSWORD, None)).await;
    let token = first.unwrap().token;
    assert_eq!(stored_hash(&fixture, "bob").await, old);

    let cost = Cost {
        memory: 16,
        passes: 1,
        lanes: 1,
    };
    fixture.context.hasher = Hasher::new(cost, NonZeroUsize::MIN).unwrap();
    assert_eq!(try_login(&fixture, "bob", "wrong", None).await, "refused");
    assert_eq!(stored_hash(&fixture, "bob").await, old);
    let opened = try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(opened, "SystemAdmin until 2026-03-01 08:30:00 UTC in 1800");
    let rehashed = stored_hash(&fixture, "bob").await;
    assert!(
        rehashed.as_str().contains("$m=16,t=1,p=1$"),
        "{}",
        rehashed.as_str()
    );
    // The password is unchanged: its session stays live, and it can log in again.
    session::authenticate(&fixture.context, &token, true)
        .await
        .unwrap();
    try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(stored_hash(&fixture, "bob").await, rehashed);
}

async fn weakness_of(fixture: &Fixture, username: &str) -> Option<PasswordWeakness> {
    let users = user::list(&fixture.context, None).await.unwrap();
    let user = users
        .iter()
        .find(|user| user.username.as_typed() == username);
    user.unwrap().password_weakness
}

#[tokio::test]
async fn login_with_a_password_that_breaks_new_rules_succeeds_and_is_recorded() {
    const OLD_RULES: PasswordPolicy = PasswordPolicy {
        min_characters: 1,
        refuse_common: false,
    };
    let mut fixture = fixture().await;
    fixture.context.password_policy = OLD_RULES;
    for (user, old) in [
        ("Alice@pbx.example.com", "pbx.example.com1"),
        ("bob", "password1"),
    ] {
        // The password is set directly in the store, because every new password must follow the rule about names.
        let context = &fixture.context;
        let (user, old) = (key(user), password(old));
        let permit = context.hasher.try_acquire().unwrap();
        let hash = context.hasher.hash(&permit, &old, &*context.random);
        let (hash, audit) = (hash.await.unwrap(), context.audit_context(&command()));
        let set = context.store.set_password(&user, hash, &audit);
        set.await.unwrap();
    }
    let domain = Some("PBX.example.com.");
    fixture.context.password_policy = PasswordPolicy::DEFAULT;
    assert_eq!(try_login(&fixture, "bob", "wrong", None).await, "refused");
    assert_eq!(weakness_of(&fixture, "bob").await, None);
    let opened = try_login(&fixture, "BOB", "password1", None).await;
    assert_eq!(opened, "SystemAdmin until 2026-03-01 08:30:00 UTC in 1800");
    let weakness = weakness_of(&fixture, "bob").await;
    assert_eq!(weakness, Some(PasswordWeakness::Common));
    let opened = try_login(&fixture, "alice", "pbx.example.com1", domain).await;
    assert_eq!(opened, "StandardUser until 2026-03-01 08:30:00 UTC in 1800");
    let weakness = weakness_of(&fixture, "Alice").await;
    assert_eq!(weakness, Some(PasswordWeakness::ContainsDomain));

    // A login under other rules updates the record.
    fixture.context.password_policy = OLD_RULES;
    try_login(&fixture, "bob", "password1", None).await;
    assert_eq!(weakness_of(&fixture, "bob").await, None);
    try_login(&fixture, "carol", PASSWORD, None).await;
    assert_eq!(weakness_of(&fixture, "carol").await, None);
}

#[tokio::test]
async fn login_without_a_hash_permit_is_shed_unverified() {
    let mut fixture = fixture().await;
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    fixture.context.hasher = hasher(limits);
    let permit = fixture.context.hasher.try_acquire().unwrap();
    // More attempts than any limit allows: a shed login does not count as a failure.
    for _ in 0..20 {
        let refused = login(&fixture.context, attempt("bob", "wrong", None)).await;
        let LoginError::Internal(Internal::Hasher(error)) = refused.unwrap_err() else {
            panic!("another error");
        };
        assert!(matches!(error, HasherError::Overloaded { .. }), "{error}");
    }
    drop(permit);
    let opened = try_login(&fixture, "bob", PASSWORD, None).await;
    assert_eq!(opened, "SystemAdmin until 2026-03-01 08:30:00 UTC in 1800");
}

#[tokio::test]
async fn flood_with_immediate_retries_is_rejected_at_a_bounded_rate() {
    let mut fixture = fixture().await;
    fixture.context.hasher = hasher(Limits {
        queue: 0,
        ..Limits::DEFAULT
    });
    let _permit = fixture.context.hasher.try_acquire().unwrap();
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    let mut at = Vec::new();
    for _ in 0..3000 {
        let refused = login(&fixture.context, attempt("bob", "wrong", None)).await;
        assert!(matches!(refused, Err(LoginError::Internal(_))));
        at.push(since.elapsed().as_millis());
    }
    // Timers of tokio have a resolution of 1 ms and never fire early.
    assert_eq!(at[..1000], [0; 1000]);
    let last = at[2999];
    assert!((1999..2010).contains(&last), "{last}");
}

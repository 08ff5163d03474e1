use super::*;
use crate::app::login::{Attempt, login};
use crate::app::testing::{Fixture, PASSWORD, caller, command, key, password};
use crate::app::{tenant, user};
use crate::domain::tenant::Domain;
use crate::domain::user::Membership;

async fn log_in(fixture: &Fixture, username: &str, domain: Option<&str>) -> Token {
    let attempt = Attempt {
        username,
        password: PASSWORD,
        domain,
        previous: None,
        caller: caller([192, 0, 2, 1]),
    };
    login(&fixture.context, attempt).await.unwrap().token
}

/// Creates a store with a session of the system administrator `bob`.
async fn fixture() -> (Fixture, Token) {
    let fixture = Fixture::new();
    fixture.user("bob", "SystemAdmin").await;
    let token = log_in(&fixture, "bob", None).await;
    (fixture, token)
}

async fn status(context: &Context, token: &Token) -> Result<Status, SessionError> {
    authenticate(context, token, true).await
}

/// Returns the remaining seconds of a session, if it is live.
async fn left(fixture: &Fixture, token: &Token) -> Option<i32> {
    match status(&fixture.context, token).await {
        Ok(status) => Some(status.expires_in),
        Err(SessionError::NoSession) => None,
        Err(SessionError::Internal(error)) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn session_check_returns_expiry_and_role() {
    let (fixture, token) = fixture().await;
    fixture.clock.advance(61_500);
    let status = status(&fixture.context, &token).await.unwrap();
    let expires_at = status.expires_at.to_string();
    assert_eq!(
        (expires_at.as_str(), status.expires_in),
        ("2026-03-01 08:30:00 UTC", 1739)
    );
    assert_eq!(status.user.username.as_typed(), "bob");
    assert_eq!(status.user.membership.role_name(), "SystemAdmin");
}

#[tokio::test]
async fn session_expires_exactly_at_the_end_of_its_lifetime() {
    let (fixture, token) = fixture().await;
    let mut seen = Vec::new();
    for milliseconds in [0, 999, 1, 1_798_000, 999, 1, 1] {
        fixture.clock.advance(milliseconds);
        seen.push(left(&fixture, &token).await);
    }
    assert_eq!(
        seen,
        [
            Some(1800),
            Some(1800),
            Some(1799),
            Some(1),
            Some(1),
            None,
            None
        ]
    );
}

#[tokio::test]
async fn session_opened_within_a_second_expires_on_a_whole_second() {
    let (fixture, _) = fixture().await;
    fixture.clock.advance(700);
    let token = log_in(&fixture, "bob", None).await;
    fixture.clock.advance(1_799_299);
    assert_eq!(left(&fixture, &token).await, Some(1));
    fixture.clock.advance(1);
    assert_eq!(left(&fixture, &token).await, None);
}

#[tokio::test]
async fn unknown_token_has_no_session() {
    let (fixture, _) = fixture().await;
    let unknown = Token::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
    assert_eq!(left(&fixture, &unknown).await, None);
    let result = logout(&fixture.context, &command(), &unknown).await;
    assert!(matches!(result, Err(SessionError::NoSession)));
}

#[tokio::test]
async fn logout_ends_only_this_session_and_only_once() {
    let (fixture, token) = fixture().await;
    let other = log_in(&fixture, "bob", None).await;
    logout(&fixture.context, &command(), &token).await.unwrap();
    assert_eq!(left(&fixture, &token).await, None);
    assert_eq!(left(&fixture, &other).await, Some(1800));
    let again = logout(&fixture.context, &command(), &token).await;
    assert!(matches!(again, Err(SessionError::NoSession)));
}

#[tokio::test]
async fn expired_session_is_not_authenticated_for_a_logout() {
    let (fixture, token) = fixture().await;
    fixture.clock.advance(1_800_000);
    let result = authenticate(&fixture.context, &token, false).await;
    assert!(matches!(result, Err(SessionError::NoSession)));
}

#[tokio::test]
async fn session_ended_by_a_change_stays_ended() {
    let (fixture, _) = fixture().await;
    let context = &fixture.context;
    fixture.tenant("a.example").await;
    fixture.user("alice@a.example", "StandardUser").await;
    fixture.user("dave@a.example", "StandardUser").await;
    let (a, alice): (Domain, _) = ("a.example".parse().unwrap(), key("alice@a.example"));
    let bystander = log_in(&fixture, "dave", Some("a.example")).await;
    let open = async || log_in(&fixture, "alice", Some("a.example")).await;
    let live = async |token: &Token| left(&fixture, token).await.is_some();

    let token = open().await;
    user::disable(context, &command(), &alice).await.unwrap();
    assert!(!live(&token).await);
    user::enable(context, &command(), &alice).await.unwrap();
    assert!(!live(&token).await);

    let token = open().await;
    user::set_password(context, &command(), &alice, &password(PASSWORD))
        .await
        .unwrap();
    assert!(!live(&token).await);

    let token = open().await;
    let manager = Membership::new(alice.scope.clone(), "QueueManager".parse().unwrap()).unwrap();
    user::set_role(context, &command(), &alice.username, &manager)
        .await
        .unwrap();
    assert!(!live(&token).await);
    assert!(live(&bystander).await);

    let token = open().await;
    assert_eq!(
        status(context, &token)
            .await
            .unwrap()
            .user
            .membership
            .role_name(),
        "QueueManager"
    );
    tenant::disable(context, &command(), &a).await.unwrap();
    assert!(!live(&token).await);
    assert!(!live(&bystander).await);
    tenant::enable(context, &command(), &a).await.unwrap();
    assert!(!live(&token).await);

    let token = open().await;
    user::delete(context, &command(), &alice).await.unwrap();
    assert!(!live(&token).await);

    let bystander = log_in(&fixture, "dave", Some("a.example")).await;
    tenant::delete(context, &command(), &a).await.unwrap();
    assert!(!live(&bystander).await);
}

#[tokio::test]
async fn sweep_deletes_one_batch_of_expired_sessions() {
    let (fixture, _) = fixture().await;
    fixture.clock.advance(1_000);
    let live = log_in(&fixture, "bob", None).await;
    fixture.clock.advance(1_799_000);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 1);
    assert_eq!(sweep(&fixture.context).await.unwrap(), 0);
    assert_eq!(left(&fixture, &live).await, Some(1));
}

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let (fixture, token) = fixture().await;
    log_in(&fixture, "bob", None).await;
    let listed = list(&fixture.context, &SessionFilter::All).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        revoke_ids(&fixture.context, &command(), &[listed[0].id])
            .await
            .unwrap(),
        1
    );
    assert_eq!(left(&fixture, &token).await, None);
    assert_eq!(
        revoke(
            &fixture.context,
            &command(),
            &SessionFilter::OfUser(key("bob"))
        )
        .await
        .unwrap(),
        1
    );
    assert_eq!(
        list(&fixture.context, &SessionFilter::All).await.unwrap(),
        []
    );
}

/// Creates a store with an idle timeout of 1800 s and an absolute timeout of an hour.
async fn sliding() -> (Fixture, Token) {
    let (mut fixture, token) = fixture().await;
    fixture.context.session_max_lifetime = "1h".parse().unwrap();
    (fixture, token)
}

/// Returns the stored expiry of a session, in seconds after it was opened.
async fn stored_expiry(fixture: &Fixture, token: &Token) -> i64 {
    let session = fixture
        .context
        .session_lookup
        .find_session(&token.hash())
        .await;
    let session = session.unwrap().unwrap();
    (session.expires_at - session.created_at).num_seconds()
}

#[tokio::test]
async fn use_extends_a_sliding_session_up_to_its_absolute_timeout() {
    let (fixture, token) = sliding().await;
    let mut results = Vec::new();
    // Times are in seconds after the session was opened; a tenth of the idle timeout is 180.
    for (from, to) in [
        (0, 179),
        (179, 180),
        (180, 359),
        (359, 360),
        (360, 1810),
        (1810, 1990),
        (1990, 3599),
        (3599, 3600),
    ] {
        fixture.clock.advance(1000 * (to - from));
        let left = left(&fixture, &token).await;
        results.push((to, left));
        if let Some(left) = left {
            // The returned expiry is the stored one.
            assert_eq!(stored_expiry(&fixture, &token).await, to + i64::from(left));
        }
    }
    assert_eq!(
        results,
        [
            (179, Some(1621)),
            (180, Some(1800)),
            (359, Some(1621)),
            (360, Some(1800)),
            (1810, Some(1790)),
            (1990, Some(1610)),
            (3599, Some(1)),
            (3600, None),
        ]
    );
}

#[tokio::test]
async fn unused_sliding_session_expires() {
    let (fixture, token) = sliding().await;
    fixture.clock.advance(1_799_999);
    assert_eq!(left(&fixture, &token).await, Some(1800));
    fixture.clock.advance(1_799_000);
    assert_eq!(left(&fixture, &token).await, Some(2));
    let other = log_in(&fixture, "bob", None).await;
    fixture.clock.advance(1_800_000);
    assert_eq!(left(&fixture, &other).await, None);
}

#[tokio::test]
async fn use_is_written_at_most_once_per_tenth_of_the_idle_timeout() {
    let (fixture, token) = sliding().await;
    let path = fixture.directory.path().join("test.db");
    let observer = rusqlite::Connection::open(path).unwrap();
    let version = || -> i64 {
        let read = observer.query_row("PRAGMA data_version", [], |row| row.get(0));
        read.unwrap()
    };
    let mut writes = 0;
    for _ in 0..1800 {
        let before = version();
        fixture.clock.advance(1000);
        left(&fixture, &token).await.unwrap();
        writes += usize::from(version() != before);
    }
    // The tenth write reaches the absolute timeout.
    assert_eq!(writes, 10);
    assert_eq!(stored_expiry(&fixture, &token).await, 3600);
}

#[tokio::test]
async fn use_without_sliding_expiration_extends_nothing() {
    let (mut fixture, token) = fixture().await;
    // Both settings exceed the lifetime that this session was opened with.
    fixture.context.session_lifetime = "2h".parse().unwrap();
    fixture.context.session_max_lifetime = "2h".parse().unwrap();
    fixture.clock.advance(1_000_000);
    assert_eq!(left(&fixture, &token).await, Some(800));
}

#[tokio::test]
async fn logout_does_not_extend_and_use_does_not_revive_an_ended_session() {
    let (fixture, token) = sliding().await;
    fixture.clock.advance(1_000_000);
    logout(&fixture.context, &command(), &token).await.unwrap();
    assert_eq!(left(&fixture, &token).await, None);
}

#[tokio::test]
async fn session_that_cannot_be_extended_keeps_its_expiry() {
    let (fixture, token) = sliding().await;
    let path = fixture.directory.path().join("test.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE ON sessions
            BEGIN SELECT raise(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    fixture.clock.advance(1_000_000);
    assert_eq!(left(&fixture, &token).await, Some(800));
    database.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(left(&fixture, &token).await, Some(1800));
}

#[tokio::test]
async fn login_over_the_session_limit_ends_the_oldest() {
    let (mut fixture, first) = fixture().await;
    fixture.context.sessions_per_user = 3;
    let mut tokens = vec![first];
    for _ in 0..3 {
        tokens.push(log_in(&fixture, "bob", None).await);
    }
    let mut live = Vec::new();
    for token in &tokens {
        live.push(left(&fixture, token).await.is_some());
    }
    assert_eq!(live, [false, true, true, true]);
}

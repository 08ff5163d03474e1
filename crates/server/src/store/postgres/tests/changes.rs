//! Propagation: each process learns which sessions another one ended.

use super::*;
use crate::domain::session::SessionFilter;
use crate::domain::user::{Scope, UserKey};
use crate::store::cached::Invalidated;

const TENANT_WITHOUT_USERS: &str = "INSERT INTO tenants (domain, domain_key, created_at, public_id) VALUES ('x.y', 'x.y', 0, '0123456789abcdef')";

/// The position of a process, and the sessions that it has polled.
#[derive(Default)]
struct Position {
    token: Option<ChangeToken>,
    polled: Vec<TokenHash>,
}

/// Polls once more, from the position of the previous poll. Returns what was not polled before.
///
/// Tests share the transaction ids of a server: an open transaction of another test makes a poll read changes again.
async fn poll(store: &Postgres, position: &mut Position) -> Invalidated {
    let changes = store.poll_changes(position.token).await.unwrap();
    position.token = Some(changes.token);
    let Invalidated::Sessions(mut sessions) = changes.invalidated else {
        return Invalidated::All;
    };
    sessions.retain(|session| !position.polled.contains(session));
    position.polled.extend(&sessions);
    Invalidated::Sessions(sessions)
}

/// Waits for the end of transactions of other tests.
async fn in_time(waiting: impl Future<Output = ()>) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
    waited.expect("no other transaction is open for long");
}

fn sessions(numbers: &[u128]) -> Invalidated {
    Invalidated::Sessions(numbers.iter().copied().map(token).collect())
}

#[tokio::test]
async fn session_that_another_process_ends_is_polled() {
    let Some(database) = migrated().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let bob = add_dealer(&one, "bob").await;
    for number in 1..=4 {
        open_session(&one, bob, number).await;
    }
    let mut position = Position::default();
    assert_eq!(poll(&other, &mut position).await, Invalidated::All);
    assert_eq!(poll(&other, &mut position).await, sessions(&[]));

    one.close_session(&token(1), &context()).await.unwrap();
    let expiry = now() + chrono::TimeDelta::hours(1);
    one.extend_session(&token(2), expiry, now()).await.unwrap();
    assert_eq!(poll(&other, &mut position).await, sessions(&[1, 2]));
    assert_eq!(poll(&other, &mut position).await, sessions(&[]));

    // An administrator makes the change, not the store.
    let client = database.client().await;
    client
        .batch_execute("UPDATE users SET enabled = false WHERE username = 'bob'")
        .await
        .unwrap();
    assert_eq!(poll(&other, &mut position).await, sessions(&[3, 4]));
    client.batch_execute(TENANT_WITHOUT_USERS).await.unwrap();
    assert_eq!(poll(&other, &mut position).await, sessions(&[]));
    client
        .batch_execute("UPDATE tenants SET enabled = false")
        .await
        .unwrap();
    assert_eq!(poll(&other, &mut position).await, Invalidated::All);
}

/// Only a commit that wrote something waits for the standby.
#[tokio::test]
async fn revocation_that_finds_no_session_is_written() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let mut position = Position::default();
    poll(&store, &mut position).await;
    assert_eq!(poll(&store, &mut position).await, sessions(&[]));
    let revoked = store.revoke_sessions(&SessionFilter::All, &context()).await;
    assert_eq!(revoked.unwrap(), 0);
    assert_eq!(poll(&store, &mut position).await, Invalidated::All);
}

#[tokio::test]
async fn session_of_a_deleted_user_is_polled() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let bob = add_dealer(&store, "bob").await;
    open_session(&store, bob, 1).await;
    let mut position = Position::default();
    poll(&store, &mut position).await;
    let client = database.client().await;
    client.batch_execute("DELETE FROM users").await.unwrap();
    assert_eq!(poll(&store, &mut position).await, sessions(&[1]));
}

#[tokio::test]
async fn change_that_commits_after_a_later_one_is_polled() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let bob = add_dealer(&store, "bob").await;
    for number in 1..=2 {
        open_session(&store, bob, number).await;
    }
    let mut position = Position::default();
    poll(&store, &mut position).await;

    let mut client = database.client().await;
    let early = client.transaction().await.unwrap();
    let hash = token(1);
    early
        .execute(
            "DELETE FROM sessions WHERE token_hash = $1",
            &[&hash.as_bytes().as_slice()],
        )
        .await
        .unwrap();
    store.close_session(&token(2), &context()).await.unwrap();
    assert_eq!(poll(&store, &mut position).await, sessions(&[2]));
    assert_eq!(poll(&store, &mut position).await, sessions(&[]));
    early.commit().await.unwrap();
    assert_eq!(poll(&store, &mut position).await, sessions(&[1]));
}

#[tokio::test]
async fn process_whose_changes_were_deleted_invalidates_everything() {
    let Some(database) = migrated().await else {
        return;
    };
    let (slow, other) = (open(&database).await, open(&database).await);
    let bob = add_dealer(&slow, "bob").await;
    open_session(&slow, bob, 1).await;
    let (mut slow_position, mut position) = (Position::default(), Position::default());
    poll(&slow, &mut slow_position).await;
    poll(&other, &mut position).await;
    other.close_session(&token(1), &context()).await.unwrap();
    poll(&other, &mut position).await;

    let client = database.client().await;
    let age = "UPDATE changes SET at = at - interval '2 minutes'";
    client.batch_execute(age).await.unwrap();
    // Waits until no transaction of another test is older than the change.
    let last = "SELECT max(xid)::text::bigint FROM changes";
    let last: i64 = client.query_one(last, &[]).await.unwrap().get(0);
    in_time(async {
        while position
            .token
            .is_none_or(|token| token.0 <= last.cast_unsigned())
        {
            poll(&other, &mut position).await;
        }
        let changes = "SELECT FROM changes";
        while !client.query(changes, &[]).await.unwrap().is_empty() {
            other.sweep_sessions(now(), 10).await.unwrap();
        }
    })
    .await;
    assert_eq!(poll(&other, &mut position).await, sessions(&[]));
    assert_eq!(poll(&slow, &mut slow_position).await, Invalidated::All);
    assert_eq!(poll(&slow, &mut slow_position).await, sessions(&[]));
}

#[tokio::test]
async fn poll_invalidates_everything_after_a_reconnect() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    let mut position = Position::default();
    poll(&store, &mut position).await;
    assert_eq!(poll(&store, &mut position).await, sessions(&[]));
    let position = position.token;
    database
        .client()
        .await
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    // The first poll may find the connection closed, or fail with it.
    let first = store.poll_changes(position).await;
    let second = match first {
        Ok(changes) => changes,
        Err(_) => store.poll_changes(position).await.unwrap(),
    };
    assert_eq!(second.invalidated, Invalidated::All);
}

#[tokio::test]
async fn many_changes_invalidate_everything() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open(&database).await;
    add_dealer(&store, "bob").await;
    let mut position = Position::default();
    poll(&store, &mut position).await;
    database
        .client()
        .await
        .batch_execute(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
                SELECT sha256(number::text::bytea), users.id, 1, 4000000000
                FROM users, generate_series(1, 10001) AS number;
            DELETE FROM sessions",
        )
        .await
        .unwrap();
    // The changes are read again until no transaction of another test is older.
    let mut polled = poll(&store, &mut position).await;
    assert_eq!(polled, Invalidated::All);
    in_time(async {
        while polled == Invalidated::All {
            polled = poll(&store, &mut position).await;
        }
    })
    .await;
    assert_eq!(polled, sessions(&[]));
}

#[tokio::test]
async fn revoked_session_is_no_longer_in_the_cache_of_this_process() {
    let Some(database) = migrated().await else {
        return;
    };
    let cache = Arc::new(SessionCache::new(100, std::time::Instant::now()));
    let store = open_cached(&database, Some(Arc::clone(&cache))).await;
    let bob = add_dealer(&store, "bob").await;
    let of_bob = SessionFilter::OfUser(UserKey {
        scope: Scope::System,
        username: "bob".parse().unwrap(),
    });
    for (number, filter) in [(1, of_bob), (2, SessionFilter::All)] {
        open_session(&store, bob, number).await;
        preload::start(&store.core).await.unwrap();
        let find = async || {
            let now = std::time::Instant::now();
            cache.apply(&Invalidated::Sessions(Vec::new()), now);
            let not_read = async { Err::<Option<_>, _>("read from the database") };
            cache.find(&token(number), now, not_read).await
        };
        assert!(find().await.is_ok(), "{filter:?}");
        let revoked = store.revoke_sessions(&filter, &context()).await;
        assert_eq!(revoked.unwrap(), 1);
        assert!(find().await.is_err(), "{filter:?}");
    }
}

#[tokio::test]
async fn sessions_are_preloaded_into_the_cache() {
    let Some(database) = migrated().await else {
        return;
    };
    let cache = Arc::new(SessionCache::new(100, std::time::Instant::now()));
    let store = open_cached(&database, Some(Arc::clone(&cache))).await;
    let bob = add_dealer(&store, "bob").await;
    for number in 1..=3 {
        open_session(&store, bob, number).await;
    }
    preload::start(&store.core).await.unwrap();
    cache.apply(
        &Invalidated::Sessions(Vec::new()),
        std::time::Instant::now(),
    );
    for number in 1..=3 {
        let not_read = async { Err::<Option<_>, _>("read from the database") };
        let found = cache
            .find(&token(number), std::time::Instant::now(), not_read)
            .await;
        assert_eq!(found.unwrap().unwrap().user.id, bob);
    }
}

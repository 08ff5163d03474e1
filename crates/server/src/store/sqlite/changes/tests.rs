//! Tests that changes of the writing connection and of other connections reach the cache.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use rusqlite::params;

use super::super::{open, session};
use super::*;
use crate::domain::audit::{AuditContext, Operator, Source};
use crate::domain::session::FoundSession;
use crate::store::{Database, DatabaseUrl, IfMissing, OpenOptions, open_cached};
use crate::token::Token;

const ROWS: &str = "
    INSERT INTO tenants VALUES (1, 'a.example', 'a.example', 1, 0, randomblob(16));
    INSERT INTO roles VALUES (1, 1, 'clerk', 'clerk', 0);
    INSERT INTO users VALUES (1, 1, 'alice', 'alice', NULL, 1, 'x', 1, 0, randomblob(16), NULL);
    INSERT INTO users VALUES (2, NULL, 'bob', 'bob', 'Dealer', NULL, 'x', 1, 0, randomblob(16), NULL);";

struct Fixture {
    _directory: tempfile::TempDir,
    writer: Connection,
    other: Connection,
    changes: ChangeReporter,
    token: std::cell::Cell<Option<ChangeToken>>,
    cache: Arc<SessionCache>,
    start: Instant,
}

fn token(number: i64) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let writer = open::open_writer(&path, IfMissing::Create).unwrap();
        writer.execute_batch(ROWS).unwrap();
        for (number, user) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            let insert = "INSERT INTO sessions VALUES (?1, ?2, ?3, 0, 1)";
            writer
                .execute(insert, params![number, token(number).as_bytes(), user])
                .unwrap();
        }
        let start = Instant::now();
        let cache = Arc::new(SessionCache::new(100, start));
        let changes = ChangeReporter::watch(&writer, Arc::clone(&cache)).unwrap();
        let polled = changes.poll(&writer, None).unwrap();
        cache.apply(&polled.invalidated, start);
        Self {
            other: open::open_writer(&path, IfMissing::Fail).unwrap(),
            _directory: directory,
            writer,
            changes,
            cache,
            token: Some(polled.token).into(),
            start,
        }
    }

    fn poll(&self) {
        let polled = self.changes.poll(&self.writer, self.token.get()).unwrap();
        self.cache.apply(&polled.invalidated, self.start);
        self.token.set(Some(polled.token));
    }

    /// Looks up sessions 1 to 4, and returns those that were cached.
    fn cached(&self) -> Vec<i64> {
        let cached = |number: &i64| {
            let mut cached = true;
            let token = token(*number);
            let read = async {
                cached = false;
                session::find(&self.writer, &token)
            };
            let now = self.start + Duration::from_millis(1);
            let found = self.cache.find(&token, now, read);
            let _: Option<FoundSession> = block_on(found).unwrap();
            cached
        };
        (1..=4).filter(cached).collect()
    }

    /// Returns the sessions that are still cached after a statement.
    fn cached_after(statement: &str) -> Vec<i64> {
        let fixture = Self::new();
        assert_eq!(fixture.cached(), [0; 0]);
        assert_eq!(fixture.cached(), [1, 2, 3, 4]);
        fixture.writer.execute_batch(statement).unwrap();
        fixture.changes.flush();
        fixture.cached()
    }
}

#[test]
fn changed_session_is_invalidated() {
    let cached = Fixture::cached_after;
    assert_eq!(cached("DELETE FROM sessions WHERE id = 2"), [1, 3, 4]);
    assert_eq!(
        cached("UPDATE sessions SET expires_at = 9 WHERE id = 3"),
        [1, 2, 4]
    );
    assert_eq!(cached("DELETE FROM sessions"), [0; 0]);
    assert_eq!(cached("DELETE FROM users WHERE id = 2"), [1, 2]);
    assert_eq!(
        cached("DELETE FROM users WHERE id = 1; DELETE FROM tenants"),
        [3, 4]
    );
}

#[test]
fn changed_user_tenant_or_role_invalidates_all_sessions() {
    for statement in [
        "UPDATE users SET enabled = 0 WHERE id = 1",
        "UPDATE users SET built_in_role = 'Replicator' WHERE id = 2",
        "UPDATE users SET built_in_role = 'Admin', custom_role_id = NULL WHERE id = 1",
        "UPDATE tenants SET enabled = 0",
        "UPDATE roles SET name = 'Clerk'",
    ] {
        assert_eq!(Fixture::cached_after(statement), [0; 0], "{statement}");
    }
}

#[test]
fn unrelated_change_invalidates_no_session() {
    for statement in [
        "UPDATE users SET password_hash = 'y'",
        "INSERT INTO tenants VALUES (2, 'b.example', 'b.example', 1, 0, randomblob(16))",
        "INSERT INTO sessions VALUES (5, randomblob(32), 1, 0, 1)",
    ] {
        assert_eq!(
            Fixture::cached_after(statement),
            [1, 2, 3, 4],
            "{statement}"
        );
    }
}

#[test]
fn too_many_changed_sessions_invalidate_all_sessions() {
    let fixture = Fixture::new();
    let many = format!(
        "WITH RECURSIVE n(i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < {MAX_PENDING_SESSIONS} + 10)
        INSERT INTO sessions SELECT i, randomblob(32), 2, 0, 1 FROM n"
    );
    fixture.writer.execute_batch(&many).unwrap();
    assert_eq!(
        (fixture.cached(), fixture.cached()),
        (vec![], vec![1, 2, 3, 4])
    );
    let delete = fixture
        .writer
        .execute("DELETE FROM sessions WHERE id > 4", []);
    assert_eq!(delete.unwrap(), MAX_PENDING_SESSIONS + 1);
    fixture.changes.flush();
    assert_eq!(fixture.cached(), [0; 0]);
}

#[test]
fn poll_invalidates_all_sessions_only_after_a_change_of_another_connection() {
    let fixture = Fixture::new();
    let cached = || {
        fixture.poll();
        fixture.cached()
    };
    fixture.cached();
    let insert = "INSERT INTO tenants VALUES (?1, ?1, ?1, 1, 0, randomblob(16))";
    fixture.writer.execute(insert, [7]).unwrap();
    assert_eq!(cached(), [1, 2, 3, 4]);
    fixture.other.execute(insert, [8]).unwrap();
    assert_eq!(cached(), [0; 0]);
    assert_eq!(cached(), [1, 2, 3, 4]);
}

#[test]
fn new_writing_connection_is_watched_and_invalidates_all_sessions() {
    let mut fixture = Fixture::new();
    fixture.cached();
    fixture.changes.watch_again(&fixture.other).unwrap();
    std::mem::swap(&mut fixture.writer, &mut fixture.other);
    assert_eq!(fixture.cached(), [0; 0]);
    fixture.poll();
    assert_eq!(fixture.cached(), [0; 0]);
    fixture.poll();
    assert_eq!(fixture.cached(), [1, 2, 3, 4]);
    let delete = "DELETE FROM sessions WHERE id = 2";
    fixture.writer.execute(delete, []).unwrap();
    fixture.changes.flush();
    assert_eq!(fixture.cached(), [1, 3, 4]);
}

#[tokio::test]
async fn ended_session_is_not_found_by_a_later_look_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    open::open_writer(&path, IfMissing::Create)
        .unwrap()
        .execute_batch(ROWS)
        .unwrap();
    let url = DatabaseUrl::Sqlite(path.clone());
    let opened = open_cached(&url, OpenOptions::new(IfMissing::Fail), 100).await;
    let Database {
        store,
        session_lookup: lookup,
        ..
    } = opened.unwrap();
    let insert = "INSERT INTO sessions VALUES (1, ?1, 2, 0, 2000000000)";
    let other = open::open_writer(&path, IfMissing::Fail).unwrap();
    other.execute(insert, params![token(1).as_bytes()]).unwrap();
    for _ in 0..2 {
        assert!(lookup.find_session(&token(1)).await.unwrap().is_some());
    }
    let act = AuditContext {
        at: chrono::DateTime::from_timestamp(1_900_000_000, 0).unwrap(),
        source: Source::Command(Operator::new(b"root", None)),
    };
    assert!(store.close_session(&token(1), &act).await.unwrap());
    assert!(lookup.find_session(&token(1)).await.unwrap().is_none());
}

#[test]
fn preload_reads_all_sessions_in_batches() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let writer = open::open_writer(&path, IfMissing::Create).unwrap();
    writer.execute_batch(ROWS).unwrap();
    writer.execute_batch("BEGIN").unwrap();
    for number in 1..=5000 {
        let insert = "INSERT INTO sessions VALUES (?1, ?2, 1 + ?1 % 2, 0, 1)";
        writer
            .execute(insert, params![number, token(number).as_bytes()])
            .unwrap();
    }
    writer.execute_batch("COMMIT").unwrap();
    let start = Instant::now();
    let cache = Arc::new(SessionCache::new(20_000, start));
    cache.apply(&Invalidated::All, start);
    let stop = std::sync::atomic::AtomicBool::new(true);
    super::super::preload::preload(&writer, &cache, &stop).unwrap();
    let cached = |number| {
        let mut cached = true;
        let read = async {
            cached = false;
            Ok::<_, ()>(None)
        };
        let found = block_on(cache.find(&token(number), start, read));
        found
            .unwrap()
            .filter(|_| cached)
            .map(|session| session.user.membership.role_name().to_owned())
    };
    assert_eq!(cached(5000), None);
    stop.store(false, std::sync::atomic::Ordering::Relaxed);
    super::super::preload::preload(&writer, &cache, &stop).unwrap();
    let roles: Vec<_> = (1..=5000)
        .filter_map(|number| Some((number, cached(number)?)))
        .collect();
    assert_eq!(roles.len(), 5000);
    for (number, role) in roles {
        let expected = if number % 2 == 0 { "clerk" } else { "Dealer" };
        assert_eq!(role, expected, "{number}");
    }
}

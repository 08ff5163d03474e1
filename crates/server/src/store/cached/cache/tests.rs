//! Tests of the cache with a simulated clock and database.

use std::sync::Arc;

use chrono::DateTime;
use futures::FutureExt as _;

use super::*;
use crate::domain::public_id::PublicId;
use crate::domain::role::TenantRole;
use crate::domain::session::SessionUser;
use crate::domain::user::{Membership, UserId};
use crate::token::Token;

fn block_on<T>(ready: impl Future<Output = T>) -> T {
    ready.now_or_never().expect("the future is ready")
}

struct Fixture {
    cache: SessionCache,
    start: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Cached(Option<&'static str>),
    Read(Option<&'static str>),
}

use Found::{Cached, Read};

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

fn session(role: &str) -> FoundSession {
    FoundSession {
        created_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        user: Arc::new(SessionUser {
            id: UserId(1),
            public_id: PublicId::from_store([1; 16]),
            username: "bob".parse().unwrap(),
            membership: Membership::Tenant(
                "a.example".parse().unwrap(),
                TenantRole::Custom(role.parse().unwrap()),
            ),
            tenant_id: Some(PublicId::from_store([2; 16])),
            created_at: DateTime::UNIX_EPOCH,
        }),
    }
}

impl Fixture {
    fn new() -> Self {
        let start = Instant::now();
        let cache = SessionCache::new(100, start);
        cache.apply(&Invalidated::All, start);
        Self { cache, start }
    }

    fn after(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// Looks up a token while the database has a session with the role `stored`.
    fn find(&self, number: u128, milliseconds: u64, stored: Option<&'static str>) -> Found {
        let mut read = false;
        let token = token(number);
        let found = self.cache.find(&token, self.after(milliseconds), async {
            read = true;
            Ok::<_, ()>(stored.map(session))
        });
        let found = block_on(found);
        let role = found
            .unwrap()
            .map(|session| match session.user.membership.role_name() {
                "old" => "old",
                "new" => "new",
                other => panic!("{other}"),
            });
        if read { Read(role) } else { Cached(role) }
    }
}

#[test]
fn session_is_read_once_and_cached() {
    let fixture = Fixture::new();
    assert_eq!(fixture.find(1, 0, Some("old")), Read(Some("old")));
    assert_eq!(fixture.find(1, 1, Some("new")), Cached(Some("old")));
    assert_eq!(fixture.find(2, 1, Some("new")), Read(Some("new")));
}

#[test]
fn absent_session_is_not_cached() {
    let fixture = Fixture::new();
    assert_eq!(fixture.find(1, 0, None), Read(None));
    assert_eq!(fixture.find(1, 1, Some("new")), Read(Some("new")));
}

#[test]
fn failed_read_is_returned_and_not_cached() {
    let fixture = Fixture::new();
    let failed = block_on(
        fixture
            .cache
            .find(&token(1), fixture.start, async { Err("locked") }),
    );
    assert_eq!(failed, Err("locked"));
    assert_eq!(fixture.find(1, 0, Some("new")), Read(Some("new")));
}

#[test]
fn invalidated_session_is_read_again() {
    let fixture = Fixture::new();
    fixture.find(1, 0, Some("old"));
    fixture.find(2, 0, Some("old"));
    fixture.cache.invalidate(&token(1));
    assert_eq!(fixture.find(1, 1, None), Read(None));
    assert_eq!(fixture.find(2, 1, None), Cached(Some("old")));
    fixture.cache.invalidate_all();
    assert_eq!(fixture.find(2, 1, None), Read(None));
}

#[test]
fn session_read_before_an_invalidation_is_not_cached_after_it() {
    for invalidate in [
        (|cache| cache.invalidate(&token(1))) as fn(&SessionCache),
        SessionCache::invalidate_all,
    ] {
        let fixture = Fixture::new();
        let found = block_on(fixture.cache.find(&token(1), fixture.start, async {
            let read = session("old");
            invalidate(&fixture.cache);
            Ok::<_, ()>(Some(read))
        }));
        assert_eq!(found, Ok(Some(session("old"))));
        assert_eq!(fixture.find(1, 0, None), Read(None));
    }
}

#[test]
fn sessions_are_read_if_no_poll_succeeds_for_the_staleness_bound() {
    let fixture = Fixture::new();
    fixture.find(1, 0, Some("old"));
    assert_eq!(fixture.find(1, 899, None), Cached(Some("old")));
    assert_eq!(fixture.find(1, 900, None), Read(None));
    assert_eq!(fixture.find(1, 5000, Some("new")), Read(Some("new")));
    fixture
        .cache
        .apply(&Invalidated::Sessions(Vec::new()), fixture.after(5000));
    assert_eq!(fixture.find(1, 5899, None), Cached(Some("old")));
    assert_eq!(fixture.find(1, 5900, None), Read(None));
}

#[test]
fn poll_that_is_applied_late_does_not_shorten_freshness() {
    let fixture = Fixture::new();
    fixture.find(1, 0, Some("old"));
    fixture
        .cache
        .apply(&Invalidated::Sessions(Vec::new()), fixture.after(1000));
    fixture
        .cache
        .apply(&Invalidated::Sessions(Vec::new()), fixture.after(500));
    assert_eq!(fixture.find(1, 1899, None), Cached(Some("old")));
}

#[test]
fn sessions_are_read_again_after_a_poll_invalidates_all() {
    let fixture = Fixture::new();
    fixture.find(1, 0, Some("old"));
    fixture.cache.apply(&Invalidated::All, fixture.after(100));
    assert_eq!(fixture.find(1, 101, Some("new")), Read(Some("new")));
    assert_eq!(fixture.find(1, 102, None), Cached(Some("new")));
}

#[test]
fn session_read_before_a_poll_invalidates_all_is_not_cached_after_it() {
    let fixture = Fixture::new();
    let found = block_on(fixture.cache.find(&token(1), fixture.start, async {
        let read = session("old");
        fixture.cache.apply(&Invalidated::All, fixture.after(100));
        Ok::<_, ()>(Some(read))
    }));
    assert_eq!(found, Ok(Some(session("old"))));
    assert_eq!(fixture.find(1, 101, None), Read(None));
}

#[test]
fn concurrent_look_ups_of_one_session_both_read() {
    let fixture = Fixture::new();
    let found = block_on(fixture.cache.find(&token(1), fixture.start, async {
        assert_eq!(fixture.find(1, 0, Some("new")), Read(Some("new")));
        Ok::<_, ()>(Some(session("old")))
    }));
    assert_eq!(found, Ok(Some(session("old"))));
}

#[test]
fn poll_that_names_sessions_invalidates_only_these() {
    let fixture = Fixture::new();
    fixture.find(1, 0, Some("old"));
    fixture.find(2, 0, Some("old"));
    let changed = Invalidated::Sessions(vec![token(1)]);
    fixture.cache.apply(&changed, fixture.after(100));
    assert_eq!(fixture.find(1, 101, None), Read(None));
    assert_eq!(fixture.find(2, 101, None), Cached(Some("old")));
}

#[test]
fn nothing_is_served_before_the_first_poll() {
    let fixture = Fixture::new();
    let cache = SessionCache::new(100, fixture.start);
    for _ in 0..2 {
        let read = async { Ok::<_, ()>(Some(session("old"))) };
        let mut was_read = false;
        let read = async {
            was_read = true;
            read.await
        };
        block_on(cache.find(&token(1), fixture.start, read)).unwrap();
        assert!(was_read);
    }
}

#[test]
fn preload_does_not_replace_a_cached_session() {
    let fixture = Fixture::new();
    let epoch = fixture.cache.epoch();
    fixture.find(1, 0, Some("new"));
    let rows = || Ok::<_, ()>(vec![(token(1), session("old")), (token(2), session("old"))]);
    fixture.cache.preload(epoch, rows).unwrap();
    assert_eq!(fixture.find(1, 1, None), Cached(Some("new")));
    assert_eq!(fixture.find(2, 1, None), Cached(Some("old")));
}

#[test]
fn preload_inserts_nothing_if_a_session_is_invalidated_while_it_reads() {
    let fixture = Fixture::new();
    let epoch = fixture.cache.epoch();
    let rows = || {
        fixture.cache.invalidate(&token(2));
        Ok::<_, ()>(vec![(token(1), session("old")), (token(2), session("old"))])
    };
    fixture.cache.preload(epoch, rows).unwrap();
    assert_eq!(fixture.find(1, 1, None), Read(None));
    assert_eq!(fixture.find(2, 1, None), Read(None));
}

#[test]
fn preload_ends_once_everything_is_invalidated() {
    let fixture = Fixture::new();
    let epoch = fixture.cache.epoch();
    let rows = || Ok::<_, ()>(vec![(token(1), session("old"))]);
    assert_eq!(fixture.cache.preload(epoch, rows), Ok(true));
    fixture.cache.invalidate_all();
    assert_eq!(fixture.cache.preload(epoch, rows), Ok(false));
    assert_eq!(fixture.find(1, 1, None), Read(None));
    fixture.find(1, 1, Some("new"));
    fixture
        .cache
        .apply(&Invalidated::Sessions(Vec::new()), fixture.after(100));
    assert_eq!(fixture.find(1, 101, None), Cached(Some("new")));
}

#[test]
fn staleness_is_the_age_of_the_last_successful_poll() {
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    let cache = SessionCache::new(100, start);
    assert_eq!(cache.staleness(at(300)), Duration::from_millis(300));
    cache.apply(&Invalidated::All, at(400));
    assert_eq!(cache.staleness(at(1500)), Duration::from_millis(1100));
    // A poll that began after `now` has no negative age.
    assert_eq!(cache.staleness(at(399)), Duration::ZERO);
}

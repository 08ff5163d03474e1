//! Each test moves an `Instant` of its own, and plays the database.

use chrono::DateTime;

use super::*;
use crate::domain::role::TenantRole;
use crate::domain::session::SessionUser;
use crate::domain::tenant::TenantId;
use crate::domain::user::{Membership, UserId};
use crate::token::Token;

struct World {
    cache: SessionCache,
    start: Instant,
}

/// What `find` gave, and whether it read.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    Kept(Option<&'static str>),
    Read(Option<&'static str>),
}

use Given::{Kept, Read};

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

fn session(role: &str) -> FoundSession {
    FoundSession {
        created_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        user: Arc::new(SessionUser {
            id: UserId(1),
            username: "bob".parse().unwrap(),
            membership: Membership::Tenant(
                "a.example".parse().unwrap(),
                TenantRole::Custom(role.parse().unwrap()),
            ),
            tenant_id: Some(TenantId(1)),
            created_at: DateTime::UNIX_EPOCH,
        }),
    }
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            cache: SessionCache::new(100, 1, start).unwrap(),
            start,
        }
    }

    fn after(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    /// Looks a token up when the database has `there`.
    fn find(&self, number: u128, milliseconds: u64, there: Option<&'static str>) -> Given {
        let mut read = false;
        let found = self
            .cache
            .find(&token(number), self.after(milliseconds), || {
                read = true;
                Ok::<_, ()>(there.map(session))
            });
        let role = found
            .unwrap()
            .map(|session| match session.user.membership.role_name() {
                "old" => "old",
                "new" => "new",
                other => panic!("{other}"),
            });
        if read { Read(role) } else { Kept(role) }
    }
}

#[test]
fn a_session_is_read_once_and_kept() {
    let world = World::new();
    assert_eq!(world.find(1, 0, Some("old")), Read(Some("old")));
    assert_eq!(world.find(1, 1, Some("new")), Kept(Some("old")));
    assert_eq!(world.find(2, 1, Some("new")), Read(Some("new")));
}

#[test]
fn what_is_not_there_is_not_kept() {
    let world = World::new();
    assert_eq!(world.find(1, 0, None), Read(None));
    assert_eq!(world.find(1, 1, Some("new")), Read(Some("new")));
}

#[test]
fn a_failure_is_passed_on_and_not_kept() {
    let world = World::new();
    let failed = world.cache.find(&token(1), world.start, || Err("locked"));
    assert_eq!(failed, Err("locked"));
    assert_eq!(world.find(1, 0, Some("new")), Read(Some("new")));
}

#[test]
fn a_session_that_was_forgotten_is_read_again() {
    let world = World::new();
    world.find(1, 0, Some("old"));
    world.find(2, 0, Some("old"));
    world.cache.forget(&token(1));
    assert_eq!(world.find(1, 1, None), Read(None));
    assert_eq!(world.find(2, 1, None), Kept(Some("old")));
    world.cache.forget_all();
    assert_eq!(world.find(2, 1, None), Read(None));
}

#[test]
fn what_was_read_before_a_session_was_forgotten_is_not_kept_after() {
    for forget in [
        (|cache| cache.forget(&token(1))) as fn(&SessionCache),
        SessionCache::forget_all,
    ] {
        let world = World::new();
        let found = world.cache.find(&token(1), world.start, || {
            let read = session("old");
            forget(&world.cache);
            Ok::<_, ()>(Some(read))
        });
        assert_eq!(found, Ok(Some(session("old"))));
        assert_eq!(world.find(1, 0, None), Read(None));
    }
}

#[test]
fn without_a_confirmation_for_most_of_a_second_everything_is_read() {
    let world = World::new();
    world.find(1, 0, Some("old"));
    assert_eq!(world.find(1, 899, None), Kept(Some("old")));
    assert_eq!(world.find(1, 900, None), Read(None));
    assert_eq!(world.find(1, 5000, Some("new")), Read(Some("new")));
    // The same word as before: nobody has changed anything.
    world.cache.confirm(1, world.after(5000));
    assert_eq!(world.find(1, 5899, None), Kept(Some("old")));
    assert_eq!(world.find(1, 5900, None), Read(None));
}

#[test]
fn a_confirmation_that_comes_late_makes_nothing_older() {
    let world = World::new();
    world.find(1, 0, Some("old"));
    world.cache.confirm(1, world.after(1000));
    world.cache.confirm(1, world.after(500));
    assert_eq!(world.find(1, 1899, None), Kept(Some("old")));
}

#[test]
fn when_another_process_changed_something_everything_is_read_again() {
    let world = World::new();
    world.find(1, 0, Some("old"));
    world.cache.confirm(2, world.after(100));
    assert_eq!(world.find(1, 101, Some("new")), Read(Some("new")));
    assert_eq!(world.find(1, 102, None), Kept(Some("new")));
}

#[test]
fn what_was_read_before_another_process_changed_it_does_not_outlive_the_news() {
    let world = World::new();
    let found = world.cache.find(&token(1), world.start, || {
        let read = session("old");
        world.cache.confirm(2, world.after(100));
        Ok::<_, ()>(Some(read))
    });
    assert_eq!(found, Ok(Some(session("old"))));
    assert_eq!(world.find(1, 101, None), Read(None));
}

#[test]
fn two_look_ups_at_once_both_read() {
    let world = World::new();
    let found = world.cache.find(&token(1), world.start, || {
        assert_eq!(world.find(1, 0, Some("new")), Read(Some("new")));
        Ok::<_, ()>(Some(session("old")))
    });
    assert_eq!(found, Ok(Some(session("old"))));
}

#[test]
fn one_caller_is_asked_for_a_confirmation_now_and_then() {
    let world = World::new();
    let asked = [0, 199, 200, 201, 399, 400, 5000, 5001];
    let asked = asked.map(|at| world.cache.ask(world.after(at)));
    assert_eq!(asked, [false, false, true, false, false, true, true, false]);
}

#[test]
fn what_is_preloaded_is_kept_unless_it_is_known_better() {
    let world = World::new();
    world.find(1, 0, Some("new"));
    let rows = || Ok::<_, ()>(vec![(token(1), session("old")), (token(2), session("old"))]);
    world.cache.preload(0, rows).unwrap();
    assert_eq!(world.find(1, 1, None), Kept(Some("new")));
    assert_eq!(world.find(2, 1, None), Kept(Some("old")));
}

#[test]
fn nothing_is_preloaded_that_was_read_before_something_was_forgotten() {
    let world = World::new();
    let rows = || {
        world.cache.forget(&token(2));
        Ok::<_, ()>(vec![(token(1), session("old")), (token(2), session("old"))])
    };
    world.cache.preload(0, rows).unwrap();
    assert_eq!(world.find(1, 1, None), Read(None));
    assert_eq!(world.find(2, 1, None), Read(None));
}

#[test]
fn what_is_preloaded_is_of_the_time_at_which_that_began() {
    let world = World::new();
    let rows = || Ok::<_, ()>(vec![(token(1), session("old"))]);
    assert_eq!(world.cache.preload(0, rows), Ok(true));
    world.cache.restart(7);
    assert_eq!(world.cache.preload(0, rows), Ok(false));
    assert_eq!(world.find(1, 1, None), Read(None));
    // From then on the other word is the one that is expected.
    world.find(1, 1, Some("new"));
    world.cache.confirm(7, world.after(100));
    assert_eq!(world.find(1, 101, None), Kept(Some("new")));
}

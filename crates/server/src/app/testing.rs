//! Shared test helpers: a manual clock, predictable random bytes and an empty store.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::user;
use crate::clock::Clock;
use crate::context::Context;
use crate::domain::audit::{Caller, Operator, Source, UserAgent};
use crate::domain::password::{Password, Secret};
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::rate_limit::Rules;
use crate::domain::role::AnyRole;
use crate::domain::session::Lifetime;
use crate::domain::tenant::Domain;
use crate::domain::user::{Membership, Scope, UserKey};
use crate::password::{Cost, Hasher, Limits};
use crate::proxies::TrustedProxies;
use crate::random::{Random, RandomError};
use crate::rate_limiter::RateLimiter;
use crate::store::{IfMissing, sqlite::Sqlite};

/// The password of every user that [`Fixture::user`] creates.
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// Limits that a slow machine does not reach.
pub(super) const GENEROUS_LIMITS: Limits = Limits {
    wait: Duration::from_secs(60),
    ..Limits::DEFAULT
};

/// Returns a hasher with one thread and the lowest cost that Argon2 allows.
pub(super) fn hasher(limits: Limits) -> Hasher {
    let cost = Cost {
        memory: 8,
        passes: 1,
        lanes: 1,
    };
    Hasher::with_limits(cost, NonZeroUsize::MIN, limits, Arc::default()).unwrap()
}

/// A clock that starts at 2026-03-01T08:00:00Z and moves only by [`ManualClock::advance`].
#[derive(Debug, Default)]
pub(super) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(super) fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
        start + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Fills each buffer with the next number.
#[derive(Default)]
struct CountingRandom(AtomicU8);

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
        Ok(())
    }
}

/// Stops tokio's paused clock until it is dropped.
///
/// Otherwise the clock would advance to the next timer while a thread verifies a password or writes to the store.
pub(super) struct StoppedTime(#[expect(dead_code, reason = "dropping it ends a task")] Sender<()>);

impl StoppedTime {
    pub(super) fn start() -> Self {
        let (sender, receiver) = channel();
        // Tokio's paused clock does not advance while a blocking task runs.
        tokio::task::spawn_blocking(move || receiver.recv());
        Self(sender)
    }
}

pub(super) struct Fixture {
    pub(super) context: Context,
    pub(super) clock: Arc<ManualClock>,
    pub(super) directory: tempfile::TempDir,
}

impl Fixture {
    /// Creates an empty store in which sessions live for 1800 s.
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = Sqlite::open(&directory.path().join("test.db"), IfMissing::Create).unwrap();
        let store = Arc::new(store);
        let context = Context {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(CountingRandom::default()),
            session_lookup: Arc::clone(&store) as _,
            store,
            hasher: hasher(GENEROUS_LIMITS),
            password_policy: PasswordPolicy::DEFAULT,
            audit: Arc::default(),
            rate_limiter: Some(RateLimiter::new(Rules::DEFAULT)),
            client_addresses: Arc::default(),
            connections: Arc::default(),
            metrics: Arc::default(),
            session_lifetime: Lifetime::DEFAULT,
            session_max_lifetime: Lifetime::DEFAULT,
            sessions_per_user: 100,
            secure_cookie: false,
            trusted_proxies: TrustedProxies::default(),
        };
        Self {
            context,
            clock,
            directory,
        }
    }

    pub(super) async fn tenant(&self, domain: &str) {
        super::tenant::create(&self.context, &command(), &domain.parse().unwrap())
            .await
            .unwrap();
    }

    /// Creates a user such as `alice@a.example`, or `bob` for a system user.
    pub(super) async fn user(&self, user: &str, role: &str) {
        let UserKey { scope, username } = key(user);
        let membership = Membership::new(scope, role.parse::<AnyRole>().unwrap()).unwrap();
        let password = password(PASSWORD);
        user::create(&self.context, &command(), &username, &membership, &password)
            .await
            .unwrap();
    }
}

/// Returns the source of a change that a command makes.
pub(super) fn command() -> Source {
    Source::Command(Operator::new(b"root", None))
}

pub(super) fn caller(address: impl Into<IpAddr>) -> Caller {
    Caller {
        address: address.into(),
        user_agent: Some(UserAgent::new(b"a test")),
        request_id: "r1".to_owned(),
    }
}

pub(super) fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).unwrap()
}

pub(super) fn key(user: &str) -> UserKey {
    match user.split_once('@') {
        Some((name, domain)) => UserKey {
            scope: Scope::Tenant(domain.parse::<Domain>().unwrap()),
            username: name.parse().unwrap(),
        },
        None => UserKey {
            scope: Scope::System,
            username: user.parse().unwrap(),
        },
    }
}

//! The composition root: builds the state that handlers and commands share from the settings.
//!
//! Clock, random source and store are trait objects, so that tests can replace them.

use std::fmt;
use std::sync::Arc;

use crate::audit::AuditBuffer;
use crate::client_addresses::ClientAddresses;
use crate::clock::Clock;
use crate::config::Settings;
use crate::connections::Connections;
use crate::domain::audit::{AuditContext, Source};
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::session::Lifetime;
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::proxies::TrustedProxies;
use crate::random::{OsRandom, Random};
use crate::rate_limiter::RateLimiter;
use crate::store::session::SessionLookup;
use crate::store::{Database, Store};

/// The state that every handler and every command shares.
pub struct Context {
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of tokens, salts and generated passwords.
    pub random: Arc<dyn Random>,
    /// Tenants, users, roles, sessions, attempts and the audit log.
    pub store: Arc<dyn Store>,
    /// Session checks, served from memory if possible.
    pub session_lookup: Arc<dyn SessionLookup>,
    /// The pool that hashes and verifies passwords.
    pub hasher: Hasher,
    /// The rules for new passwords.
    pub password_policy: PasswordPolicy,
    /// Audit entries that are not yet written, and the limits of the audit log.
    pub audit: Arc<AuditBuffer>,
    /// Limits failed logins; `None` if rate limiting is disabled.
    pub rate_limiter: Option<RateLimiter>,
    /// The client addresses of requests in flight, for the log.
    pub client_addresses: Arc<ClientAddresses>,
    /// The information that requests report about their connections.
    pub connections: Arc<Connections>,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// The lifetime of a new session; with sliding expiration, its idle timeout.
    pub session_lifetime: Lifetime,
    /// The absolute timeout of a session, which exceeds `session_lifetime` if sessions slide.
    pub session_max_lifetime: Lifetime,
    /// The maximum number of live sessions of a user.
    pub sessions_per_user: u32,
    /// Whether all clients use TLS; if so, the session cookie is `Secure`.
    pub secure_cookie: bool,
    /// The proxies whose headers about a client are trusted.
    pub trusted_proxies: TrustedProxies,
}

impl Context {
    /// Builds the context of a process.
    #[must_use]
    pub fn new(
        settings: &Settings,
        database: Database,
        hasher: Hasher,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            clock: database.clock,
            random: Arc::new(OsRandom),
            store: database.store,
            session_lookup: database.session_lookup,
            hasher,
            password_policy: settings.password_policy(),
            audit: Arc::new(AuditBuffer::new(
                settings.audit_retention,
                settings.audit_rows,
            )),
            rate_limiter: settings.rate_limit_rules().map(RateLimiter::new),
            client_addresses: Arc::default(),
            connections: Arc::default(),
            metrics,
            session_lifetime: settings.session_lifetime,
            session_max_lifetime: settings.session_max_lifetime(),
            sessions_per_user: settings.session_per_user,
            secure_cookie: settings.uses_tls(),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// Returns the circumstances of a change that is made now.
    #[must_use]
    pub fn audit_context(&self, source: &Source) -> AuditContext {
        AuditContext {
            at: self.clock.now(),
            source: source.clone(),
        }
    }

    /// Returns whether use extends sessions.
    #[must_use]
    pub fn sessions_slide(&self) -> bool {
        self.session_max_lifetime.seconds() > self.session_lifetime.seconds()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("session_lifetime", &self.session_lifetime)
            .field("session_max_lifetime", &self.session_max_lifetime)
            .field("sessions_per_user", &self.sessions_per_user)
            .field("secure_cookie", &self.secure_cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Sources;
    use crate::store::{self, IfMissing, Observer, OpenOptions};

    #[derive(Debug)]
    struct ClockAhead;

    impl Clock for ClockAhead {
        fn now(&self) -> DateTime<Utc> {
            SystemClock.now() + TimeDelta::hours(2)
        }
    }

    #[tokio::test]
    async fn context_has_the_clock_of_its_database() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/test.db", folder.path().display());
        let options = OpenOptions {
            observer: Observer {
                clock: Arc::new(ClockAhead),
                ..Observer::default()
            },
            ..OpenOptions::new(IfMissing::Create)
        };
        let opened = store::open_cached(&url.parse().unwrap(), options, 100).await;
        let settings = Settings::load(&Sources::default()).unwrap();
        let hasher = Hasher::for_this_machine();
        let context = Context::new(&settings, opened.unwrap(), hasher, Arc::default());
        assert!(context.clock.now() > SystemClock.now() + TimeDelta::hours(1));
    }
}

//! The composition root: what every handler and every command shares, put together from the settings.
//!
//! Clock, random source and store are behind `dyn`, because the start decides once which they are: tests move the clock and
//! choose the random bytes.

use std::fmt;
use std::sync::Arc;

use crate::audit::AuditBuffer;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::domain::audit::{AuditContext, Source};
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
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives tokens, salts and made-up passwords their bytes.
    pub random: Arc<dyn Random>,
    /// Keeps tenants, users, roles and sessions.
    pub store: Arc<dyn Store>,
    /// Finds sessions, in memory if they are there.
    pub session_lookup: Arc<dyn SessionLookup>,
    /// Hashes and verifies passwords.
    pub hasher: Hasher,
    /// Refused logins that wait to be recorded, and how much of the audit log is kept.
    pub audit: Arc<AuditBuffer>,
    /// Limits failed logins; `None` if attempts are not counted.
    pub rate_limiter: Option<RateLimiter>,
    /// Counts and measures what happens.
    pub metrics: Arc<Metrics>,
    /// How long a new session lives.
    pub session_lifetime: Lifetime,
    /// How long use can make a session live: not longer than `session_lifetime`, unless sessions slide.
    pub session_max_lifetime: Lifetime,
    /// How many live sessions a user may have.
    pub sessions_per_user: u32,
    /// Whether all clients reach the server over TLS, so that the session cookie may be `Secure`.
    pub secure_cookie: bool,
    /// The proxies whose headers about a client are trusted.
    pub trusted_proxies: TrustedProxies,
}

impl Context {
    /// Puts the context of a process together.
    #[must_use]
    pub fn new(
        settings: &Settings,
        database: Database,
        hasher: Hasher,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store: database.store,
            session_lookup: database.session_lookup,
            hasher,
            audit: Arc::new(AuditBuffer::new(
                settings.audit_retention,
                settings.audit_rows,
            )),
            rate_limiter: settings.throttle().map(RateLimiter::new),
            metrics,
            session_lifetime: settings.session_lifetime,
            session_max_lifetime: settings.session_max_lifetime(),
            sessions_per_user: settings.session_per_user,
            secure_cookie: settings.is_encrypted(),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// Returns the circumstances of a change that is made now.
    #[must_use]
    pub fn audit_context(&self, by: &Source) -> AuditContext {
        AuditContext {
            at: self.clock.now(),
            source: by.clone(),
        }
    }

    /// Whether use extends sessions.
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

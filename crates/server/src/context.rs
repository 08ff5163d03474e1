//! What every handler and every command shares.
//!
//! The clock and the random source are passed in, never reached for: tests move the one and choose the other. Both are
//! behind `dyn`, as the store is, because which one it is gets decided once, at the start.

use std::fmt;
use std::sync::Arc;

use crate::audit::AuditBuffer;
use crate::clock::Clock;
use crate::domain::audit::{AuditContext, Source};
use crate::domain::session::Lifetime;
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::proxies::TrustedProxies;
use crate::random::Random;
use crate::rate_limiter::RateLimiter;
use crate::store::Store;

/// What every handler and every command shares.
pub struct Context {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives tokens, salts and made-up passwords their bytes.
    pub random: Arc<dyn Random>,
    /// Keeps tenants, users, roles and sessions.
    pub store: Arc<dyn Store>,
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
    /// Who is believed what address a client has, and whether it speaks TLS.
    pub trusted_proxies: TrustedProxies,
}

impl Context {
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

//! The rate limiter of this process: the rules and the concurrency limiter.

mod concurrency;

pub use self::concurrency::{ConcurrencyLimiter, Permit, QueueTicket};
use crate::domain::rate_limit::Rules;

/// Limits failed logins.
#[derive(Debug)]
pub struct RateLimiter {
    /// The limits and delays.
    pub rules: Rules,
    /// Limits the logins of one account or network that are in flight.
    pub concurrency: ConcurrencyLimiter,
}

impl RateLimiter {
    /// Creates a rate limiter with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            concurrency: ConcurrencyLimiter::new(&rules),
            rules,
        }
    }
}

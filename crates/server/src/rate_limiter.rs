//! The rate limiter of this process: the rules, and what keeps correct logins from limiting each other.

mod concurrency;

pub use self::concurrency::{ConcurrencyLimiter, Permit, QueueTicket};
use crate::domain::rate_limit::Rules;

/// Limits failed logins.
#[derive(Debug)]
pub struct RateLimiter {
    /// The limits and delays.
    pub rules: Rules,
    /// Bounds how many logins of one account or network are in flight.
    pub concurrency: ConcurrencyLimiter,
}

impl RateLimiter {
    /// Limits failed logins by these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            concurrency: ConcurrencyLimiter::new(&rules),
            rules,
        }
    }
}

//! The rate limiter of this process: the rules, the concurrency limiter and the delay of responses.

mod concurrency;
mod delay;

pub use self::concurrency::{ConcurrencyLimiter, Permit, QueueTicket};
pub use self::delay::{DelayedResponse, ResponseDelay};
use crate::domain::rate_limit::Rules;

/// Limits failed logins.
#[derive(Debug)]
pub struct RateLimiter {
    /// The limits and delays.
    pub rules: Rules,
    /// Limits the logins of one account or network that are in flight.
    pub concurrency: ConcurrencyLimiter,
    /// Delays the responses to logins that a shared limit refuses.
    pub responses: ResponseDelay,
}

impl RateLimiter {
    /// Creates a rate limiter with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            concurrency: ConcurrencyLimiter::new(&rules),
            responses: ResponseDelay::default(),
            rules,
        }
    }
}

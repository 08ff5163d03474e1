//! Attempts to log in: their reservation, and what an administrator sees and clears of them. The rules are in
//! [`crate::domain::rate_limit`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Internal, LoginError, ManageError};
use crate::context::Context;
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::Source;
use crate::domain::rate_limit::{LimitKind, Rules, Sweep};
use crate::domain::user::UserKey;
use crate::rate_limiter::Permit;

/// How many rows one [`sweep`] deletes at most, of each kind: see [`super::session::SWEEP`].
const SWEEP: u32 = 500;

/// How often to check whether attempts in flight are done: a hash takes as long.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Reserves an attempt; waits for attempts in flight. Returns `None` if attempts are not counted.
///
/// # Errors
///
/// [`LoginError::TooManyAttempts`] if a limit is reached: nothing was written then.
pub(super) async fn reserve(
    context: &Context,
    mut attempt: NewAttempt,
) -> Result<Option<(Reservation, Permit<'_>)>, LoginError> {
    let Some(limiter) = &context.rate_limiter else {
        return Ok(None);
    };
    let since = Instant::now();
    let timeout = context.hasher.max_wait();
    let permit = limiter
        .concurrency
        .acquire(&attempt.account, attempt.network, timeout);
    let permit = permit.await.map_err(LoginError::TooManyAttempts)?;
    loop {
        attempt.at = context.clock.now();
        let outcome = context.store.reserve_attempt(&attempt, &limiter.rules);
        match outcome.await? {
            ReserveOutcome::Reserved(reservation) => return Ok(Some((reservation, permit))),
            // Of another process, which has its own limiter.
            ReserveOutcome::Limited(limited)
                if limited.limit == LimitKind::Concurrency && since.elapsed() < timeout =>
            {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            ReserveOutcome::Limited(limited) => return Err(LoginError::TooManyAttempts(limited)),
        }
    }
}

/// Failures that count at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// The user on whose account they are.
    pub account: Account,
    /// What was counted.
    pub failures: FailureCount,
    /// From when the next attempt is verified; `None` if it may be made now.
    pub limited_until: Option<DateTime<Utc>>,
}

/// On what failures are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A network alone.
    Any,
    /// The account of a user.
    User(UserKey),
    /// An account that does not exist. What it was called is not kept.
    Unknown,
}

/// Lists failures that count at present: networks and accounts that have reached their limit, then streaks, each latest
/// first. It judges by these rules.
///
/// # Errors
///
/// When the store fails.
pub async fn list(context: &Context, rules: &Rules) -> Result<Vec<RateLimitStatus>, ManageError> {
    let now = context.clock.now();
    let counted = context.store.list_attempts(rules, now).await?;
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    let users = context.store.list_users(None).await?;
    let users: HashMap<AccountKey, UserKey> = users
        .into_iter()
        .map(|user| UserKey {
            scope: user.membership.scope(),
            username: user.username,
        })
        .map(|user| (AccountKey::of(&user), user))
        .collect();
    let standing = counted.into_iter().map(|failures| RateLimitStatus {
        account: match failures.account {
            None => Account::Any,
            Some(account) => match users.get(&account) {
                Some(user) => Account::User(user.clone()),
                None => Account::Unknown,
            },
        },
        limited_until: match rules.judge(&failures.tally, now) {
            Ok(()) => None,
            Err(limited) => Some(now + limited.retry_after),
        },
        failures,
    });
    Ok(standing.collect())
}

/// Forgets failures. How many it were.
///
/// # Errors
///
/// When the store fails.
pub async fn clear(
    context: &Context,
    by: &Source,
    which: &AttemptFilter,
) -> Result<u64, ManageError> {
    let audit = context.audit_context(by);
    Ok(context.store.clear_attempts(which, &audit).await?)
}

/// Deletes some of what counts no more. How many rows it were: none when nothing is left to delete.
///
/// # Errors
///
/// When the store fails.
pub async fn sweep(context: &Context) -> Result<u64, Internal> {
    let now = context.clock.now();
    let expired = match &context.rate_limiter {
        Some(limiter) => limiter.rules.expiry_cutoff(now),
        // Attempts are not counted any more; what was counted is of no use.
        None => now + TimeDelta::days(1),
    };
    let sweep = Sweep::new(expired, now, SWEEP);
    Ok(context.store.sweep_attempts(&sweep).await?)
}

#[cfg(test)]
mod tests;

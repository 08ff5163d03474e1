//! Login attempts: reservation, listing and clearing. The rules are in [`crate::domain::rate_limit`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Internal, LoginError, ManageError, SWEEP_BATCH};
use crate::context::Context;
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::Source;
use crate::domain::rate_limit::{LimitKind, RateLimited, Rules};
use crate::domain::sweep::Sweep;
use crate::domain::user::UserKey;
use crate::rate_limiter::Permit;

/// The interval of retries while attempts are in flight: about the time of a hash.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Waits for attempts in flight, then reserves one; returns `None` if rate limiting is disabled.
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
            // The attempts are in flight in another process, which has its own concurrency limiter.
            ReserveOutcome::Limited(limited)
                if limited.limit == LimitKind::Concurrency && since.elapsed() < timeout =>
            {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            ReserveOutcome::Limited(limited) => return Err(LoginError::TooManyAttempts(limited)),
        }
    }
}

/// Failures that count now, and the resulting limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// The account that the failures are counted for.
    pub account: Account,
    /// The counted failures.
    pub failures: FailureCount,
    /// The limit that is reached, if there is one.
    pub limited: Option<LimitedUntil>,
}

/// A limit that is reached, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitedUntil {
    /// The limit.
    pub limit: LimitKind,
    /// When the next attempt may be verified.
    pub until: DateTime<Utc>,
}

/// The account that failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// All accounts: the failures of a network.
    Any,
    /// The account of a user.
    User(UserKey),
    /// An unknown account; its name is not stored.
    Unknown,
}

/// Lists failures that count now under `rules`.
///
/// Networks, prefixes and accounts that have reached a limit are first, then streaks; each group is sorted latest
/// first.
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
    let statuses = counted.into_iter().map(|failures| RateLimitStatus {
        account: match failures.account {
            None => Account::Any,
            Some(account) => match users.get(&account) {
                Some(user) => Account::User(user.clone()),
                None => Account::Unknown,
            },
        },
        limited: match rules.judge(&failures.tally, now) {
            Ok(()) => None,
            Err(RateLimited {
                limit, retry_after, ..
            }) => Some(LimitedUntil {
                limit,
                until: now + retry_after,
            }),
        },
        failures,
    });
    Ok(statuses.collect())
}

/// Clears failures and returns how many.
pub async fn clear(
    context: &Context,
    source: &Source,
    filter: &AttemptFilter,
) -> Result<u64, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.clear_attempts(filter, &audit).await?)
}

/// Deletes a batch of expired attempts and returns the number of deleted rows.
pub async fn sweep(context: &Context) -> Result<u64, Internal> {
    let rules = context.rate_limiter.as_ref().map(|limiter| &limiter.rules);
    let sweep = Sweep::new(rules, context.clock.now(), SWEEP_BATCH);
    Ok(context.store.sweep_attempts(&sweep).await?)
}

#[cfg(test)]
mod tests;

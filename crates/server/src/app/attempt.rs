//! Attempts to log in: taking a turn, and what an administrator sees and clears of them. The rules' figures and their
//! sense stand in [`crate::throttle`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::attempt::{AccountKey, AttemptFilter, FailureCount, NewAttempt, Reservation};
use crate::domain::audit::Source;
use crate::domain::rate_limit::{LimitKind, RateLimited, Rules, Sweep};
use crate::domain::user::UserKey;
use crate::rate_limiter::Permit;
use crate::store::StoreFailure;

/// How many rows one [`sweep`] deletes at most, of each kind: see [`super::session::SWEEP`].
const SWEEP: u32 = 500;

/// How often to look whether those that are under way elsewhere are done: a hash takes as long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An attempt that may be looked at. It counts as a failure until its session is opened.
pub(super) struct Turn<'a> {
    pub(super) reserved: Reservation,
    _passed: Permit<'a>,
}

impl Turn<'_> {
    /// Gives the turn back: the attempt was not looked at.
    pub(super) async fn give_back(self, context: &Context) -> Result<(), StoreFailure> {
        context.store.release_attempt(&self.reserved).await
    }
}

/// Takes a turn, where attempts are counted: none where they are not.
///
/// # Errors
///
/// The inner one when the attempt is held back: nothing was written then.
pub(super) async fn take_turn<'a>(
    context: &'a Context,
    mut attempt: NewAttempt,
) -> Result<Result<Option<Turn<'a>>, RateLimited>, StoreFailure> {
    let Some(limiter) = &context.rate_limiter else {
        return Ok(Ok(None));
    };
    let since = Instant::now();
    let patience = context.hasher.longest_wait();
    let passed = limiter
        .concurrency
        .acquire(&attempt.account, attempt.network, patience);
    let passed = match passed.await {
        Ok(passed) => passed,
        Err(held) => return Ok(Err(held)),
    };
    let reserved = loop {
        attempt.at = context.clock.now();
        // A read first: who is held back does not make the store write. Not before the gate, where those that are under
        // way here would look like failures.
        let mut decided = context
            .store
            .check_attempt(&attempt, &limiter.rules)
            .await?
            .map(|()| None);
        if decided.is_ok() {
            let reserved = context.store.reserve_attempt(&attempt, &limiter.rules);
            decided = reserved.await?.map(Some);
        }
        match decided {
            Ok(reserved) => break reserved,
            // Those that are under way elsewhere: another process has its own gate.
            Err(held) if held.limit == LimitKind::Concurrency && since.elapsed() < patience => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(held) => return Ok(Err(held)),
        }
    };
    Ok(Ok(reserved.map(|reserved| Turn {
        reserved,
        _passed: passed,
    })))
}

/// Failures that count at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The user on whose account they are.
    pub account: Account,
    /// What was counted.
    pub failures: FailureCount,
    /// From when the next attempt is looked at; none where it may be made now.
    pub held_until: Option<DateTime<Utc>>,
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
pub async fn list(context: &Context, rules: &Rules) -> Result<Vec<Standing>, ManageError> {
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
    let standing = counted.into_iter().map(|failures| Standing {
        account: match failures.account {
            None => Account::Any,
            Some(account) => match users.get(&account) {
                Some(user) => Account::User(user.clone()),
                None => Account::Unknown,
            },
        },
        held_until: match rules.judge(&failures.tally, now) {
            Ok(()) => None,
            Err(held) => Some(now + held.retry_after),
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

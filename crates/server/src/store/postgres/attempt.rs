//! Reservations of login attempts, which rate limiting counts. The rules are in [`crate::domain::rate_limit`].
//!
//! A step locks rows in this order: attempts, the day of an account, streaks. Rows of other accounts, such as expired
//! ones, come last and are skipped if another step has locked them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::attempt_maintenance::{clear, expire, list, sweep};
use super::lookup::Lock;
use super::step::Step;
use super::tally::{lock_streak, read_tally};
use super::value::{get, get_time_millis, values};
use super::{Postgres, account_day, allowance, audit, lookup};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAllowanceAttempt, NewAttempt, Reservation,
    ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::network::{Network, Prefix};
use crate::domain::rate_limit::{RateLimited, Rules};
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

const SET_STREAK: &str = "
    INSERT INTO streaks (account, network, failures, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account, network)
        DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at";

const INSERT: &str = "INSERT INTO attempts (account, network, at) VALUES ($1, $2, $3) RETURNING id";

const FAIL: &str = "UPDATE attempts SET failed = true WHERE id = $1";

const DELETE: &str = "DELETE FROM attempts WHERE id = $1 RETURNING at";

const SHORTEN_STREAK: &str = "UPDATE streaks SET failures = $3 WHERE account = $1 AND network = $2";

const END_STREAK: &str = "DELETE FROM streaks WHERE account = $1 AND network = $2";

async fn judge(
    step: &Step<'_>,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<Result<(), RateLimited>, StoreFailure> {
    Ok(rules.judge(&read_tally(step, attempt, rules).await?, attempt.at))
}

async fn reserve(
    step: &Step<'_>,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<ReserveOutcome, StoreFailure> {
    // Counting and reserving must be atomic across all processes. Advisory locks are used, because the rows to count
    // may not exist yet. The statements after them see everything that earlier holders of the locks committed.
    for key in lock_keys(attempt) {
        lookup::lock_key(step, key).await?;
    }
    if let Err(limited) = judge(step, attempt, rules).await? {
        return Ok(ReserveOutcome::Limited(limited));
    }
    account_day::add(step, &attempt.account, attempt.at).await?;
    let account = attempt.account.as_bytes();
    let (network, at) = (attempt.network.to_bytes(), attempt.at.timestamp_millis());
    let streak = lock_streak(step, &attempt.account, attempt.network).await?;
    let failures = rules.next_in_streak(streak, attempt.at);
    step.execute(SET_STREAK, values![account, &network, failures, at])
        .await?;
    let inserted = step.query(INSERT, values![account, &network, at]).await?;
    expire(step, rules, attempt.at).await?;
    Ok(ReserveOutcome::Reserved(Reservation::Counted {
        id: get(&inserted[0], 0)?,
        account: attempt.account,
        network: attempt.network,
    }))
}

/// Returns the keys of the advisory locks of an account and a network, lowest first.
///
/// A network is locked by its widest counted prefix, which contains the others. If two networks or accounts have the
/// same key, they only wait for each other.
fn lock_keys(attempt: &NewAttempt) -> [i64; 2] {
    let first_bytes = |bytes: &[u8]| {
        let mut key = [0; 8];
        let length = bytes.len().min(key.len());
        key[..length].copy_from_slice(&bytes[..length]);
        i64::from_be_bytes(key)
    };
    let widest = attempt.network.prefixes().last();
    let widest = widest.unwrap_or_else(|| Prefix::from(attempt.network));
    let account = first_bytes(attempt.account.as_bytes());
    let network = first_bytes(&widest.to_bytes());
    [account.min(network), account.max(network)]
}

async fn fail(
    step: &Step<'_>,
    reservation: &Reservation,
    refusal: &Refusal,
) -> Result<(), StoreFailure> {
    match reservation {
        Reservation::Counted { id, .. } => {
            step.execute(FAIL, values![*id]).await?;
        }
        // Nothing to write: the attempt counts as a failure until it is released or expires.
        Reservation::Allowance { .. } => {}
    }
    audit::record_refusals(step, std::slice::from_ref(refusal)).await
}

async fn release(step: &Step<'_>, reservation: &Reservation) -> Result<(), StoreFailure> {
    let (id, account, network) = match *reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => (id, account, network),
        Reservation::Allowance { id, .. } => return allowance::release(step, id).await,
    };
    if !delete_attempt(step, id, &account).await? {
        return Ok(());
    }
    let Some(streak) = lock_streak(step, &account, network).await? else {
        return Ok(());
    };
    match streak.without_one() {
        Some(left) => {
            let row = values![account.as_bytes(), network.to_bytes(), left];
            step.execute(SHORTEN_STREAK, row).await?;
        }
        None => delete_streak(step, &account, network).await?,
    }
    Ok(())
}

/// Returns `false` if the attempt is not stored, because an administrator has cleared it.
async fn delete_attempt(
    step: &Step<'_>,
    id: i64,
    account: &AccountKey,
) -> Result<bool, StoreFailure> {
    let Some(row) = step.query_opt(DELETE, values![id]).await? else {
        return Ok(false);
    };
    account_day::remove(step, account, get_time_millis(&row, 0)?).await?;
    Ok(true)
}

async fn delete_streak(
    step: &Step<'_>,
    account: &AccountKey,
    network: Network,
) -> Result<(), StoreFailure> {
    let row = values![account.as_bytes(), network.to_bytes()];
    step.execute(END_STREAK, row).await?;
    Ok(())
}

pub(super) async fn succeed(
    step: &Step<'_>,
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let network = match *reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => {
            delete_attempt(step, id, &account).await?;
            delete_streak(step, &account, network).await?;
            network
        }
        Reservation::Allowance { id, network } => {
            allowance::release(step, id).await?;
            network
        }
    };
    allowance::record_network(step, user, network, now).await
}

#[async_trait]
impl Attempts for Postgres {
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure> {
        // Judged without locks first, so that a rate-limited attempt delays no other.
        let judged = self.read((attempt, rules), |step, (attempt, rules)| {
            Box::pin(judge(step, attempt, rules))
        });
        if let Err(limited) = judged.await? {
            return Ok(ReserveOutcome::Limited(limited));
        }
        let arguments = (attempt.clone(), *rules);
        self.write_soon(arguments, |step, (attempt, rules)| {
            Box::pin(reserve(step, attempt, rules))
        })
        .await
    }

    async fn reserve_allowance(
        &self,
        attempt: &NewAllowanceAttempt,
    ) -> Result<Option<Reservation>, StoreFailure> {
        // Judged without locks first, so that an attempt that is not permitted delays no other.
        let used = self.read(*attempt, |step, attempt| {
            Box::pin(allowance::read_use(step, attempt, Lock::None))
        });
        if !used.await?.permits_attempt(attempt.at) {
            return Ok(None);
        }
        self.write_soon(*attempt, |step, attempt| {
            Box::pin(allowance::reserve(step, attempt))
        })
        .await
    }

    async fn fail_attempt(
        &self,
        reservation: &Reservation,
        refusal: &Refusal,
    ) -> Result<(), StoreFailure> {
        let arguments = (*reservation, refusal.clone());
        self.write_soon(arguments, |step, (reservation, refusal)| {
            Box::pin(fail(step, reservation, refusal))
        })
        .await
    }

    async fn release_attempt(&self, reservation: &Reservation) -> Result<(), StoreFailure> {
        self.write_soon(*reservation, |step, reservation| {
            Box::pin(release(step, reservation))
        })
        .await
    }

    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure> {
        self.read((rules, now), |step, (rules, now)| {
            Box::pin(list(step, rules, *now))
        })
        .await
    }

    async fn clear_attempts(
        &self,
        filter: &AttemptFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreFailure> {
        let arguments = (filter.clone(), context.clone());
        self.write(arguments, |step, (filter, context)| {
            Box::pin(clear(step, filter, context))
        })
        .await
    }

    async fn sweep_attempts(&self, plan: &Sweep) -> Result<u64, StoreFailure> {
        self.write_repeatable(*plan, |step, plan| Box::pin(sweep(step, plan)))
            .await
    }
}

//! Reservations of login attempts, which rate limiting counts. The rules are in [`crate::domain::rate_limit`].
//!
//! A step locks rows in this order: attempts, the day of an account, streaks. Rows of other accounts, such as expired
//! ones, come last and are skipped if another step has locked them. A reservation acquires two advisory locks first. A
//! failure is repeated if another step inserts the day or the streak that it did not find.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::attempt_maintenance::{clear, expire, list, sweep};
use super::lookup::Lock;
use super::retry::Outdated;
use super::step::{Answer, Statement, Step};
use super::value::{get, get_time_millis, values};
use super::{Postgres, account_day, allowance, audit, lookup, tally};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAllowanceAttempt, NewAttempt, Reservation,
    ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::network::Prefix;
use crate::domain::rate_limit::{IN_FLIGHT_TIMEOUT, Rules, StoredStreak};
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

/// Acquires both advisory locks if they are free, in their order.
const TRY_LOCKS: &str = "
    SELECT CASE WHEN pg_try_advisory_xact_lock($1) THEN pg_try_advisory_xact_lock($2) ELSE false END";

const INSERT: &str = "INSERT INTO attempts (account, network, at) VALUES ($1, $2, $3) RETURNING id";

const FAIL: &str = "UPDATE attempts SET failed = true WHERE id = $1 AND NOT failed RETURNING at";

/// Records the attempts of an account as failed that are no longer in flight, between `$2` and `$3`.
const FAIL_TIMED_OUT: &str = "
    UPDATE attempts SET failed = true WHERE account = $1 AND at > $2 AND at <= $3 AND NOT failed
    RETURNING network, at";

const DELETE: &str = "DELETE FROM attempts WHERE id = $1";

const LOCK_STREAK: &str =
    "SELECT failures, last_at FROM streaks WHERE account = $1 AND network = $2 FOR UPDATE";

/// Changes nothing if another step has inserted the streak meanwhile.
const INSERT_STREAK: &str = "
    INSERT INTO streaks (account, network, failures, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account, network) DO NOTHING";

const REPLACE_STREAK: &str = "
    UPDATE streaks SET failures = $3, last_at = $4 WHERE account = $1 AND network = $2";

/// Deletes an attempt and then its streak, and finds when its user was last seen on its network.
///
/// Parameters: `$1` attempt, `$2` account, `$3` network, `$4` user. The condition makes PostgreSQL lock the attempt
/// first.
const SUCCEED: &str = "
    WITH attempt AS (DELETE FROM attempts WHERE id = $1 RETURNING id),
        streak AS (DELETE FROM streaks WHERE account = $2 AND network = $3
            AND (SELECT count(*) FROM attempt) >= 0)
    SELECT seen_at FROM known_networks WHERE user_id = $4 AND network = $3";

/// Like [`SUCCEED`], for an attempt from the allowance.
///
/// Parameters: `$1` attempt, `$2` user, `$3` network.
const SUCCEED_IN_ALLOWANCE: &str = "
    WITH attempt AS (DELETE FROM allowance_attempts WHERE id = $1)
    SELECT seen_at FROM known_networks WHERE user_id = $2 AND network = $3";

async fn reserve(
    step: &Step<'_>,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<ReserveOutcome, StoreFailure> {
    // Counting and reserving must be atomic across all processes. Advisory locks are used, because the rows to count
    // may not exist yet. The statements after them see everything that earlier holders of the locks committed.
    let keys = lock_keys(attempt);
    let try_locks = Statement::new(TRY_LOCKS, values![keys[0], keys[1]]);
    let [locks, read] = step
        .pipeline([try_locks, tally::facts(attempt, rules)])
        .await?;
    let mut facts = tally::read_facts(&read, attempt, rules)?;
    // Judged before the locks are waited for, so that rate-limited attempts do not queue in front of others.
    if let Err(limited) = rules.judge(&facts.tally, attempt.at) {
        return Ok(ReserveOutcome::Limited(limited));
    }
    if !get(&locks.rows[0], 0)? {
        let [lock_first, lock_second] = keys.map(lookup::key_lock);
        let [_, _, read] = step
            .pipeline([lock_first, lock_second, tally::facts(attempt, rules)])
            .await?;
        facts = tally::read_facts(&read, attempt, rules)?;
        if let Err(limited) = rules.judge(&facts.tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
    }
    let row = values![
        attempt.account.as_bytes(),
        attempt.network.to_bytes(),
        attempt.at.timestamp_millis()
    ];
    let inserted = step.query(INSERT, row).await?;
    if facts.has_timed_out {
        fail_timed_out(step, attempt, rules).await?;
    }
    if facts.has_expired {
        expire(step, rules, attempt.at).await?;
    }
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
pub(super) fn lock_keys(attempt: &NewAttempt) -> [i64; 2] {
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
    rules: &Rules,
) -> Result<(), StoreFailure> {
    match reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => {
            let failed = step.query_opt(FAIL, values![*id]).await?;
            // Otherwise an administrator had cleared the attempt, or it had timed out.
            if let Some(failed) = failed {
                let at = get_time_millis(&failed, 0)?;
                count_failure(step, account, &network.to_bytes(), at, rules).await?;
            }
        }
        // Nothing to write: the attempt counts as a failure until it is released or expires.
        Reservation::Allowance { .. } => {}
    }
    audit::record_refusals(step, std::slice::from_ref(refusal)).await
}

/// Records the attempts of an account as failed whose outcome is missing since they timed out.
async fn fail_timed_out(
    step: &Step<'_>,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<(), StoreFailure> {
    let row = values![
        attempt.account.as_bytes(),
        rules.expiry_cutoff(attempt.at).timestamp_millis(),
        (attempt.at - IN_FLIGHT_TIMEOUT).timestamp_millis(),
    ];
    for failed in step.query(FAIL_TIMED_OUT, row).await? {
        let (network, at) = (get(&failed, 0)?, get_time_millis(&failed, 1)?);
        count_failure(step, &attempt.account, network, at, rules).await?;
    }
    Ok(())
}

/// Adds the failure of an attempt to the day of its account, and to its streak.
async fn count_failure(
    step: &Step<'_>,
    account: &AccountKey,
    network: &[u8],
    at: DateTime<Utc>,
    rules: &Rules,
) -> Result<(), StoreFailure> {
    let network = network.to_vec();
    let key = values![account.as_bytes(), &network];
    let [day, streak] = step
        .pipeline([account_day::lock(account), Statement::new(LOCK_STREAK, key)])
        .await?;
    let streak = match streak.rows.first() {
        Some(row) => tally::read_streak(row, 0)?,
        None => None,
    };
    let StoredStreak { failures, last_at } = rules.next_in_streak(streak, at);
    let last_at = last_at.timestamp_millis();
    let row = values![account.as_bytes(), &network, failures, last_at];
    let set_streak = match streak {
        None => INSERT_STREAK,
        Some(_) => REPLACE_STREAK,
    };
    let [day, streak] = step
        .pipeline([
            account_day::add(&day, account, at)?,
            Statement::new(set_streak, row),
        ])
        .await?;
    if day.changed == 0 || streak.changed == 0 {
        return Err(StoreFailure::unavailable(Outdated));
    }
    Ok(())
}

async fn release(step: &Step<'_>, reservation: &Reservation) -> Result<(), StoreFailure> {
    match *reservation {
        Reservation::Counted { id, .. } => {
            step.execute(DELETE, values![id]).await?;
            Ok(())
        }
        Reservation::Allowance { id, .. } => allowance::release(step, id).await,
    }
}

/// Returns the statement that commits a reservation as successful. [`finish_success`] reads its answer.
pub(super) fn succeed(reservation: &Reservation, user: UserId) -> Statement<'_> {
    match reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => {
            let row = values![*id, account.as_bytes(), network.to_bytes(), user.0];
            Statement::new(SUCCEED, row)
        }
        Reservation::Allowance { id, network } => {
            let row = values![*id, user.0, network.to_bytes()];
            Statement::new(SUCCEED_IN_ALLOWANCE, row)
        }
    }
}

/// Finishes a success by the answer to the statement of [`succeed`].
pub(super) fn finish_success(
    step: &Step<'_>,
    answer: &Answer,
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let seen_at = answer.rows.first().map(|row| get_time_millis(row, 0));
    let seen_at = seen_at.transpose()?;
    allowance::record_network(step, user, reservation.network(), seen_at, now);
    Ok(())
}

#[async_trait]
impl Attempts for Postgres {
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure> {
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
        rules: &Rules,
    ) -> Result<(), StoreFailure> {
        let arguments = (*reservation, refusal.clone(), *rules);
        self.write_soon(arguments, |step, (reservation, refusal, rules)| {
            Box::pin(fail(step, reservation, refusal, rules))
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

//! Reservations of login attempts, which rate limiting counts. The rules are in [`crate::domain::rate_limit`].
//!
//! A step locks rows in this order: attempts, the day of an account, streaks. Rows of other accounts, such as expired
//! ones, come last and are skipped if another step has locked them. A reservation acquires two advisory locks first. It
//! does not lock the day and the streak before it reads them: it is repeated if they change until it writes them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::attempt_maintenance::{clear, expire, list, sweep};
use super::lookup::Lock;
use super::retry::Outdated;
use super::step::{Answer, Statement, Step};
use super::tally::saturate;
use super::value::{get, get_time_millis, values};
use super::{Postgres, account_day, allowance, audit, lookup, tally};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAllowanceAttempt, NewAttempt, Reservation,
    ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::network::Prefix;
use crate::domain::rate_limit::{Rules, StoredStreak};
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

/// Acquires both advisory locks if they are free, in their order.
const TRY_LOCKS: &str = "
    SELECT CASE WHEN pg_try_advisory_xact_lock($1) THEN pg_try_advisory_xact_lock($2) ELSE false END";

/// Changes nothing if another step has inserted the streak meanwhile.
const INSERT_STREAK: &str = "
    INSERT INTO streaks (account, network, failures, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account, network) DO NOTHING";

/// Changes nothing unless the streak is still as it was read.
const REPLACE_STREAK: &str = "
    UPDATE streaks SET failures = $3, last_at = $4
    WHERE account = $1 AND network = $2 AND failures = $5 AND last_at = $6";

const LOCK_STREAK: &str =
    "SELECT failures, last_at FROM streaks WHERE account = $1 AND network = $2 FOR UPDATE";

const INSERT: &str = "INSERT INTO attempts (account, network, at) VALUES ($1, $2, $3) RETURNING id";

const FAIL: &str = "UPDATE attempts SET failed = true WHERE id = $1";

const DELETE: &str = "DELETE FROM attempts WHERE id = $1 RETURNING at";

const SHORTEN_STREAK: &str = "UPDATE streaks SET failures = $3 WHERE account = $1 AND network = $2";

const END_STREAK: &str = "DELETE FROM streaks WHERE account = $1 AND network = $2";

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
    let network = attempt.network.to_bytes();
    let row = values![
        attempt.account.as_bytes(),
        &network,
        attempt.at.timestamp_millis()
    ];
    let [inserted, day, streak] = step
        .pipeline([
            Statement::new(INSERT, row),
            account_day::add(facts.day, &attempt.account, attempt.at),
            add_to_streak(facts.streak, attempt, rules),
        ])
        .await?;
    // A success or an administrator changes both without the advisory locks.
    if day.changed == 0 || streak.changed == 0 {
        return Err(StoreFailure::unavailable(Outdated));
    }
    if facts.has_expired {
        expire(step, rules, attempt.at).await?;
    }
    Ok(ReserveOutcome::Reserved(Reservation::Counted {
        id: get(&inserted.rows[0], 0)?,
        account: attempt.account,
        network: attempt.network,
    }))
}

/// Returns the statement that adds an attempt to its streak.
///
/// It changes no row if the streak is no longer as it was `read`.
fn add_to_streak<'a>(
    read: Option<StoredStreak>,
    attempt: &'a NewAttempt,
    rules: &Rules,
) -> Statement<'a> {
    let failures = rules.next_in_streak(read, attempt.at);
    let (account, network) = (attempt.account.as_bytes(), attempt.network.to_bytes());
    let at = attempt.at.timestamp_millis();
    match read {
        None => Statement::new(INSERT_STREAK, values![account, network, failures, at]),
        Some(read) => {
            let last_at = read.last_at.timestamp_millis();
            let row = values![account, network, failures, at, read.failures, last_at];
            Statement::new(REPLACE_STREAK, row)
        }
    }
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
        Reservation::Allowance { id, .. } => {
            step.pipeline([allowance::release(id)]).await?;
            return Ok(());
        }
    };
    let [deleted, day] = step.pipeline(delete(id, &account)).await?;
    if deleted.rows.is_empty() {
        // An administrator had cleared it.
        return Ok(());
    }
    if let Some(change) = remove_from_day(&deleted, &day, &account)? {
        step.send_with_commit(change);
    }
    let network = network.to_bytes();
    let key = values![account.as_bytes(), &network];
    let Some(row) = step.query_opt(LOCK_STREAK, key).await? else {
        return Ok(());
    };
    let streak = StoredStreak {
        failures: saturate(get(&row, 0)?),
        last_at: get_time_millis(&row, 1)?,
    };
    match streak.without_one() {
        Some(left) => {
            let row = values![account.as_bytes(), &network, left];
            step.execute(SHORTEN_STREAK, row).await?;
        }
        None => {
            step.execute(END_STREAK, key).await?;
        }
    }
    Ok(())
}

/// Returns the statements that delete an attempt, and lock the day of its account.
fn delete(id: i64, account: &AccountKey) -> [Statement<'_>; 2] {
    let delete = Statement::new(DELETE, values![id]);
    [delete, account_day::lock(account)]
}

/// Returns the statement that removes an attempt from the day of its account.
///
/// Depends on the answers to [`delete`]. Returns `None` if there is no day, or if an administrator had cleared the
/// attempt.
fn remove_from_day(
    deleted: &Answer,
    day: &Answer,
    account: &AccountKey,
) -> Result<Option<Statement<'static>>, StoreFailure> {
    match deleted.rows.first() {
        Some(row) => account_day::remove_from(day, account, get_time_millis(row, 0)?),
        None => Ok(None),
    }
}

/// Returns the statements that commit a reservation as successful.
///
/// [`finish_success`] reads their answers.
pub(super) fn succeed(
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> Vec<Statement<'_>> {
    let mut statements = vec![allowance::see_network(user, reservation.network(), now)];
    match reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => {
            let key = values![account.as_bytes(), network.to_bytes()];
            statements.extend(delete(*id, account));
            statements.push(Statement::new(END_STREAK, key));
        }
        Reservation::Allowance { id, .. } => statements.push(allowance::release(*id)),
    }
    statements
}

/// Finishes a success by the answers to the statements of [`succeed`].
pub(super) async fn finish_success(
    step: &Step<'_>,
    answers: &[Answer],
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let seen = match (reservation, answers) {
        (Reservation::Counted { account, .. }, [seen, deleted, day, _streak]) => {
            if let Some(change) = remove_from_day(deleted, day, account)? {
                step.send_with_commit(change);
            }
            seen
        }
        (Reservation::Allowance { .. }, [seen, _released]) => seen,
        _ => return Err(StoreFailure::new("an answer is missing")),
    };
    if seen.changed == 0 {
        allowance::add_network(step, user, reservation.network(), now).await?;
    }
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

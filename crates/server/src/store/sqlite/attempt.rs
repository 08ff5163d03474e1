//! Reservations of login attempts, which rate limiting counts. The rules are in [`crate::domain::rate_limit`].

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::attempt_maintenance::{clear, expire, list, sweep};
use super::tally::{has_newer_attempt, read_streak, read_tally, take_snapshot};
use super::{Sqlite, account_day, allowance, audit, read_time_millis};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAllowanceAttempt, NewAttempt, Reservation,
    ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::rate_limit::{IN_FLIGHT_TIMEOUT, Rules, StoredStreak};
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

const INSERT: &str = "INSERT INTO attempts (account, network, at) VALUES (?1, ?2, ?3)";

const FAIL: &str = "UPDATE attempts SET failed = 1 WHERE id = ?1 AND NOT failed RETURNING at";

/// Records the attempts of an account as failed that are no longer in flight, between `?2` and `?3`.
const FAIL_TIMED_OUT: &str = "
    UPDATE attempts SET failed = 1 WHERE account = ?1 AND at > ?2 AND at <= ?3 AND NOT failed
    RETURNING network, at";

const DELETE: &str = "DELETE FROM attempts WHERE id = ?1";

const STREAK: &str = "SELECT failures, last_at FROM streaks WHERE account = ?1 AND network = ?2";

const SET_STREAK: &str = "
    INSERT INTO streaks (account, network, failures, last_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at";

const END_STREAK: &str = "DELETE FROM streaks WHERE account = ?1 AND network = ?2";

fn reserve(
    step: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
    newest: i64,
) -> Result<ReserveOutcome, StoreFailure> {
    // The decision of the reader remains valid unless a related attempt was reserved since: the failure of an attempt
    // changes no count, and other changes only relax limits.
    if has_newer_attempt(step, attempt, newest)? {
        let tally = read_tally(step, attempt, rules)?;
        if let Err(limited) = rules.judge(&tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
    }
    expire(step, rules, attempt.at)?;
    fail_timed_out(step, attempt, rules)?;
    step.prepare_cached(INSERT)?.execute(params![
        attempt.account.as_bytes(),
        attempt.network.to_bytes(),
        attempt.at.timestamp_millis()
    ])?;
    Ok(ReserveOutcome::Reserved(Reservation::Counted {
        id: step.last_insert_rowid(),
        account: attempt.account,
        network: attempt.network,
    }))
}

fn fail(step: &Connection, reservation: &Reservation, rules: &Rules) -> rusqlite::Result<()> {
    let (id, account, network) = match *reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => (id, account, network),
        // Nothing to write: the attempt counts as a failure until it is released or expires.
        Reservation::Allowance { .. } => return Ok(()),
    };
    let at = step
        .prepare_cached(FAIL)?
        .query_row(params![id], |row| read_time_millis(row, 0))
        .optional()?;
    match at {
        Some(at) => count_failure(step, &account, &network.to_bytes(), at, rules),
        // An administrator had cleared it, or it had timed out.
        None => Ok(()),
    }
}

/// Records the attempts of an account as failed whose outcome is missing since they timed out.
fn fail_timed_out(step: &Connection, attempt: &NewAttempt, rules: &Rules) -> rusqlite::Result<()> {
    let row = params![
        attempt.account.as_bytes(),
        rules.expiry_cutoff(attempt.at).timestamp_millis(),
        (attempt.at - IN_FLIGHT_TIMEOUT).timestamp_millis(),
    ];
    let mut failed = step.prepare_cached(FAIL_TIMED_OUT)?;
    let failed = failed.query_map(row, |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, read_time_millis(row, 1)?))
    })?;
    for (network, at) in failed.collect::<rusqlite::Result<Vec<_>>>()? {
        count_failure(step, &attempt.account, &network, at, rules)?;
    }
    Ok(())
}

/// Adds the failure of an attempt to the day of its account, and to its streak.
fn count_failure(
    step: &Connection,
    account: &AccountKey,
    network: &[u8],
    at: DateTime<Utc>,
    rules: &Rules,
) -> rusqlite::Result<()> {
    account_day::add(step, account, at)?;
    let key = params![account.as_bytes(), network];
    let streak = step
        .prepare_cached(STREAK)?
        .query_row(key, read_streak)
        .optional()?;
    let StoredStreak { failures, last_at } = rules.next_in_streak(streak, at);
    step.prepare_cached(SET_STREAK)?.execute(params![
        account.as_bytes(),
        network,
        failures,
        last_at.timestamp_millis()
    ])?;
    Ok(())
}

fn release(step: &Connection, reservation: &Reservation) -> rusqlite::Result<()> {
    match *reservation {
        Reservation::Counted { id, .. } => {
            step.prepare_cached(DELETE)?.execute(params![id])?;
            Ok(())
        }
        Reservation::Allowance { id, .. } => allowance::release(step, id),
    }
}

pub(super) fn succeed(
    step: &Connection,
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    release(step, reservation)?;
    if let Reservation::Counted {
        account, network, ..
    } = reservation
    {
        step.prepare_cached(END_STREAK)?
            .execute(params![account.as_bytes(), network.to_bytes()])?;
    }
    allowance::record_network(step, user, reservation.network(), now)
}

#[async_trait]
impl Attempts for Sqlite {
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure> {
        // Judged on a reader first, so that a rate-limited attempt causes no write.
        let snapshot = self
            .read(|connection| Ok::<_, StoreFailure>(take_snapshot(connection, attempt, rules)?))?;
        if let Err(limited) = rules.judge(&snapshot.tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
        let (attempt, rules) = (attempt.clone(), *rules);
        self.write_soon(move |step| reserve(step, &attempt, &rules, snapshot.newest))
            .await
    }

    async fn reserve_allowance(
        &self,
        attempt: &NewAllowanceAttempt,
    ) -> Result<Option<Reservation>, StoreFailure> {
        let attempt = *attempt;
        // Judged on a reader first, so that an attempt that is not permitted causes no write.
        let used = self
            .read(|connection| Ok::<_, StoreFailure>(allowance::read_use(connection, &attempt)?))?;
        if !used.permits_attempt(attempt.at) {
            return Ok(None);
        }
        self.write_soon(move |step| Ok(allowance::reserve(step, &attempt)?))
            .await
    }

    async fn fail_attempt(
        &self,
        reservation: &Reservation,
        refusal: &Refusal,
        rules: &Rules,
    ) -> Result<(), StoreFailure> {
        let (reservation, refusal, rules) = (*reservation, refusal.clone(), *rules);
        self.write_soon(move |step| {
            fail(step, &reservation, &rules)?;
            audit::record_refusals(step, &[refusal])
        })
        .await
    }

    async fn release_attempt(&self, reservation: &Reservation) -> Result<(), StoreFailure> {
        let reservation = *reservation;
        self.write_soon(move |step| Ok(release(step, &reservation)?))
            .await
    }

    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure> {
        self.read(|connection| list(connection, rules, now))
    }

    async fn clear_attempts(
        &self,
        filter: &AttemptFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreFailure> {
        let filter = filter.clone();
        let context = context.clone();
        self.write(move |step| clear(step, &filter, &context)).await
    }

    async fn sweep_attempts(&self, plan: &Sweep) -> Result<u64, StoreFailure> {
        let plan = *plan;
        self.write(move |step| sweep(step, &plan)).await
    }
}

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
use crate::domain::network::Network;
use crate::domain::rate_limit::Rules;
use crate::domain::refusal::Refusal;
use crate::domain::sweep::Sweep;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

const DELETE_ATTEMPT: &str = "DELETE FROM attempts WHERE id = ?1 RETURNING at";

fn reserve(
    step: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
    newest: i64,
) -> Result<ReserveOutcome, StoreFailure> {
    // The decision of the reader remains valid unless a related attempt was reserved since: other changes only relax
    // limits.
    if has_newer_attempt(step, attempt, newest)? {
        let tally = read_tally(step, attempt, rules)?;
        if let Err(limited) = rules.judge(&tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
    }
    let account = attempt.account.as_bytes();
    let (network, at) = (attempt.network.to_bytes(), attempt.at.timestamp_millis());
    expire(step, rules, attempt.at)?;
    let streak = read_streak(step, &attempt.account, attempt.network)?;
    step.prepare_cached(
        "INSERT INTO streaks (account, network, failures, last_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at",
    )?
    .execute(params![
        account,
        network,
        rules.next_in_streak(streak, attempt.at),
        at
    ])?;
    account_day::add(step, &attempt.account, attempt.at)?;
    step.prepare_cached("INSERT INTO attempts (account, network, at) VALUES (?1, ?2, ?3)")?
        .execute(params![account, network, at])?;
    Ok(ReserveOutcome::Reserved(Reservation::Counted {
        id: step.last_insert_rowid(),
        account: attempt.account,
        network: attempt.network,
    }))
}

fn fail(step: &Connection, reservation: &Reservation) -> rusqlite::Result<()> {
    match reservation {
        Reservation::Counted { id, .. } => {
            step.prepare_cached("UPDATE attempts SET failed = 1 WHERE id = ?1")?
                .execute(params![id])?;
        }
        // Nothing to write: the attempt counts as a failure until it is released or expires.
        Reservation::Allowance { .. } => {}
    }
    Ok(())
}

fn release(step: &Connection, reservation: &Reservation) -> rusqlite::Result<()> {
    let (id, account, network) = match *reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => (id, account, network),
        Reservation::Allowance { id, .. } => return allowance::release(step, id),
    };
    if !delete_attempt(step, id, &account)? {
        return Ok(());
    }
    let Some(streak) = read_streak(step, &account, network)? else {
        return Ok(());
    };
    match streak.without_one() {
        Some(left) => {
            step.prepare_cached(
                "UPDATE streaks SET failures = ?3 WHERE account = ?1 AND network = ?2",
            )?
            .execute(params![account.as_bytes(), network.to_bytes(), left])?;
        }
        None => delete_streak(step, &account, network)?,
    }
    Ok(())
}

/// Returns `false` if the attempt is not stored, because an administrator has cleared it.
fn delete_attempt(step: &Connection, id: i64, account: &AccountKey) -> rusqlite::Result<bool> {
    let at = step
        .prepare_cached(DELETE_ATTEMPT)?
        .query_row(params![id], |row| read_time_millis(row, 0))
        .optional()?;
    if let Some(at) = at {
        account_day::remove(step, account, at)?;
    }
    Ok(at.is_some())
}

fn delete_streak(
    step: &Connection,
    account: &AccountKey,
    network: Network,
) -> rusqlite::Result<()> {
    step.prepare_cached("DELETE FROM streaks WHERE account = ?1 AND network = ?2")?
        .execute(params![account.as_bytes(), network.to_bytes()])?;
    Ok(())
}

pub(super) fn succeed(
    step: &Connection,
    reservation: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let network = match *reservation {
        Reservation::Counted {
            id,
            account,
            network,
        } => {
            delete_attempt(step, id, &account)?;
            delete_streak(step, &account, network)?;
            network
        }
        Reservation::Allowance { id, network } => {
            allowance::release(step, id)?;
            network
        }
    };
    allowance::record_network(step, user, network, now)
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
    ) -> Result<(), StoreFailure> {
        let (reservation, refusal) = (*reservation, refusal.clone());
        self.write_soon(move |step| {
            fail(step, &reservation)?;
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

//! Login attempts, which rate limiting counts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tally::{has_newer_attempt, read_streak, read_tally, take_snapshot, window};
use super::{Sqlite, audit, read_time_millis};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::audit_record::AuditRecord;
use crate::domain::network::Network;
use crate::domain::rate_limit::{
    EXPIRED_PER_RESERVATION, Limit, LimitReached, MAX_KNOWN_NETWORKS, Rules, Streak, Sweep, Tally,
};
use crate::domain::refusal::Refusal;
use crate::domain::user::UserId;
use crate::store::attempt::Attempts;
use crate::store::error::StoreFailure;

const LIST_STREAKS: &str = "
    SELECT account, network, failures, last_at FROM streaks WHERE last_at > ?1
        ORDER BY last_at DESC";

const EXCESS_STREAK: &str = "SELECT last_at FROM streaks ORDER BY last_at DESC LIMIT 1 OFFSET ?1";

const EXCESS_ATTEMPT: &str = "SELECT at FROM attempts ORDER BY at DESC LIMIT 1 OFFSET ?1";

const EXPIRE_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE at <= ?1 ORDER BY at LIMIT ?2)";

const EXPIRE_STREAKS: &str = "
    DELETE FROM streaks WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)";

/// Sets times in the future to now: see [`Sweep::future`].
const CLAMP_FUTURE_ATTEMPTS: &str = "
    UPDATE attempts SET at = ?2 WHERE id IN
        (SELECT id FROM attempts WHERE at > ?1 ORDER BY at LIMIT ?3)";

const CLAMP_FUTURE_STREAKS: &str = "
    UPDATE streaks SET last_at = ?2 WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at > ?1 ORDER BY last_at LIMIT ?3)";

const EXPIRE_NETWORKS: &str = "
    DELETE FROM known_networks WHERE (user_id, network) IN
        (SELECT user_id, network FROM known_networks WHERE seen_at <= ?1 ORDER BY seen_at LIMIT ?2)";

fn reserve(
    step: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
    newest: i64,
) -> Result<ReserveOutcome, StoreFailure> {
    // The reader's decision is valid unless a related attempt was reserved since: other changes only relax limits.
    if has_newer_attempt(step, attempt, newest)? {
        let tally = read_tally(step, attempt, rules)?;
        if let Err(limited) = rules.judge(&tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
    }
    let account = attempt.account.as_bytes();
    let (network, at) = (attempt.network.to_bytes(), attempt.at.timestamp_millis());
    let expired = rules.expiry_cutoff(attempt.at);
    expire(step, expired, EXPIRED_PER_RESERVATION)?;
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
    step.prepare_cached("INSERT INTO attempts (account, network, at) VALUES (?1, ?2, ?3)")?
        .execute(params![account, network, at])?;
    Ok(ReserveOutcome::Reserved(Reservation {
        id: step.last_insert_rowid(),
        account: attempt.account,
        network: attempt.network,
    }))
}

pub(super) fn fail(step: &Connection, reservation: &Reservation) -> rusqlite::Result<()> {
    step.prepare_cached("UPDATE attempts SET failed = 1 WHERE id = ?1")?
        .execute(params![reservation.id])?;
    Ok(())
}

pub(super) fn release(step: &Connection, reservation: &Reservation) -> Result<(), StoreFailure> {
    // An administrator may have cleared it.
    if !delete_attempt(step, reservation)? {
        return Ok(());
    }
    let Some(streak) = read_streak(step, &reservation.account, reservation.network)? else {
        return Ok(());
    };
    let account = reservation.account.as_bytes();
    let network = reservation.network.to_bytes();
    match streak.without_one() {
        Some(left) => step
            .prepare_cached("UPDATE streaks SET failures = ?3 WHERE account = ?1 AND network = ?2")?
            .execute(params![account, network, left])?,
        None => step
            .prepare_cached("DELETE FROM streaks WHERE account = ?1 AND network = ?2")?
            .execute(params![account, network])?,
    };
    Ok(())
}

fn delete_attempt(step: &Connection, reservation: &Reservation) -> rusqlite::Result<bool> {
    let deleted = step
        .prepare_cached("DELETE FROM attempts WHERE id = ?1")?
        .execute(params![reservation.id])?;
    Ok(deleted > 0)
}

pub(super) fn succeed(
    step: &Connection,
    attempt: &Reservation,
    user: UserId,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    delete_attempt(step, attempt)?;
    let network = attempt.network.to_bytes();
    step.prepare_cached("DELETE FROM streaks WHERE account = ?1 AND network = ?2")?
        .execute(params![attempt.account.as_bytes(), network])?;
    step.prepare_cached(
        "INSERT INTO known_networks (user_id, network, seen_at) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET seen_at = max(seen_at, ?3)",
    )?
    .execute(params![user.0, network, now.timestamp_millis()])?;
    step.prepare_cached(
        "DELETE FROM known_networks WHERE user_id = ?1 AND network IN
            (SELECT network FROM known_networks WHERE user_id = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![user.0, MAX_KNOWN_NETWORKS])?;
    Ok(())
}

fn expire(step: &Connection, before: DateTime<Utc>, batch: u32) -> rusqlite::Result<u64> {
    let mut expired = 0;
    for sql in [EXPIRE_ATTEMPTS, EXPIRE_STREAKS] {
        expired += step
            .prepare_cached(sql)?
            .execute(params![before.timestamp_millis(), batch])?;
    }
    Ok(expired as u64)
}

/// Returns the time of the newest row beyond the `max_rows` newest.
fn newest_excess(
    step: &Connection,
    sql: &str,
    max_rows: u32,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    step.prepare_cached(sql)?
        .query_row(params![max_rows], |row| read_time_millis(row, 0))
        .optional()
}

pub(super) fn sweep(step: &Connection, sweep: &Sweep) -> Result<u64, StoreFailure> {
    let attempts = newest_excess(step, EXCESS_ATTEMPT, sweep.max_rows)?;
    let streaks = newest_excess(step, EXCESS_STREAK, sweep.max_rows)?;
    let latest =
        |excess: Option<DateTime<Utc>>| excess.map_or(sweep.expired, |at| at.max(sweep.expired));
    let mut swept = 0;
    for (sql, before) in [
        (EXPIRE_ATTEMPTS, latest(attempts)),
        (EXPIRE_STREAKS, latest(streaks)),
        (EXPIRE_NETWORKS, sweep.unknown),
    ] {
        swept += step
            .prepare_cached(sql)?
            .execute(params![before.timestamp_millis(), sweep.batch])?;
    }
    for sql in [CLAMP_FUTURE_ATTEMPTS, CLAMP_FUTURE_STREAKS] {
        swept += step.prepare_cached(sql)?.execute(params![
            sweep.future.timestamp_millis(),
            sweep.now.timestamp_millis(),
            sweep.batch
        ])?;
    }
    Ok(swept as u64)
}

pub(super) fn list(
    connection: &Connection,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<FailureCount>, StoreFailure> {
    let mut streaks = connection.prepare_cached(LIST_STREAKS)?;
    let streaks = streaks.query_map(
        params![rules.expiry_cutoff(now).timestamp_millis()],
        |row| {
            let (failures, last_at) = (row.get(2)?, read_time_millis(row, 3)?);
            Ok(FailureCount {
                account: Some(AccountKey::from_store(row.get(0)?)),
                network: Some(read_network(row, 1)?),
                failures,
                last_at,
                tally: Tally {
                    streak: Some(Streak {
                        failures,
                        last_at,
                        in_flight: 0,
                    }),
                    ..Tally::default()
                },
            })
        },
    )?;
    let networks = list_limited(connection, "network", rules.network, now, |row| {
        Ok(FailureCount {
            account: None,
            network: Some(read_network(row, 0)?),
            failures: row.get(1)?,
            last_at: read_time_millis(row, 2)?,
            tally: Tally {
                network: Some(LimitReached {
                    since: read_time_millis(row, 3)?,
                    failed: true,
                }),
                ..Tally::default()
            },
        })
    })?;
    let accounts = list_limited(connection, "account", rules.account, now, |row| {
        Ok(FailureCount {
            account: Some(AccountKey::from_store(row.get(0)?)),
            network: None,
            failures: row.get(1)?,
            last_at: read_time_millis(row, 2)?,
            tally: Tally {
                account: Some(LimitReached {
                    since: read_time_millis(row, 3)?,
                    failed: true,
                }),
                ..Tally::default()
            },
        })
    })?;
    let streaks: Vec<FailureCount> = streaks.collect::<Result<_, _>>()?;
    Ok([networks, accounts, streaks].concat())
}

fn list_limited(
    connection: &Connection,
    column: &str,
    limit: Limit,
    now: DateTime<Utc>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<FailureCount>,
) -> rusqlite::Result<Vec<FailureCount>> {
    let (since, offset) = window(limit, now);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {column}, count(*), max(at),
            (SELECT at FROM attempts b WHERE b.{column} = a.{column} AND b.at > ?1
            ORDER BY b.at DESC LIMIT 1 OFFSET ?2)
        FROM attempts a WHERE at > ?1
        GROUP BY {column} HAVING count(*) > ?2 ORDER BY max(at) DESC"
    ))?;
    statement.query_map(params![since, offset], read)?.collect()
}

pub(super) fn clear(
    step: &Connection,
    filter: &AttemptFilter,
    context: &AuditContext,
) -> Result<u64, StoreFailure> {
    let account = filter.user.as_ref().map(AccountKey::of);
    let account = account
        .as_ref()
        .map(|account| account.as_bytes().as_slice());
    let network = filter.network.map(Network::to_bytes);
    let mut cleared = 0;
    for table in ["streaks", "attempts"] {
        cleared = step
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR network = ?2)"
            ))?
            .execute(params![account, network])?;
    }
    let cleared = cleared as u64;
    audit::record(
        step,
        context,
        &AuditRecord::failures_cleared(filter, cleared),
    )?;
    Ok(cleared)
}

fn read_network(row: &Row<'_>, column: usize) -> rusqlite::Result<Network> {
    // The schema allows no other length.
    Network::from_bytes(row.get_ref(column)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)
}

#[async_trait]
impl Attempts for Sqlite {
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<ReserveOutcome, StoreFailure> {
        // On a reader, so that a limited attempt causes no write.
        let snapshot = self
            .read(|connection| Ok::<_, StoreFailure>(take_snapshot(connection, attempt, rules)?))?;
        if let Err(limited) = rules.judge(&snapshot.tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
        let (attempt, rules) = (attempt.clone(), *rules);
        self.write_soon(move |step| reserve(step, &attempt, &rules, snapshot.newest))
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
        self.write_soon(move |step| release(step, &reservation))
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

//! Login attempts, which rate limiting counts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Sqlite, audit};
use crate::domain::attempt::{
    AccountKey, AttemptFilter, FailureCount, NewAttempt, Reservation, ReserveOutcome,
};
use crate::domain::audit::AuditContext;
use crate::domain::audit_record::AuditRecord;
use crate::domain::network::Network;
use crate::domain::rate_limit::{
    EXPIRED_PER_RESERVATION, IN_FLIGHT_TIMEOUT, Limit, LimitReached, MAX_KNOWN_NETWORKS, Rules,
    StoredStreak, Streak, Sweep, Tally,
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

const STREAK: &str = "
    SELECT failures, last_at FROM streaks WHERE account = ?1 AND network = ?2";

/// Finds the attempt that keeps a network at its limit; no row if the limit is not reached.
const NETWORK_LIMIT: &str = "
    SELECT at FROM attempts WHERE network = ?1 AND at > ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// As [`NETWORK_LIMIT`] for an account; no row if the network is known to its user.
const ACCOUNT_LIMIT: &str = "
    SELECT at FROM attempts WHERE account = ?1 AND at > ?2
        AND NOT EXISTS (SELECT 1 FROM known_networks WHERE user_id = ?4 AND network = ?5)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// Counts the attempts in flight; those before `?3` have timed out.
const IN_FLIGHT: &str = "
    SELECT count(*) FROM attempts WHERE account = ?1 AND network = ?2 AND at > ?3 AND NOT failed";

/// As [`NETWORK_LIMIT`], without attempts in flight.
const NETWORK_FAILED: &str = "
    SELECT 1 FROM attempts WHERE network = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const ACCOUNT_FAILED: &str = "
    SELECT 1 FROM attempts WHERE account = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

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

/// The id of the newest attempt, since ids only grow.
const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM attempts";

const RESERVED_SINCE: &str = "
    SELECT EXISTS (SELECT 1 FROM attempts NOT INDEXED WHERE id > ?1 AND (account = ?2 OR network = ?3))";

pub(super) struct TallySnapshot {
    tally: Tally,
    newest: i64,
}

fn take_snapshot(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<TallySnapshot> {
    // Read before the tally, so that an attempt that is reserved in between counts as newer.
    let newest = connection
        .prepare_cached(NEWEST)?
        .query_row([], |row| row.get(0))?;
    Ok(TallySnapshot {
        tally: read_tally(connection, attempt, rules)?,
        newest,
    })
}

fn reserved_since(step: &Connection, attempt: &NewAttempt, newest: i64) -> rusqlite::Result<bool> {
    let network = attempt.network.to_bytes();
    step.prepare_cached(RESERVED_SINCE)?.query_row(
        params![newest, attempt.account.as_bytes(), network],
        |row| row.get(0),
    )
}

fn read_tally(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<Tally> {
    let account = attempt.account.as_bytes();
    let network = attempt.network.to_bytes();
    let in_flight_since = to_millis(attempt.at - IN_FLIGHT_TIMEOUT);
    let expired = rules.expiry_cutoff(attempt.at);
    let streak = stored_streak(connection, &attempt.account, attempt.network)?
        .filter(|streak| streak.last_at > expired);
    let streak = match streak {
        None => None,
        Some(StoredStreak { failures, last_at }) => Some(Streak {
            failures,
            last_at,
            in_flight: connection
                .prepare_cached(IN_FLIGHT)?
                .query_row(params![account, network, in_flight_since], |row| row.get(0))?,
        }),
    };
    let failed = |sql, key: &[u8], since, offset| {
        connection
            .prepare_cached(sql)?
            .exists(params![key, since, offset, in_flight_since])
    };
    let (since, offset) = window(rules.network, attempt.at);
    let network_limit = connection
        .prepare_cached(NETWORK_LIMIT)?
        .query_row(params![network, since, offset], |row| read_time(row, 0))
        .optional()?;
    let network_limit = match network_limit {
        None => None,
        Some(since_attempt) => Some(LimitReached {
            since: since_attempt,
            failed: failed(NETWORK_FAILED, &network, since, offset)?,
        }),
    };
    let (since, offset) = window(rules.account, attempt.at);
    // No user has the id 0.
    let user = attempt.user.map_or(0, |UserId(user)| user);
    let account_limit = connection
        .prepare_cached(ACCOUNT_LIMIT)?
        .query_row(params![account, since, offset, user, network], |row| {
            read_time(row, 0)
        })
        .optional()?;
    let account_limit = match account_limit {
        None => None,
        Some(since_attempt) => Some(LimitReached {
            since: since_attempt,
            failed: failed(ACCOUNT_FAILED, account, since, offset)?,
        }),
    };
    Ok(Tally {
        streak,
        network: network_limit,
        account: account_limit,
    })
}

fn window(limit: Limit, now: DateTime<Utc>) -> (i64, u32) {
    (
        to_millis(now - limit.window),
        limit.max_failures.saturating_sub(1),
    )
}

fn reserve(
    step: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
    newest: i64,
) -> Result<ReserveOutcome, StoreFailure> {
    // The reader's decision is valid unless a related attempt was reserved since: other changes only relax limits.
    if reserved_since(step, attempt, newest)? {
        let tally = read_tally(step, attempt, rules)?;
        if let Err(limited) = rules.judge(&tally, attempt.at) {
            return Ok(ReserveOutcome::Limited(limited));
        }
    }
    let account = attempt.account.as_bytes();
    let (network, at) = (attempt.network.to_bytes(), to_millis(attempt.at));
    let expired = rules.expiry_cutoff(attempt.at);
    expire(step, expired, EXPIRED_PER_RESERVATION)?;
    let streak = stored_streak(step, &attempt.account, attempt.network)?;
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

fn stored_streak(
    connection: &Connection,
    account: &AccountKey,
    network: Network,
) -> rusqlite::Result<Option<StoredStreak>> {
    connection
        .prepare_cached(STREAK)?
        .query_row(params![account.as_bytes(), network.to_bytes()], |row| {
            Ok(StoredStreak {
                failures: row.get(0)?,
                last_at: read_time(row, 1)?,
            })
        })
        .optional()
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
    let Some(streak) = stored_streak(step, &reservation.account, reservation.network)? else {
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
    .execute(params![user.0, network, to_millis(now)])?;
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
            .execute(params![to_millis(before), batch])?;
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
        .query_row(params![max_rows], |row| read_time(row, 0))
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
            .execute(params![to_millis(before), sweep.batch])?;
    }
    for sql in [CLAMP_FUTURE_ATTEMPTS, CLAMP_FUTURE_STREAKS] {
        swept += step.prepare_cached(sql)?.execute(params![
            to_millis(sweep.future),
            to_millis(sweep.now),
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
    let streaks = streaks.query_map(params![to_millis(rules.expiry_cutoff(now))], |row| {
        let (failures, last_at) = (row.get(2)?, read_time(row, 3)?);
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
    })?;
    let networks = list_limited(connection, "network", rules.network, now, |row| {
        Ok(FailureCount {
            account: None,
            network: Some(read_network(row, 0)?),
            failures: row.get(1)?,
            last_at: read_time(row, 2)?,
            tally: Tally {
                network: Some(LimitReached {
                    since: read_time(row, 3)?,
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
            last_at: read_time(row, 2)?,
            tally: Tally {
                account: Some(LimitReached {
                    since: read_time(row, 3)?,
                    failed: true,
                }),
                ..Tally::default()
            },
        })
    })?;
    let streaks: Vec<FailureCount> = streaks.collect::<Result<_, _>>()?;
    Ok([networks, accounts, streaks].concat())
}

/// Lists the values of a column that have reached their limit.
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

fn to_millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

fn read_time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let milliseconds = row.get(column)?;
    DateTime::from_timestamp_millis(milliseconds).ok_or(rusqlite::Error::IntegralValueOutOfRange(
        column,
        milliseconds,
    ))
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

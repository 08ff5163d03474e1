//! Listing, clearing and expiry of counted attempts.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tally::window;
use super::{account_day, audit, lookup, read_time_millis};
use crate::domain::attempt::{AccountKey, AttemptFilter, FailureCount};
use crate::domain::audit::AuditContext;
use crate::domain::audit_record::AuditRecord;
use crate::domain::network::{NetworkTier, Prefix};
use crate::domain::rate_limit::{
    AccountDay, DAY, EXPIRED_PER_RESERVATION, Limit, LimitReached, Rules, Streak, Tally,
};
use crate::domain::sweep::Sweep;
use crate::store::error::{StoreError, StoreFailure};

/// Adds unsettled attempts.
const LIST_STREAKS: &str = "
    SELECT account, network, sum(failures), max(last_at)
    FROM (SELECT account, network, failures, last_at FROM streaks WHERE last_at > ?1
        UNION ALL SELECT account, network, 1, at FROM attempts WHERE NOT failed AND at > ?1)
    GROUP BY account, network ORDER BY max(last_at) DESC";

/// Adds the unsettled attempts after `?3`.
const LIST_DAYS: &str = "
    SELECT account, sum(failures), min(since), max(last_at)
    FROM (SELECT account, failures, since, last_at FROM account_days WHERE since > ?2
        UNION ALL SELECT account, 1, at, at FROM attempts WHERE NOT failed AND at > ?3)
    GROUP BY account HAVING sum(failures) >= ?1 ORDER BY max(last_at) DESC";

const EXCESS_STREAK: &str = "SELECT last_at FROM streaks ORDER BY last_at DESC LIMIT 1 OFFSET ?1";

const EXCESS_ATTEMPT: &str = "SELECT at FROM attempts ORDER BY at DESC LIMIT 1 OFFSET ?1";

const EXPIRE_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE at <= ?1 ORDER BY at LIMIT ?2)";

const EXPIRE_STREAKS: &str = "
    DELETE FROM streaks WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)";

const EXPIRE_DAYS: &str = "
    DELETE FROM account_days WHERE account IN
        (SELECT account FROM account_days WHERE since <= ?1 ORDER BY since LIMIT ?2)";

const EXPIRE_ALLOWANCES: &str = "
    DELETE FROM allowance_attempts WHERE id IN
        (SELECT id FROM allowance_attempts WHERE at <= ?1 ORDER BY at LIMIT ?2)";

/// Deletes the days with the fewest failures.
const TRIM_DAYS: &str = "
    DELETE FROM account_days WHERE account IN
        (SELECT account FROM account_days ORDER BY failures DESC, since DESC LIMIT ?2 OFFSET ?1)";

const EXPIRE_NETWORKS: &str = "
    DELETE FROM known_networks WHERE (user_id, network) IN
        (SELECT user_id, network FROM known_networks WHERE seen_at <= ?1 ORDER BY seen_at LIMIT ?2)";

/// Sets times in the future to now: see [`Sweep::future`].
const CLAMP_FUTURE_ATTEMPTS: &str = "
    UPDATE attempts SET at = ?2 WHERE id IN
        (SELECT id FROM attempts WHERE at > ?1 ORDER BY at LIMIT ?3)";

const CLAMP_FUTURE_STREAKS: &str = "
    UPDATE streaks SET last_at = ?2 WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at > ?1 ORDER BY last_at LIMIT ?3)";

const CLAMP_FUTURE_DAYS: &str = "
    UPDATE account_days SET since = ?2, last_at = ?2 WHERE account IN
        (SELECT account FROM account_days WHERE since > ?1 ORDER BY since LIMIT ?3)";

const CLAMP_FUTURE_ALLOWANCES: &str = "
    UPDATE allowance_attempts SET at = ?2 WHERE id IN
        (SELECT id FROM allowance_attempts WHERE at > ?1 ORDER BY at LIMIT ?3)";

const CLEAR_STREAKS: &str = "
    DELETE FROM streaks WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL
        OR (substr(network, 1, length(?2)) = ?2 AND (length(network) = 4) = (length(?2) = 4)))";

const CLEAR_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL
        OR (substr(network, 1, length(?2)) = ?2 AND (length(network) = 4) = (length(?2) = 4)))
    RETURNING account, at, failed";

const CLEAR_ALLOWANCES: &str = "
    DELETE FROM allowance_attempts WHERE (?1 IS NULL OR user_id = ?1) AND (?2 IS NULL
        OR (substr(network, 1, length(?2)) = ?2 AND (length(network) = 4) = (length(?2) = 4)))";

const CLEAR_DAYS: &str = "
    DELETE FROM account_days WHERE (?1 IS NULL OR account = ?1) RETURNING failures";

/// Deletes some expired rows before a reservation adds others.
pub(super) fn expire(step: &Connection, rules: &Rules, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let expired = rules.expiry_cutoff(now);
    for (sql, before) in [
        (EXPIRE_ATTEMPTS, expired),
        (EXPIRE_STREAKS, expired),
        (EXPIRE_DAYS, now - DAY),
    ] {
        step.prepare_cached(sql)?
            .execute(params![before.timestamp_millis(), EXPIRED_PER_RESERVATION])?;
    }
    Ok(())
}

/// Returns the time of row `max_rows + 1`, counted from the newest.
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
        (EXPIRE_DAYS, sweep.expired_days),
        (EXPIRE_ALLOWANCES, sweep.expired_allowances),
        (EXPIRE_NETWORKS, sweep.unknown),
    ] {
        swept += step
            .prepare_cached(sql)?
            .execute(params![before.timestamp_millis(), sweep.batch])?;
    }
    swept += step
        .prepare_cached(TRIM_DAYS)?
        .execute(params![sweep.max_rows, sweep.batch])?;
    for sql in [
        CLAMP_FUTURE_ATTEMPTS,
        CLAMP_FUTURE_STREAKS,
        CLAMP_FUTURE_DAYS,
        CLAMP_FUTURE_ALLOWANCES,
    ] {
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
    let mut counts = Vec::new();
    for (index, tier) in NetworkTier::ALL.into_iter().enumerate() {
        let limit = rules.network_limit(tier);
        counts.extend(list_limited(
            connection,
            prefix_column(tier),
            limit,
            now,
            |row, reached| {
                let mut tally = Tally::default();
                tally.networks[index] = Some(reached);
                Ok((None, Some(read_prefix(row, 0)?), tally))
            },
        )?);
    }
    let account = ("account", "TRUE");
    counts.extend(list_limited(
        connection,
        account,
        rules.account,
        now,
        |row, reached| {
            let tally = Tally {
                account: Some(reached),
                ..Tally::default()
            };
            Ok((Some(AccountKey::from_store(row.get(0)?)), None, tally))
        },
    )?);
    counts.extend(list_days(connection, rules, now)?);
    counts.extend(list_streaks(connection, rules, now)?);
    Ok(counts)
}

fn list_streaks(
    connection: &Connection,
    rules: &Rules,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<FailureCount>> {
    let mut streaks = connection.prepare_cached(LIST_STREAKS)?;
    let expired = rules.expiry_cutoff(now).timestamp_millis();
    let streaks = streaks.query_map(params![expired], |row| {
        let (failures, last_at) = (row.get(2)?, read_time_millis(row, 3)?);
        let streak = Streak {
            failures,
            last_at,
            in_flight: 0,
        };
        Ok(FailureCount {
            account: Some(AccountKey::from_store(row.get(0)?)),
            network: Some(read_prefix(row, 1)?),
            failures,
            last_at,
            tally: Tally {
                streak: Some(streak),
                ..Tally::default()
            },
        })
    })?;
    streaks.collect()
}

fn list_days(
    connection: &Connection,
    rules: &Rules,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<FailureCount>> {
    let mut days = connection.prepare_cached(LIST_DAYS)?;
    let values = params![
        rules.account_daily_failures,
        (now - DAY).timestamp_millis(),
        rules.expiry_cutoff(now).timestamp_millis(),
    ];
    let days = days.query_map(values, |row| {
        let failures = row.get(1)?;
        let day = AccountDay {
            failures,
            in_flight: 0,
            since: read_time_millis(row, 2)?,
        };
        Ok(FailureCount {
            account: Some(AccountKey::from_store(row.get(0)?)),
            network: None,
            failures,
            last_at: read_time_millis(row, 3)?,
            tally: Tally {
                account_day: Some(day),
                ..Tally::default()
            },
        })
    })?;
    days.collect()
}

/// Returns the SQL expression for a network's prefix, and the condition for rows that have one.
fn prefix_column(tier: NetworkTier) -> (&'static str, &'static str) {
    match tier {
        NetworkTier::Network => ("network", "TRUE"),
        NetworkTier::Slash56 => ("substr(network, 1, 7)", "length(network) = 8"),
        NetworkTier::Slash48 => ("substr(network, 1, 6)", "length(network) = 8"),
    }
}

/// Lists the values of the SQL expression `key` that have reached a limit.
fn list_limited(
    connection: &Connection,
    (key, condition): (&str, &str),
    limit: Limit,
    now: DateTime<Utc>,
    read: impl Fn(
        &Row<'_>,
        LimitReached,
    ) -> rusqlite::Result<(Option<AccountKey>, Option<Prefix>, Tally)>,
) -> rusqlite::Result<Vec<FailureCount>> {
    let (since, offset) = window(limit, now);
    // Numbers the attempts of each key, newest first. The limit is reached for as long as attempt `offset + 1` counts.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT key, count(*), max(at), max(CASE WHEN number = ?2 + 1 THEN at END)
        FROM (SELECT {key} AS key, at, row_number() OVER (PARTITION BY {key} ORDER BY at DESC) AS number
            FROM attempts WHERE at > ?1 AND {condition})
        GROUP BY key HAVING count(*) > ?2 ORDER BY max(at) DESC"
    ))?;
    let counts = statement.query_map(params![since, offset], |row| {
        let reached = LimitReached {
            since: read_time_millis(row, 3)?,
            failed: true,
        };
        let (account, network, tally) = read(row, reached)?;
        Ok(FailureCount {
            account,
            network,
            failures: row.get(1)?,
            last_at: read_time_millis(row, 2)?,
            tally,
        })
    })?;
    counts.collect()
}

fn read_prefix(row: &Row<'_>, column: usize) -> rusqlite::Result<Prefix> {
    // The schema allows no other length.
    Prefix::from_bytes(row.get_ref(column)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)
}

struct ClearedAttempt {
    account: AccountKey,
    at: DateTime<Utc>,
    failed: bool,
}

pub(super) fn clear(
    step: &Connection,
    filter: &AttemptFilter,
    context: &AuditContext,
) -> Result<u64, StoreFailure> {
    let account = filter.user.as_ref().map(AccountKey::of);
    let network = filter.network.map(Prefix::to_bytes);
    let selected = params![
        account
            .as_ref()
            .map(|account| account.as_bytes().as_slice()),
        network,
    ];
    step.prepare_cached(CLEAR_STREAKS)?.execute(selected)?;
    let mut attempts = step.prepare_cached(CLEAR_ATTEMPTS)?;
    let attempts = attempts.query_map(selected, |row| {
        Ok(ClearedAttempt {
            account: AccountKey::from_store(row.get(0)?),
            at: read_time_millis(row, 1)?,
            failed: row.get(2)?,
        })
    })?;
    let attempts: Vec<ClearedAttempt> = attempts.collect::<Result<_, _>>()?;
    let mut cleared = attempts.len() as u64;
    match filter.network {
        // A day does not store the networks of its failures; only those of the deleted attempts are known.
        Some(_) => {
            for attempt in attempts.iter().filter(|attempt| attempt.failed) {
                account_day::remove(step, &attempt.account, attempt.at)?;
            }
        }
        // A day counts the same failures, and for longer than attempts are stored.
        None => {
            let mut days = step.prepare_cached(CLEAR_DAYS)?;
            let days = days.query_map(&selected[..1], |row| row.get::<_, u32>(0).map(u64::from))?;
            let failures: u64 = days.sum::<Result<_, _>>()?;
            let unsettled = attempts.iter().filter(|attempt| !attempt.failed).count();
            cleared = cleared.max(failures + unsettled as u64);
        }
    }
    cleared += clear_allowances(step, filter, network.as_deref())?;
    audit::record(
        step,
        context,
        &AuditRecord::failures_cleared(filter, cleared),
    )?;
    Ok(cleared)
}

fn clear_allowances(
    step: &Connection,
    filter: &AttemptFilter,
    network: Option<&[u8]>,
) -> Result<u64, StoreFailure> {
    let user = match &filter.user {
        None => None,
        Some(user) => match lookup::user_id(step, user) {
            Ok(user) => Some(user),
            Err(StoreError::Conflict(_)) => return Ok(0),
            Err(StoreError::Failure(failure)) => return Err(failure),
        },
    };
    let cleared = step
        .prepare_cached(CLEAR_ALLOWANCES)?
        .execute(params![user, network])?;
    Ok(cleared as u64)
}

//! Listing, clearing and expiry of counted attempts.
//!
//! Expiry never waits: it skips rows that another step has locked. A later run deletes them.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::lookup::Lock;
use super::step::Step;
use super::tally::{saturate, window};
use super::value::{get, get_bytes, get_count, get_time_millis, values};
use super::{account_day, audit, lookup};
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
    SELECT account, network, sum(failures)::bigint, max(last_at)
    FROM (SELECT account, network, failures, last_at FROM streaks WHERE last_at > $1
        UNION ALL SELECT account, network, 1, at FROM attempts WHERE NOT failed AND at > $1) AS counted
    GROUP BY account, network ORDER BY max(last_at) DESC";

/// Adds the unsettled attempts after `$3`.
const LIST_DAYS: &str = "
    SELECT account, sum(failures)::bigint, min(since), max(last_at)
    FROM (SELECT account, failures, since, last_at FROM account_days WHERE since > $2
        UNION ALL SELECT account, 1, at, at FROM attempts WHERE NOT failed AND at > $3) AS counted
    GROUP BY account HAVING sum(failures) >= $1 ORDER BY max(last_at) DESC";

const EXCESS_STREAK: &str = "SELECT last_at FROM streaks ORDER BY last_at DESC LIMIT 1 OFFSET $1";

const EXCESS_ATTEMPT: &str = "SELECT at FROM attempts ORDER BY at DESC LIMIT 1 OFFSET $1";

const EXPIRE_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE id IN
        (SELECT id FROM attempts WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)";

const EXPIRE_STREAKS: &str = "
    DELETE FROM streaks WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at <= $1 ORDER BY last_at LIMIT $2
            FOR UPDATE SKIP LOCKED)";

const EXPIRE_DAYS: &str = "
    DELETE FROM account_days WHERE account IN
        (SELECT account FROM account_days WHERE since <= $1 ORDER BY since LIMIT $2
            FOR UPDATE SKIP LOCKED)";

const EXPIRE_ALLOWANCES: &str = "
    DELETE FROM allowance_attempts WHERE id IN
        (SELECT id FROM allowance_attempts WHERE at <= $1 ORDER BY at LIMIT $2
            FOR UPDATE SKIP LOCKED)";

/// Deletes the days with the fewest failures.
///
/// The innermost query locks nothing, because a lock would also apply to the rows before the offset.
const TRIM_DAYS: &str = "
    DELETE FROM account_days WHERE account IN
        (SELECT account FROM account_days WHERE account IN
            (SELECT account FROM account_days ORDER BY failures DESC, since DESC LIMIT $2 OFFSET $1)
            FOR UPDATE SKIP LOCKED)";

const EXPIRE_NETWORKS: &str = "
    DELETE FROM known_networks WHERE (user_id, network) IN
        (SELECT user_id, network FROM known_networks WHERE seen_at <= $1 ORDER BY seen_at LIMIT $2
            FOR UPDATE SKIP LOCKED)";

/// Sets times in the future to now: see [`Sweep::future`].
const CLAMP_FUTURE_ATTEMPTS: &str = "
    UPDATE attempts SET at = $2 WHERE id IN
        (SELECT id FROM attempts WHERE at > $1 ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED)";

const CLAMP_FUTURE_STREAKS: &str = "
    UPDATE streaks SET last_at = $2 WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at > $1 ORDER BY last_at LIMIT $3
            FOR UPDATE SKIP LOCKED)";

const CLAMP_FUTURE_DAYS: &str = "
    UPDATE account_days SET since = $2, last_at = $2 WHERE account IN
        (SELECT account FROM account_days WHERE since > $1 ORDER BY since LIMIT $3
            FOR UPDATE SKIP LOCKED)";

const CLAMP_FUTURE_ALLOWANCES: &str = "
    UPDATE allowance_attempts SET at = $2 WHERE id IN
        (SELECT id FROM allowance_attempts WHERE at > $1 ORDER BY at LIMIT $3
            FOR UPDATE SKIP LOCKED)";

const CLEAR_STREAKS: &str = "
    DELETE FROM streaks WHERE ($1::bytea IS NULL OR account = $1) AND ($2::bytea IS NULL
        OR (substr(network, 1, length($2)) = $2 AND (length(network) = 4) = (length($2) = 4)))";

const CLEAR_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE ($1::bytea IS NULL OR account = $1) AND ($2::bytea IS NULL
        OR (substr(network, 1, length($2)) = $2 AND (length(network) = 4) = (length($2) = 4)))
    RETURNING account, at, failed";

const CLEAR_ALLOWANCES: &str = "
    DELETE FROM allowance_attempts WHERE ($1::bigint IS NULL OR user_id = $1) AND ($2::bytea IS NULL
        OR (substr(network, 1, length($2)) = $2 AND (length(network) = 4) = (length($2) = 4)))";

const CLEAR_DAYS: &str = "
    DELETE FROM account_days WHERE ($1::bytea IS NULL OR account = $1) RETURNING failures";

/// Lets PostgreSQL plan with the parameters.
///
/// Without them, it would read whole tables to find expired rows.
const PLAN_WITH_PARAMETERS: &str = "SET LOCAL plan_cache_mode = auto";

/// Deletes some expired rows after a reservation has added others.
pub(super) async fn expire(
    step: &Step<'_>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    step.execute(PLAN_WITH_PARAMETERS, &[]).await?;
    let expired = rules.expiry_cutoff(now);
    for (sql, before) in [
        (EXPIRE_ATTEMPTS, expired),
        (EXPIRE_STREAKS, expired),
        (EXPIRE_DAYS, now - DAY),
    ] {
        let row = values![before.timestamp_millis(), EXPIRED_PER_RESERVATION];
        step.execute(sql, row).await?;
    }
    Ok(())
}

/// Returns the time of row `max_rows + 1`, counted from the newest.
async fn newest_excess(
    step: &Step<'_>,
    sql: &str,
    max_rows: u32,
) -> Result<Option<DateTime<Utc>>, StoreFailure> {
    let row = step.query_opt(sql, values![max_rows]).await?;
    row.map(|row| get_time_millis(&row, 0)).transpose()
}

pub(super) async fn sweep(step: &Step<'_>, sweep: &Sweep) -> Result<u64, StoreFailure> {
    let attempts = newest_excess(step, EXCESS_ATTEMPT, sweep.max_rows).await?;
    let streaks = newest_excess(step, EXCESS_STREAK, sweep.max_rows).await?;
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
        let row = values![before.timestamp_millis(), sweep.batch];
        swept += step.execute(sql, row).await?;
    }
    let excess = values![sweep.max_rows, sweep.batch];
    swept += step.execute(TRIM_DAYS, excess).await?;
    let (future, now) = (
        sweep.future.timestamp_millis(),
        sweep.now.timestamp_millis(),
    );
    for sql in [
        CLAMP_FUTURE_ATTEMPTS,
        CLAMP_FUTURE_STREAKS,
        CLAMP_FUTURE_DAYS,
        CLAMP_FUTURE_ALLOWANCES,
    ] {
        swept += step.execute(sql, values![future, now, sweep.batch]).await?;
    }
    Ok(swept)
}

pub(super) async fn list(
    step: &Step<'_>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<FailureCount>, StoreFailure> {
    let mut counts = Vec::new();
    for (index, tier) in NetworkTier::ALL.into_iter().enumerate() {
        let limit = rules.network_limit(tier);
        for row in list_limited(step, prefix_column(tier), limit, now).await? {
            let mut tally = Tally::default();
            tally.networks[index] = Some(read_reached(&row)?);
            counts.push(FailureCount {
                account: None,
                network: Some(read_prefix(&row, 0)?),
                failures: saturate(get(&row, 1)?),
                last_at: get_time_millis(&row, 2)?,
                tally,
            });
        }
    }
    for row in list_limited(step, ("account", "TRUE"), rules.account, now).await? {
        counts.push(FailureCount {
            account: Some(read_account(&row)?),
            network: None,
            failures: saturate(get(&row, 1)?),
            last_at: get_time_millis(&row, 2)?,
            tally: Tally {
                account: Some(read_reached(&row)?),
                ..Tally::default()
            },
        });
    }
    let since = (now - DAY).timestamp_millis();
    let expired = rules.expiry_cutoff(now).timestamp_millis();
    let days = values![rules.account_daily_failures, since, expired];
    for row in step.query(LIST_DAYS, days).await? {
        counts.push(read_day(&row)?);
    }
    for row in step.query(LIST_STREAKS, values![expired]).await? {
        counts.push(read_streak(&row)?);
    }
    Ok(counts)
}

fn read_streak(row: &Row) -> Result<FailureCount, StoreFailure> {
    let (failures, last_at) = (saturate(get(row, 2)?), get_time_millis(row, 3)?);
    let streak = Streak {
        failures,
        last_at,
        in_flight: 0,
    };
    Ok(FailureCount {
        account: Some(read_account(row)?),
        network: Some(read_prefix(row, 1)?),
        failures,
        last_at,
        tally: Tally {
            streak: Some(streak),
            ..Tally::default()
        },
    })
}

fn read_day(row: &Row) -> Result<FailureCount, StoreFailure> {
    let failures = saturate(get(row, 1)?);
    let day = AccountDay {
        failures,
        in_flight: 0,
        since: get_time_millis(row, 2)?,
    };
    Ok(FailureCount {
        account: Some(read_account(row)?),
        network: None,
        failures,
        last_at: get_time_millis(row, 3)?,
        tally: Tally {
            account_day: Some(day),
            ..Tally::default()
        },
    })
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
async fn list_limited(
    step: &Step<'_>,
    (key, condition): (&str, &str),
    limit: Limit,
    now: DateTime<Utc>,
) -> Result<Vec<Row>, StoreFailure> {
    let (since, offset) = window(limit, now);
    // Numbers the attempts of each key, newest first. The limit is reached for as long as attempt `offset + 1` counts.
    let sql = format!(
        "SELECT key, count(*), max(at), max(CASE WHEN number = $2 + 1 THEN at END)
        FROM (SELECT {key} AS key, at, row_number() OVER (PARTITION BY {key} ORDER BY at DESC) AS number
            FROM attempts WHERE at > $1 AND {condition}) AS numbered
        GROUP BY key HAVING count(*) > $2 ORDER BY max(at) DESC, key DESC"
    );
    Ok(step.query(&sql, values![since, offset]).await?)
}

fn read_reached(row: &Row) -> Result<LimitReached, StoreFailure> {
    Ok(LimitReached {
        since: get_time_millis(row, 3)?,
        failed: true,
    })
}

fn read_account(row: &Row) -> Result<AccountKey, StoreFailure> {
    get_bytes(row, 0).map(AccountKey::from_store)
}

fn read_prefix(row: &Row, column: usize) -> Result<Prefix, StoreFailure> {
    // The schema allows no other length.
    let prefix = Prefix::from_bytes(get(row, column)?);
    prefix.ok_or_else(|| StoreFailure::new("a stored network has a wrong length"))
}

pub(super) async fn clear(
    step: &Step<'_>,
    filter: &AttemptFilter,
    context: &AuditContext,
) -> Result<u64, StoreFailure> {
    let account = filter.user.as_ref().map(AccountKey::of);
    let account = account.map(|account| account.as_bytes().to_vec());
    let network = filter.network.map(Prefix::to_bytes);
    let selected = values![account, network.clone()];
    let attempts = step.query(CLEAR_ATTEMPTS, selected).await?;
    let mut cleared = attempts.len() as u64;
    match filter.network {
        // A day does not store the networks of its failures; only those of the deleted attempts are known.
        Some(_) => {
            for row in &attempts {
                if get(row, 2)? {
                    account_day::remove(step, &read_account(row)?, get_time_millis(row, 1)?)
                        .await?;
                }
            }
        }
        // A day counts the same failures, and for longer than attempts are stored.
        None => {
            let days = step.query(CLEAR_DAYS, &selected[..1]).await?;
            let failures = days.iter().map(|row| get_count(row, 0));
            let unsettled = attempts
                .iter()
                .map(|row| Ok(u64::from(!get::<bool>(row, 2)?)));
            cleared = cleared.max(failures.chain(unsettled).sum::<Result<_, StoreFailure>>()?);
        }
    }
    step.execute(CLEAR_STREAKS, selected).await?;
    cleared += clear_allowances(step, filter, network).await?;
    let record = AuditRecord::failures_cleared(filter, cleared);
    audit::record(step, context, &record).await?;
    Ok(cleared)
}

async fn clear_allowances(
    step: &Step<'_>,
    filter: &AttemptFilter,
    network: Option<Vec<u8>>,
) -> Result<u64, StoreFailure> {
    let user = match &filter.user {
        None => None,
        Some(user) => match lookup::user_id(step, user, Lock::None).await {
            Ok(user) => Some(user),
            Err(StoreError::Conflict(_)) => return Ok(0),
            Err(StoreError::Failure(failure)) => return Err(failure),
        },
    };
    let selected = values![user, network];
    Ok(step.execute(CLEAR_ALLOWANCES, selected).await?)
}

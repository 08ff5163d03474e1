//! The tally of failures by which an attempt is judged.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::lookup::Lock;
use super::step::Step;
use super::value::{get, get_optional_time_millis, get_time_millis, values};
use crate::domain::attempt::{AccountKey, NewAttempt};
use crate::domain::network::{Network, NetworkTier, Prefix};
use crate::domain::rate_limit::{
    AccountDay, IN_FLIGHT_TIMEOUT, Limit, LimitReached, Rules, StoredStreak, Streak, Tally,
};
use crate::store::error::StoreFailure;

const STREAK: &str = "SELECT failures, last_at FROM streaks WHERE account = $1 AND network = $2";

/// Reads all counts of a tally in one statement, and therefore in one snapshot.
///
/// Parameters: `$1` account, `$2` network, `$3` and `$4` its /56 and /48 or `NULL`, `$5` time before which attempts in
/// flight have timed out, `$6` expiry of streaks. The others are the start of a window and its limit less one: `$7` and
/// `$8` of the network, `$9` and `$10` of the /56, `$11` and `$12` of the /48, `$13` and `$14` of the account.
///
/// For each limit, it returns the time of the attempt that keeps it reached, and whether it is reached without attempts
/// in flight.
const TALLY: &str = "
    SELECT streak.failures, streak.last_at,
        (SELECT count(*) FROM attempts WHERE account = $1 AND network = $2 AND at > $5 AND NOT failed),
        day.failures, day.since,
        (SELECT count(*) FROM attempts WHERE account = $1 AND at > $5 AND NOT failed),
        (SELECT at FROM attempts WHERE network = $2 AND at > $7 ORDER BY at DESC LIMIT 1 OFFSET $8),
        EXISTS (SELECT FROM attempts WHERE network = $2 AND at > $7 AND (failed OR at <= $5) OFFSET $8),
        (SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = $3 AND at > $9
            ORDER BY at DESC LIMIT 1 OFFSET $10),
        EXISTS (SELECT FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = $3 AND at > $9
            AND (failed OR at <= $5) OFFSET $10),
        (SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = $4 AND at > $11
            ORDER BY at DESC LIMIT 1 OFFSET $12),
        EXISTS (SELECT FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = $4 AND at > $11
            AND (failed OR at <= $5) OFFSET $12),
        (SELECT at FROM attempts WHERE account = $1 AND at > $13 ORDER BY at DESC LIMIT 1 OFFSET $14),
        EXISTS (SELECT FROM attempts WHERE account = $1 AND at > $13 AND (failed OR at <= $5) OFFSET $14)
    FROM (SELECT) AS one
    LEFT JOIN streaks streak
        ON streak.account = $1 AND streak.network = $2 AND streak.last_at > $6
    LEFT JOIN account_days day ON day.account = $1";

pub(super) async fn read_tally(
    step: &Step<'_>,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<Tally, StoreFailure> {
    let prefix = |tier| attempt.network.prefix(tier).map(Prefix::to_bytes);
    let network_window = |tier| window(rules.network_limit(tier), attempt.at);
    let [network, slash_56, slash_48] = NetworkTier::ALL.map(network_window);
    let account = window(rules.account, attempt.at);
    let row = values![
        attempt.account.as_bytes(),
        attempt.network.to_bytes(),
        prefix(NetworkTier::Slash56),
        prefix(NetworkTier::Slash48),
        (attempt.at - IN_FLIGHT_TIMEOUT).timestamp_millis(),
        rules.expiry_cutoff(attempt.at).timestamp_millis(),
        network.0,
        network.1,
        slash_56.0,
        slash_56.1,
        slash_48.0,
        slash_48.1,
        account.0,
        account.1,
    ];
    let rows = step.query(TALLY, row).await?;
    let row = &rows[0];
    Ok(Tally {
        streak: read_streak(row)?,
        account_day: read_day(row)?,
        networks: [
            read_limit(row, 6)?,
            read_limit(row, 8)?,
            read_limit(row, 10)?,
        ],
        account: read_limit(row, 12)?,
    })
}

fn read_streak(row: &Row) -> Result<Option<Streak>, StoreFailure> {
    let Some(failures) = get(row, 0)? else {
        return Ok(None);
    };
    Ok(Some(Streak {
        failures: saturate(failures),
        last_at: get_time_millis(row, 1)?,
        in_flight: saturate(get(row, 2)?),
    }))
}

fn read_day(row: &Row) -> Result<Option<AccountDay>, StoreFailure> {
    let Some(failures) = get(row, 3)? else {
        return Ok(None);
    };
    Ok(Some(AccountDay {
        failures: saturate(failures),
        since: get_time_millis(row, 4)?,
        in_flight: saturate(get(row, 5)?),
    }))
}

fn read_limit(row: &Row, column: usize) -> Result<Option<LimitReached>, StoreFailure> {
    let since = get_optional_time_millis(row, column)?;
    let failed = get(row, column + 1)?;
    Ok(since.map(|since| LimitReached { since, failed }))
}

/// Converts a count from its column of 64 bits. The schema allows no negative count.
pub(super) fn saturate(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn window(limit: Limit, now: DateTime<Utc>) -> (i64, u32) {
    (
        (now - limit.window).timestamp_millis(),
        limit.max_failures.saturating_sub(1),
    )
}

/// Finds and locks a streak.
pub(super) async fn lock_streak(
    step: &Step<'_>,
    account: &AccountKey,
    network: Network,
) -> Result<Option<StoredStreak>, StoreFailure> {
    let sql = Lock::Exclusive.with(STREAK);
    let key = values![account.as_bytes(), network.to_bytes()];
    let Some(row) = step.query_opt(&sql, key).await? else {
        return Ok(None);
    };
    Ok(Some(StoredStreak {
        failures: saturate(get(&row, 0)?),
        last_at: get_time_millis(&row, 1)?,
    }))
}

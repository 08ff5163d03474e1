//! The facts by which an attempt is judged and counted.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::step::{Answer, Statement};
use super::value::{get, get_optional_time_millis, get_time_millis, values};
use crate::domain::attempt::NewAttempt;
use crate::domain::network::{NetworkTier, Prefix};
use crate::domain::rate_limit::{
    DAY, IN_FLIGHT_TIMEOUT, Limit, LimitReached, Rules, StoredDay, StoredStreak, Tally, Unsettled,
};
use crate::store::error::StoreFailure;

/// Reads all facts in one statement, and therefore in one snapshot.
///
/// Parameters: `$1` account, `$2` network, `$3` and `$4` its /56 and /48 or `NULL`, `$5` time before which attempts in
/// flight have timed out. The next ones are the start of a window and its limit less one: `$6` and `$7` of the network,
/// `$8` and `$9` of the /56, `$10` and `$11` of the /48, `$12` and `$13` of the account. The last ones are the times at
/// or before which rows have expired: `$14` of attempts and streaks, `$15` of days.
///
/// For each limit, it returns the time of the attempt that keeps it reached, and whether it is reached without attempts
/// in flight. The last column compares minima, which are read from indexes: without its parameters, PostgreSQL
/// estimates that a third of the rows have expired, and would scan the tables.
const FACTS: &str = "
    SELECT streak.failures, streak.last_at,
        unsettled.from_network, unsettled.from_network_in_flight,
            unsettled.from_network_first_at, unsettled.from_network_last_at,
        day.failures, day.since,
        unsettled.from_all, unsettled.in_flight, unsettled.first_at, unsettled.last_at,
        (SELECT at FROM attempts WHERE network = $2 AND at > $6 ORDER BY at DESC LIMIT 1 OFFSET $7),
        EXISTS (SELECT FROM attempts WHERE network = $2 AND at > $6 AND (failed OR at <= $5) OFFSET $7),
        (SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = $3 AND at > $8
            ORDER BY at DESC LIMIT 1 OFFSET $9),
        EXISTS (SELECT FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = $3 AND at > $8
            AND (failed OR at <= $5) OFFSET $9),
        (SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = $4 AND at > $10
            ORDER BY at DESC LIMIT 1 OFFSET $11),
        EXISTS (SELECT FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = $4 AND at > $10
            AND (failed OR at <= $5) OFFSET $11),
        (SELECT at FROM attempts WHERE account = $1 AND at > $12 ORDER BY at DESC LIMIT 1 OFFSET $13),
        EXISTS (SELECT FROM attempts WHERE account = $1 AND at > $12 AND (failed OR at <= $5) OFFSET $13),
        coalesce((SELECT min(at) FROM attempts WHERE at > 0) <= $14, false)
            OR coalesce((SELECT min(last_at) FROM streaks WHERE last_at > 0) <= $14, false)
            OR coalesce((SELECT min(since) FROM account_days WHERE since > 0) <= $15, false)
    FROM (SELECT
            count(*) FILTER (WHERE network = $2) AS from_network,
            count(*) FILTER (WHERE network = $2 AND at > $5) AS from_network_in_flight,
            min(at) FILTER (WHERE network = $2) AS from_network_first_at,
            max(at) FILTER (WHERE network = $2) AS from_network_last_at,
            count(*) AS from_all, count(*) FILTER (WHERE at > $5) AS in_flight,
            min(at) AS first_at, max(at) AS last_at
        FROM attempts WHERE account = $1 AND at > $14 AND NOT failed) AS unsettled
    LEFT JOIN streaks streak ON streak.account = $1 AND streak.network = $2
    LEFT JOIN account_days day ON day.account = $1";

/// The facts about an attempt.
pub(super) struct Facts {
    pub(super) tally: Tally,
    /// Whether attempts of the account have no outcome and are no longer in flight.
    pub(super) has_timed_out: bool,
    /// Whether there are expired rows, of any account.
    pub(super) has_expired: bool,
}

/// Returns the statement that reads the facts about an attempt.
pub(super) fn facts<'a>(attempt: &'a NewAttempt, rules: &Rules) -> Statement<'a> {
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
        network.0,
        network.1,
        slash_56.0,
        slash_56.1,
        slash_48.0,
        slash_48.1,
        account.0,
        account.1,
        rules.expiry_cutoff(attempt.at).timestamp_millis(),
        (attempt.at - DAY).timestamp_millis(),
    ];
    Statement::new(FACTS, row)
}

pub(super) fn read_facts(
    answer: &Answer,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<Facts, StoreFailure> {
    let row = &answer.rows[0];
    let (streak, day) = (read_streak(row, 0)?, read_day(row, 6)?);
    let unsettled = read_unsettled(row, 8)?;
    let tally = Tally {
        streak: rules.streak(streak, read_unsettled(row, 2)?, attempt.at),
        account_day: Rules::account_day(day, unsettled, attempt.at),
        networks: [
            read_limit(row, 12)?,
            read_limit(row, 14)?,
            read_limit(row, 16)?,
        ],
        account: read_limit(row, 18)?,
    };
    Ok(Facts {
        tally,
        has_timed_out: unsettled.is_some_and(Unsettled::has_timed_out),
        has_expired: get(row, 20)?,
    })
}

/// Reads a streak from two columns, starting at `first`; `None` if they are `NULL`.
pub(super) fn read_streak(row: &Row, first: usize) -> Result<Option<StoredStreak>, StoreFailure> {
    let Some(failures) = get(row, first)? else {
        return Ok(None);
    };
    Ok(Some(StoredStreak {
        failures: saturate(failures),
        last_at: get_time_millis(row, first + 1)?,
    }))
}

/// Reads a day from two columns, starting at `first`; `None` if they are `NULL`.
pub(super) fn read_day(row: &Row, first: usize) -> Result<Option<StoredDay>, StoreFailure> {
    let Some(failures) = get(row, first)? else {
        return Ok(None);
    };
    Ok(Some(StoredDay {
        failures: saturate(failures),
        since: get_time_millis(row, first + 1)?,
    }))
}

/// Reads unsettled attempts from four columns, starting at `first`.
fn read_unsettled(row: &Row, first: usize) -> Result<Option<Unsettled>, StoreFailure> {
    match saturate(get(row, first)?) {
        0 => Ok(None),
        count => Ok(Some(Unsettled {
            count,
            in_flight: saturate(get(row, first + 1)?),
            first_at: get_time_millis(row, first + 2)?,
            last_at: get_time_millis(row, first + 3)?,
        })),
    }
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

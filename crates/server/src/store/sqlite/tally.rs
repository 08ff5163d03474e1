//! The tally of failures by which an attempt is judged.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read_time_millis;
use crate::domain::attempt::NewAttempt;
use crate::domain::network::{NetworkTier, Prefix};
use crate::domain::rate_limit::{
    AccountDay, IN_FLIGHT_TIMEOUT, Limit, LimitReached, Rules, StoredDay, StoredStreak, Streak,
    Tally, Unsettled,
};

/// Finds the attempt that keeps a network at its limit; no row if the limit is not reached.
const NETWORK_LIMIT: &str = "
    SELECT at FROM attempts WHERE network = ?1 AND at > ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3";

const SLASH_56_LIMIT: &str = "
    SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = ?1 AND at > ?2
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const SLASH_48_LIMIT: &str = "
    SELECT at FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = ?1 AND at > ?2
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const ACCOUNT_LIMIT: &str = "
    SELECT at FROM attempts WHERE account = ?1 AND at > ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// Reads the streak, the day and the unsettled attempts of both.
///
/// One statement, so that an attempt that fails meanwhile is either unsettled or in the streak and the day.
/// Parameters: `?3` time at or before which attempts have expired, `?4` time before which attempts in flight have
/// timed out.
const STORED: &str = "
    SELECT streak.failures, streak.last_at,
        from_network, from_network_in_flight, from_network_first_at, from_network_last_at,
        day.failures, day.since,
        from_all, in_flight, first_at, last_attempt_at
    FROM (SELECT
            count(*) FILTER (WHERE network = ?2) AS from_network,
            count(*) FILTER (WHERE network = ?2 AND at > ?4) AS from_network_in_flight,
            min(at) FILTER (WHERE network = ?2) AS from_network_first_at,
            max(at) FILTER (WHERE network = ?2) AS from_network_last_at,
            count(*) AS from_all, count(*) FILTER (WHERE at > ?4) AS in_flight,
            min(at) AS first_at, max(at) AS last_attempt_at
        FROM attempts WHERE account = ?1 AND at > ?3 AND NOT failed)
    LEFT JOIN streaks streak ON streak.account = ?1 AND streak.network = ?2
    LEFT JOIN account_days day ON day.account = ?1";

/// Like [`NETWORK_LIMIT`], without attempts in flight.
const NETWORK_FAILED: &str = "
    SELECT 1 FROM attempts WHERE network = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const SLASH_56_FAILED: &str = "
    SELECT 1 FROM attempts WHERE length(network) = 8 AND substr(network, 1, 7) = ?1 AND at > ?2
        AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const SLASH_48_FAILED: &str = "
    SELECT 1 FROM attempts WHERE length(network) = 8 AND substr(network, 1, 6) = ?1 AND at > ?2
        AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

const ACCOUNT_FAILED: &str = "
    SELECT 1 FROM attempts WHERE account = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// Finds the id of the newest attempt: ids only grow.
const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM attempts";

/// Finds newer attempts of the account or of the widest counted prefix, which contains the others.
const HAS_NEWER_ATTEMPT: &str = "
    SELECT EXISTS (SELECT 1 FROM attempts NOT INDEXED
        WHERE id > ?1 AND (account = ?2 OR substr(network, 1, length(?3)) = ?3))";

pub(super) struct TallySnapshot {
    pub(super) tally: Tally,
    pub(super) newest: i64,
}

pub(super) fn take_snapshot(
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

/// Returns whether a related attempt is newer than `newest`.
pub(super) fn has_newer_attempt(
    step: &Connection,
    attempt: &NewAttempt,
    newest: i64,
) -> rusqlite::Result<bool> {
    let widest = attempt.network.prefixes().last().map(Prefix::to_bytes);
    step.prepare_cached(HAS_NEWER_ATTEMPT)?
        .query_row(params![newest, attempt.account.as_bytes(), widest], |row| {
            row.get(0)
        })
}

pub(super) fn read_tally(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<Tally> {
    let account = attempt.account.as_bytes();
    let (streak, account_day) = read_stored(connection, attempt, rules)?;
    let window_of = |texts: LimitTexts, key: &[u8], limit| {
        find_limit(connection, texts, key, limit, attempt.at)
    };
    let mut networks = [None; NetworkTier::ALL.len()];
    for (tier, reached) in NetworkTier::ALL.into_iter().zip(&mut networks) {
        if let Some(prefix) = attempt.network.prefix(tier) {
            let limit = rules.network_limit(tier);
            *reached = window_of(network_texts(tier), &prefix.to_bytes(), limit)?;
        }
    }
    let texts = LimitTexts(ACCOUNT_LIMIT, ACCOUNT_FAILED);
    Ok(Tally {
        streak,
        networks,
        account: window_of(texts, account, rules.account)?,
        account_day,
    })
}

fn read_stored(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<(Option<Streak>, Option<AccountDay>)> {
    let values = params![
        attempt.account.as_bytes(),
        attempt.network.to_bytes(),
        rules.expiry_cutoff(attempt.at).timestamp_millis(),
        (attempt.at - IN_FLIGHT_TIMEOUT).timestamp_millis(),
    ];
    connection.prepare_cached(STORED)?.query_row(values, |row| {
        let streak = match row.get::<_, Option<u32>>(0)? {
            None => None,
            Some(_) => Some(read_streak(row)?),
        };
        let day = match row.get(6)? {
            None => None,
            Some(failures) => Some(StoredDay {
                failures,
                since: read_time_millis(row, 7)?,
            }),
        };
        Ok((
            rules.streak(streak, read_unsettled(row, 2)?, attempt.at),
            Rules::account_day(day, read_unsettled(row, 8)?, attempt.at),
        ))
    })
}

/// Reads unsettled attempts from four columns, starting at `first`.
fn read_unsettled(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Unsettled>> {
    match row.get(first)? {
        0 => Ok(None),
        count => Ok(Some(Unsettled {
            count,
            in_flight: row.get(first + 1)?,
            first_at: read_time_millis(row, first + 2)?,
            last_at: read_time_millis(row, first + 3)?,
        })),
    }
}

/// The SQL texts that find the attempt that keeps a limit reached, with and without attempts in flight.
struct LimitTexts(&'static str, &'static str);

fn network_texts(tier: NetworkTier) -> LimitTexts {
    match tier {
        NetworkTier::Network => LimitTexts(NETWORK_LIMIT, NETWORK_FAILED),
        NetworkTier::Slash56 => LimitTexts(SLASH_56_LIMIT, SLASH_56_FAILED),
        NetworkTier::Slash48 => LimitTexts(SLASH_48_LIMIT, SLASH_48_FAILED),
    }
}

fn find_limit(
    connection: &Connection,
    LimitTexts(reached, failed): LimitTexts,
    key: &[u8],
    limit: Limit,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<LimitReached>> {
    let (since, offset) = window(limit, now);
    let reached_since = connection
        .prepare_cached(reached)?
        .query_row(params![key, since, offset], |row| read_time_millis(row, 0))
        .optional()?;
    let Some(reached_since) = reached_since else {
        return Ok(None);
    };
    let in_flight_since = (now - IN_FLIGHT_TIMEOUT).timestamp_millis();
    Ok(Some(LimitReached {
        since: reached_since,
        failed: connection.prepare_cached(failed)?.exists(params![
            key,
            since,
            offset,
            in_flight_since
        ])?,
    }))
}

pub(super) fn window(limit: Limit, now: DateTime<Utc>) -> (i64, u32) {
    (
        (now - limit.window).timestamp_millis(),
        limit.max_failures.saturating_sub(1),
    )
}

/// Reads a streak from the first two columns.
pub(super) fn read_streak(row: &Row<'_>) -> rusqlite::Result<StoredStreak> {
    Ok(StoredStreak {
        failures: row.get(0)?,
        last_at: read_time_millis(row, 1)?,
    })
}

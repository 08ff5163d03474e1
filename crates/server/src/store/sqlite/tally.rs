//! The tally of failures that an attempt is judged by.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::read_time_millis;
use crate::domain::attempt::{AccountKey, NewAttempt};
use crate::domain::network::Network;
use crate::domain::rate_limit::{
    IN_FLIGHT_TIMEOUT, Limit, LimitReached, Rules, StoredStreak, Streak, Tally,
};
use crate::domain::user::UserId;

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

/// The id of the newest attempt, since ids only grow.
const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM attempts";

const HAS_NEWER_ATTEMPT: &str = "
    SELECT EXISTS (SELECT 1 FROM attempts NOT INDEXED WHERE id > ?1 AND (account = ?2 OR network = ?3))";

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
    let network = attempt.network.to_bytes();
    step.prepare_cached(HAS_NEWER_ATTEMPT)?.query_row(
        params![newest, attempt.account.as_bytes(), network],
        |row| row.get(0),
    )
}

pub(super) fn read_tally(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<Tally> {
    let account = attempt.account.as_bytes();
    let network = attempt.network.to_bytes();
    let in_flight_since = (attempt.at - IN_FLIGHT_TIMEOUT).timestamp_millis();
    let expired = rules.expiry_cutoff(attempt.at);
    let streak = read_streak(connection, &attempt.account, attempt.network)?
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
        .query_row(params![network, since, offset], |row| {
            read_time_millis(row, 0)
        })
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
            read_time_millis(row, 0)
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

pub(super) fn window(limit: Limit, now: DateTime<Utc>) -> (i64, u32) {
    (
        (now - limit.window).timestamp_millis(),
        limit.max_failures.saturating_sub(1),
    )
}

pub(super) fn read_streak(
    connection: &Connection,
    account: &AccountKey,
    network: Network,
) -> rusqlite::Result<Option<StoredStreak>> {
    connection
        .prepare_cached(STREAK)?
        .query_row(params![account.as_bytes(), network.to_bytes()], |row| {
            Ok(StoredStreak {
                failures: row.get(0)?,
                last_at: read_time_millis(row, 1)?,
            })
        })
        .optional()
}

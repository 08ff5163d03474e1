//! Known networks, and attempts from the allowance of their users. The rules are in [`crate::domain::allowance`].

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::read_time_millis;
use crate::domain::allowance::{ALLOWANCE, AllowanceUse, MAX_KNOWN_NETWORKS, changes_seen_at};
use crate::domain::attempt::{NewAllowanceAttempt, Reservation};
use crate::domain::network::Network;
use crate::domain::user::UserId;

const SEEN_AT: &str = "SELECT seen_at FROM known_networks WHERE user_id = ?1 AND network = ?2";

const COUNT: &str = "
    SELECT count(*) FROM allowance_attempts WHERE user_id = ?1 AND network = ?2 AND at > ?3";

const INSERT: &str = "INSERT INTO allowance_attempts (user_id, network, at) VALUES (?1, ?2, ?3)";

const RELEASE: &str = "DELETE FROM allowance_attempts WHERE id = ?1";

const RECORD_NETWORK: &str = "
    INSERT INTO known_networks (user_id, network, seen_at) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET seen_at = max(seen_at, ?3)";

const TRIM_NETWORKS: &str = "
    DELETE FROM known_networks WHERE user_id = ?1 AND network IN
        (SELECT network FROM known_networks WHERE user_id = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2)";

const FORGET_NETWORKS: &str = "DELETE FROM known_networks WHERE user_id = ?1";

pub(super) fn read_use(
    connection: &Connection,
    attempt: &NewAllowanceAttempt,
) -> rusqlite::Result<AllowanceUse> {
    let (user, network) = (attempt.user.0, attempt.network.to_bytes());
    let since = attempt.at - ALLOWANCE.window;
    Ok(AllowanceUse {
        network_seen_at: read_seen_at(connection, attempt.user, attempt.network)?,
        failures: connection
            .prepare_cached(COUNT)?
            .query_row(params![user, network, since.timestamp_millis()], |row| {
                row.get(0)
            })?,
    })
}

fn read_seen_at(
    connection: &Connection,
    user: UserId,
    network: Network,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    connection
        .prepare_cached(SEEN_AT)?
        .query_row(params![user.0, network.to_bytes()], |row| {
            read_time_millis(row, 0)
        })
        .optional()
}

/// Reserves an attempt if the rule still permits it.
pub(super) fn reserve(
    step: &Connection,
    attempt: &NewAllowanceAttempt,
) -> rusqlite::Result<Option<Reservation>> {
    if !read_use(step, attempt)?.permits_attempt(attempt.at) {
        return Ok(None);
    }
    step.prepare_cached(INSERT)?.execute(params![
        attempt.user.0,
        attempt.network.to_bytes(),
        attempt.at.timestamp_millis()
    ])?;
    Ok(Some(Reservation::Allowance {
        id: step.last_insert_rowid(),
        network: attempt.network,
    }))
}

pub(super) fn release(step: &Connection, id: i64) -> rusqlite::Result<()> {
    step.prepare_cached(RELEASE)?.execute(params![id])?;
    Ok(())
}

/// Records that a user has logged in from a network.
pub(super) fn record_network(
    step: &Connection,
    user: UserId,
    network: Network,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    if !changes_seen_at(read_seen_at(step, user, network)?, now) {
        return Ok(());
    }
    step.prepare_cached(RECORD_NETWORK)?.execute(params![
        user.0,
        network.to_bytes(),
        now.timestamp_millis()
    ])?;
    step.prepare_cached(TRIM_NETWORKS)?
        .execute(params![user.0, MAX_KNOWN_NETWORKS])?;
    Ok(())
}

pub(super) fn forget_networks(step: &Connection, user: UserId) -> rusqlite::Result<()> {
    step.prepare_cached(FORGET_NETWORKS)?
        .execute(params![user.0])?;
    Ok(())
}

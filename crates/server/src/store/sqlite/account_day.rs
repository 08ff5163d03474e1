//! The failures of an account within a day, which [`Rules::next_in_day`] counts.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::read_time_millis;
use crate::domain::attempt::AccountKey;
use crate::domain::rate_limit::{Rules, StoredDay};

const FIND: &str = "SELECT failures, since FROM account_days WHERE account = ?1";

const SET: &str = "
    INSERT INTO account_days (account, failures, since, last_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET failures = excluded.failures, since = excluded.since,
        last_at = max(last_at, excluded.last_at)";

const SET_FAILURES: &str = "UPDATE account_days SET failures = ?2 WHERE account = ?1";

const DELETE: &str = "DELETE FROM account_days WHERE account = ?1";

pub(super) fn find(
    connection: &Connection,
    account: &AccountKey,
) -> rusqlite::Result<Option<StoredDay>> {
    connection
        .prepare_cached(FIND)?
        .query_row(params![account.as_bytes()], |row| {
            Ok(StoredDay {
                failures: row.get(0)?,
                since: read_time_millis(row, 1)?,
            })
        })
        .optional()
}

/// Adds an attempt to the day of its account.
pub(super) fn add(
    step: &Connection,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let StoredDay { failures, since } = Rules::next_in_day(find(step, account)?, at);
    step.prepare_cached(SET)?.execute(params![
        account.as_bytes(),
        failures,
        since.timestamp_millis(),
        at.timestamp_millis()
    ])?;
    Ok(())
}

/// Removes an attempt at `at` from the day of its account.
pub(super) fn remove(
    step: &Connection,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let Some(day) = find(step, account)? else {
        return Ok(());
    };
    match day.without(at) {
        Some(left) => step
            .prepare_cached(SET_FAILURES)?
            .execute(params![account.as_bytes(), left.failures])?,
        None => step
            .prepare_cached(DELETE)?
            .execute(params![account.as_bytes()])?,
    };
    Ok(())
}

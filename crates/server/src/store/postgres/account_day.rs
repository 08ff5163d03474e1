//! The failures of an account within a day, which [`Rules::next_in_day`] counts.

use chrono::{DateTime, Utc};

use super::step::{Answer, Statement, Step};
use super::tally::saturate;
use super::value::{get, get_time_millis, values};
use crate::domain::attempt::AccountKey;
use crate::domain::rate_limit::{Rules, StoredDay};
use crate::store::error::StoreFailure;

const LOCK: &str = "SELECT failures, since FROM account_days WHERE account = $1 FOR UPDATE";

/// Changes nothing if another step has inserted the day meanwhile.
const INSERT: &str = "
    INSERT INTO account_days (account, failures, since, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account) DO NOTHING";

/// Changes nothing unless the day is still as it was read.
const REPLACE: &str = "
    UPDATE account_days SET failures = $2, since = $3, last_at = $4
    WHERE account = $1 AND failures = $5 AND since = $6";

const SET_FAILURES: &str = "UPDATE account_days SET failures = $2 WHERE account = $1";

const DELETE: &str = "DELETE FROM account_days WHERE account = $1";

/// Returns the statement that adds an attempt to the day of its account.
///
/// It changes no row if the day is no longer as it was `read`.
pub(super) fn add(
    read: Option<StoredDay>,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Statement<'_> {
    let StoredDay { failures, since } = Rules::next_in_day(read, at);
    let account = account.as_bytes();
    let (since, at) = (since.timestamp_millis(), at.timestamp_millis());
    match read {
        None => Statement::new(INSERT, values![account, failures, since, at]),
        Some(read) => {
            let read_since = read.since.timestamp_millis();
            let row = values![account, failures, since, at, read.failures, read_since];
            Statement::new(REPLACE, row)
        }
    }
}

/// Returns the statement that finds and locks a day.
pub(super) fn lock(account: &AccountKey) -> Statement<'_> {
    Statement::new(LOCK, values![account.as_bytes()])
}

/// Returns the statement that removes an attempt at `at` from a locked day; `None` if there is no day.
pub(super) fn remove_from(
    locked: &Answer,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Result<Option<Statement<'static>>, StoreFailure> {
    let Some(row) = locked.rows.first() else {
        return Ok(None);
    };
    let day = StoredDay {
        failures: saturate(get(row, 0)?),
        since: get_time_millis(row, 1)?,
    };
    let account = account.as_bytes().to_vec();
    Ok(Some(match day.without(at) {
        Some(left) => Statement::new(SET_FAILURES, values![account, left.failures]),
        None => Statement::new(DELETE, values![account]),
    }))
}

/// Removes an attempt at `at` from the day of its account.
pub(super) async fn remove(
    step: &Step<'_>,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let [locked] = step.pipeline([lock(account)]).await?;
    let removal = remove_from(&locked, account, at)?;
    step.pipeline_all(removal.as_slice()).await?;
    Ok(())
}

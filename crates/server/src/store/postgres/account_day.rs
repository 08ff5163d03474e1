//! The failures of an account within a day, which [`Rules::next_in_day`] counts.

use chrono::{DateTime, Utc};

use super::step::{Answer, Statement, Step};
use super::tally::read_day;
use super::value::values;
use crate::domain::attempt::AccountKey;
use crate::domain::rate_limit::{Rules, StoredDay};
use crate::store::error::StoreFailure;

const LOCK: &str = "SELECT failures, since FROM account_days WHERE account = $1 FOR UPDATE";

/// Changes nothing if another step has inserted the day meanwhile.
const INSERT: &str = "
    INSERT INTO account_days (account, failures, since, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account) DO NOTHING";

const REPLACE: &str = "
    UPDATE account_days SET failures = $2, since = $3, last_at = greatest(last_at, $4)
    WHERE account = $1";

const SET_FAILURES: &str = "UPDATE account_days SET failures = $2 WHERE account = $1";

const DELETE: &str = "DELETE FROM account_days WHERE account = $1";

/// Returns the statement that finds and locks a day.
pub(super) fn lock(account: &AccountKey) -> Statement<'_> {
    Statement::new(LOCK, values![account.as_bytes()])
}

fn read(locked: &Answer) -> Result<Option<StoredDay>, StoreFailure> {
    match locked.rows.first() {
        Some(row) => read_day(row, 0),
        None => Ok(None),
    }
}

/// Returns the statement that adds the failure of an attempt at `at` to a `locked` day.
///
/// It changes no row if there was no day to lock, and another step has inserted it meanwhile.
pub(super) fn add<'a>(
    locked: &Answer,
    account: &'a AccountKey,
    at: DateTime<Utc>,
) -> Result<Statement<'a>, StoreFailure> {
    let day = read(locked)?;
    let StoredDay { failures, since } = Rules::next_in_day(day, at);
    let (since, last_at) = (since.timestamp_millis(), at.timestamp_millis());
    let row = values![account.as_bytes(), failures, since, last_at];
    let sql = if day.is_none() { INSERT } else { REPLACE };
    Ok(Statement::new(sql, row))
}

/// Removes the failure of an attempt at `at` from the day of its account.
pub(super) async fn remove(
    step: &Step<'_>,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let [locked] = step.pipeline([lock(account)]).await?;
    let Some(day) = read(&locked)? else {
        return Ok(());
    };
    let account = account.as_bytes();
    match day.without(at) {
        Some(left) => {
            step.execute(SET_FAILURES, values![account, left.failures])
                .await?;
        }
        None => {
            step.execute(DELETE, values![account]).await?;
        }
    }
    Ok(())
}

//! The failures of an account within a day, which [`Rules::next_in_day`] counts.

use chrono::{DateTime, Utc};

use super::lookup::Lock;
use super::step::Step;
use super::tally::saturate;
use super::value::{get, get_time_millis, values};
use crate::domain::attempt::AccountKey;
use crate::domain::rate_limit::{Rules, StoredDay};
use crate::store::error::StoreFailure;

const FIND: &str = "SELECT failures, since FROM account_days WHERE account = $1";

const SET: &str = "
    INSERT INTO account_days (account, failures, since, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account)
        DO UPDATE SET failures = excluded.failures, since = excluded.since, last_at = excluded.last_at";

const SET_FAILURES: &str = "UPDATE account_days SET failures = $2 WHERE account = $1";

const DELETE: &str = "DELETE FROM account_days WHERE account = $1";

/// Finds and locks a day.
async fn lock(step: &Step<'_>, account: &AccountKey) -> Result<Option<StoredDay>, StoreFailure> {
    let sql = Lock::Exclusive.with(FIND);
    let Some(row) = step.query_opt(&sql, values![account.as_bytes()]).await? else {
        return Ok(None);
    };
    Ok(Some(StoredDay {
        failures: saturate(get(&row, 0)?),
        since: get_time_millis(&row, 1)?,
    }))
}

/// Adds an attempt to the day of its account, whose advisory lock the caller holds.
pub(super) async fn add(
    step: &Step<'_>,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let StoredDay { failures, since } = Rules::next_in_day(lock(step, account).await?, at);
    let row = values![
        account.as_bytes(),
        failures,
        since.timestamp_millis(),
        at.timestamp_millis(),
    ];
    step.execute(SET, row).await?;
    Ok(())
}

/// Removes an attempt at `at` from the day of its account.
pub(super) async fn remove(
    step: &Step<'_>,
    account: &AccountKey,
    at: DateTime<Utc>,
) -> Result<(), StoreFailure> {
    let Some(day) = lock(step, account).await? else {
        return Ok(());
    };
    let account = account.as_bytes();
    match day.without(at) {
        Some(left) => {
            step.execute(SET_FAILURES, values![account, left.failures])
                .await?
        }
        None => step.execute(DELETE, values![account]).await?,
    };
    Ok(())
}

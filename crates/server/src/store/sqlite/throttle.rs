//! Attempts to log in, counted.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::model::{
    AccountKey, Act, Attempts, Event, Failures, Full, Network, NewAttempt, Reserved, Streak, Tally,
    UserId,
};
use super::super::{Counted, StoreFailure};
use super::audit::{self, Whom};
use crate::throttle::{Held, Limit, Rules};

pub(super) const STREAK: &str = "
    SELECT failures, last_at FROM streaks WHERE account = ?1 AND network = ?2 AND last_at > ?3";

/// The attempt that has as many after it in the window as the limit leaves: none while the limit is not reached.
pub(super) const NETWORK_FULL: &str = "
    SELECT at FROM attempts WHERE network = ?1 AND at > ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// The same of an account, unless it is known here.
pub(super) const ACCOUNT_FULL: &str = "
    SELECT at FROM attempts WHERE account = ?1 AND at > ?2
        AND NOT EXISTS (SELECT 1 FROM known_networks WHERE user_id = ?4 AND network = ?5)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

/// How many are being looked at. One whose outcome nobody told, since its process or its client is gone, is none of them
/// after a while: `?3` is when.
pub(super) const UNDER_WAY: &str = "
    SELECT count(*) FROM attempts WHERE account = ?1 AND network = ?2 AND at > ?3 AND NOT failed";

/// As [`NETWORK_FULL`] and [`ACCOUNT_FULL`], of those attempts alone that are not being looked at.
pub(super) const NETWORK_FAILED: &str = "
    SELECT 1 FROM attempts WHERE network = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

pub(super) const ACCOUNT_FAILED: &str = "
    SELECT 1 FROM attempts WHERE account = ?1 AND at > ?2 AND (failed OR at <= ?4)
    ORDER BY at DESC LIMIT 1 OFFSET ?3";

pub(super) const FORGET_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE at <= ?1 ORDER BY at LIMIT ?2)";

pub(super) const FORGET_STREAKS: &str = "
    DELETE FROM streaks WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)";

/// What was counted by a clock that has been set back since counts from now on: else it would count until that clock's
/// time has come once more.
pub(super) const CATCH_ATTEMPTS: &str = "
    UPDATE attempts SET at = ?2 WHERE id IN
        (SELECT id FROM attempts WHERE at > ?1 ORDER BY at LIMIT ?3)";

pub(super) const CATCH_STREAKS: &str = "
    UPDATE streaks SET last_at = ?2 WHERE (account, network) IN
        (SELECT account, network FROM streaks WHERE last_at > ?1 ORDER BY last_at LIMIT ?3)";

const FORGET_NETWORKS: &str = "
    DELETE FROM known_networks WHERE (user_id, network) IN
        (SELECT user_id, network FROM known_networks WHERE seen_at <= ?1 ORDER BY seen_at LIMIT ?2)";

/// How many rows of each kind an attempt clears away that count no more. More than it adds, so that they stay few.
const IN_PASSING: u32 = 4;

/// How many attempts and how many streaks are kept at most; the oldest go, whenever they are swept. An attempt is only
/// kept if its password is hashed, of which a core does some fifty a second: this is the work of sixteen cores for
/// twenty minutes, in some 200 MB.
pub(super) const MOST: u32 = 1_000_000;

/// For how long an attempt may be looked at: longer than anybody who logs in waits.
const LOOKED_AT: TimeDelta = TimeDelta::seconds(15);

/// How far ahead of a sweep's time an attempt may be that the same clock counted: longer than a step waits to be taken.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// How many networks a user is known to log in from; the one not seen for longest goes.
const MOST_NETWORKS: u32 = 32;

/// For how long a network is known after a login.
const KNOWN_FOR: TimeDelta = TimeDelta::days(90);

pub(super) fn tally(
    connection: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> rusqlite::Result<Tally> {
    let account = attempt.account.as_bytes();
    let network = attempt.network.to_bytes();
    let looked_at = moment(attempt.at - LOOKED_AT);
    let streak = connection
        .prepare_cached(STREAK)?
        .query_row(
            params![account, network, moment(rules.forgotten(attempt.at))],
            |row| Ok((row.get(0)?, time(row, 1)?)),
        )
        .optional()?;
    let streak = match streak {
        None => None,
        Some((failures, last_at)) => Some(Streak {
            failures,
            last_at,
            under_way: connection
                .prepare_cached(UNDER_WAY)?
                .query_row(params![account, network, looked_at], |row| row.get(0))?,
        }),
    };
    let failed = |sql, key: &[u8], since, offset| {
        connection
            .prepare_cached(sql)?
            .exists(params![key, since, offset, looked_at])
    };
    let (since, offset) = window(rules.network, attempt.at);
    let network_full = connection
        .prepare_cached(NETWORK_FULL)?
        .query_row(params![network, since, offset], |row| time(row, 0))
        .optional()?;
    let network_full = match network_full {
        None => None,
        Some(full) => Some(Full {
            since: full,
            failed: failed(NETWORK_FAILED, &network, since, offset)?,
        }),
    };
    let (since, offset) = window(rules.account, attempt.at);
    // No user has this number.
    let user = attempt.user.map_or(0, |UserId(user)| user);
    let account_full = connection
        .prepare_cached(ACCOUNT_FULL)?
        .query_row(params![account, since, offset, user, network], |row| {
            time(row, 0)
        })
        .optional()?;
    let account_full = match account_full {
        None => None,
        Some(full) => Some(Full {
            since: full,
            failed: failed(ACCOUNT_FAILED, account, since, offset)?,
        }),
    };
    Ok(Tally {
        streak,
        network_full,
        account_full,
    })
}

fn window(limit: Limit, now: DateTime<Utc>) -> (i64, u32) {
    (moment(now - limit.within), limit.most.saturating_sub(1))
}

pub(super) fn reserve(
    step: &Connection,
    attempt: &NewAttempt,
    rules: &Rules,
) -> Result<Result<Reserved, Held>, StoreFailure> {
    let tally = tally(step, attempt, rules)?;
    if let Err(held) = rules.judge(&tally, attempt.at) {
        return Ok(Err(held));
    }
    let account = attempt.account.as_bytes();
    let (network, at) = (attempt.network.to_bytes(), moment(attempt.at));
    let forgotten = rules.forgotten(attempt.at);
    forget(step, forgotten, IN_PASSING)?;
    // One that is forgotten but not yet cleared away starts anew.
    step.prepare_cached(
        "INSERT INTO streaks (account, network, failures, last_at) VALUES (?1, ?2, 1, ?3)
        ON CONFLICT DO UPDATE SET failures = iif(last_at > ?4, failures + 1, 1), last_at = ?3",
    )?
    .execute(params![account, network, at, moment(forgotten)])?;
    step.prepare_cached("INSERT INTO attempts (account, network, at) VALUES (?1, ?2, ?3)")?
        .execute(params![account, network, at])?;
    Ok(Ok(Reserved {
        id: step.last_insert_rowid(),
        account: attempt.account,
        network: attempt.network,
    }))
}

/// The attempt is known to have failed.
pub(super) fn fail(step: &Connection, attempt: &Reserved) -> rusqlite::Result<()> {
    step.prepare_cached("UPDATE attempts SET failed = 1 WHERE id = ?1")?
        .execute(params![attempt.id])?;
    Ok(())
}

/// The attempt was not looked at: it counts no more.
pub(super) fn release(step: &Connection, attempt: &Reserved) -> Result<(), StoreFailure> {
    let streak = params![attempt.account.as_bytes(), attempt.network.to_bytes()];
    let released = take_back(step, attempt)?;
    // It may have been cleared in the meantime.
    if released {
        step.prepare_cached(
            "DELETE FROM streaks WHERE account = ?1 AND network = ?2 AND failures <= 1",
        )?
        .execute(streak)?;
        step.prepare_cached(
            "UPDATE streaks SET failures = failures - 1 WHERE account = ?1 AND network = ?2",
        )?
        .execute(streak)?;
    }
    Ok(())
}

fn take_back(step: &Connection, attempt: &Reserved) -> rusqlite::Result<bool> {
    let taken = step
        .prepare_cached("DELETE FROM attempts WHERE id = ?1")?
        .execute(params![attempt.id])?;
    Ok(taken > 0)
}

/// The attempt was a success: it is no failure, the streak is over, and the user is known in the network.
pub(super) fn succeed(
    step: &Connection,
    attempt: &Reserved,
    user: UserId,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    take_back(step, attempt)?;
    let network = attempt.network.to_bytes();
    step.prepare_cached("DELETE FROM streaks WHERE account = ?1 AND network = ?2")?
        .execute(params![attempt.account.as_bytes(), network])?;
    step.prepare_cached(
        "INSERT INTO known_networks (user_id, network, seen_at) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET seen_at = max(seen_at, ?3)",
    )?
    .execute(params![user.0, network, moment(now)])?;
    step.prepare_cached(
        "DELETE FROM known_networks WHERE user_id = ?1 AND network IN
            (SELECT network FROM known_networks WHERE user_id = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![user.0, MOST_NETWORKS])?;
    Ok(())
}

fn forget(step: &Connection, before: DateTime<Utc>, most: u32) -> rusqlite::Result<u64> {
    let mut forgotten = 0;
    for sql in [FORGET_ATTEMPTS, FORGET_STREAKS] {
        forgotten += step
            .prepare_cached(sql)?
            .execute(params![moment(before), most])?;
    }
    Ok(forgotten as u64)
}

/// When the attempt was made that is one too many to be kept, for the most that are.
fn overflow(step: &Connection, sql: &str, kept: u32) -> rusqlite::Result<Option<DateTime<Utc>>> {
    step.prepare_cached(sql)?
        .query_row(params![kept], |row| time(row, 0))
        .optional()
}

pub(super) fn sweep(
    step: &Connection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    most: u32,
    kept: u32,
) -> Result<u64, StoreFailure> {
    let attempts = overflow(
        step,
        "SELECT at FROM attempts ORDER BY at DESC LIMIT 1 OFFSET ?1",
        kept,
    )?;
    let streaks = overflow(
        step,
        "SELECT last_at FROM streaks ORDER BY last_at DESC LIMIT 1 OFFSET ?1",
        kept,
    )?;
    let latest = |overflow: Option<DateTime<Utc>>| overflow.map_or(before, |at| at.max(before));
    let mut swept = 0;
    for (sql, before) in [
        (FORGET_ATTEMPTS, latest(attempts)),
        (FORGET_STREAKS, latest(streaks)),
        (FORGET_NETWORKS, now - KNOWN_FOR),
    ] {
        swept += step
            .prepare_cached(sql)?
            .execute(params![moment(before), most])?;
    }
    for sql in [CATCH_ATTEMPTS, CATCH_STREAKS] {
        swept +=
            step.prepare_cached(sql)?
                .execute(params![moment(now + AHEAD), moment(now), most])?;
    }
    Ok(swept as u64)
}

pub(super) fn list(
    connection: &Connection,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<Failures>, StoreFailure> {
    let mut streaks = connection.prepare_cached(
        "SELECT account, network, failures, last_at FROM streaks WHERE last_at > ?1
        ORDER BY last_at DESC",
    )?;
    let streaks = streaks.query_map(params![moment(rules.forgotten(now))], |row| {
        let (failures, last_at) = (row.get(2)?, time(row, 3)?);
        Ok(Failures {
            account: Some(AccountKey::from_store(row.get(0)?)),
            network: Some(network(row, 1)?),
            failures,
            last_at,
            tally: Tally {
                streak: Some(Streak {
                    failures,
                    last_at,
                    under_way: 0,
                }),
                ..Tally::default()
            },
        })
    })?;
    let networks = full(connection, "network", rules.network, now, |row| {
        Ok(Failures {
            account: None,
            network: Some(network(row, 0)?),
            failures: row.get(1)?,
            last_at: time(row, 2)?,
            tally: Tally {
                network_full: Some(Full {
                    since: time(row, 3)?,
                    failed: true,
                }),
                ..Tally::default()
            },
        })
    })?;
    let accounts = full(connection, "account", rules.account, now, |row| {
        Ok(Failures {
            account: Some(AccountKey::from_store(row.get(0)?)),
            network: None,
            failures: row.get(1)?,
            last_at: time(row, 2)?,
            tally: Tally {
                account_full: Some(Full {
                    since: time(row, 3)?,
                    failed: true,
                }),
                ..Tally::default()
            },
        })
    })?;
    let streaks: Vec<Failures> = streaks.collect::<Result<_, _>>()?;
    Ok([networks, accounts, streaks].concat())
}

/// What has reached its limit: the column, how often, when last, and the attempt that keeps it there.
fn full(
    connection: &Connection,
    column: &str,
    limit: Limit,
    now: DateTime<Utc>,
    counted: impl Fn(&Row<'_>) -> rusqlite::Result<Failures>,
) -> rusqlite::Result<Vec<Failures>> {
    let (since, offset) = window(limit, now);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {column}, count(*), max(at),
            (SELECT at FROM attempts b WHERE b.{column} = a.{column} AND b.at > ?1
            ORDER BY b.at DESC LIMIT 1 OFFSET ?2)
        FROM attempts a WHERE at > ?1
        GROUP BY {column} HAVING count(*) > ?2 ORDER BY max(at) DESC"
    ))?;
    statement
        .query_map(params![since, offset], counted)?
        .collect()
}

pub(super) fn clear(step: &Connection, which: &Attempts, act: &Act) -> Result<u64, StoreFailure> {
    let account = which.user.as_ref().map(AccountKey::of);
    let account = account
        .as_ref()
        .map(|account| account.as_bytes().as_slice());
    let network = which.network.map(Network::to_bytes);
    let mut cleared = 0;
    for table in ["streaks", "attempts"] {
        cleared = step
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR network = ?2)"
            ))?
            .execute(params![account, network])?;
    }
    let whom = which.user.as_ref().map_or(Whom::Nobody, Whom::User);
    let failures = Counted(cleared as u64, "failure");
    let detail = match which.network {
        Some(network) => format!("{failures} from {network}"),
        None => failures.to_string(),
    };
    audit::record(step, act, Event::FailuresCleared, whom, Some(&detail))?;
    Ok(cleared as u64)
}

/// Milliseconds since 1970.
fn moment(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let milliseconds = row.get(column)?;
    DateTime::from_timestamp_millis(milliseconds).ok_or(rusqlite::Error::IntegralValueOutOfRange(
        column,
        milliseconds,
    ))
}

fn network(row: &Row<'_>, column: usize) -> rusqlite::Result<Network> {
    // The tables allow no other length.
    Network::from_bytes(row.get_ref(column)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)
}

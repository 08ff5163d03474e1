//! Daily counts of refused logins whose audit entries were deleted.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rusqlite::{Connection, Row, named_params, params};

use crate::domain::audit::{AuditEvent, AuditFilter, AuditSweep};
use crate::domain::refusal_day::{
    RefusalDay, RefusalKey, RefusalSubject, day_number, day_of_number, keeps_subject,
};
use crate::store::error::StoreFailure;

const COUNT: &str = "SELECT count(*) FROM refusal_days";

const DELETE_REFUSALS: &str = "
    DELETE FROM audit WHERE id IN
        (SELECT id FROM audit WHERE refused = 1 AND id <= ?1 ORDER BY id LIMIT ?2)
    RETURNING at / 86400, event, cause, username, username_key, domain, domain_key, count";

const EXISTS: &str = "
    SELECT EXISTS (SELECT 1 FROM refusal_days WHERE day = ?1 AND event = ?2 AND cause = ?3
        AND coalesce(username_key, '') = coalesce(?4, '') AND coalesce(domain_key, '') = coalesce(?5, ''))";

const EXPIRE: &str = "
    DELETE FROM refusal_days WHERE rowid IN
        (SELECT rowid FROM refusal_days WHERE day < ?1 ORDER BY day LIMIT ?2)";

const LIST: &str = "
    SELECT day, event, cause, username, domain, count FROM refusal_days
        WHERE (:any OR ((:username IS NULL OR username_key = :username) AND domain_key IS :domain))
        AND (:event IS NULL OR event = :event)
        AND day BETWEEN :since AND :until
        ORDER BY day DESC, count DESC, rowid LIMIT :limit";

fn read_key(row: &Row<'_>) -> rusqlite::Result<RefusalKey> {
    Ok(RefusalKey {
        day: row.get(0)?,
        event: row.get(1)?,
        cause: row.get(2)?,
        subject: RefusalSubject {
            username: row.get(3)?,
            username_key: row.get(4)?,
            domain: row.get(5)?,
            domain_key: row.get(6)?,
        },
    })
}

fn exists(step: &Connection, key: &RefusalKey) -> rusqlite::Result<bool> {
    let (username, domain) = (&key.subject.username_key, &key.subject.domain_key);
    step.prepare_cached(EXISTS)?.query_row(
        params![key.day, key.event, key.cause, username, domain],
        |row| row.get(0),
    )
}

fn add(step: &Connection, key: &RefusalKey, count: u64) -> rusqlite::Result<()> {
    step.prepare_cached(
        "INSERT INTO refusal_days (day, event, cause, username, username_key, domain, domain_key, count)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (day, event, cause, coalesce(username_key, ''), coalesce(domain_key, ''))
            DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![
        key.day,
        key.event,
        key.cause,
        key.subject.username,
        key.subject.username_key,
        key.subject.domain,
        key.subject.domain_key,
        count,
    ])?;
    Ok(())
}

pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(COUNT)?
        .query_row([], |row| row.get(0))
}

/// Deletes the oldest refusals up to an id and adds them to the `rows` daily counts.
pub(super) fn count_and_delete_refusals(
    step: &Connection,
    id: i64,
    mut rows: u64,
    plan: &AuditSweep,
) -> rusqlite::Result<u64> {
    let mut deleted = 0;
    let mut counts = BTreeMap::<RefusalKey, u64>::new();
    let mut delete = step.prepare_cached(DELETE_REFUSALS)?;
    let mut refusals = delete.query(params![id, plan.batch])?;
    while let Some(row) = refusals.next()? {
        deleted += 1;
        *counts.entry(read_key(row)?).or_default() += row.get::<_, u64>(7)?;
    }
    for (mut key, count) in counts {
        let exists = exists(step, &key)?;
        if !keeps_subject(exists, rows, plan.max_days) {
            key.subject = RefusalSubject::default();
        } else if !exists {
            rows += 1;
        }
        add(step, &key, count)?;
    }
    Ok(deleted)
}

/// Deletes the counts of the days that ended before `plan.before`.
pub(super) fn expire(step: &Connection, plan: &AuditSweep) -> rusqlite::Result<u64> {
    let expired = step
        .prepare_cached(EXPIRE)?
        .execute(params![day_number(plan.before), plan.batch])?;
    Ok(expired as u64)
}

pub(super) fn list(
    connection: &Connection,
    filter: &AuditFilter,
) -> Result<Vec<RefusalDay>, StoreFailure> {
    let subject = filter.subject.as_ref();
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map(
        named_params! {
            ":any": subject.is_none(),
            ":username": subject.and_then(|subject| subject.username.as_deref()),
            ":domain": subject.and_then(|subject| subject.domain.as_deref()),
            ":event": filter.event.map(AuditEvent::name),
            ":since": filter.since.map_or(i64::MIN, day_number),
            ":until": filter.until.map_or(i64::MAX, day_number),
            ":limit": filter.limit,
        },
        |row| {
            Ok(RefusalDay {
                day: read_day(row, 0)?,
                event: row.get(1)?,
                cause: row.get(2)?,
                username: row.get(3)?,
                domain: row.get(4)?,
                count: row.get(5)?,
            })
        },
    )?;
    let mut days: Vec<RefusalDay> = rows.collect::<Result<_, _>>()?;
    days.sort_by_key(|day| day.day);
    Ok(days)
}

fn read_day(row: &Row<'_>, column: usize) -> rusqlite::Result<NaiveDate> {
    let days = row.get(column)?;
    day_of_number(days).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, days))
}

//! Daily counts of refused logins whose audit entries were deleted.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::step::Step;
use super::value::{get, get_count, values};
use crate::domain::audit::{AuditEvent, AuditFilter, AuditSweep};
use crate::domain::refusal_day::{
    RefusalDay, RefusalKey, RefusalSubject, day_number, day_of_number, keeps_subject,
};
use crate::store::error::StoreFailure;

const COUNT: &str = "SELECT count(*) FROM refusal_days";

const DELETE_REFUSALS: &str = "
    DELETE FROM audit WHERE id IN
        (SELECT id FROM audit WHERE refused AND id <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING at / 86400, event, cause, username, username_key, domain, domain_key, count";

const EXISTS: &str = "
    SELECT EXISTS (SELECT FROM refusal_days WHERE day = $1 AND event = $2 AND cause = $3
        AND coalesce(username_key, '') = coalesce($4, '') AND coalesce(domain_key, '') = coalesce($5, ''))";

const ADD: &str = "
    INSERT INTO refusal_days (day, event, cause, username, username_key, domain, domain_key, count)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (day, event, cause, (coalesce(username_key, '')), (coalesce(domain_key, '')))
        DO UPDATE SET count = refusal_days.count + excluded.count";

const EXPIRE: &str = "
    DELETE FROM refusal_days WHERE id IN
        (SELECT id FROM refusal_days WHERE day < $1 ORDER BY day LIMIT $2 FOR UPDATE SKIP LOCKED)";

const LIST: &str = "
    SELECT day, event, cause, username, domain, count FROM refusal_days
        WHERE ($1 OR (($2::text IS NULL OR username_key = $2) AND domain_key IS NOT DISTINCT FROM $3))
        AND ($4::text IS NULL OR event = $4)
        AND day BETWEEN $5 AND $6
        ORDER BY day DESC, count DESC, id LIMIT $7";

fn read_key(row: &Row) -> Result<RefusalKey, StoreFailure> {
    Ok(RefusalKey {
        day: get(row, 0)?,
        event: get(row, 1)?,
        cause: get(row, 2)?,
        subject: RefusalSubject {
            username: get(row, 3)?,
            username_key: get(row, 4)?,
            domain: get(row, 5)?,
            domain_key: get(row, 6)?,
        },
    })
}

async fn exists(step: &Step<'_>, key: &RefusalKey) -> Result<bool, StoreFailure> {
    let row = values![
        key.day,
        key.event.as_str(),
        key.cause.as_str(),
        key.subject.username_key.as_deref(),
        key.subject.domain_key.as_deref(),
    ];
    get(&step.query(EXISTS, row).await?[0], 0)
}

async fn add(step: &Step<'_>, key: &RefusalKey, count: u64) -> Result<(), StoreFailure> {
    let row = values![
        key.day,
        key.event.as_str(),
        key.cause.as_str(),
        key.subject.username.as_deref(),
        key.subject.username_key.as_deref(),
        key.subject.domain.as_deref(),
        key.subject.domain_key.as_deref(),
        i64::try_from(count).map_err(StoreFailure::new)?,
    ];
    step.execute(ADD, row).await?;
    Ok(())
}

/// Deletes the oldest refusals up to an id and adds them to the daily counts.
pub(super) async fn count_and_delete_refusals(
    step: &Step<'_>,
    id: i64,
    plan: &AuditSweep,
) -> Result<u64, StoreFailure> {
    let mut rows = get_count(&step.query(COUNT, &[]).await?[0], 0)?;
    let deleted = step.query(DELETE_REFUSALS, values![id, plan.batch]).await?;
    let mut counts = BTreeMap::<RefusalKey, u64>::new();
    for row in &deleted {
        *counts.entry(read_key(row)?).or_default() += get_count(row, 7)?;
    }
    for (mut key, count) in counts {
        let exists = exists(step, &key).await?;
        if !keeps_subject(exists, rows, plan.max_days) {
            key.subject = RefusalSubject::default();
        } else if !exists {
            rows += 1;
        }
        add(step, &key, count).await?;
    }
    Ok(deleted.len() as u64)
}

/// Deletes the counts of the days that ended before `plan.before`.
pub(super) async fn expire(step: &Step<'_>, plan: &AuditSweep) -> Result<u64, StoreFailure> {
    let row = values![day_number(plan.before), plan.batch];
    Ok(step.execute(EXPIRE, row).await?)
}

pub(super) async fn list(
    step: &Step<'_>,
    filter: &AuditFilter,
) -> Result<Vec<RefusalDay>, StoreFailure> {
    let subject = filter.subject.as_ref();
    let row = values![
        subject.is_none(),
        subject.and_then(|subject| subject.username.as_deref()),
        subject.and_then(|subject| subject.domain.as_deref()),
        filter.event.map(AuditEvent::name),
        filter.since.map_or(i64::MIN, day_number),
        filter.until.map_or(i64::MAX, day_number),
        filter.limit,
    ];
    let rows = step.query(LIST, row).await?;
    let days = rows.iter().map(read_day);
    let mut days = days.collect::<Result<Vec<_>, _>>()?;
    days.sort_by_key(|day| day.day);
    Ok(days)
}

fn read_day(row: &Row) -> Result<RefusalDay, StoreFailure> {
    let day = day_of_number(get(row, 0)?);
    Ok(RefusalDay {
        day: day.ok_or_else(|| StoreFailure::new("a stored day is out of range"))?,
        event: get(row, 1)?,
        cause: get(row, 2)?,
        username: get(row, 3)?,
        domain: get(row, 4)?,
        count: get_count(row, 5)?,
    })
}

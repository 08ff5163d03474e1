//! The audit log. Each change records its entry in the same transaction.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{Sqlite, read_time, refusal_day};
use crate::domain::audit::{AuditContext, AuditEntry, AuditEvent, AuditFilter, AuditSweep};
use crate::domain::audit_record::{AuditRecord, AuditSubject, SessionRecord};
use crate::domain::refusal::Refusal;
use crate::domain::refusal_day::RefusalDay;
use crate::domain::user::{Scope, UserId, UserKey};
use crate::store::audit::{AuditLog, SourceColumns};
use crate::store::error::StoreFailure;

const NEWEST_EXCESS: &str =
    "SELECT id FROM audit WHERE refused = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2";

const LIST: &str = "
    SELECT id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator
        FROM audit
        WHERE (:any OR ((:username IS NULL OR username_key = :username) AND domain_key IS :domain))
        AND (:event IS NULL OR event = :event)
        AND (:since IS NULL OR last_at >= :since)
        AND (:until IS NULL OR at <= :until)
        ORDER BY id DESC LIMIT :limit";

const TENANT_NAMES: &str =
    "SELECT NULL, NULL, domain, domain_key FROM tenants WHERE domain_key = ?1";

const USER_NAMES: &str = "
    SELECT u.username, u.username_key, t.domain, t.domain_key
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id WHERE u.id = ?1";

pub(super) fn record(
    step: &Connection,
    context: &AuditContext,
    record: &AuditRecord,
) -> rusqlite::Result<()> {
    let (username, domain) = match &record.subject {
        AuditSubject::Tenant(domain) => (None, Some(domain)),
        AuditSubject::User(UserKey { scope, username }) => match scope {
            Scope::System => (Some(username), None),
            Scope::Tenant(domain) => (Some(username), Some(domain)),
        },
        AuditSubject::Unnamed => (None, None),
    };
    let columns = SourceColumns::from(&context.source);
    step.prepare_cached(
        "INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
            source, operator, address, user_agent, request_id, detail)
        VALUES (?1, ?1, 1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        context.at.timestamp(),
        record.event.name(),
        username.map(|name| name.as_typed()),
        username.map(|name| name.key()),
        domain.map(|domain| domain.as_typed()),
        domain.map(|domain| domain.key()),
        columns.source,
        columns.operator,
        columns.address,
        columns.user_agent,
        columns.request_id,
        record.detail,
    ])?;
    Ok(())
}

pub(super) fn record_session(
    step: &Connection,
    context: &AuditContext,
    UserId(user): UserId,
    record: &SessionRecord,
) -> rusqlite::Result<()> {
    let columns = SourceColumns::from(&context.source);
    step.prepare_cached(
        "INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
            source, operator, address, user_agent, request_id, detail)
        SELECT ?2, ?2, ?10, ?3, 0, u.username, u.username_key, t.domain, t.domain_key, ?4, ?5, ?6, ?7, ?8, ?9
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id WHERE u.id = ?1",
    )?
    .execute(params![
        user,
        context.at.timestamp(),
        record.event.name(),
        columns.source,
        columns.operator,
        columns.address,
        columns.user_agent,
        columns.request_id,
        record.detail,
        record.count,
    ])?;
    Ok(())
}

/// Records sessions that are about to end, one entry for each user. `number` is `?1` in `condition`.
pub(super) fn record_sessions(
    step: &Connection,
    context: &AuditContext,
    event: AuditEvent,
    condition: &str,
    number: i64,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    let columns = SourceColumns::from(&context.source);
    step.prepare_cached(&format!(
        "INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
            source, operator, address, user_agent, request_id, detail)
        SELECT ?2, ?2, count(*), ?3, 0, u.username, u.username_key, t.domain, t.domain_key, ?4, ?5, ?6, ?7, ?8, ?9
        FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE {condition} AND s.expires_at > ?2
        GROUP BY u.id"
    ))?
    .execute(params![
        number,
        context.at.timestamp(),
        event.name(),
        columns.source,
        columns.operator,
        columns.address,
        columns.user_agent,
        columns.request_id,
        detail,
    ])?;
    Ok(())
}

/// The columns `username`, `username_key`, `domain` and `domain_key`.
type Names = [Option<String>; 4];

fn find_names(step: &Connection, refusal: &Refusal) -> rusqlite::Result<Names> {
    // Both look-ups always run, so that the duration does not reveal whether the account exists.
    let user = step
        .prepare_cached(USER_NAMES)?
        .query_row(params![refusal.user.map(|UserId(user)| user)], read_names)
        .optional()?;
    let tenant = step
        .prepare_cached(TENANT_NAMES)?
        .query_row(params![refusal.domain], read_names)
        .optional()?;
    Ok(user.or(tenant).unwrap_or_default())
}

fn read_names(row: &Row<'_>) -> rusqlite::Result<Names> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
}

pub(super) fn record_refusals(step: &Connection, refusals: &[Refusal]) -> Result<(), StoreFailure> {
    let mut insert = step.prepare_cached(
        "INSERT INTO audit (at, last_at, count, event, cause, refused, bucket, username, username_key,
            domain, domain_key, source, address, user_agent, request_id)
        VALUES (?1, ?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        ON CONFLICT (bucket) WHERE bucket IS NOT NULL
            DO UPDATE SET count = count + excluded.count, last_at = max(last_at, excluded.last_at)",
    )?;
    for refusal in refusals {
        let key = refusal.coalesce_key();
        let names = match key.has_account() {
            true => find_names(step, refusal)?,
            false => Names::default(),
        };
        let columns = SourceColumns::from(&refusal.caller);
        let [username, username_key, domain, domain_key] = names;
        insert.execute(params![
            refusal.at.timestamp(),
            refusal.count,
            refusal.cause.event().name(),
            refusal.cause.name(),
            key.bucket(refusal.at),
            username,
            username_key,
            domain,
            domain_key,
            columns.source,
            columns.address,
            columns.user_agent,
            columns.request_id,
        ])?;
    }
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    filter: &AuditFilter,
) -> Result<Vec<AuditEntry>, StoreFailure> {
    let subject = filter.subject.as_ref();
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map(
        named_params! {
            ":any": subject.is_none(),
            ":username": subject.and_then(|subject| subject.username.as_deref()),
            ":domain": subject.and_then(|subject| subject.domain.as_deref()),
            ":event": filter.event.map(AuditEvent::name),
            ":since": filter.since.map(|since| since.timestamp()),
            ":until": filter.until.map(|until| until.timestamp()),
            ":limit": filter.limit,
        },
        |row| {
            Ok(AuditEntry {
                id: row.get(0)?,
                at: read_time(row, 1)?,
                last_at: read_time(row, 2)?,
                count: row.get(3)?,
                event: row.get(4)?,
                cause: row.get(5)?,
                username: row.get(6)?,
                domain: row.get(7)?,
                source: row.get(8)?,
                address: row.get(9)?,
                user_agent: row.get(10)?,
                request_id: row.get(11)?,
                detail: row.get(12)?,
                operator: row.get(13)?,
            })
        },
    )?;
    let mut entries: Vec<AuditEntry> = rows.collect::<Result<_, _>>()?;
    entries.reverse();
    Ok(entries)
}

/// Returns the id of entry `rows + 1` of a kind, counted from the newest.
fn newest_excess(
    connection: &Connection,
    refused: bool,
    rows: u32,
) -> Result<Option<i64>, StoreFailure> {
    let id = connection
        .prepare_cached(NEWEST_EXCESS)?
        .query_row(params![refused, rows], |row| row.get(0))
        .optional()?;
    Ok(id)
}

/// The rows beyond the maximum numbers, as a reader found them.
struct Excess {
    /// The newest id of refusals to delete.
    refusals: Option<i64>,
    /// The newest id of other entries to delete.
    others: Option<i64>,
    /// The number of daily counts.
    days: u64,
}

impl Excess {
    fn find(connection: &Connection, plan: &AuditSweep) -> Result<Self, StoreFailure> {
        let refusals = newest_excess(connection, true, plan.max_rows)?;
        Ok(Self {
            refusals,
            others: newest_excess(connection, false, plan.max_rows)?,
            days: match refusals {
                Some(_) => refusal_day::count(connection)?,
                None => 0,
            },
        })
    }
}

fn sweep(step: &Connection, excess: &Excess, plan: &AuditSweep) -> Result<u64, StoreFailure> {
    let mut swept = step
        .prepare_cached(
            "DELETE FROM audit WHERE last_at <= ?1 AND id IN (SELECT id FROM audit ORDER BY id LIMIT ?2)",
        )?
        .execute(params![plan.before.timestamp(), plan.batch])? as u64;
    swept += refusal_day::expire(step, plan)?;
    if let Some(id) = excess.refusals {
        swept += refusal_day::count_and_delete_refusals(step, id, excess.days, plan)?;
    }
    if let Some(id) = excess.others {
        swept += step
            .prepare_cached(
                "DELETE FROM audit WHERE id IN
                    (SELECT id FROM audit WHERE refused = 0 AND id <= ?1 ORDER BY id LIMIT ?2)",
            )?
            .execute(params![id, plan.batch])? as u64;
    }
    Ok(swept)
}

#[async_trait]
impl AuditLog for Sqlite {
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure> {
        self.write_soon(move |step| record_refusals(step, &refusals))
            .await
    }

    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure> {
        self.read(|connection| list(connection, filter))
    }

    async fn list_refusal_days(
        &self,
        filter: &AuditFilter,
    ) -> Result<Vec<RefusalDay>, StoreFailure> {
        self.read(|connection| refusal_day::list(connection, filter))
    }

    async fn sweep_audit(&self, plan: &AuditSweep) -> Result<u64, StoreFailure> {
        // Counted on a reader, so that the writer is not blocked.
        let excess = self.read(|connection| Excess::find(connection, plan))?;
        let plan = *plan;
        self.write(move |step| sweep(step, &excess, &plan)).await
    }
}

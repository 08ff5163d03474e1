//! The audit log. Each change records its entry in the same transaction.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::step::Step;
use super::value::{Value, get, get_count, get_time, values};
use super::{Postgres, lookup, refusal_day};
use crate::domain::audit::{AuditContext, AuditEntry, AuditEvent, AuditFilter, AuditSweep};
use crate::domain::audit_record::{AuditRecord, AuditSubject, SessionRecord};
use crate::domain::refusal::Refusal;
use crate::domain::refusal_day::RefusalDay;
use crate::domain::user::{Scope, UserId, UserKey};
use crate::store::audit::{AuditLog, SourceColumns};
use crate::store::error::StoreFailure;

const INSERT: &str = "
    INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
        source, operator, address, user_agent, request_id, detail)
    VALUES ($1, $1, 1, $2, false, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    RETURNING id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator";

const INSERT_FOR_USER: &str = "
    INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
        source, operator, address, user_agent, request_id, detail)
    SELECT $2, $2, $10, $3, false, u.username, u.username_key, t.domain, t.domain_key, $4, $5, $6, $7, $8, $9
    FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id WHERE u.id = $1
    RETURNING id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator";

const INSERT_REFUSAL: &str = "
    INSERT INTO audit (at, last_at, count, event, cause, refused, bucket, username, username_key,
        domain, domain_key, source, address, user_agent, request_id)
    VALUES ($1, $1, $2, $3, $4, true, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (bucket) WHERE bucket IS NOT NULL
        DO UPDATE SET count = audit.count + excluded.count,
            last_at = greatest(audit.last_at, excluded.last_at)
    RETURNING id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator";

/// The columns of an entry, as [`read_entry`] reads them.
const RETURNING: &str =
    "RETURNING id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
    request_id, detail, operator";

const NEWEST_EXCESS: &str =
    "SELECT id FROM audit WHERE refused = $1 ORDER BY id DESC LIMIT 1 OFFSET $2";

const LIST: &str = "
    SELECT id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator
        FROM audit
        WHERE ($1 OR (($2::text IS NULL OR username_key = $2) AND domain_key IS NOT DISTINCT FROM $3))
        AND ($4::text IS NULL OR event = $4)
        AND ($5::bigint IS NULL OR last_at >= $5)
        AND ($6::bigint IS NULL OR at <= $6)
        ORDER BY id DESC LIMIT $7";

const TENANT_NAMES: &str =
    "SELECT NULL::text, NULL::text, domain, domain_key FROM tenants WHERE domain_key = $1";

const USER_NAMES: &str = "
    SELECT u.username, u.username_key, t.domain, t.domain_key
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id WHERE u.id = $1";

const SWEEP_OLD: &str = "
    DELETE FROM audit WHERE last_at <= $1 AND id IN
        (SELECT id FROM audit ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)";

const SWEEP_EXCESS: &str = "
    DELETE FROM audit WHERE id IN
        (SELECT id FROM audit WHERE NOT refused AND id <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// The key of the advisory lock of transactions that record several refusals: `RFSL`.
const REFUSALS_LOCK: i64 = 0x5246_534C;

pub(super) async fn record(
    step: &Step<'_>,
    context: &AuditContext,
    record: &AuditRecord,
) -> Result<(), StoreFailure> {
    let (username, domain) = match &record.subject {
        AuditSubject::Tenant(domain) => (None, Some(domain)),
        AuditSubject::User(UserKey { scope, username }) => match scope {
            Scope::System => (Some(username), None),
            Scope::Tenant(domain) => (Some(username), Some(domain)),
        },
        AuditSubject::Unnamed => (None, None),
    };
    let columns = SourceColumns::from(&context.source);
    let row = values![
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
        record.detail.as_deref(),
    ];
    publish(step, &step.query(INSERT, row).await?)
}

/// Publishes recorded entries if the transaction is committed.
pub(super) fn publish(step: &Step<'_>, rows: &[Row]) -> Result<(), StoreFailure> {
    for row in rows {
        step.publish(read_entry(row)?);
    }
    Ok(())
}

pub(super) async fn record_session(
    step: &Step<'_>,
    context: &AuditContext,
    UserId(user): UserId,
    record: &SessionRecord,
) -> Result<(), StoreFailure> {
    let row = session_row(context, user, record)?;
    publish(step, &step.query(INSERT_FOR_USER, &row).await?)
}

/// Returns the parameters `$1` to `$10` of an entry about sessions of a user, whose id is `$1`.
pub(super) fn session_row<'a>(
    context: &'a AuditContext,
    user: i64,
    record: &SessionRecord,
) -> Result<Vec<Value<'a>>, StoreFailure> {
    let mut row = circumstances(context, record.event, user, record.detail).to_vec();
    let count = i64::try_from(record.count).map_err(StoreFailure::new)?;
    row.push(count.into());
    Ok(row)
}

/// Records sessions that are about to end, one entry for each user. `number` is `$1` in `condition`.
pub(super) async fn record_sessions(
    step: &Step<'_>,
    context: &AuditContext,
    event: AuditEvent,
    condition: &str,
    number: i64,
    detail: Option<&str>,
) -> Result<(), StoreFailure> {
    let sql = format!(
        "INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
            source, operator, address, user_agent, request_id, detail)
        SELECT $2, $2, count(*), $3, false, u.username, u.username_key, t.domain, t.domain_key, $4, $5, $6, $7, $8, $9
        FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE {condition} AND s.expires_at > $2
        GROUP BY u.id, t.id ORDER BY u.id"
    );
    let row = circumstances(context, event, number, detail);
    if !step.publishes() {
        // There may be an entry for each of a million users.
        step.execute(&sql, &row).await?;
        return Ok(());
    }
    publish(
        step,
        &step.query(&format!("{sql} {RETURNING}"), &row).await?,
    )
}

fn circumstances<'a>(
    context: &'a AuditContext,
    event: AuditEvent,
    number: i64,
    detail: Option<&'a str>,
) -> [Value<'a>; 9] {
    let columns = SourceColumns::from(&context.source);
    [
        number.into(),
        context.at.timestamp().into(),
        event.name().into(),
        columns.source.into(),
        columns.operator.into(),
        columns.address.into(),
        columns.user_agent.into(),
        columns.request_id.into(),
        detail.into(),
    ]
}

/// The columns `username`, `username_key`, `domain` and `domain_key`.
type Names = [Option<String>; 4];

async fn find_names(step: &Step<'_>, refusal: &Refusal) -> Result<Names, StoreFailure> {
    // Both look-ups always run, so that the duration does not reveal whether the account exists.
    let id = refusal.user.map(|UserId(user)| user);
    let user = step.query_opt(USER_NAMES, values![id]).await?;
    let domain = refusal.domain.as_deref();
    let tenant = step.query_opt(TENANT_NAMES, values![domain]).await?;
    match user.or(tenant) {
        Some(row) => Ok([get(&row, 0)?, get(&row, 1)?, get(&row, 2)?, get(&row, 3)?]),
        None => Ok(Names::default()),
    }
}

pub(super) async fn record_refusals(
    step: &Step<'_>,
    refusals: &[Refusal],
) -> Result<(), StoreFailure> {
    // Two transactions that each update several rows could otherwise deadlock.
    if refusals.len() > 1 {
        lookup::lock_key(step, REFUSALS_LOCK).await?;
    }
    for refusal in refusals {
        let key = refusal.coalesce_key();
        let names = match key.has_account() {
            true => find_names(step, refusal).await?,
            false => Names::default(),
        };
        let columns = SourceColumns::from(&refusal.caller);
        let bucket = key.bucket(refusal.at);
        let [username, username_key, domain, domain_key] = names;
        let row = values![
            refusal.at.timestamp(),
            refusal.count,
            refusal.cause.event().name(),
            refusal.cause.name(),
            &bucket,
            username,
            username_key,
            domain,
            domain_key,
            columns.source,
            columns.address,
            columns.user_agent,
            columns.request_id,
        ];
        for row in &step.query(INSERT_REFUSAL, row).await? {
            // The row may count earlier refusals, which are already published.
            step.publish(AuditEntry {
                count: refusal.count.into(),
                ..read_entry(row)?
            });
        }
    }
    Ok(())
}

fn read_entry(row: &Row) -> Result<AuditEntry, StoreFailure> {
    Ok(AuditEntry {
        id: get(row, 0)?,
        at: get_time(row, 1)?,
        last_at: get_time(row, 2)?,
        count: get_count(row, 3)?,
        event: get(row, 4)?,
        cause: get(row, 5)?,
        username: get(row, 6)?,
        domain: get(row, 7)?,
        source: get(row, 8)?,
        address: get(row, 9)?,
        user_agent: get(row, 10)?,
        request_id: get(row, 11)?,
        detail: get(row, 12)?,
        operator: get(row, 13)?,
    })
}

async fn list(step: &Step<'_>, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure> {
    let subject = filter.subject.as_ref();
    let row = values![
        subject.is_none(),
        subject.and_then(|subject| subject.username.as_deref()),
        subject.and_then(|subject| subject.domain.as_deref()),
        filter.event.map(AuditEvent::name),
        filter.since.map(|since| since.timestamp()),
        filter.until.map(|until| until.timestamp()),
        filter.limit,
    ];
    let rows = step.query(LIST, row).await?;
    rows.iter().rev().map(read_entry).collect()
}

/// Returns the id of entry `rows + 1` of a kind, counted from the newest.
async fn newest_excess(
    step: &Step<'_>,
    refused: bool,
    rows: u32,
) -> Result<Option<i64>, StoreFailure> {
    let row = step
        .query_opt(NEWEST_EXCESS, values![refused, rows])
        .await?;
    row.map(|row| get(&row, 0)).transpose()
}

async fn sweep(step: &Step<'_>, plan: &AuditSweep) -> Result<u64, StoreFailure> {
    let refusals = newest_excess(step, true, plan.max_rows).await?;
    let others = newest_excess(step, false, plan.max_rows).await?;
    let old = values![plan.before.timestamp(), plan.batch];
    let mut swept = step.execute(SWEEP_OLD, old).await?;
    swept += refusal_day::expire(step, plan).await?;
    if let Some(id) = refusals {
        swept += refusal_day::count_and_delete_refusals(step, id, plan).await?;
    }
    if let Some(id) = others {
        let row = values![id, plan.batch];
        swept += step.execute(SWEEP_EXCESS, row).await?;
    }
    Ok(swept)
}

#[async_trait]
impl AuditLog for Postgres {
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure> {
        self.write_soon(refusals, |step, refusals| {
            Box::pin(record_refusals(step, refusals))
        })
        .await
    }

    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure> {
        self.read(filter, |step, filter| Box::pin(list(step, filter)))
            .await
    }

    async fn list_refusal_days(
        &self,
        filter: &AuditFilter,
    ) -> Result<Vec<RefusalDay>, StoreFailure> {
        self.read(filter, |step, filter| {
            Box::pin(refusal_day::list(step, filter))
        })
        .await
    }

    async fn sweep_audit(&self, plan: &AuditSweep) -> Result<u64, StoreFailure> {
        self.write_repeatable(*plan, |step, plan| Box::pin(sweep(step, plan)))
            .await
    }
}

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::lookup::Lock;
use super::session_rows::SessionRows;
use super::step::{Statement, Step};
use super::value::{get, get_bytes, get_count, get_parsed, get_time, get_token, values};
use super::{Postgres, attempt, audit, changes, lookup};
use crate::domain::audit::{AuditContext, AuditEvent};
use crate::domain::audit_record::{SessionRecord, revoked_detail};
use crate::domain::conflict::Conflict;
use crate::domain::password::PasswordWeakness;
use crate::domain::public_id::PublicId;
use crate::domain::session::{
    FoundSession, NewSession, OpenOutcome, Session, SessionFilter, SessionId, SessionUser,
};
use crate::domain::user::{Scope, UserId, UserKey};
use crate::store::error::{StoreError, StoreFailure};
use crate::store::session::{SessionLookup, Sessions};
use crate::token::TokenHash;

/// Locks the tenant of a user, then the user.
///
/// The tenant, so that a session is not opened during a change of it; the user, so that one login runs at a time and
/// the maximum number of sessions is never exceeded. The condition makes PostgreSQL lock the tenant first.
const LOCK_OWNER: &str = "
    WITH tenant AS MATERIALIZED
        (SELECT FROM tenants WHERE id = (SELECT tenant_id FROM users WHERE id = $1) FOR SHARE)
    SELECT password_weakness FROM users WHERE id = $1 AND (SELECT count(*) FROM tenant) >= 0
        FOR NO KEY UPDATE OF users";

/// Inserts a session and its audit entry, which has the parameters `$1` to `$10`.
///
/// Inserts neither if the session exists. Parameters: `$11` token, `$12` password hash, `$13` expiry, `$14` maximum
/// number of other sessions. The last column is whether the user has more, including expired ones; it is read from an
/// index, before the insertion.
const OPEN: &str = "
    WITH opened AS (
        INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
        SELECT $11, u.id, $2, $13
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE u.id = $1 AND u.password_hash = $12 AND u.enabled AND coalesce(t.enabled, true)
        ON CONFLICT (token_hash) DO NOTHING
        RETURNING user_id)
    INSERT INTO audit (at, last_at, count, event, refused, username, username_key, domain, domain_key,
        source, operator, address, user_agent, request_id, detail)
    SELECT $2, $2, $10, $3, false, u.username, u.username_key, t.domain, t.domain_key, $4, $5, $6, $7, $8, $9
    FROM opened JOIN users u ON u.id = opened.user_id LEFT JOIN tenants t ON t.id = u.tenant_id
    RETURNING id, at, last_at, count, event, cause, username, domain, source, address, user_agent,
        request_id, detail, operator, EXISTS (SELECT FROM sessions WHERE user_id = $1 OFFSET $14)";

/// The column of [`OPEN`] after those of the audit entry.
const OPEN_HAS_EXCESS: usize = 14;

const IS_OPEN: &str = "SELECT FROM sessions WHERE token_hash = $1 AND user_id = $2";

const FIND: &str = "
    SELECT s.created_at, s.expires_at,
        t.domain, coalesce(u.built_in_role, r.name), u.id, u.username, u.public_id, t.public_id, u.created_at
    FROM sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN tenants t ON t.id = u.tenant_id
    LEFT JOIN roles r ON r.id = u.custom_role_id
    WHERE s.token_hash = $1 AND u.enabled AND coalesce(t.enabled, true)";

const SET_WEAKNESS: &str = "UPDATE users SET password_weakness = $2 WHERE id = $1";

const TRIM: &str = "
    DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY id DESC OFFSET $3)
    RETURNING token_hash";

const EXTEND: &str = "
    UPDATE sessions SET expires_at = greatest(expires_at, $2) WHERE token_hash = $1 AND expires_at > $3
    RETURNING expires_at";

const END: &str = "
    DELETE FROM sessions WHERE token_hash = $1 AND expires_at > $2 RETURNING user_id";

const LOCK_ALL: &str = "LOCK TABLE sessions IN SHARE ROW EXCLUSIVE MODE";

const REPORT_ANY: &str = "INSERT INTO changes (token_hash) VALUES (NULL)";

const COUNT_LIVE: &str = "SELECT count(*) FROM sessions WHERE expires_at > $1";

/// Deletes expired sessions. Skips those that another process is ending or sweeping.
const SWEEP: &str = "
    DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

const END_ID: &str = "DELETE FROM sessions WHERE id = $1 AND expires_at > $2 RETURNING token_hash";

async fn open(step: &Step<'_>, session: &NewSession) -> Result<OpenOutcome, StoreFailure> {
    let user = session.user.0;
    let context = AuditContext {
        at: session.created_at,
        source: session.source.clone(),
    };
    let mut row = audit::session_row(&context, user, &SessionRecord::OPENED)?;
    row.extend_from_slice(values![
        session.token.as_bytes(),
        session.password_hash.as_str(),
        session.expires_at.timestamp(),
        session.max_sessions.saturating_sub(1),
    ]);
    let mut statements = vec![
        Statement::new(LOCK_OWNER, values![user]),
        Statement::new(OPEN, &row),
    ];
    if let Some(reservation) = &session.reservation {
        statements.push(attempt::succeed(reservation, session.user));
    }
    let answers = step.pipeline_all(&statements).await?;
    let [owner, opened, success @ ..] = answers.as_slice() else {
        return Err(StoreFailure::new("an answer is missing"));
    };
    let Some(entry) = opened.rows.first() else {
        // Tokens are random, so a session with this token was opened by this login, whose commit had an unknown
        // outcome. This transaction is committed, so that its commit waits for the standby as well.
        let key = values![session.token.as_bytes(), user];
        if step.query_opt(IS_OPEN, key).await?.is_some() {
            return Ok(OpenOutcome::Opened {
                ended: session.replaces.into_iter().collect(),
            });
        }
        // The attempt has not succeeded.
        step.discard_changes();
        return Ok(OpenOutcome::Refused);
    };
    audit::publish(step, &opened.rows)?;
    let weakness = session.password_weakness.map(PasswordWeakness::name);
    if get::<Option<&str>>(&owner.rows[0], 0)? != weakness {
        step.execute(SET_WEAKNESS, values![user, weakness]).await?;
    }
    let mut ended = Vec::new();
    if let Some(replaced) = session.replaces
        && end_session(step, &replaced, &context, &SessionRecord::REPLACED).await?
    {
        ended.push(replaced);
    }
    if get(entry, OPEN_HAS_EXCESS)? {
        ended.extend(trim(step, session, &context).await?);
    }
    if let (Some(reservation), [success]) = (&session.reservation, success) {
        attempt::finish_success(step, success, reservation, session.user, context.at)?;
    }
    Ok(OpenOutcome::Opened { ended })
}

/// Ends the oldest live sessions of a user over the maximum.
async fn trim(
    step: &Step<'_>,
    session: &NewSession,
    context: &AuditContext,
) -> Result<Vec<TokenHash>, StoreFailure> {
    let now = context.at.timestamp();
    let row = values![session.user.0, now, session.max_sessions];
    let rows = step.query(TRIM, row).await?;
    let trimmed = rows.iter().map(|row| get_token(row, 0));
    let trimmed: Vec<TokenHash> = trimmed.collect::<Result<_, _>>()?;
    trimmed.iter().for_each(|token| step.invalidate(*token));
    if let Some(record) = SessionRecord::over_maximum(trimmed.len()) {
        audit::record_session(step, context, session.user, &record).await?;
    }
    Ok(trimmed)
}

async fn find(step: &Step<'_>, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
    let row = step.query_opt(FIND, values![token.as_bytes()]).await?;
    row.as_ref().map(read_session).transpose()
}

/// Reads a session and its user from the first nine columns.
pub(super) fn read_session(row: &Row) -> Result<FoundSession, StoreFailure> {
    let tenant_id = match get::<Option<&[u8]>>(row, 7)? {
        Some(_) => Some(PublicId::from_store(get_bytes(row, 7)?)),
        None => None,
    };
    Ok(FoundSession {
        created_at: get_time(row, 0)?,
        expires_at: get_time(row, 1)?,
        user: Arc::new(SessionUser {
            id: UserId(get(row, 4)?),
            public_id: PublicId::from_store(get_bytes(row, 6)?),
            username: get_parsed(row, 5)?,
            membership: lookup::read_membership(row, 2)?,
            tenant_id,
            created_at: get_time(row, 8)?,
        }),
    })
}

async fn extend(
    step: &Step<'_>,
    token: &TokenHash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreFailure> {
    let row = values![token.as_bytes(), expires_at.timestamp(), now.timestamp()];
    let expiry = step.query_opt(EXTEND, row).await?;
    step.invalidate(*token);
    expiry.map(|row| get_time(&row, 0)).transpose()
}

/// Ends the session of a token and audits it. Returns whether it was live.
async fn end_session(
    step: &Step<'_>,
    token: &TokenHash,
    context: &AuditContext,
    record: &SessionRecord,
) -> Result<bool, StoreFailure> {
    let row = values![token.as_bytes(), context.at.timestamp()];
    let Some(row) = step.query_opt(END, row).await? else {
        return Ok(false);
    };
    step.invalidate(*token);
    audit::record_session(step, context, UserId(get(&row, 0)?), record).await?;
    Ok(true)
}

async fn close(
    step: &Step<'_>,
    token: &TokenHash,
    context: &AuditContext,
) -> Result<bool, StoreFailure> {
    end_session(step, token, context, &SessionRecord::CLOSED).await
}

async fn count_live(step: &Step<'_>, now: DateTime<Utc>) -> Result<u64, StoreFailure> {
    let rows = step.query(COUNT_LIVE, values![now.timestamp()]).await?;
    get_count(&rows[0], 0)
}

async fn sweep(step: &Step<'_>, now: DateTime<Utc>, limit: u32) -> Result<u64, StoreFailure> {
    changes::delete_old(step).await?;
    Ok(step.execute(SWEEP, values![now.timestamp(), limit]).await?)
}

async fn revoke(
    step: &Step<'_>,
    filter: &SessionFilter,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    // Blocks logins meanwhile, so that every session that ends is in the audit log.
    let rows = SessionRows::resolve(step, filter, Lock::Exclusive).await?;
    if let SessionRows::All = rows {
        step.execute(LOCK_ALL, &[]).await?;
    }
    let (condition, id) = rows.condition();
    let event = AuditEvent::SessionRevoked;
    audit::record_sessions(step, context, event, condition, id, None).await?;
    let ended = rows.end(step, context.at).await?;
    if let SessionRows::All = rows {
        // Without a row, the commit of a repetition that finds no session would not wait for the standby, although a
        // promotion of the standby undoes the first revocation. Last, because the propagation is measured from it.
        step.execute(REPORT_ANY, &[]).await?;
    }
    Ok(ended)
}

async fn revoke_ids(
    step: &Step<'_>,
    ids: &[SessionId],
    context: &AuditContext,
) -> Result<u64, StoreError> {
    for id in ids {
        let detail = revoked_detail(*id);
        let (event, condition) = (AuditEvent::SessionRevoked, "s.id = $1");
        audit::record_sessions(step, context, event, condition, id.0, Some(&detail)).await?;
        let row = values![id.0, context.at.timestamp()];
        let ended = step.query_opt(END_ID, row).await?;
        let ended = ended.ok_or(Conflict::NoSuchSession(*id))?;
        step.invalidate(get_token(&ended, 0)?);
    }
    Ok(ids.len() as u64)
}

fn read_listed(row: &Row) -> Result<Session, StoreFailure> {
    let is_system_user = get::<Option<&str>>(row, 1)?.is_none();
    Ok(Session {
        id: SessionId(get(row, 0)?),
        user: UserKey {
            scope: if is_system_user {
                Scope::System
            } else {
                Scope::Tenant(get_parsed(row, 1)?)
            },
            username: get_parsed(row, 2)?,
        },
        role: get(row, 3)?,
        created_at: get_time(row, 4)?,
        expires_at: get_time(row, 5)?,
    })
}

async fn list(
    step: &Step<'_>,
    filter: &SessionFilter,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, StoreError> {
    let rows = SessionRows::resolve(step, filter, Lock::None).await?;
    let (condition, id) = rows.condition();
    let sql = format!(
        "SELECT s.id, t.domain, u.username, coalesce(u.built_in_role, r.name), s.created_at, s.expires_at
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        LEFT JOIN tenants t ON t.id = u.tenant_id
        LEFT JOIN roles r ON r.id = u.custom_role_id
        WHERE {condition} AND s.expires_at > $2
        ORDER BY s.id"
    );
    let rows = step.query(&sql, values![id, now.timestamp()]).await?;
    let sessions = rows.iter().map(read_listed).collect::<Result<_, _>>();
    Ok(sessions?)
}

#[async_trait]
impl SessionLookup for Postgres {
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        self.read(*token, |step, token| Box::pin(find(step, token)))
            .await
    }
}

#[async_trait]
impl Sessions for Postgres {
    async fn open_session(&self, session: NewSession) -> Result<OpenOutcome, StoreFailure> {
        self.write_repeatable(session, |step, session| Box::pin(open(step, session)))
            .await
    }

    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure> {
        // A second extension to the same time changes nothing.
        self.write_repeatable((*token, expires_at, now), |step, arguments| {
            let (token, expires_at, now) = arguments;
            Box::pin(extend(step, token, *expires_at, *now))
        })
        .await
    }

    async fn close_session(
        &self,
        token: &TokenHash,
        context: &AuditContext,
    ) -> Result<bool, StoreFailure> {
        let arguments = (*token, context.clone());
        self.write(arguments, |step, arguments| {
            let (token, context) = arguments;
            Box::pin(close(step, token, context))
        })
        .await
    }

    async fn list_sessions(
        &self,
        filter: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError> {
        self.read((filter, now), |step, (filter, now)| {
            Box::pin(list(step, filter, *now))
        })
        .await
    }

    async fn revoke_sessions(
        &self,
        filter: &SessionFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let arguments = (filter.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (filter, context) = arguments;
            Box::pin(revoke(step, filter, context))
        })
        .await
    }

    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let arguments = (ids.to_vec(), context.clone());
        self.write(arguments, |step, arguments| {
            let (ids, context) = arguments;
            Box::pin(revoke_ids(step, ids, context))
        })
        .await
    }

    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure> {
        self.read(now, |step, now| Box::pin(count_live(step, *now)))
            .await
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: u32) -> Result<u64, StoreFailure> {
        self.write_repeatable((now, limit), |step, (now, limit)| {
            Box::pin(sweep(step, *now, *limit))
        })
        .await
    }
}

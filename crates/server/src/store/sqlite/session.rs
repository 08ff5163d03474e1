use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::session_rows::SessionRows;
use super::{Sqlite, attempt, audit, lookup, open, read_parsed, read_time};
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

const OPEN: &str = "
    INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
    SELECT ?1, u.id, ?4, ?5
    FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
    WHERE u.id = ?2 AND u.password_hash = ?3 AND u.enabled AND coalesce(t.enabled, 1)";

pub(super) const FIND: &str = "
    SELECT s.created_at, s.expires_at,
        t.domain, coalesce(u.built_in_role, r.name), u.id, u.username, u.public_id, t.public_id, u.created_at
    FROM sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN tenants t ON t.id = u.tenant_id
    LEFT JOIN roles r ON r.id = u.custom_role_id
    WHERE s.token_hash = ?1 AND u.enabled AND coalesce(t.enabled, 1)";

/// Writes nothing unless the password or the rules have changed since the last login.
const SET_WEAKNESS: &str = "
    UPDATE users SET password_weakness = ?2 WHERE id = ?1 AND password_weakness IS NOT ?2";

/// Needs no sorting: the index on `user_id` has a user's sessions in the order of their ids.
///
/// The index alone shows that most users have too few sessions, even with expired ones, so that none is read.
const TRIM: &str = "
    DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE user_id = ?1 AND expires_at > ?2
            AND (SELECT count(*) FROM sessions WHERE user_id = ?1) > ?3
        ORDER BY id DESC LIMIT -1 OFFSET ?3)
    RETURNING token_hash";

const EXTEND: &str = "
    UPDATE sessions SET expires_at = max(expires_at, ?2) WHERE token_hash = ?1 AND expires_at > ?3
    RETURNING expires_at";

const END: &str = "
    DELETE FROM sessions WHERE token_hash = ?1 AND expires_at > ?2 RETURNING user_id";

const COUNT_LIVE: &str = "SELECT count(*) FROM sessions WHERE expires_at > ?1";

const SWEEP: &str = "
    DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

fn insert(step: &Connection, session: &NewSession) -> Result<OpenOutcome, StoreFailure> {
    let opened = step.prepare_cached(OPEN)?.execute(params![
        session.token.as_bytes(),
        session.user.0,
        session.password_hash.as_str(),
        session.created_at.timestamp(),
        session.expires_at.timestamp(),
    ])?;
    if opened == 0 {
        return Ok(OpenOutcome::Refused);
    }
    let weakness = session.password_weakness.map(PasswordWeakness::name);
    step.prepare_cached(SET_WEAKNESS)?
        .execute(params![session.user.0, weakness])?;
    let context = AuditContext {
        at: session.created_at,
        source: session.source.clone(),
    };
    audit::record_session(step, &context, session.user, &SessionRecord::OPENED)?;
    let mut ended = Vec::new();
    if let Some(replaced) = session.replaces
        && end_session(step, &replaced, &context, &SessionRecord::REPLACED)?
    {
        ended.push(replaced);
    }
    let replaced = ended.len();
    let mut trim = step.prepare_cached(TRIM)?;
    let trimmed = trim.query_map(
        params![
            session.user.0,
            session.created_at.timestamp(),
            session.max_sessions
        ],
        |row| Ok(TokenHash::from_store(row.get(0)?)),
    )?;
    for token in trimmed {
        ended.push(token?);
    }
    if let Some(record) = SessionRecord::over_maximum(ended.len() - replaced) {
        audit::record_session(step, &context, session.user, &record)?;
    }
    if let Some(reservation) = &session.reservation {
        attempt::succeed(step, reservation, session.user, session.created_at)?;
    }
    Ok(OpenOutcome::Opened { ended })
}

pub(super) fn find(
    connection: &Connection,
    token: &TokenHash,
) -> rusqlite::Result<Option<FoundSession>> {
    connection
        .prepare_cached(FIND)?
        .query_row(params![token.as_bytes()], |row| read_session(row, 0))
        .optional()
}

/// Reads a session and its user from nine columns, starting at `first`.
pub(super) fn read_session(row: &Row<'_>, first: usize) -> rusqlite::Result<FoundSession> {
    Ok(FoundSession {
        created_at: read_time(row, first)?,
        expires_at: read_time(row, first + 1)?,
        user: Arc::new(SessionUser {
            id: UserId(row.get(first + 4)?),
            public_id: PublicId::from_store(row.get(first + 6)?),
            username: read_parsed(row, first + 5)?,
            membership: lookup::read_membership(row, first + 2)?,
            tenant_id: row
                .get::<_, Option<_>>(first + 7)?
                .map(PublicId::from_store),
            created_at: read_time(row, first + 8)?,
        }),
    })
}

pub(super) fn extend(
    step: &Connection,
    token: &TokenHash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreFailure> {
    let expiry = step.prepare_cached(EXTEND)?.query_row(
        params![token.as_bytes(), expires_at.timestamp(), now.timestamp()],
        |row| read_time(row, 0),
    );
    Ok(expiry.optional()?)
}

/// Ends the session of a token and audits it. Returns whether it was live.
fn end_session(
    step: &Connection,
    token: &TokenHash,
    context: &AuditContext,
    record: &SessionRecord,
) -> Result<bool, StoreFailure> {
    let user = step
        .prepare_cached(END)?
        .query_row(params![token.as_bytes(), context.at.timestamp()], |row| {
            Ok(UserId(row.get(0)?))
        })
        .optional()?;
    if let Some(user) = user {
        audit::record_session(step, context, user, record)?;
    }
    Ok(user.is_some())
}

pub(super) fn close(
    step: &Connection,
    token: &TokenHash,
    context: &AuditContext,
) -> Result<bool, StoreFailure> {
    end_session(step, token, context, &SessionRecord::CLOSED)
}

pub(super) fn count_live(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<u64> {
    connection.query_row(COUNT_LIVE, params![now.timestamp()], |row| row.get(0))
}

pub(super) fn sweep(
    step: &Connection,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<u64, StoreFailure> {
    let swept = step
        .prepare_cached(SWEEP)?
        .execute(params![now.timestamp(), limit])?;
    Ok(swept as u64)
}

pub(super) fn revoke(
    step: &Connection,
    filter: &SessionFilter,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let rows = SessionRows::resolve(step, filter)?;
    let (condition, id) = rows.condition();
    audit::record_sessions(
        step,
        context,
        AuditEvent::SessionRevoked,
        condition,
        id,
        None,
    )?;
    Ok(rows.end(step, context.at)?)
}

pub(super) fn revoke_ids(
    step: &Connection,
    ids: &[SessionId],
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let mut delete =
        step.prepare_cached("DELETE FROM sessions WHERE id = ?1 AND expires_at > ?2")?;
    for id in ids {
        let detail = revoked_detail(*id);
        let (event, condition) = (AuditEvent::SessionRevoked, "s.id = ?1");
        audit::record_sessions(step, context, event, condition, id.0, Some(&detail))?;
        if delete.execute(params![id.0, context.at.timestamp()])? == 0 {
            return Err(Conflict::NoSuchSession(*id).into());
        }
    }
    Ok(ids.len() as u64)
}

pub(super) fn list(
    connection: &Connection,
    filter: &SessionFilter,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, StoreError> {
    let (condition, id) = SessionRows::resolve(connection, filter)?.condition();
    let sql = format!(
        "SELECT s.id, t.domain, u.username, coalesce(u.built_in_role, r.name), s.created_at, s.expires_at
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        LEFT JOIN tenants t ON t.id = u.tenant_id
        LEFT JOIN roles r ON r.id = u.custom_role_id
        WHERE {condition} AND s.expires_at > ?2
        ORDER BY s.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![id, now.timestamp()], |row| {
        let is_system_user = row.get_ref(1)?.as_str_or_null()?.is_none();
        Ok(Session {
            id: SessionId(row.get(0)?),
            user: UserKey {
                scope: if is_system_user {
                    Scope::System
                } else {
                    Scope::Tenant(read_parsed(row, 1)?)
                },
                username: read_parsed(row, 2)?,
            },
            role: row.get(3)?,
            created_at: read_time(row, 4)?,
            expires_at: read_time(row, 5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[async_trait]
impl SessionLookup for Sqlite {
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        self.read(|connection| Ok(find(connection, token)?))
    }
}

#[async_trait]
impl Sessions for Sqlite {
    async fn open_session(&self, session: NewSession) -> Result<OpenOutcome, StoreFailure> {
        self.write(move |step| insert(step, &session)).await
    }

    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure> {
        let token = *token;
        self.write(move |step| extend(step, &token, expires_at, now))
            .await
    }

    async fn close_session(
        &self,
        token: &TokenHash,
        context: &AuditContext,
    ) -> Result<bool, StoreFailure> {
        let token = *token;
        let context = context.clone();
        self.write(move |step| close(step, &token, &context)).await
    }

    async fn list_sessions(
        &self,
        filter: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError> {
        self.read(|connection| list(connection, filter, now))
    }

    async fn revoke_sessions(
        &self,
        filter: &SessionFilter,
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let filter = filter.clone();
        let context = context.clone();
        self.write(move |step| revoke(step, &filter, &context))
            .await
    }

    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let ids = ids.to_vec();
        let context = context.clone();
        self.write(move |step| revoke_ids(step, &ids, &context))
            .await
    }

    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure> {
        // Counted on a separate connection, because it takes a second for many millions of sessions.
        self.core.check_usable()?;
        let path = self.core.path().to_owned();
        let count = move || {
            let connection = open::open_reader(&path).map_err(StoreFailure::unavailable)?;
            Ok(count_live(&connection, now)?)
        };
        let counted = tokio::task::spawn_blocking(count).await;
        counted.map_err(StoreFailure::new)?
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: u32) -> Result<u64, StoreFailure> {
        self.write(move |step| sweep(step, now, limit)).await
    }
}

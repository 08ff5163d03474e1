//! Fills a PostgreSQL database.

use std::pin::pin;

use anyhow::{Context as _, Result};
use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::{DOMAIN, LIFETIME_SECONDS, users};

const ADD_TENANT: &str = "
    INSERT INTO tenants (domain, domain_key, created_at, public_id)
    VALUES ($1, $1, extract(epoch FROM now())::bigint, uuid_send(gen_random_uuid())) RETURNING id";

/// The names are those of [`super::username`].
const ADD_USERS: &str = "
    INSERT INTO users (tenant_id, username, username_key, built_in_role, password_hash, created_at, public_id)
    SELECT $1, 'user' || number, 'user' || number, 'StandardUser', admin.password_hash,
        extract(epoch FROM now())::bigint, uuid_send(gen_random_uuid())
    FROM generate_series(0, $2::bigint - 1) AS number, users AS admin
    WHERE admin.username_key = 'admin' AND admin.tenant_id IS NULL
    ORDER BY number";

const FIND_FIRST_USER: &str =
    "SELECT min(id), extract(epoch FROM now())::bigint FROM users WHERE tenant_id = $1";

const COPY_SESSIONS: &str =
    "COPY sessions (token_hash, user_id, created_at, expires_at) FROM STDIN BINARY";

/// The users share the password hash of the administrator, whose password must be [`super::PASSWORD`].
pub(crate) async fn fill(client: &Client, sessions: u64) -> Result<()> {
    let tenant: i64 = client
        .query_one(ADD_TENANT, &[&DOMAIN])
        .await
        .context("cannot insert the tenant")?
        .get(0);
    let users = i64::try_from(users(sessions))?;
    client
        .execute(ADD_USERS, &[&tenant, &users])
        .await
        .context("cannot insert the users")?;
    let row = client.query_one(FIND_FIRST_USER, &[&tenant]).await?;
    add_sessions(client, sessions, row.get(0), row.get(1))
        .await
        .context("cannot insert the sessions")?;
    // Otherwise the server would do this during the measurements.
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        client.batch_execute(statement).await?;
    }
    Ok(())
}

async fn add_sessions(client: &Client, sessions: u64, first_user: i64, now: i64) -> Result<()> {
    let sink = client.copy_in(COPY_SESSIONS).await?;
    let types = [Type::BYTEA, Type::INT8, Type::INT8, Type::INT8];
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let expiry = now + LIFETIME_SECONDS;
    for (hash, user) in super::sessions(sessions, first_user) {
        let hash = hash.as_slice();
        let row: [&(dyn ToSql + Sync); 4] = [&hash, &user, &now, &expiry];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}

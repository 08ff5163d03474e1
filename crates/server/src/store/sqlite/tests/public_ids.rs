//! The migration that adds ids for the API.

use rusqlite::params;
use uuid::{Uuid, Variant, Version};

use super::*;
use crate::store::session::SessionLookup as _;
use crate::token::Token;

/// The number of migrations before the one that adds the ids.
const BEFORE: usize = 3;

const USERS: i64 = 200;

fn older_database(path: &Path, token: &Token) {
    let connection = Connection::open(path).unwrap();
    for migration in &open::MIGRATIONS[..BEFORE] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .execute_batch(
            "PRAGMA application_id = 0x5042584C;
            PRAGMA user_version = 3;
            INSERT INTO tenants (domain, domain_key, created_at)
                VALUES ('a.example', 'a.example', 1700000000), ('b.example', 'b.example', 1700000001);
            INSERT INTO users (username, username_key, built_in_role, password_hash, created_at)
                VALUES ('root', 'root', 'SystemAdmin', 'h', 1700000002);",
        )
        .unwrap();
    for number in 2..=USERS {
        connection
            .execute(
                "INSERT INTO users
                    (tenant_id, username, username_key, built_in_role, password_hash, created_at)
                VALUES (1 + ?1 % 2, 'user' || ?1, 'user' || ?1, 'Admin', 'h', 1700000000 + ?1)",
                [number],
            )
            .unwrap();
    }
    connection
        .execute(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
            VALUES (?1, 2, 1700000100, 1900000000)",
            params![token.hash().as_bytes()],
        )
        .unwrap();
}

fn ids(store: &Sqlite, table: &str) -> Vec<(Uuid, i64)> {
    let sql = format!("SELECT public_id, created_at FROM {table} ORDER BY id");
    let read = store.read(|connection| {
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            Ok((Uuid::from_bytes(row.get(0)?), row.get::<_, i64>(1)?))
        })?;
        Ok::<_, StoreFailure>(rows.collect::<Result<Vec<_>, _>>()?)
    });
    read.unwrap()
}

#[tokio::test]
async fn older_database_gets_ids_and_keeps_its_sessions() {
    let scratch = scratch();
    let token = Token::parse(&"A".repeat(32)).unwrap();
    older_database(&scratch.path, &token);

    let store = open(&scratch.path);
    let (tenants, users) = (ids(&store, "tenants"), ids(&store, "users"));
    assert_eq!((tenants.len(), users.len() as i64), (2, USERS));
    for (id, created_at) in tenants.iter().chain(&users) {
        assert_eq!(id.get_version(), Some(Version::SortRand), "{id}");
        assert_eq!(id.get_variant(), Variant::RFC4122, "{id}");
        let (seconds, nanoseconds) = id.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds as i64, nanoseconds), (*created_at, 0), "{id}");
    }

    let session = store.find_session(&token.hash()).await.unwrap().unwrap();
    assert_eq!(session.expires_at.timestamp(), 1_900_000_000);
    let user = &session.user;
    assert_eq!(user.username.as_typed(), "user2");
    assert_eq!(user.public_id.as_bytes(), users[1].0.as_bytes());
    assert_eq!(user.tenant_id.unwrap().as_bytes(), tenants[0].0.as_bytes());

    drop(store);
    assert_eq!(
        ids(&open(&scratch.path), "users"),
        users,
        "ids never change"
    );
}

#[tokio::test]
async fn two_tenants_cannot_have_the_same_id() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let id = id();
    store
        .create_tenant(id, &domain("a.example"), &context())
        .await
        .unwrap();
    let second = store
        .create_tenant(id, &domain("b.example"), &context())
        .await;
    assert!(second.is_err());
    assert_eq!(store.list_tenants().await.unwrap().len(), 1);
}

//! The migration that makes an IPv4-mapped address the same domain as the IPv4 address.

use super::*;
use crate::store::user::Users as _;

/// Creates a database of the version before the migration, with tenants of these domains and keys.
fn older_database(path: &Path, tenants: &[(&str, &str)]) {
    let is_migration = |sql: &&str| sql.contains("IPv4-mapped");
    let before = open::MIGRATIONS.iter().position(is_migration).unwrap();
    let connection = Connection::open(path).unwrap();
    for migration in &open::MIGRATIONS[..before] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .pragma_update(None, "application_id", 0x5042_584C)
        .unwrap();
    connection
        .pragma_update(None, "user_version", before)
        .unwrap();
    for (domain, key) in tenants {
        let tenant = "INSERT INTO tenants (domain, domain_key, created_at, public_id)
            VALUES (?1, ?2, 0, randomblob(16))";
        connection.execute(tenant, [domain, key]).unwrap();
        let user = "INSERT INTO users
                (tenant_id, username, username_key, built_in_role, password_hash, created_at, public_id)
            VALUES (last_insert_rowid(), 'alice', 'alice', 'Admin', 'h', 0, randomblob(16))";
        connection.execute(user, []).unwrap();
        let entry = "INSERT INTO audit
                (at, last_at, count, event, refused, domain, domain_key, source)
            VALUES (0, 0, 1, 'tenant-created', 0, ?1, ?2, 'command')";
        connection.execute(entry, [domain, key]).unwrap();
    }
}

fn keys(path: &Path, table: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let sql = format!("SELECT domain_key FROM {table} ORDER BY id");
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn ipv4_mapped_domain_gets_the_key_of_the_ipv4_address() {
    let scratch = scratch();
    older_database(
        &scratch.path,
        &[
            ("[::FFFF:c000:207]", "::ffff:192.0.2.7"),
            ("192.0.2.8", "192.0.2.8"),
            ("::ffff:0:1:2", "::ffff:0:1:2"),
            ("::ffff", "::ffff"),
            ("pbx.example.com", "pbx.example.com"),
        ],
    );
    let store = open(&scratch.path);
    let expected = [
        "192.0.2.7",
        "192.0.2.8",
        "::ffff:0:1:2",
        "::ffff",
        "pbx.example.com",
    ];
    for table in ["tenants", "audit"] {
        assert_eq!(keys(&scratch.path, table), expected, "{table}");
    }
    for tenant in store.list_tenants().await.unwrap() {
        let login = store.find_login("alice", Some(tenant.domain.key())).await;
        assert!(login.unwrap().is_some(), "{tenant:?}");
    }
}

#[test]
fn migration_of_two_tenants_with_one_domain_is_refused_and_changes_nothing() {
    let scratch = scratch();
    let tenants = [
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("[::FFFF:c000:208]", "::ffff:192.0.2.8"),
        ("::ffff:192.0.2.9", "::ffff:192.0.2.9"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.8", "192.0.2.8"),
    ];
    older_database(&scratch.path, &tenants);
    insta::assert_snapshot!(refusal(&scratch.path, IfMissing::Fail), @"the database FILE cannot be upgraded and was not changed: in this version, these tenants have the same domain: ::ffff:192.0.2.7 and 192.0.2.7, [::FFFF:c000:208] and 192.0.2.8; delete one of each pair with `tenant delete DOMAIN` of the version that you upgrade from, which also deletes its users, then start this version again");
    assert_eq!(keys(&scratch.path, "tenants"), tenants.map(|(_, key)| key));

    // The message proposes this change.
    let connection = Connection::open(&scratch.path).unwrap();
    let deletion = "PRAGMA foreign_keys = ON;
        DELETE FROM tenants WHERE domain IN ('192.0.2.7', '[::FFFF:c000:208]')";
    connection.execute_batch(deletion).unwrap();
    drop(connection);
    drop(open(&scratch.path));
    let expected = ["192.0.2.7", "192.0.2.9", "192.0.2.8"];
    assert_eq!(keys(&scratch.path, "tenants"), expected);
}

#[test]
fn other_failure_of_a_migration_does_not_blame_the_tenants() {
    let scratch = scratch();
    let tenants = [("::ffff:192.0.2.7", "::ffff:192.0.2.7")];
    older_database(&scratch.path, &tenants);
    let connection = Connection::open(&scratch.path).unwrap();
    let column = "ALTER TABLE users ADD COLUMN password_weakness TEXT";
    connection.execute_batch(column).unwrap();
    let error = refusal(&scratch.path, IfMissing::Fail);
    assert!(error.contains("duplicate column name"), "{error}");
    assert_eq!(keys(&scratch.path, "tenants"), ["::ffff:192.0.2.7"]);
}

//! Deleted rows do not remain in the file or in a backup.

use super::*;
use crate::domain::password::PasswordHash;
use crate::domain::role::SystemRole;
use crate::domain::user::{Membership, NewUser, Scope, UserKey};
use crate::store::user::Users as _;

const USERS: usize = 100;

/// Returns a text that is as long as a hash of Argon2id.
fn hash(number: usize) -> String {
    format!("hash-{number:04}-{}", "x".repeat(86))
}

fn key(number: usize) -> UserKey {
    UserKey {
        scope: Scope::System,
        username: format!("user{number}").parse().unwrap(),
    }
}

async fn add_users(store: &Sqlite) {
    for number in 0..USERS {
        let user = NewUser {
            public_id: id(),
            username: key(number).username,
            membership: Membership::System(SystemRole::Dealer),
            password_hash: PasswordHash::from_store(hash(number)),
        };
        store.create_user(user, &context()).await.unwrap();
    }
}

/// Returns the numbers of the hashes that a file contains, in order.
fn hashes_in(path: &Path) -> Vec<usize> {
    let bytes = std::fs::read(path).unwrap();
    let found = bytes.windows(hash(0).len()).filter_map(|window| {
        let number = window.strip_prefix(b"hash-")?.get(..4)?;
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        (window == hash(number).as_bytes()).then_some(number)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn deleted_or_replaced_password_hash_is_not_in_the_file() {
    let scratch = scratch();
    let store = open(&scratch.path);
    add_users(&store).await;
    let new = PasswordHash::from_store("new".to_owned());
    store.set_password(&key(0), new, &context()).await.unwrap();
    for number in 2..USERS {
        store.delete_user(&key(number), &context()).await.unwrap();
    }
    // The last connection writes the log into the file and removes it.
    drop(store);
    assert!(!PathBuf::from(format!("{}-wal", scratch.path.display())).exists());
    assert_eq!(hashes_in(&scratch.path), [1]);
}

#[tokio::test]
async fn backup_contains_nothing_that_an_earlier_version_deleted() {
    let scratch = scratch();
    let store = open(&scratch.path);
    add_users(&store).await;
    drop(store);
    let earlier = Connection::open(&scratch.path).unwrap();
    let deletion = "PRAGMA secure_delete = OFF; DELETE FROM users WHERE username <> 'user7'";
    earlier.execute_batch(deletion).unwrap();
    drop(earlier);
    assert!(hashes_in(&scratch.path).len() > 1);
    let copy = scratch.path.with_extension("copy");
    backup(&scratch.path, &copy, false).unwrap();
    assert_eq!(hashes_in(&copy), [7]);
}

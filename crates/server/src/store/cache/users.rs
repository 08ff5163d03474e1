//! The users of sessions by number, so that a session in memory takes little room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::domain::session::SessionUser;
use crate::domain::user::UserId;

/// How many users share one allocation.
const CHUNK: usize = 4096;

/// How many users there may be since the start; sessions of further ones are read from the database each time. A user
/// takes some 300 bytes and a login to come here.
const MAX_CHUNKS: usize = 512;

type Chunk = Box<[OnceLock<Arc<SessionUser>>]>;

/// See the module's documentation.
pub(super) struct Users {
    chunks: Box<[OnceLock<Chunk>]>,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Numbers {
    by_id: HashMap<UserId, u32>,
    next: u32,
}

impl Users {
    /// There are none.
    pub(super) fn new() -> Self {
        Self {
            chunks: (0..MAX_CHUNKS).map(|_| OnceLock::new()).collect(),
            numbers: Mutex::default(),
        }
    }

    /// Returns the number of a user as it is now; `None` if there are too many.
    pub(super) fn number(&self, user: &Arc<SessionUser>) -> Option<u32> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = numbers.by_id.get(&user.id).copied();
        if let Some(number) = known.filter(|number| self.user(*number) == Some(user)) {
            return Some(number);
        }
        let number = numbers.next;
        let (chunk, index) = place(number);
        let chunk = self.chunks.get(chunk)?;
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        chunk[index].get_or_init(|| Arc::clone(user));
        numbers.by_id.insert(user.id, number);
        numbers.next += 1;
        Some(number)
    }

    /// Returns the user that was given a number.
    pub(super) fn user(&self, number: u32) -> Option<&Arc<SessionUser>> {
        let (chunk, index) = place(number);
        self.chunks.get(chunk)?.get()?.get(index)?.get()
    }
}

fn place(number: u32) -> (usize, usize) {
    let number = number as usize;
    (number / CHUNK, number % CHUNK)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::role::SystemRole;
    use crate::domain::user::Membership;

    fn user(id: i64, role: SystemRole) -> Arc<SessionUser> {
        Arc::new(SessionUser {
            id: UserId(id),
            username: "bob".parse().unwrap(),
            membership: Membership::System(role),
            tenant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn user_has_one_number_until_it_changes() {
        let users = Users::new();
        let [dealer, admin] = [SystemRole::Dealer, SystemRole::SystemAdmin];
        let numbers = [
            (1, dealer),
            (2, dealer),
            (1, dealer),
            (1, admin),
            (1, admin),
        ]
        .map(|(id, role)| users.number(&user(id, role)));
        assert_eq!(numbers, [Some(0), Some(1), Some(0), Some(2), Some(2)]);
        // A session that was read before the change keeps what it was read with.
        let roles = [0, 1, 2].map(|number| users.user(number).unwrap().membership.clone());
        assert_eq!(roles, [dealer, dealer, admin].map(Membership::System));
        assert_eq!(users.user(3), None);
        assert_eq!(users.user(u32::MAX), None);
    }

    #[test]
    fn users_past_the_limit_get_no_number() {
        let users = Users::new();
        for number in 0..CHUNK * 2 + 1 {
            let id = i64::try_from(number).unwrap();
            assert!(users.number(&user(id, SystemRole::Dealer)).is_some());
        }
        users.numbers.lock().unwrap().next = u32::try_from(CHUNK * MAX_CHUNKS).unwrap();
        assert_eq!(users.number(&user(-1, SystemRole::Dealer)), None);
        assert!(users.number(&user(0, SystemRole::Dealer)).is_some());
    }
}

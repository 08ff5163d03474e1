//! Users of cached sessions by number, so that a cached session needs little memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::session::SessionUser;
use crate::domain::user::UserId;

/// Sessions of further users are not cached. A user takes about 300 bytes, after its first login.
const MAX_USERS: usize = 2_000_000;

/// Users by number. A user that changes gets a new number, so that no number changes its meaning.
#[derive(Debug, Default)]
pub(super) struct UserNumbers {
    users: boxcar::Vec<Arc<SessionUser>>,
    numbers: Mutex<HashMap<UserId, u32>>,
}

impl UserNumbers {
    /// Returns the number that represents a user in its present state; `None` if there are too many users.
    pub(super) fn number(&self, user: &Arc<SessionUser>) -> Option<u32> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = numbers.get(&user.id).copied();
        if let Some(number) = known.filter(|number| self.user(*number) == Some(user)) {
            return Some(number);
        }
        if self.users.count() >= MAX_USERS {
            return None;
        }
        let number = u32::try_from(self.users.push(Arc::clone(user))).ok()?;
        numbers.insert(user.id, number);
        Some(number)
    }

    pub(super) fn user(&self, number: u32) -> Option<&Arc<SessionUser>> {
        self.users.get(usize::try_from(number).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::public_id::PublicId;
    use crate::domain::role::SystemRole;
    use crate::domain::user::Membership;

    fn user(id: i64, role: SystemRole) -> Arc<SessionUser> {
        Arc::new(SessionUser {
            id: UserId(id),
            public_id: PublicId::from_store([1; 16]),
            username: "bob".parse().unwrap(),
            membership: Membership::System(role),
            tenant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn user_has_one_number_until_it_changes() {
        let users = UserNumbers::default();
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
        // A session that was read before the change still has the old role.
        let roles = [0, 1, 2].map(|number| users.user(number).unwrap().membership.clone());
        assert_eq!(roles, [dealer, dealer, admin].map(Membership::System));
        assert_eq!(users.user(3), None);
        assert_eq!(users.user(u32::MAX), None);
    }

    #[test]
    fn users_past_the_limit_get_no_number() {
        let users = UserNumbers::default();
        let dealer = user(0, SystemRole::Dealer);
        for _ in 0..MAX_USERS {
            users.users.push(Arc::clone(&dealer));
        }
        assert_eq!(users.number(&user(1, SystemRole::Dealer)), None);
    }
}

//! The result of a check of a database, and the problems that every backend finds.

use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;

use crate::domain::password::PasswordWeakness;
use crate::domain::role::{NewRoleName, RoleName};
use crate::domain::tenant::Domain;
use crate::domain::user::UserKey;

/// What a check of a database found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Defects of the database, one sentence each. A sound database has none.
    pub problems: Vec<String>,
    /// What an operator should change in a sound database.
    pub warnings: Vec<Warning>,
}

/// Stored data that the rules of an earlier version allowed. It still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The password of a user breaks a rule for new passwords.
    WeakPassword(UserKey, PasswordWeakness),
    /// A custom role of a tenant has a name that a new role cannot have.
    RoleName(Domain, RoleName),
}

impl Warning {
    /// Returns a warning if a new role could not have the name of an existing role.
    #[must_use]
    pub fn of_role(domain: Domain, name: RoleName) -> Option<Self> {
        let is_valid = name.as_typed().parse::<NewRoleName>().is_ok();
        (!is_valid).then_some(Self::RoleName(domain, name))
    }
}

/// The maximum number of problems of one check, as in SQLite's `integrity_check`.
const MAX_PROBLEMS: usize = 100;

/// Adds a problem, if there is one. Returns `false` if it is one more than [`MAX_PROBLEMS`].
pub(super) fn add_problem(problems: &mut Vec<String>, problem: Option<String>) -> bool {
    match problem {
        Some(_) if problems.len() == MAX_PROBLEMS => {
            problems.push("more problems of this kind are not listed".to_owned());
            false
        }
        Some(problem) => {
            problems.push(problem);
            true
        }
        None => true,
    }
}

/// Returns what is wrong with a stored name and its key; `None` if both are valid.
pub(super) fn check_stored_name<T: FromStr>(
    (id, typed, stored): (i64, &str, &str),
    noun: &str,
    key: fn(&T) -> String,
) -> Option<String> {
    match typed.parse::<T>() {
        Ok(name) if key(&name) == stored => None,
        Ok(_) => Some(format!(
            "{noun} {id}: {typed:?} is stored with the key {stored:?}"
        )),
        Err(_) => Some(format!("{noun} {id}: {typed:?} is not a valid name")),
    }
}

/// Returns what is wrong with a stored password hash; `None` if it is valid.
pub(super) fn check_password_hash(user: i64, hash: &str) -> Option<String> {
    let is_unusable = PasswordHash::new(hash).is_err();
    let problem = || format!("user {user}: the password hash cannot be used; set a new password");
    is_unusable.then(problem)
}

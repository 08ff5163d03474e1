//! The result of a check of a database.

use crate::domain::password::PasswordWeakness;
use crate::domain::role::{NewRoleName, RoleName};
use crate::domain::tenant::Domain;
use crate::domain::user::UserKey;

/// What a check of a database found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Defects of the database, one sentence each. Without any, it is sound.
    pub problems: Vec<String>,
    /// What an operator should change in a sound database.
    pub warnings: Vec<Warning>,
}

/// Something that earlier rules allowed and that new rules do not. It still works.
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

//! Users: their names, scopes and roles.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::password::{PasswordHash, PasswordWeakness};
use super::public_id::PublicId;
use super::role::{AnyRole, SystemRole, TenantRole};
use super::tenant::Domain;

/// A user name, as the contract defines it.
///
/// It has 1 to 64 ASCII letters, digits, `_`, `-`, `'` and `.`, with no `.` at either end. It prints as typed; names
/// that differ only in case are equal.
#[derive(Debug, Clone)]
pub struct Username(String);

/// The error for text that is not a user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum UsernameError {
    #[error("the user name is empty; choose one like alice")]
    Empty,
    #[error("the user name is longer than 64 characters; choose a shorter one")]
    TooLong,
    #[error(
        "the user name {0:?} contains the character {1:?}; use ASCII letters, digits and _ - ' ."
    )]
    Character(String, char),
    #[error("the user name {0:?} starts or ends with a period; remove the period")]
    Period(String),
}

impl Username {
    /// The maximum length in characters.
    pub const MAX_LENGTH: usize = 64;

    /// The name of the first administrator.
    pub const FIRST_ADMINISTRATOR: &str = "admin";

    const RESERVED: [&str; 4] = [Self::FIRST_ADMINISTRATOR, "system", "administrator", "root"];

    /// Returns the name of the first administrator.
    #[must_use]
    pub fn first_administrator() -> Self {
        Self(Self::FIRST_ADMINISTRATOR.to_owned())
    }

    /// Returns the name as typed.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    /// Returns the key by which names are compared: the name in lower case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Returns whether the name is reserved for system administrators.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let same = |reserved: &&str| self.0.eq_ignore_ascii_case(reserved);
        Self::RESERVED.iter().any(same)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(typed: &str) -> Result<Self, UsernameError> {
        let is_invalid = |c: &char| !(c.is_ascii_alphanumeric() || "_-'.".contains(*c));
        if typed.is_empty() {
            return Err(UsernameError::Empty);
        }
        if typed.chars().count() > Self::MAX_LENGTH {
            return Err(UsernameError::TooLong);
        }
        if let Some(character) = typed.chars().find(is_invalid) {
            return Err(UsernameError::Character(typed.to_owned(), character));
        }
        if typed.starts_with('.') || typed.ends_with('.') {
            return Err(UsernameError::Period(typed.to_owned()));
        }
        Ok(Self(typed.to_owned()))
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Username {}

/// The scope of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The system; its users log in without a domain.
    System,
    /// The tenant with this domain.
    Tenant(Domain),
}

/// Identifies a user: a name is unique within its scope.
///
/// It prints as a noun, such as `user alice of pbx.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKey {
    /// The scope.
    pub scope: Scope,
    /// The name.
    pub username: Username,
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::System => write!(f, "system user {}", self.username),
            Scope::Tenant(domain) => write!(f, "user {} of {domain}", self.username),
        }
    }
}

/// The scope and role of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// A system user.
    System(SystemRole),
    /// A user of the tenant with this domain; a custom role belongs to this tenant.
    Tenant(Domain, TenantRole),
}

/// The rule that a user would violate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum RuleViolation {
    #[error("the name {0} is reserved for system administrators")]
    ReservedName(Username),
    #[error("{0} is a role for system users, and {1} is a tenant")]
    SystemRoleInTenant(SystemRole, Domain),
    #[error("{0} is not a role for system users")]
    TenantRoleInSystem(TenantRole),
}

impl Membership {
    /// Combines a scope with a role; fails if the role belongs to the other scope.
    pub fn new(scope: Scope, role: AnyRole) -> Result<Self, RuleViolation> {
        match (scope, role) {
            (Scope::System, AnyRole::System(role)) => Ok(Self::System(role)),
            (Scope::Tenant(domain), AnyRole::Tenant(role)) => Ok(Self::Tenant(domain, role)),
            (Scope::Tenant(domain), AnyRole::System(role)) => {
                Err(RuleViolation::SystemRoleInTenant(role, domain))
            }
            (Scope::System, AnyRole::Tenant(role)) => Err(RuleViolation::TenantRoleInSystem(role)),
        }
    }

    /// Returns whether the role is `SystemAdmin`.
    #[must_use]
    pub fn is_system_admin(&self) -> bool {
        match self {
            Self::System(SystemRole::SystemAdmin) => true,
            Self::System(SystemRole::Replicator | SystemRole::Dealer) | Self::Tenant(..) => false,
        }
    }

    /// Checks that the name is not reserved for system administrators, unless the role is theirs.
    pub fn check_name(&self, username: &Username) -> Result<(), RuleViolation> {
        if username.is_reserved() && !self.is_system_admin() {
            return Err(RuleViolation::ReservedName(username.clone()));
        }
        Ok(())
    }

    /// Returns the scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::System(_) => Scope::System,
            Self::Tenant(domain, _) => Scope::Tenant(domain.clone()),
        }
    }

    /// Returns the domain of the user's tenant; `None` for a system user.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::System(_) => None,
            Self::Tenant(domain, _) => Some(domain),
        }
    }

    /// Returns the name of the role.
    #[must_use]
    pub fn role_name(&self) -> &str {
        match self {
            Self::System(role) => role.name(),
            Self::Tenant(_, TenantRole::BuiltIn(role)) => role.name(),
            Self::Tenant(_, TenantRole::Custom(name)) => name.as_typed(),
        }
    }
}

/// A user to be created.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct NewUser {
    pub public_id: PublicId,
    pub username: Username,
    pub membership: Membership,
    pub password_hash: PasswordHash,
}

impl NewUser {
    /// Returns the key of the user.
    #[must_use]
    pub fn key(&self) -> UserKey {
        UserKey {
            scope: self.membership.scope(),
            username: self.username.clone(),
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct User {
    pub public_id: PublicId,
    pub username: Username,
    pub membership: Membership,
    /// Whether the user is enabled; a login also requires an enabled tenant.
    pub enabled: bool,
    /// The rule that the user's password breaks, if a login has found one.
    pub password_weakness: Option<PasswordWeakness>,
    pub created_at: DateTime<Utc>,
}

/// The store's id of a user, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub i64);

/// The facts about a user that decide a login.
#[derive(Debug, Clone)]
pub struct LoginRecord {
    /// The user.
    pub user: UserId,
    /// The hash of the password.
    pub password_hash: PasswordHash,
    /// Whether both the user and the tenant are enabled.
    pub enabled: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(typed: &str) -> Result<Username, UsernameError> {
        typed.parse()
    }

    #[test]
    fn user_name_follows_the_contract() {
        for typed in [
            "a", "7", "_", "-", "'", "alice", "O'Neil", "a.b", "a..b", "-a-",
        ] {
            assert_eq!(parse(typed).unwrap().to_string(), typed);
        }
        assert!(parse(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn invalid_user_name_error_says_what_to_do() {
        let long = "a".repeat(65);
        let refusals: Vec<String> = [
            "", ".", "..", ".a", "a.", "a b", " a", "a\n", "a@b", "é", "a\0", "a\"b", "\u{212A}",
            &long,
        ]
        .iter()
        .map(|typed| parse(typed).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        the user name is empty; choose one like alice
        the user name "." starts or ends with a period; remove the period
        the user name ".." starts or ends with a period; remove the period
        the user name ".a" starts or ends with a period; remove the period
        the user name "a." starts or ends with a period; remove the period
        the user name "a b" contains the character ' '; use ASCII letters, digits and _ - ' .
        the user name " a" contains the character ' '; use ASCII letters, digits and _ - ' .
        the user name "a\n" contains the character '\n'; use ASCII letters, digits and _ - ' .
        the user name "a@b" contains the character '@'; use ASCII letters, digits and _ - ' .
        the user name "é" contains the character 'é'; use ASCII letters, digits and _ - ' .
        the user name "a\0" contains the character '\0'; use ASCII letters, digits and _ - ' .
        the user name "a\"b" contains the character '"'; use ASCII letters, digits and _ - ' .
        the user name "K" contains the character 'K'; use ASCII letters, digits and _ - ' .
        the user name is longer than 64 characters; choose a shorter one
        "#);
    }

    #[test]
    fn reserved_names_are_reserved_in_any_case() {
        for typed in ["admin", "Admin", "SYSTEM", "administrator", "rOOt"] {
            assert!(parse(typed).unwrap().is_reserved(), "{typed}");
        }
        for typed in ["admins", "a.admin", "roo", "system-1", "administrato"] {
            assert!(!parse(typed).unwrap().is_reserved(), "{typed}");
        }
        assert!(Username::first_administrator().is_reserved());
    }

    proptest! {
        /// The contract's pattern, implemented independently.
        #[test]
        fn user_name_parses_exactly_if_the_contract_pattern_matches(typed in "[a-cA-C0-9_'. @é-]{0,8}|\\PC{0,70}") {
            let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '-' | '.');
            let outer = |c: Option<char>| c.is_some_and(|c| inner(c) && c != '.');
            let expected = typed.chars().count() <= 64
                && typed.chars().all(inner)
                && outer(typed.chars().next())
                && outer(typed.chars().last());
            prop_assert_eq!(parse(&typed).is_ok(), expected);
        }

        #[test]
        fn user_name_comparison_ignores_case(typed in "[a-zA-Z0-9_'-]{1,64}") {
            let name = parse(&typed).unwrap();
            for other in [typed.to_uppercase(), typed.to_lowercase()] {
                let other = parse(&other).unwrap();
                prop_assert_eq!(&name, &other);
                prop_assert_eq!(name.key(), other.key());
            }
        }
    }
}

//! Users: their names, where they belong, and which names and roles they may have.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::password::PasswordHash;
use super::role::{AnyRole, SystemRole, TenantRole};
use super::tenant::Domain;

/// The name of a user: 1 to 64 ASCII letters, digits, `_`, `-`, `'` and `.`, with no `.` at either end, as the contract
/// has it. It prints as it was typed; two names are equal when they differ in case alone.
#[derive(Debug, Clone)]
pub struct Username(String);

/// A text is no user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// It is empty.
    #[error("the user name is empty; choose one like alice")]
    Empty,
    /// It is longer than [`Username::MAX_LENGTH`].
    #[error("the user name is longer than 64 characters; choose a shorter one")]
    TooLong,
    /// It has a character that no user name has.
    #[error("the user name {0:?} has the character {1:?}; use ASCII letters, digits and _ - ' .")]
    Character(String, char),
    /// It starts or ends with a period.
    #[error("the user name {0:?} starts or ends with a period; remove the period")]
    Period(String),
}

impl Username {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// The name that the first administrator gets.
    pub const FIRST_ADMINISTRATOR: &str = "admin";

    /// Names that only system administrators may have, in any case.
    const RESERVED: [&str; 4] = [Self::FIRST_ADMINISTRATOR, "system", "administrator", "root"];

    /// The name of the first administrator.
    #[must_use]
    pub fn first_administrator() -> Self {
        Self(Self::FIRST_ADMINISTRATOR.to_owned())
    }

    /// As it was typed.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    /// What it is matched by: in lower case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether only a system administrator may have it.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let same = |reserved: &&str| self.0.eq_ignore_ascii_case(reserved);
        Self::RESERVED.iter().any(same)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(typed: &str) -> Result<Self, UsernameError> {
        let stray = |c: &char| !(c.is_ascii_alphanumeric() || "_-'.".contains(*c));
        if typed.is_empty() {
            return Err(UsernameError::Empty);
        }
        if typed.chars().count() > Self::MAX_LENGTH {
            return Err(UsernameError::TooLong);
        }
        if let Some(character) = typed.chars().find(stray) {
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

/// Where a user belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// To the system: such a user logs in without a domain.
    System,
    /// To the tenant with this domain.
    Tenant(Domain),
}

/// Which user: the same name may exist once in each scope. It prints as a noun, `user alice of pbx.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKey {
    /// Where the user belongs.
    pub scope: Scope,
    /// What the user is called there.
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

/// Where a user belongs and what the user may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Of the system.
    System(SystemRole),
    /// Of the tenant with this domain; a custom role is one of this tenant's.
    Tenant(Domain, TenantRole),
}

/// A rule that a user would break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleViolation {
    /// The name belongs to system administrators.
    #[error("the name {0} is reserved for system administrators")]
    ReservedName(Username),
    /// A role of the system for a user of a tenant.
    #[error("{0} is a role of system users, and {1} is a tenant")]
    SystemRoleInTenant(SystemRole, Domain),
    /// A role of tenants for a user of the system.
    #[error("{0} is no role of system users")]
    TenantRoleInSystem(TenantRole),
}

impl Membership {
    /// Pairs a scope with a role of that scope.
    ///
    /// # Errors
    ///
    /// [`RuleViolation`] if the role belongs to the other scope.
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

    /// Checks that a user with this role may have the name.
    ///
    /// # Errors
    ///
    /// [`RuleViolation::ReservedName`] if the name is reserved for system administrators.
    pub fn check_name(&self, username: &Username) -> Result<(), RuleViolation> {
        if username.is_reserved() && !self.is_system_admin() {
            return Err(RuleViolation::ReservedName(username.clone()));
        }
        Ok(())
    }

    /// Where the user belongs.
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

    /// The name of the role.
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
pub struct NewUser {
    /// The name, new in its scope.
    pub username: Username,
    /// Where the user belongs, with which role.
    pub membership: Membership,
    /// Of the user's password.
    pub password_hash: PasswordHash,
}

impl NewUser {
    /// Which user it will be.
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
pub struct User {
    /// The name.
    pub username: Username,
    /// Where the user belongs, with which role.
    pub membership: Membership,
    /// Whether the user may log in, as far as the tenant may.
    pub enabled: bool,
    /// When the user was created, in whole seconds.
    pub created_at: DateTime<Utc>,
}

/// The number by which the store knows a user; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub i64);

/// What a login is checked against.
#[derive(Debug, Clone)]
pub struct LoginRecord {
    /// The user.
    pub user: UserId,
    /// Of the user's password.
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
        the user name "a b" has the character ' '; use ASCII letters, digits and _ - ' .
        the user name " a" has the character ' '; use ASCII letters, digits and _ - ' .
        the user name "a\n" has the character '\n'; use ASCII letters, digits and _ - ' .
        the user name "a@b" has the character '@'; use ASCII letters, digits and _ - ' .
        the user name "é" has the character 'é'; use ASCII letters, digits and _ - ' .
        the user name "a\0" has the character '\0'; use ASCII letters, digits and _ - ' .
        the user name "a\"b" has the character '"'; use ASCII letters, digits and _ - ' .
        the user name "K" has the character 'K'; use ASCII letters, digits and _ - ' .
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
        /// The same rule as the pattern in the contract, written down a second time.
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

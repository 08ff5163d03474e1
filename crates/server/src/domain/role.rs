//! Built-in roles, and custom roles of tenants.
//!
//! A system user has a [`SystemRole`] and a tenant user a [`TenantRole`]. The types prevent a role of the wrong scope.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::tenant::Domain;

/// A role of system users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemRole {
    /// May do almost everything.
    SystemAdmin,
    /// Permissions for programs.
    Replicator,
    /// Sells tenants and manages those it sold.
    Dealer,
}

impl SystemRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::SystemAdmin, Self::Replicator, Self::Dealer];

    /// Returns the name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SystemAdmin => "SystemAdmin",
            Self::Replicator => "Replicator",
            Self::Dealer => "Dealer",
        }
    }
}

/// A built-in role of tenant users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltInTenantRole {
    /// Manages one tenant.
    Admin,
    /// Uses the services of a tenant.
    StandardUser,
    /// May also make international calls.
    StandardInternationalUser,
    /// Manages call queues.
    QueueManager,
}

impl BuiltInTenantRole {
    /// All roles.
    pub const ALL: [Self; 4] = [
        Self::Admin,
        Self::StandardUser,
        Self::StandardInternationalUser,
        Self::QueueManager,
    ];

    /// Returns the name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::StandardUser => "StandardUser",
            Self::StandardInternationalUser => "StandardInternationalUser",
            Self::QueueManager => "QueueManager",
        }
    }
}

/// A role of a tenant user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantRole {
    /// A role that every tenant has.
    BuiltIn(BuiltInTenantRole),
    /// A custom role of the user's tenant.
    Custom(RoleName),
}

impl fmt::Display for SystemRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TenantRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.name()),
            Self::Custom(name) => name.fmt(f),
        }
    }
}

/// A role of either scope, parsed from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyRole {
    /// A role of system users.
    System(SystemRole),
    /// A role of tenant users; a custom role may not exist in the store.
    Tenant(TenantRole),
}

impl FromStr for AnyRole {
    type Err = RoleNameError;

    /// Parses the name of any role, ignoring ASCII case.
    fn from_str(typed: &str) -> Result<Self, RoleNameError> {
        let named = |name: &str| typed.eq_ignore_ascii_case(name);
        if let Some(role) = SystemRole::ALL.iter().find(|role| named(role.name())) {
            return Ok(Self::System(*role));
        }
        Ok(Self::Tenant(
            match BuiltInTenantRole::ALL
                .iter()
                .find(|role| named(role.name()))
            {
                Some(role) => TenantRole::BuiltIn(*role),
                None => TenantRole::Custom(typed.parse()?),
            },
        ))
    }
}

/// The name of a custom role.
///
/// It has 1 to 64 characters, no control characters and no white space at either end, and is not the name of a built-in
/// role. It prints as typed; names that differ only in ASCII case are equal.
#[derive(Debug, Clone)]
pub struct RoleName(String);

/// The text is not the name of a custom role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum RoleNameError {
    #[error("the role's name is empty; choose one of 1 to 64 characters")]
    Empty,
    #[error("the role's name is longer than 64 characters; choose a shorter one")]
    TooLong,
    #[error("the role's name {0:?} has a control character; remove it")]
    Control(String),
    #[error("the role's name {0:?} starts or ends with white space; remove it")]
    WhiteSpace(String),
    #[error(
        "{0} is a built-in role, whose name is reserved and which cannot be changed; choose another name"
    )]
    BuiltIn(&'static str),
}

impl RoleName {
    /// The maximum length in characters, as in the contract.
    pub const MAX_LENGTH: usize = 64;

    /// Returns the name as typed.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    /// Returns the key by which names are compared: the name in ASCII lower case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(typed: &str) -> Result<Self, RoleNameError> {
        let system = SystemRole::ALL.iter().map(|role| role.name());
        let tenant = BuiltInTenantRole::ALL.iter().map(|role| role.name());
        if typed.is_empty() {
            return Err(RoleNameError::Empty);
        }
        if typed.chars().count() > Self::MAX_LENGTH {
            return Err(RoleNameError::TooLong);
        }
        if typed.chars().any(char::is_control) {
            return Err(RoleNameError::Control(typed.to_owned()));
        }
        if typed.trim() != typed {
            return Err(RoleNameError::WhiteSpace(typed.to_owned()));
        }
        match system
            .chain(tenant)
            .find(|name| typed.eq_ignore_ascii_case(name))
        {
            Some(name) => Err(RoleNameError::BuiltIn(name)),
            None => Ok(Self(typed.to_owned())),
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for RoleName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for RoleName {}

/// A custom role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct CustomRole {
    pub domain: Domain,
    pub name: RoleName,
    pub users: u64,
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn role_name(typed: &str) -> Result<RoleName, RoleNameError> {
        typed.parse()
    }

    #[test]
    fn built_in_role_is_found_by_its_name_in_any_case() {
        let typed = [
            "SystemAdmin",
            "replicator",
            "DEALER",
            "admin",
            "standarduser",
            "StandardInternationalUser",
            "queueMANAGER",
            "Night Shift",
        ];
        let parsed = typed.map(|typed| match typed.parse::<AnyRole>().unwrap() {
            AnyRole::System(role) => format!("system {role}"),
            AnyRole::Tenant(role @ TenantRole::BuiltIn(_)) => format!("tenant {role}"),
            AnyRole::Tenant(role @ TenantRole::Custom(_)) => format!("custom {role}"),
        });
        insta::assert_snapshot!(parsed.join("\n"), @"
        system SystemAdmin
        system Replicator
        system Dealer
        tenant Admin
        tenant StandardUser
        tenant StandardInternationalUser
        tenant QueueManager
        custom Night Shift
        ");
    }

    #[test]
    fn custom_role_name_of_1_to_64_characters_is_accepted() {
        for typed in [
            "a",
            "Night Shift",
            "Büro",
            "7",
            "User",
            "Admin 2",
            &"é".repeat(64),
        ] {
            assert_eq!(role_name(typed).unwrap().to_string(), typed);
        }
        let long = "é".repeat(65);
        let refusals: Vec<String> = [
            "",
            " ",
            " a",
            "a ",
            "a\u{3000}",
            "a\nb",
            "a\0",
            "\u{7f}a",
            "a\u{85}b",
            &long,
            "admin",
            "SYSTEMADMIN",
            "Replicator",
            "dealer",
            "standardUser",
            "standardinternationaluser",
            "QUEUEMANAGER",
        ]
        .iter()
        .map(|typed| role_name(typed).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        the role's name is empty; choose one of 1 to 64 characters
        the role's name " " starts or ends with white space; remove it
        the role's name " a" starts or ends with white space; remove it
        the role's name "a " starts or ends with white space; remove it
        the role's name "a\u{3000}" starts or ends with white space; remove it
        the role's name "a\nb" has a control character; remove it
        the role's name "a\0" has a control character; remove it
        the role's name "\u{7f}a" has a control character; remove it
        the role's name "a\u{85}b" has a control character; remove it
        the role's name is longer than 64 characters; choose a shorter one
        Admin is a built-in role, whose name is reserved and which cannot be changed; choose another name
        SystemAdmin is a built-in role, whose name is reserved and which cannot be changed; choose another name
        Replicator is a built-in role, whose name is reserved and which cannot be changed; choose another name
        Dealer is a built-in role, whose name is reserved and which cannot be changed; choose another name
        StandardUser is a built-in role, whose name is reserved and which cannot be changed; choose another name
        StandardInternationalUser is a built-in role, whose name is reserved and which cannot be changed; choose another name
        QueueManager is a built-in role, whose name is reserved and which cannot be changed; choose another name
        "#);
    }

    proptest! {
        #[test]
        fn ascii_case_does_not_matter(typed in "[a-zA-Zé][a-zA-Zéß ]{0,30}[0-9]") {
            let name = role_name(&typed).unwrap();
            let other = role_name(&typed.to_ascii_uppercase()).unwrap();
            prop_assert_eq!(&name, &other);
            prop_assert_eq!(name.key(), other.key());
        }

        #[test]
        fn parser_with_arbitrary_text_does_not_panic(typed in any::<String>()) {
            let _ = typed.parse::<AnyRole>();
        }
    }
}

//! Built-in roles, and custom roles of tenants.
//!
//! A system user has a [`SystemRole`] and a tenant user a [`TenantRole`]. The types prevent a role of the wrong scope.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::tenant::Domain;

/// A role for system users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemRole {
    /// May do almost everything.
    SystemAdmin,
    /// Gives a program its permissions.
    Replicator,
    /// Manages the tenants that it sold.
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

/// A built-in role for tenant users.
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
    /// A role for system users.
    System(SystemRole),
    /// A role for tenant users; a custom role might not exist in the store.
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

/// The name of a custom role, whether or not the role exists.
///
/// It has 1 to 64 characters and is not the name of a built-in role. It prints as typed; names that differ only in
/// ASCII case are equal. A name from an earlier version may break the rules of a [`NewRoleName`].
#[derive(Debug, Clone)]
pub struct RoleName(String);

/// The name of a custom role to be created: printable ASCII, without a space at either end.
///
/// Other characters can be invisible, change the direction of text, or look like a letter of a built-in role's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoleName(RoleName);

/// The error for text that is not the name of a custom role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum RoleNameError {
    #[error("the role's name is empty; choose one of 1 to 64 characters")]
    Empty,
    #[error("the role's name is longer than 64 characters; choose a shorter one")]
    TooLong,
    #[error(
        "the role's name {name:?} contains the character U+{code:04X}; use only ASCII letters, digits, punctuation and spaces", code = u32::from(*.character)
    )]
    Character { name: String, character: char },
    #[error("the role's name {0:?} starts or ends with a space; remove it")]
    Space(String),
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
        match system
            .chain(tenant)
            .find(|name| typed.eq_ignore_ascii_case(name))
        {
            Some(name) => Err(RoleNameError::BuiltIn(name)),
            None => Ok(Self(typed.to_owned())),
        }
    }
}

impl FromStr for NewRoleName {
    type Err = RoleNameError;

    fn from_str(typed: &str) -> Result<Self, RoleNameError> {
        let name: RoleName = typed.parse()?;
        if let Some(character) = typed.chars().find(|c| !matches!(c, ' '..='~')) {
            return Err(RoleNameError::Character {
                name: typed.to_owned(),
                character,
            });
        }
        if typed.starts_with(' ') || typed.ends_with(' ') {
            return Err(RoleNameError::Space(typed.to_owned()));
        }
        Ok(Self(name))
    }
}

impl Deref for NewRoleName {
    type Target = RoleName;

    fn deref(&self) -> &RoleName {
        &self.0
    }
}

impl fmt::Display for NewRoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

    fn new_role_name(typed: &str) -> Result<NewRoleName, RoleNameError> {
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
    fn new_role_name_of_1_to_64_printable_ascii_characters_is_accepted() {
        for typed in [
            "a",
            "Night Shift",
            "7",
            "User",
            "Admin 2",
            "~!",
            &"e".repeat(64),
        ] {
            assert_eq!(new_role_name(typed).unwrap().to_string(), typed);
        }
    }

    #[test]
    fn invalid_new_role_name_is_refused_with_a_remedy() {
        let long = "e".repeat(65);
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
            "Büro",
            "SystemAdmin\u{200b}",
            "\u{202e}nimdA",
            "\u{410}dmin",
            "role \u{1f512}",
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
        .map(|typed| new_role_name(typed).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        the role's name is empty; choose one of 1 to 64 characters
        the role's name " " starts or ends with a space; remove it
        the role's name " a" starts or ends with a space; remove it
        the role's name "a " starts or ends with a space; remove it
        the role's name "a\u{3000}" contains the character U+3000; use only ASCII letters, digits, punctuation and spaces
        the role's name "a\nb" contains the character U+000A; use only ASCII letters, digits, punctuation and spaces
        the role's name "a\0" contains the character U+0000; use only ASCII letters, digits, punctuation and spaces
        the role's name "\u{7f}a" contains the character U+007F; use only ASCII letters, digits, punctuation and spaces
        the role's name "a\u{85}b" contains the character U+0085; use only ASCII letters, digits, punctuation and spaces
        the role's name "Büro" contains the character U+00FC; use only ASCII letters, digits, punctuation and spaces
        the role's name "SystemAdmin\u{200b}" contains the character U+200B; use only ASCII letters, digits, punctuation and spaces
        the role's name "\u{202e}nimdA" contains the character U+202E; use only ASCII letters, digits, punctuation and spaces
        the role's name "Аdmin" contains the character U+0410; use only ASCII letters, digits, punctuation and spaces
        the role's name "role 🔒" contains the character U+1F512; use only ASCII letters, digits, punctuation and spaces
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

    #[test]
    fn role_name_of_an_earlier_version_is_accepted_unless_it_is_new() {
        for typed in ["Büro", "SystemAdmin\u{200b}", "a\u{2028}b", &"é".repeat(64)] {
            assert_eq!(typed.parse::<RoleName>().unwrap().as_typed(), typed);
            assert!(new_role_name(typed).is_err(), "{typed:?}");
        }
        assert_eq!(
            "é".repeat(65).parse::<RoleName>(),
            Err(RoleNameError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn ascii_case_does_not_matter(typed in "[a-zA-Zé][a-zA-Zéß ]{0,30}[0-9]") {
            let name: RoleName = typed.parse().unwrap();
            let other: RoleName = typed.to_ascii_uppercase().parse().unwrap();
            prop_assert_eq!(&name, &other);
            prop_assert_eq!(name.key(), other.key());
        }

        #[test]
        fn parser_with_arbitrary_text_does_not_panic(typed in any::<String>()) {
            let _ = typed.parse::<AnyRole>();
        }

        /// The rule, implemented independently.
        #[test]
        fn new_role_name_has_only_visible_ascii_and_inner_spaces(typed in "[ -~]{0,3}|[ -~é\u{200b}\u{7f}\t]{0,4}") {
            let bytes = typed.as_bytes();
            let expected = !bytes.is_empty()
                && bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
                && bytes.first() != Some(&b' ')
                && bytes.last() != Some(&b' ');
            prop_assert_eq!(new_role_name(&typed).is_ok(), expected);
        }
    }
}

//! Rules for new passwords.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use super::password::{Password, PasswordWeakness};
use super::user::{Scope, UserKey};
use crate::random::{Random, RandomError};

/// Common and breached passwords in lower case, one per line; `data/README.md` names the source.
const COMMON_PASSWORDS: &str = include_str!("../../data/common-passwords.txt");

/// A set, which takes half a megabyte, so that checking a password at each login costs almost nothing.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON_PASSWORDS.lines().collect());

/// The minimum length of names that passwords must not contain; unrelated words contain shorter ones.
const MIN_NAME_CHARACTERS: usize = 3;

/// The rules that a new password must follow.
///
/// A password that is already in use can break them: it is still accepted, and its [`PasswordWeakness`] is recorded.
///
/// A minimum length and a list of common passwords replace rules about kinds of characters (NIST SP 800-63B-4, section
/// 3.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The minimum length, in characters.
    pub min_characters: u32,
    /// Whether common passwords are refused.
    pub refuse_common: bool,
}

impl PasswordPolicy {
    /// The default rules.
    ///
    /// The minimum length is 8 characters, which NIST SP 800-63B-4, section 3.1.1.2, requires of a password that is
    /// used with a second factor. For a password alone, the standard requires 15. The minimum is a setting.
    pub const DEFAULT: Self = Self {
        min_characters: 8,
        refuse_common: true,
    };

    /// Checks the new password of a user.
    ///
    /// # Errors
    ///
    /// [`WeakPassword`] names the rule that the password breaks.
    pub fn check(self, password: &Password, user: &UserKey) -> Result<(), WeakPassword> {
        let characters = password.expose().chars().count();
        if characters < self.min_characters as usize {
            return Err(WeakPassword::TooShort(self.min_characters));
        }
        let lower = zeroize::Zeroizing::new(password.expose().to_lowercase());
        if self.refuse_common && COMMON.contains(lower.as_str()) {
            return Err(WeakPassword::Common);
        }
        let contains =
            |name: &str| name.len() >= MIN_NAME_CHARACTERS && lower.contains(&name.to_lowercase());
        if contains(user.username.as_typed()) {
            return Err(WeakPassword::ContainsName(NameKind::Username));
        }
        match &user.scope {
            Scope::Tenant(domain) if contains(domain.as_typed()) || contains(domain.key()) => {
                Err(WeakPassword::ContainsName(NameKind::Domain))
            }
            Scope::Tenant(_) | Scope::System => Ok(()),
        }
    }

    /// Returns the rule that the password of a user breaks, or `None` if it follows the rules.
    #[must_use]
    pub fn find_weakness(self, password: &Password, user: &UserKey) -> Option<PasswordWeakness> {
        self.check(password, user).err().map(WeakPassword::weakness)
    }

    /// Generates a password for a user that follows the rules.
    pub fn generate(self, random: &dyn Random, user: &UserKey) -> Result<Password, RandomError> {
        loop {
            let password = Password::generate(random)?;
            if self.check(&password, user).is_ok() {
                return Ok(password);
            }
        }
    }
}

/// The rule that a new password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// The password is shorter than this number of characters.
    #[error("the password is too short; choose one of at least {0} characters")]
    TooShort(u32),
    /// The password is on the list of common passwords.
    #[error(
        "the password is on the list of common passwords, which attackers try first; choose another one"
    )]
    Common,
    /// The password contains a name of the user.
    #[error("the password contains the {0}; choose one that does not")]
    ContainsName(NameKind),
}

impl WeakPassword {
    fn weakness(self) -> PasswordWeakness {
        match self {
            Self::TooShort(_) => PasswordWeakness::TooShort,
            Self::Common => PasswordWeakness::Common,
            Self::ContainsName(NameKind::Username) => PasswordWeakness::ContainsUsername,
            Self::ContainsName(NameKind::Domain) => PasswordWeakness::ContainsDomain,
        }
    }
}

/// A name that the password of a user must not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// The name of the user.
    Username,
    /// The domain of the user's tenant.
    Domain,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "user name",
            Self::Domain => "domain of the tenant",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::password::Secret;
    use super::*;

    fn user(username: &str, domain: Option<&str>) -> UserKey {
        UserKey {
            scope: domain.map_or(Scope::System, |domain| {
                Scope::Tenant(domain.parse().unwrap())
            }),
            username: username.parse().unwrap(),
        }
    }

    fn check(policy: PasswordPolicy, password: &str, user: &UserKey) -> Result<(), WeakPassword> {
        policy.check(
            &Password::new(Secret::new(password.to_owned())).unwrap(),
            user,
        )
    }

    #[test]
    fn list_of_common_passwords_has_lower_case_entries_without_duplicates() {
        let entries: std::collections::BTreeSet<&str> = COMMON_PASSWORDS.lines().collect();
        assert!(entries.len() >= 10_000);
        assert_eq!(entries.len(), COMMON_PASSWORDS.lines().count());
        assert!(entries.iter().all(|entry| entry.to_lowercase() == **entry));
    }

    #[test]
    fn weak_password_error_names_the_rule() {
        let alice = user("alice", Some("pbx.example.com"));
        let refusals = [
            "short",
            "seven77",
            "Password123",
            "1qaz2wsx3edc",
            "alice-in-chains",
            "my ALICE password",
            "at PBX.Example.com",
        ]
        .map(|password| {
            let refusal = check(PasswordPolicy::DEFAULT, password, &alice).unwrap_err();
            format!("{password}: {refusal}")
        });
        insta::assert_snapshot!(refusals.join("\n"), @"
        short: the password is too short; choose one of at least 8 characters
        seven77: the password is too short; choose one of at least 8 characters
        Password123: the password is on the list of common passwords, which attackers try first; choose another one
        1qaz2wsx3edc: the password is on the list of common passwords, which attackers try first; choose another one
        alice-in-chains: the password contains the user name; choose one that does not
        my ALICE password: the password contains the user name; choose one that does not
        at PBX.Example.com: the password contains the domain of the tenant; choose one that does not
        ");
    }

    #[test]
    fn password_that_follows_the_rules_is_accepted() {
        let alice = user("alice", Some("pbx.example.com"));
        for password in [
            "correct horse",
            "ünïcödë-8",
            "bob-and-carol",
            "example.com-9",
        ] {
            assert_eq!(
                check(PasswordPolicy::DEFAULT, password, &alice),
                Ok(()),
                "{password}"
            );
        }
        // Two characters occur in many unrelated words.
        let al = user("al", None);
        assert_eq!(check(PasswordPolicy::DEFAULT, "royal flush", &al), Ok(()));
    }

    #[test]
    fn weakness_is_the_rule_that_the_password_breaks() {
        let alice = user("alice", Some("pbx.example.com"));
        let weakness = |password: &str| {
            let password = Password::new(Secret::new(password.to_owned())).unwrap();
            PasswordPolicy::DEFAULT.find_weakness(&password, &alice)
        };
        for (password, expected) in [
            ("short", PasswordWeakness::TooShort),
            ("Password123", PasswordWeakness::Common),
            ("alice-in-chains", PasswordWeakness::ContainsUsername),
            ("at PBX.Example.com", PasswordWeakness::ContainsDomain),
        ] {
            assert_eq!(weakness(password), Some(expected), "{password}");
            assert_eq!(expected.name().parse(), Ok(expected));
        }
        assert_eq!(weakness("correct horse"), None);
        assert!("".parse::<PasswordWeakness>().is_err());
    }

    #[test]
    fn policy_sets_the_minimum_length_and_whether_common_passwords_are_refused() {
        let policy = PasswordPolicy {
            min_characters: 15,
            refuse_common: false,
        };
        let bob = user("bob", None);
        assert_eq!(
            check(policy, "14 characters.", &bob),
            Err(WeakPassword::TooShort(15))
        );
        assert_eq!(check(policy, "15 characters..", &bob), Ok(()));
        let policy = PasswordPolicy {
            min_characters: 8,
            refuse_common: false,
        };
        assert_eq!(check(policy, "password", &bob), Ok(()));
    }

    proptest! {
        #[test]
        fn password_with_the_user_name_in_any_case_is_refused(
            name in "[a-z]{3,16}", before in "[0-9]{4}", after in "[0-9]{4}", upper: bool
        ) {
            let middle = if upper { name.to_uppercase() } else { name.clone() };
            let result = check(
                PasswordPolicy::DEFAULT,
                &format!("{before}{middle}{after}"),
                &user(&name, None),
            );
            prop_assert_eq!(result, Err(WeakPassword::ContainsName(NameKind::Username)));
        }
    }
}

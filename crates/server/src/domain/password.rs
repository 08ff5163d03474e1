//! Passwords and their hashes.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::random::{Random, RandomError};

/// Text that is never printed: `Debug` hides it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A password: not empty, at most [`Password::MAX_BYTES`] long, and not normalized.
///
/// A new password must also follow the [`PasswordPolicy`](super::password_policy::PasswordPolicy).
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// The maximum length in bytes of UTF-8.
    ///
    /// It must fit into the body of a login of at most 16 KiB, in which JSON may need six bytes for one (`\u0041`).
    pub const MAX_BYTES: usize = 2048;

    /// Validates the length of a password.
    pub fn new(secret: Secret) -> Result<Self, PasswordError> {
        match secret.expose().len() {
            0 => Err(PasswordError::Empty),
            1..=Self::MAX_BYTES => Ok(Self(secret)),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// Generates a password of 100 random bits.
    ///
    /// It has four groups of five characters of Crockford's base 32, which omits characters that are easy to misread.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        const GROUP_COUNT: usize = 4;
        const GROUP_LENGTH: usize = 5;
        let mut bytes = Zeroizing::new([0; GROUP_COUNT * GROUP_LENGTH]);
        random.fill(bytes.as_mut())?;
        let mut text = String::with_capacity(GROUP_COUNT * (GROUP_LENGTH + 1));
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % GROUP_LENGTH == 0 {
                text.push('-');
            }
            text.push(char::from(
                b"0123456789abcdefghjkmnpqrstvwxyz"[usize::from(byte % 32)],
            ));
        }
        Ok(Self(Secret::new(text)))
    }

    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// The reason why a password is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The password is empty.
    #[error("the password is empty; choose one of at least 8 characters")]
    Empty,
    /// The password is longer than [`Password::MAX_BYTES`].
    #[error("the password is longer than 2048 bytes; choose a shorter one")]
    TooLong,
}

/// A password hash as a PHC string; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string from the store; it is parsed when a password is verified.
    #[must_use]
    pub fn from_store(phc: String) -> Self {
        Self(phc)
    }

    /// Returns the PHC string, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// The rule that a password in use breaks, as the last login with it found.
///
/// Only a login can find this, because only a hash is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the variants")]
pub enum PasswordWeakness {
    TooShort,
    Common,
    ContainsUsername,
    ContainsDomain,
}

impl PasswordWeakness {
    const ALL: [Self; 4] = [
        Self::TooShort,
        Self::Common,
        Self::ContainsUsername,
        Self::ContainsDomain,
    ];

    /// Returns the name, for the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too-short",
            Self::Common => "common",
            Self::ContainsUsername => "contains-username",
            Self::ContainsDomain => "contains-domain",
        }
    }
}

/// The error for text that is not the name of a weakness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown weakness of a password: {0:?}")]
pub struct PasswordWeaknessError(String);

impl FromStr for PasswordWeakness {
    type Err = PasswordWeaknessError;

    fn from_str(name: &str) -> Result<Self, PasswordWeaknessError> {
        let found = Self::ALL
            .into_iter()
            .find(|weakness| weakness.name() == name);
        found.ok_or_else(|| PasswordWeaknessError(name.to_owned()))
    }
}

impl fmt::Display for PasswordWeakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "is too short",
            Self::Common => "is on the list of common passwords",
            Self::ContainsUsername => "contains the user name",
            Self::ContainsDomain => "contains the domain of the tenant",
        })
    }
}

//! Passwords and what is stored of them.

use std::fmt;

use zeroize::Zeroizing;

use crate::random::{Random, RandomError};

/// A text that must not be shown. Its `Debug` shows nothing, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
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

/// A password that a user may be given: not empty, at most [`Password::MAX_BYTES`] long. Nothing else is asked of it
/// (NIST SP 800-63B, section 5.1.1.2, advises against rules of composition), and it is taken as it is, byte for byte.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// The longest password, in bytes of UTF-8. The body of a login is bounded at 16 KiB, and JSON may spend six bytes
    /// on one (`\u0041`): what can be set must fit into a login.
    pub const MAX_BYTES: usize = 2048;

    /// Below so many characters a password is easily guessed (NIST SP 800-63B, section 5.1.1.1).
    pub const ADVISED_CHARACTERS: usize = 8;

    /// Takes a password that somebody chose.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when it is empty or too long.
    pub fn new(secret: Secret) -> Result<Self, PasswordError> {
        match secret.expose().len() {
            0 => Err(PasswordError::Empty),
            1..=Self::MAX_BYTES => Ok(Self(secret)),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// Generates a password: 100 random bits in four groups of five characters, without those that are easily misread
    /// (Crockford's base 32).
    ///
    /// # Errors
    ///
    /// When the random source gives no bytes.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        const GROUPS: usize = 4;
        const GROUP: usize = 5;
        let mut bytes = Zeroizing::new([0; GROUPS * GROUP]);
        random.fill(bytes.as_mut())?;
        let mut text = String::with_capacity(GROUPS * (GROUP + 1));
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(
                b"0123456789abcdefghjkmnpqrstvwxyz"[usize::from(byte % 32)],
            ));
        }
        Ok(Self(Secret::new(text)))
    }

    /// Whether it is shorter than [`Password::ADVISED_CHARACTERS`]: allowed, but worth a warning.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.expose().chars().count() < Self::ADVISED_CHARACTERS
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// A text is no password that a user may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty.
    #[error("the password is empty; choose one of at least 8 characters")]
    Empty,
    /// It is longer than [`Password::MAX_BYTES`].
    #[error("the password is longer than 2048 bytes; choose a shorter one")]
    TooLong,
}

/// What is stored of a password: a PHC string. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string from the store; whether it can be read shows when it is verified against.
    #[must_use]
    pub fn from_store(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for the store.
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

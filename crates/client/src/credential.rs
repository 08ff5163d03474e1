//! The credential that the generated client carries.

use std::fmt;

use zeroize::Zeroizing;

/// The credential that a [`Client`](crate::Client) sends: none, or a bearer token.
///
/// The token is wiped from memory when the credential is dropped, and `Debug` does not print it.
#[derive(Clone, Default)]
pub struct Credential {
    token: Option<Zeroizing<String>>,
}

impl Credential {
    /// Returns a credential that is sent as `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self {
            token: Some(Zeroizing::new(token.to_owned())),
        }
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

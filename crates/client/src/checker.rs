//! Checks of the tokens that a service receives.

use progenitor_client::ClientInfo as _;

use crate::credential::Credential;
use crate::error::Error;
use crate::generated::Client;
use crate::session::{client, connections};
use crate::user::User;

/// Checks the tokens that a service receives from its clients.
///
/// Create one checker when the service starts. Cloning is cheap, and clones share their connections.
#[derive(Clone, Debug)]
pub struct SessionChecker {
    client: Client,
}

impl SessionChecker {
    /// Creates a checker for the server at `base_url`, such as `https://login.pbx.example.com`.
    ///
    /// It sends no request.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the HTTP client cannot be created.
    pub fn new(base_url: &str) -> Result<Self, Error> {
        Ok(Self {
            client: client(base_url, connections()?, Credential::default()),
        })
    }

    /// Returns the user of a live session, or `None` if the token has no live session.
    ///
    /// For `None`, respond with 401. Any string can be passed as a token. The result is at most a second old: check the
    /// token of each request instead of remembering the result.
    ///
    /// # Errors
    ///
    /// The session may be live, but this is unknown: respond with 503. [`Error::Throttled`] and
    /// [`Error::Unreachable`] are temporary. [`Error::InvalidInput`] and [`Error::InvalidResponse`] mean that the base
    /// URL or the version of the server is wrong.
    pub async fn check(&self, token: &str) -> Result<Option<User>, Error> {
        // Any other string is not a token, and may not be valid in a header.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(None);
        }
        let credential = Credential::bearer(token);
        let connections = self.client.client().clone();
        let client = client(self.client.baseurl(), connections, credential);
        match User::request(&client).await {
            Ok(user) => Ok(Some(user)),
            Err(Error::Expired) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

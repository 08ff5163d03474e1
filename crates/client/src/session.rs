//! A session, from login to logout.

use std::time::Duration;

use chrono::{DateTime, Utc};
use progenitor_client::{ClientHooks, ClientInfo, Error as Call, OperationInfo};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue, RETRY_AFTER,
    SET_COOKIE,
};
use reqwest::{Request, Response, StatusCode};

use crate::credential::Credential;
use crate::error::{Error, Unauthorized};
use crate::generated::secret::AccessToken;
use crate::generated::{Client, types};

/// How long a request may take, in all. A login waits for a password hash, which takes the server tens of milliseconds
/// and longer under load; past this, whoever waits is better told.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The cookie that carries the token of a new session (`securitySchemes.sessionCookie` of the contract).
const COOKIE: &str = "session";

/// Who logs in. It has no `Debug`: it holds a password.
#[expect(missing_debug_implementations, reason = "holds a password")]
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The name of the account.
    pub username: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The SIP domain of the tenant; `None` for a user of the system itself.
    pub domain: Option<&'a str>,
}

/// How a session stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The token, as the server gives it back.
    pub access_token: AccessToken,
    /// The moment from which the token is no longer accepted.
    pub expires_at: DateTime<Utc>,
    /// How much longer the token is accepted, in whole seconds.
    pub expires_in: Duration,
    /// The name of the user's role.
    pub role: String,
}

/// An open session with a server. Cloning is cheap, and clones share their connections.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    token: AccessToken,
}

impl Session {
    /// Logs in to the server at `base_url`, such as `https://login.pbx.example.com`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where name, password and domain do not fit together; all others but [`Error::Expired`].
    pub async fn log_in(base_url: &str, credentials: Credentials<'_>) -> Result<Self, Error> {
        let anonymous = client(base_url, connections()?, Credential::default());
        let body = types::LoginCredentials {
            username: credentials
                .username
                .parse()
                .map_err(|error| invalid("username", &error))?,
            password: credentials.password.to_owned().into(),
            domain: credentials
                .domain
                .map(str::parse)
                .transpose()
                .map_err(|error| invalid("domain", &error))?,
        };
        let answer = anonymous
            .login(&body)
            .await
            .map_err(|error| Error::from_call(error, Unauthorized::Refused))?;
        let token = session_cookie(answer.headers()).ok_or_else(|| {
            Error::OffContract(format!(
                "a login was answered without the cookie `{COOKIE}`"
            ))
        })?;
        Ok(Self::of(&anonymous, token))
    }

    /// Takes up a session whose token is known. Nothing is sent: [`Session::status`] tells whether it still holds.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] where no connections can be set up on this machine.
    pub fn resume(base_url: &str, token: &str) -> Result<Self, Error> {
        let anonymous = client(base_url, connections()?, Credential::default());
        Ok(Self::of(&anonymous, token.to_owned().into()))
    }

    /// The session of another token on the same server, over the same connections.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self::of(&self.client, token.to_owned().into())
    }

    /// The token, to hand to other services in the header `Authorization: Bearer …`.
    pub fn access_token(&self) -> &AccessToken {
        &self.token
    }

    /// Asks the server how the session stands.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] where it has expired, was ended, or never was; all others but [`Error::Refused`].
    pub async fn status(&self) -> Result<Status, Error> {
        let answer = self
            .client
            .get_login_status()
            .await
            .map_err(|error| Error::from_call(error, Unauthorized::Expired))?
            .into_inner();
        let missing = |field| move || Error::OffContract(format!("the status has no {field}"));
        let seconds = answer.expires_in.ok_or_else(missing("expires_in"))?;
        Ok(Status {
            access_token: answer.access_token.ok_or_else(missing("access_token"))?,
            expires_at: *answer.expires_at.ok_or_else(missing("expires_at"))?,
            expires_in: Duration::from_secs(
                u64::try_from(*seconds)
                    .map_err(|_| Error::OffContract("expires_in is negative".to_owned()))?,
            ),
            role: answer.role.ok_or_else(missing("role"))?.to_string(),
        })
    }

    /// Ends the session: its token is worthless from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] where it had ended already; all others but [`Error::Refused`].
    pub async fn log_out(self) -> Result<(), Error> {
        self.client
            .logout()
            .await
            .map(drop)
            .map_err(|error| Error::from_call(error, Unauthorized::Expired))
    }

    fn of(like: &Client, token: AccessToken) -> Self {
        let credential = Credential::bearer(token.expose());
        Self {
            client: client(like.baseurl(), like.client().clone(), credential),
            token,
        }
    }
}

impl ClientHooks<Credential> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Call<E>> {
        authorize(self.inner(), request).map_err(|error| Call::Custom(error.to_string()))
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.client().execute(request).await.map(in_shape)
    }
}

/// Adds the header that carries the credential.
fn authorize(credential: &Credential, request: &mut Request) -> Result<(), InvalidHeaderValue> {
    if let Some(token) = credential.token() {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        // Keeps it out of the `Debug` of requests and of HTTP/2's compression state.
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(())
}

/// A proxy in front of the server says in words of its own that there is too much to do; what counts then is the status,
/// and how long to wait. Without the body that the contract has, the generated code would have it for a broken answer.
fn in_shape(answer: Response) -> Response {
    let status = answer.status();
    let is_json = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json
        || ![
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&status)
    {
        return answer;
    }
    let mut shaped = http::Response::new(
        serde_json::json!({ "request_id": "", "message": format!("status {status}") }).to_string(),
    );
    *shaped.status_mut() = status;
    if let Some(wait) = answer.headers().get(RETRY_AFTER) {
        shaped.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    shaped.into()
}

fn client(base_url: &str, connections: reqwest::Client, credential: Credential) -> Client {
    // The contract's paths start with a slash.
    Client::new_with_client(base_url.trim_end_matches('/'), connections, credential)
}

fn connections() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        // The contract has no redirects, and none may carry a password elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::InvalidInput(format!("no connections can be set up: {error}")))
}

/// The conversions' errors tell the bound that is broken, not the value.
fn invalid(field: &str, error: &types::error::ConversionError) -> Error {
    Error::InvalidInput(format!("{field}: {error}"))
}

fn session_cookie(headers: &HeaderMap) -> Option<AccessToken> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // RFC 6265, section 5.2: the name and the value stand before the first `;`.
        .filter_map(|cookie| cookie.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim() == COOKIE)
        .map(|(_, value)| value.trim().to_owned().into())
}

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
use crate::user::User;

/// The timeout of a request. A login takes tens of milliseconds, and longer under load.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The cookie with the token of a new session (`securitySchemes.sessionCookie` of the contract).
const COOKIE: &str = "session";

/// Name, password and domain for a login.
#[expect(missing_debug_implementations, reason = "contains a password")]
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The name of the account.
    pub username: &'a str,
    /// The password of the account.
    pub password: &'a str,
    /// The SIP domain of the tenant; `None` for a system user.
    pub domain: Option<&'a str>,
}

/// The status of a session.
#[derive(Clone, Debug)]
pub struct Status {
    /// The token, as the server returns it.
    pub access_token: AccessToken,
    /// The time at which the token expires.
    pub expires_at: DateTime<Utc>,
    /// The time until the token expires, in whole seconds.
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
    /// [`Error::Refused`] if name, password or domain is wrong; any other variant except [`Error::Expired`].
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
        let response = anonymous
            .login(&body)
            .await
            .map_err(|error| Error::from_call(error, Unauthorized::Refused))?;
        let token = session_cookie(response.headers()).ok_or_else(|| {
            Error::InvalidResponse(format!("the login response has no cookie `{COOKIE}`"))
        })?;
        Ok(Self::from_template(&anonymous, token))
    }

    /// Creates a session from a known token, without a request; [`Session::status`] checks the token.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the HTTP client cannot be created.
    pub fn resume(base_url: &str, token: &str) -> Result<Self, Error> {
        let anonymous = client(base_url, connections()?, Credential::default());
        Ok(Self::from_template(&anonymous, token.to_owned().into()))
    }

    /// Returns the session of another token on the same server, over the same connections.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self::from_template(&self.client, token.to_owned().into())
    }

    /// Returns the token, for requests to other services in the header `Authorization: Bearer …`.
    pub fn access_token(&self) -> &AccessToken {
        &self.token
    }

    /// Requests the status of the session.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] if it has expired, was ended or never existed; any other variant except [`Error::Refused`].
    pub async fn status(&self) -> Result<Status, Error> {
        let response = self
            .client
            .get_login_status()
            .await
            .map_err(|error| Error::from_call(error, Unauthorized::Expired))?
            .into_inner();
        let missing = |field| move || Error::InvalidResponse(format!("the status has no {field}"));
        let seconds = response.expires_in.ok_or_else(missing("expires_in"))?;
        Ok(Status {
            access_token: response.access_token.ok_or_else(missing("access_token"))?,
            expires_at: *response.expires_at.ok_or_else(missing("expires_at"))?,
            expires_in: Duration::from_secs(
                u64::try_from(*seconds)
                    .map_err(|_| Error::InvalidResponse("expires_in is negative".to_owned()))?,
            ),
            role: response.role.ok_or_else(missing("role"))?.to_string(),
        })
    }

    /// Requests the user of the session.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] if the session has expired, was ended or never existed; any other variant except
    /// [`Error::Refused`].
    pub async fn user(&self) -> Result<User, Error> {
        User::request(&self.client).await
    }

    /// Ends the session and invalidates its token.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] if it has already ended; any other variant except [`Error::Refused`].
    pub async fn log_out(self) -> Result<(), Error> {
        self.client
            .logout()
            .await
            .map(drop)
            .map_err(|error| Error::from_call(error, Unauthorized::Expired))
    }

    fn from_template(template: &Client, token: AccessToken) -> Self {
        let credential = Credential::bearer(token.expose());
        Self {
            client: client(template.baseurl(), template.client().clone(), credential),
            token,
        }
    }
}

impl ClientHooks<Credential> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Call<E>> {
        authorize(self.inner(), request).map_err(|error| Call::Custom(error.to_string()))
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.client().execute(request).await.map(replace_proxy_body)
    }
}

fn authorize(credential: &Credential, request: &mut Request) -> Result<(), InvalidHeaderValue> {
    if let Some(token) = credential.token() {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        // Keeps the token out of the `Debug` of requests and out of the header compression of HTTP/2.
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(())
}

/// Replaces the body of a reverse proxy's 429 or 503, which the generated code would call invalid.
fn replace_proxy_body(response: Response) -> Response {
    let status = response.status();
    let is_json = response
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
        return response;
    }
    let mut replacement = http::Response::new(
        serde_json::json!({ "request_id": "", "message": format!("status {status}") }).to_string(),
    );
    *replacement.status_mut() = status;
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        replacement.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    replacement.into()
}

pub(crate) fn client(
    base_url: &str,
    connections: reqwest::Client,
    credential: Credential,
) -> Client {
    // The contract's paths start with a slash.
    Client::new_with_client(base_url.trim_end_matches('/'), connections, credential)
}

pub(crate) fn connections() -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        // The contract has no redirects, and a redirect must not send a password to another server.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::InvalidInput(format!("the HTTP client cannot be created: {error}")))
}

fn invalid(field: &str, error: &types::error::ConversionError) -> Error {
    Error::InvalidInput(format!("{field}: {error}"))
}

fn session_cookie(headers: &HeaderMap) -> Option<AccessToken> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // RFC 6265, section 5.2: the name and the value precede the first `;`.
        .filter_map(|cookie| cookie.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim() == COOKIE)
        .map(|(_, value)| value.trim().to_owned().into())
}

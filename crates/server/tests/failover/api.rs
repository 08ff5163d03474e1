//! Requests to the servers, and the meaning of their answers.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};

use crate::program::PASSWORD;

/// Longer than any answer may take.
///
/// A login waits for up to 30 s, twice `login.max_wait` of these tests, and for two operations of 5 s.
const TIMEOUT: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Success, with the token if a session was opened.
    Done(Option<String>),
    /// 401: the session or the password is not valid.
    Unauthorized,
    /// 429: rate limited.
    Limited,
    /// 503 with `Retry-After`.
    Unavailable,
    /// The connection to the server failed.
    Lost,
    /// An answer that violates the contract.
    Wrong(String),
}

/// A client of every server.
#[derive(Debug, Clone)]
pub(crate) struct Api(Client);

impl Api {
    pub(crate) fn new() -> Self {
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build();
        Self(client.expect("a client"))
    }

    /// Logs in from an address, which the servers trust because the client is their proxy.
    pub(crate) async fn login(&self, server: &str, username: &str, source: &str) -> Answer {
        self.guess(server, username, PASSWORD, source).await
    }

    pub(crate) async fn guess(
        &self,
        server: &str,
        username: &str,
        password: &str,
        source: &str,
    ) -> Answer {
        let body = serde_json::json!({ "username": username, "password": password });
        let request = self.0.post(format!("http://{server}/login"));
        send(request.header("X-Forwarded-For", source).json(&body)).await
    }

    pub(crate) async fn check(&self, server: &str, token: &str) -> Answer {
        let request = self.0.get(format!("http://{server}/login"));
        send(request.bearer_auth(token)).await
    }

    pub(crate) async fn log_out(&self, server: &str, token: &str) -> Answer {
        let request = self.0.post(format!("http://{server}/logout"));
        send(request.bearer_auth(token)).await
    }
}

async fn send(request: RequestBuilder) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return Answer::Wrong("no answer".to_owned()),
        Err(_) => return Answer::Lost,
    };
    let header = |name| response.headers().get(name)?.to_str().ok();
    match response.status() {
        StatusCode::OK | StatusCode::NO_CONTENT => {
            let cookie = header("set-cookie").and_then(|it| it.strip_prefix("session="));
            let token = cookie.and_then(|it| it.split(';').next());
            Answer::Done(token.filter(|it| !it.is_empty()).map(str::to_owned))
        }
        StatusCode::UNAUTHORIZED => Answer::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS => Answer::Limited,
        StatusCode::SERVICE_UNAVAILABLE if header("retry-after").is_some() => Answer::Unavailable,
        status => Answer::Wrong(format!("{status} {:?}", response.text().await)),
    }
}

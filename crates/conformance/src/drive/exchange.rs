use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use dropshot_codegen::OperationRef;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, redirect};
use serde_json::Value;

/// The time limit of a request; the slowest request hashes a password in a debug build.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// The path with its parameters.
    pub path: String,
    /// Names and values in the order in which they are sent. A name may occur several times.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Creates a request to an operation, without parameters and body.
    pub fn to(operation: &OperationRef) -> Self {
        Self::new(&operation.method, &operation.path)
    }

    /// Creates a request without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.push((name.as_ref().to_owned(), value.into()));
        self
    }

    /// Sets a parameter of the path.
    #[must_use]
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.path = self
            .path
            .replace(&format!("{{{name}}}"), &percent_encode(value));
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        self.path = format!(
            "{}{mark}{}={}",
            self.path,
            percent_encode(name),
            percent_encode(value)
        );
        self
    }

    /// Sets the body, and its media type if there is one.
    #[must_use]
    pub fn body(mut self, media_type: Option<&str>, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        match media_type {
            Some(media_type) => self.header(CONTENT_TYPE, media_type),
            None => self,
        }
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body(Some("application/json"), value.to_string())
    }

    /// Adds a bearer token (RFC 6750, section 2.1).
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds a cookie.
    #[must_use]
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("Cookie", format!("{name}={value}"))
    }
}

/// A response of a server.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the time in the header `Date`.
    pub fn date(&self) -> Option<DateTime<FixedOffset>> {
        // The format is that of RFC 5322, which replaced RFC 2822 (RFC 9110, section 5.6.7).
        DateTime::parse_from_rfc2822(self.headers.get("date")?.to_str().ok()?).ok()
    }

    /// Returns the attributes of a cookie that the response sets.
    pub fn attributes(&self, name: &str) -> Vec<String> {
        let set = self
            .headers
            .get_all("set-cookie")
            .iter()
            .find_map(|header| {
                let (pair, attributes) = header.to_str().ok()?.split_once(';')?;
                (pair.split_once('=')?.0 == name).then_some(attributes)
            });
        let attributes = set.into_iter().flat_map(|attributes| attributes.split(';'));
        attributes.map(|it| it.trim().to_owned()).collect()
    }

    /// Returns the value of a cookie that the response sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .find_map(|header| {
                let (pair, _) = header.to_str().ok()?.split_once(';')?;
                let (found, value) = pair.split_once('=')?;
                (found == name).then(|| value.to_owned())
            })
    }
}

/// An HTTP client for one server.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    base: String,
}

impl Sender {
    /// Creates a client for a base URL. It follows no redirects and uses no proxy.
    ///
    /// # Errors
    /// Fails if the client cannot be created.
    pub fn to(base: String) -> reqwest::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        Ok(Self { client, base })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// Returns the reason why the request failed.
    pub fn send(&self, request: &Request) -> Result<Response, String> {
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            headers.append(
                name,
                HeaderValue::from_str(value).map_err(|error| error.to_string())?,
            );
        }
        let mut builder = self
            .client
            .request(method, format!("{}{}", self.base, request.path))
            .headers(headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        let response = builder.send().map_err(root_cause)?;
        Ok(Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().map_err(root_cause)?.to_vec(),
        })
    }
}

/// Returns the innermost cause, because outer ones contain the address, which differs in each run.
fn root_cause(error: reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Percent-encodes all characters except the unreserved ones (RFC 3986, section 2.3).
fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Decodes percent-encoding (RFC 3986, section 2.1).
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

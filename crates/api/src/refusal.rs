//! The error responses of the API: status, code, message and headers of each kind, in one place.
//!
//! The generated extractors refuse requests before a handler runs, and the server's error map does so afterwards.
//! Clients must not be able to distinguish the two, so both use these responses. The body has dropshot's shape, and
//! dropshot adds the request id.

use std::sync::OnceLock;
use std::time::Duration;

use dropshot::{ClientErrorStatusCode, ErrorStatusCode, HttpError};
use dropshot_codegen_runtime::Refusals;
use http::{HeaderName, HeaderValue, header};

/// The value of `Strict-Transport-Security` in this process.
///
/// It is process-wide, because the generated extractors have no access to the context of the server.
static STRICT_TRANSPORT_SECURITY: OnceLock<HeaderValue> = OnceLock::new();

/// Adds `Strict-Transport-Security` to all later responses of this process.
///
/// Only the first call has an effect.
pub fn set_strict_transport_security(policy: HeaderValue) {
    let _ = STRICT_TRANSPORT_SECURITY.set(policy);
}

/// Returns the value of `Strict-Transport-Security`, if it is sent.
pub fn strict_transport_security() -> Option<String> {
    let policy = STRICT_TRANSPORT_SECURITY.get()?.to_str().ok()?;
    Some(policy.to_owned())
}

/// 401 `InvalidCredentials`: the login is refused, whatever the cause.
pub fn invalid_credentials() -> HttpError {
    unauthorized(
        "InvalidCredentials",
        "the user name, the password or the domain is wrong",
    )
}

/// 429 `TooManyAttempts`: the login is refused by a rate limit; the client must wait for `seconds`.
pub fn too_many_attempts(seconds: u32) -> HttpError {
    let mut error = client_error(
        ClientErrorStatusCode::TOO_MANY_REQUESTS,
        "TooManyAttempts",
        "too many login attempts failed; wait for the time in Retry-After",
    );
    set_retry_after(&mut error, seconds.into());
    error
}

/// 401 `NoSession`: the request has no valid session, whatever the cause.
pub fn no_session() -> HttpError {
    unauthorized(
        "NoSession",
        "no live session belongs to this request; log in with POST /login",
    )
}

/// 403 `Forbidden`: the user or the origin may not send this request; `message` states the rule.
pub fn forbidden(message: &str) -> HttpError {
    client_error(ClientErrorStatusCode::FORBIDDEN, "Forbidden", message)
}

/// 404 `NotFound`: the object does not exist, or the client may not know that it exists.
pub fn object_not_found() -> HttpError {
    client_error(
        ClientErrorStatusCode::NOT_FOUND,
        "NotFound",
        "the object does not exist",
    )
}

/// 400 `InvalidRequest`: the page token is not one that this operation returned.
pub fn invalid_page_token() -> HttpError {
    client_error(
        ClientErrorStatusCode::BAD_REQUEST,
        INVALID_REQUEST,
        "invalid page_token: expected the next_page of an earlier response",
    )
}

/// 404 with dropshot's message: the contract does not have the path.
pub fn not_found() -> HttpError {
    common_headers(HttpError::for_not_found(
        None,
        "no such path in the contract".to_owned(),
    ))
}

/// 405 with dropshot's message; `allow` lists the methods of the path (RFC 9110, section 15.5.6).
pub fn method_not_allowed(allow: &'static str) -> HttpError {
    let mut error =
        HttpError::for_client_error_with_status(None, ClientErrorStatusCode::METHOD_NOT_ALLOWED);
    set_header(&mut error, header::ALLOW, allow);
    common_headers(error)
}

/// 505 in dropshot's shape: only HTTP/1.1 is served.
pub fn http_version_not_supported() -> HttpError {
    let message = "this server speaks HTTP/1.1 only".to_owned();
    common_headers(HttpError {
        status_code: ErrorStatusCode::HTTP_VERSION_NOT_SUPPORTED,
        error_code: None,
        external_message: message.clone(),
        internal_message: message,
        headers: None,
    })
}

/// 500 `Internal`; `cause` is only logged.
pub fn internal(cause: String) -> HttpError {
    common_headers(HttpError::for_internal_error(cause))
}

/// 503 `Overloaded`: the database is unreachable, full or locked; `cause` is only logged.
pub fn unavailable(cause: String) -> HttpError {
    service_unavailable(UNAVAILABLE_RETRY_SECS, cause)
}

/// The log prefix of [`overloaded`], which, unlike [`unavailable`], is not a fault of the server.
pub const LOAD_SHEDDING: &str = "load shedding: ";

/// 503 `Overloaded`: a login would have to wait too long, for `wait`; `cause` is only logged.
pub fn overloaded(wait: Duration, cause: &str) -> HttpError {
    // Rounded up, since a client that retries too early would be refused again.
    let seconds = wait.as_secs_f64().ceil().clamp(1.0, MAX_RETRY_AFTER_SECS) as u64;
    service_unavailable(seconds, format!("{LOAD_SHEDDING}{cause}"))
}

fn service_unavailable(seconds: u64, cause: String) -> HttpError {
    let mut error = HttpError::for_unavail(Some("Overloaded".to_owned()), cause);
    "the server is temporarily unavailable; wait for the time in Retry-After"
        .clone_into(&mut error.external_message);
    set_retry_after(&mut error, seconds);
    common_headers(error)
}

fn set_retry_after(error: &mut HttpError, seconds: u64) {
    error
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

/// The code of an invalid parameter or body.
const INVALID_REQUEST: &str = "InvalidRequest";

/// `Retry-After` of [`unavailable`], in seconds: the time for which a write waits for a lock.
const UNAVAILABLE_RETRY_SECS: u64 = 5;

/// The maximum value of `Retry-After`, in seconds: a longer estimate is not reliable.
const MAX_RETRY_AFTER_SECS: f64 = 60.0;

/// Shapes the refusals of extractors.
///
/// A missing or malformed credential gets the response of an unknown one; an invalid parameter or body gets
/// `InvalidRequest`.
#[derive(Debug)]
pub enum LoginRefusals {}

impl Refusals for LoginRefusals {
    fn shape(mut refusal: HttpError) -> HttpError {
        if refusal.status_code == ClientErrorStatusCode::UNAUTHORIZED {
            return no_session();
        }
        let is_invalid = [
            ClientErrorStatusCode::BAD_REQUEST,
            ClientErrorStatusCode::PAYLOAD_TOO_LARGE,
            ClientErrorStatusCode::UNSUPPORTED_MEDIA_TYPE,
        ];
        if refusal.error_code.is_none()
            && is_invalid
                .iter()
                .any(|status| refusal.status_code == *status)
        {
            refusal.error_code = Some(INVALID_REQUEST.to_owned());
        }
        common_headers(refusal)
    }
}

fn client_error(
    status: ClientErrorStatusCode,
    code: &str,
    message: impl Into<String>,
) -> HttpError {
    common_headers(HttpError::for_client_error(
        Some(code.to_owned()),
        status,
        message.into(),
    ))
}

fn unauthorized(code: &str, message: &str) -> HttpError {
    let mut error = client_error(ClientErrorStatusCode::UNAUTHORIZED, code, message);
    set_header(&mut error, header::WWW_AUTHENTICATE, "Bearer");
    error
}

/// Sets the headers of every response. A 404 would otherwise be cacheable (RFC 9111, section 4.2.2).
fn common_headers(mut error: HttpError) -> HttpError {
    set_header(&mut error, header::CACHE_CONTROL, "no-store");
    security_headers(error)
}

fn security_headers(mut error: HttpError) -> HttpError {
    set_header(&mut error, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_header(
        &mut error,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    );
    set_header(&mut error, header::REFERRER_POLICY, "no-referrer");
    if let Some(policy) = STRICT_TRANSPORT_SECURITY.get() {
        let headers = error.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, policy.clone());
    }
    error
}

fn set_header(error: &mut HttpError, name: HeaderName, value: &'static str) {
    error
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_parameter_has_code_invalid_request() {
        let error = LoginRefusals::shape(HttpError::for_bad_request(None, "no number".to_owned()));
        assert_eq!(error.error_code.as_deref(), Some("InvalidRequest"));
        assert_eq!(error.external_message, "no number");
        let unknown = LoginRefusals::shape(HttpError::for_client_error_with_status(
            None,
            ClientErrorStatusCode::UNAUTHORIZED,
        ));
        assert_eq!(unknown.error_code.as_deref(), Some("NoSession"));
    }

    #[test]
    fn refusal_after_authentication_has_its_code_and_is_not_cached() {
        let refusals = [
            (forbidden("a rule"), 403, "Forbidden"),
            (object_not_found(), 404, "NotFound"),
            (invalid_page_token(), 400, "InvalidRequest"),
        ];
        for (error, status, code) in refusals {
            assert_eq!(error.status_code.as_u16(), status);
            assert_eq!(error.error_code.as_deref(), Some(code));
            let headers = error.headers.as_deref().unwrap();
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        }
    }
}

//! Extraction of credentials from requests.
//!
//! An operation with `security` receives a generated enum of credentials, so its handler cannot be written without one.
//! dropshot runs all extractors of a request together (`try_join!`) and sends the first refusal. The credential is the
//! first argument, and its extractor never waits, so a client without a credential learns nothing about the parameters.

use dropshot::{ClientErrorStatusCode, HttpError, RequestInfo};
use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

use crate::refusal::Refusals;
use crate::secret::Secret;

/// A user name and a password (RFC 7617).
#[derive(Clone, Debug)]
pub struct Basic {
    /// The user name, which may be empty and contains no colon.
    pub user: Secret,
    /// The password, which may be empty.
    pub password: Secret,
}

/// The reason why a request has no usable credential; it never repeats what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCredential(pub &'static str);

/// The credentials that an operation accepts, generated from its `security`.
pub trait Credentials: Sized + Send + Sync {
    /// The challenges of the 401 response (RFC 9110, section 15.5.2).
    ///
    /// An API key has no authentication scheme, so it has no challenge.
    const CHALLENGES: &'static [&'static str];

    /// Reads the first credential in the order of the contract; fails if it is malformed or there is none.
    fn read(head: Head<'_>) -> Result<Self, InvalidCredential>;
}

/// The parts of a request that can carry a credential.
///
/// Each method returns an error if its credential is malformed or sent twice, and `None` if it is not sent.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The query, without its question mark.
    pub query: &'a str,
}

impl<'a> Head<'a> {
    /// Returns the bearer token (RFC 6750, section 2.1).
    pub fn bearer(self) -> Result<Option<Secret>, InvalidCredential> {
        let Some(token) = self.authorization("bearer")? else {
            return Ok(None);
        };
        visible_ascii(
            token,
            "the bearer token is malformed: send `Authorization: Bearer ` and the token",
        )
    }

    /// Returns the user name and password (RFC 7617, section 2).
    pub fn basic(self) -> Result<Option<Basic>, InvalidCredential> {
        const MALFORMED: InvalidCredential = InvalidCredential(
            "the Basic credential is malformed: send `Authorization: Basic ` and the base64 of `user:password`",
        );
        let Some(encoded) = self.authorization("basic")? else {
            return Ok(None);
        };
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded)
            .map(Zeroizing::new)
            .map_err(|_| MALFORMED)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| MALFORMED)?;
        match text.split_once(':') {
            Some((user, password)) if !text.contains(char::is_control) => Ok(Some(Basic {
                user: Secret::from(user),
                password: Secret::from(password),
            })),
            _ => Err(MALFORMED),
        }
    }

    /// Returns the API key in a header.
    pub fn header(self, name: &'static str) -> Result<Option<Secret>, InvalidCredential> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(InvalidCredential("the credential is sent twice"));
        }
        visible_ascii(
            value.as_bytes(),
            "the credential in the header is malformed",
        )
    }

    /// Returns the API key in the cookie of that name.
    ///
    /// Two cookies of that name are ambiguous: a page of a sibling host can set one of them (RFC 6265, section 8.6).
    /// HTTP/2 allows several `Cookie` headers (RFC 9113, section 8.2.3).
    pub fn cookie(self, name: &'static str) -> Result<Option<Secret>, InvalidCredential> {
        let mut found = None;
        for value in self.headers.get_all(header::COOKIE) {
            // Other cookies may contain bytes that are not UTF-8, which must not prevent reading this one.
            let text = String::from_utf8_lossy(value.as_bytes());
            for cookie in cookie::Cookie::split_parse(text.as_ref()).flatten() {
                if cookie.name() != name {
                    continue;
                }
                if found.is_some() {
                    return Err(InvalidCredential("the cookie is sent twice"));
                }
                found = visible_ascii(
                    cookie.value().as_bytes(),
                    "the credential in the cookie is malformed",
                )?;
            }
        }
        Ok(found)
    }

    /// Returns the API key in a query parameter.
    pub fn query(self, name: &'static str) -> Result<Option<Secret>, InvalidCredential> {
        let mut values =
            form_urlencoded::parse(self.query.as_bytes()).filter(|(key, _)| key == name);
        let Some((_, value)) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(InvalidCredential("the credential is sent twice"));
        }
        visible_ascii(value.as_bytes(), "the credential in the query is malformed")
    }

    /// Returns the value after the scheme of `Authorization`, if the request uses that scheme.
    fn authorization(self, scheme: &'static str) -> Result<Option<&'a [u8]>, InvalidCredential> {
        let mut values = self.headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(InvalidCredential("`Authorization` is sent twice"));
        }
        // The scheme is a token, which ends at the first other character (RFC 9110, section 11.4) and is
        // case-insensitive (section 11.1).
        let value = value.as_bytes();
        let Some((start, rest)) = value.split_at_checked(scheme.len()) else {
            return Ok(None);
        };
        let is_longer = rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
        if is_longer || !start.eq_ignore_ascii_case(scheme.as_bytes()) {
            return Ok(None);
        }
        let first = rest
            .iter()
            .position(|byte| *byte != b' ')
            .unwrap_or(rest.len());
        // A value without a space after the scheme is malformed (RFC 9110, section 11.4).
        Ok(Some(if first == 0 { &[] } else { &rest[first..] }))
    }
}

/// Returns a credential if it consists of one or more visible ASCII characters.
fn visible_ascii(
    text: &[u8],
    malformed: &'static str,
) -> Result<Option<Secret>, InvalidCredential> {
    // Every byte is checked, even after an invalid one, so that the compiler can vectorize the loop.
    let is_visible = text
        .iter()
        .fold(true, |visible, byte| visible & byte.is_ascii_graphic());
    match std::str::from_utf8(text) {
        Ok(text) if is_visible && !text.is_empty() => Ok(Some(Secret::from(text))),
        _ => Err(InvalidCredential(malformed)),
    }
}

/// Reads the credential of a request, or returns a 401 that `R` shapes.
pub fn extract<C: Credentials, R: Refusals>(request: &RequestInfo) -> Result<C, HttpError> {
    from_head::<C, R>(Head {
        headers: request.headers(),
        query: request.uri().query().unwrap_or_default(),
    })
}

/// Reads the credential from headers and query, or returns a 401 that `R` shapes.
pub fn from_head<C: Credentials, R: Refusals>(head: Head<'_>) -> Result<C, HttpError> {
    C::read(head).map_err(|InvalidCredential(message)| {
        let mut error = HttpError::for_client_error(
            None,
            ClientErrorStatusCode::UNAUTHORIZED,
            message.to_owned(),
        );
        for challenge in C::CHALLENGES {
            error.headers_mut().append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        R::shape(error)
    })
}

/// Implements dropshot's extractor for [`Credentials`], with a type that implements [`Refusals`].
#[macro_export]
macro_rules! credential_extractor {
    ($type:ident, $refusals:ty) => {
        #[$crate::private::async_trait]
        impl $crate::private::dropshot::SharedExtractor for $type {
            async fn from_request<Context: $crate::private::dropshot::ServerContext>(
                rqctx: &$crate::private::dropshot::RequestContext<Context>,
            ) -> ::std::result::Result<Self, $crate::private::dropshot::HttpError> {
                $crate::credential::extract::<Self, $refusals>(&rqctx.request)
            }

            fn metadata(
                _: $crate::private::dropshot::ApiEndpointBodyContentType,
            ) -> $crate::private::dropshot::ExtractorMetadata {
                $crate::private::dropshot::ExtractorMetadata {
                    extension_mode: $crate::private::dropshot::ExtensionMode::None,
                    parameters: Vec::new(),
                }
            }
        }
    };
}

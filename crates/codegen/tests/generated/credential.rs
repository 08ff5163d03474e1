//! The choice of a request's credential, and refusals.

use dropshot::{ClientErrorStatusCode, HttpError, RequestContext};
use dropshot_codegen_runtime::credential::{Head, from_head};
use http::{HeaderMap, HeaderName, HeaderValue};
use insta::assert_snapshot;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::wire::{request, response_to};
use crate::fixtures::credentials;

enum Vault {}

impl credentials::Vault for Vault {
    type Context = ();

    async fn hello(_: RequestContext<()>) -> Result<credentials::HelloNoContent, HttpError> {
        Ok(credentials::HelloNoContent)
    }

    async fn look(
        _: RequestContext<()>,
        credential: credentials::Credential,
    ) -> Result<credentials::LookNoContent, HttpError> {
        // The test reads from the error which credential was chosen.
        Err(HttpError::for_bad_request(None, render(&credential)))
    }

    async fn put(
        _: RequestContext<()>,
        credential: credentials::Credential,
        body: credentials::JsonBody<credentials::types::Treasure>,
    ) -> Result<credentials::PutNoContent, HttpError> {
        let treasure = body.into_inner()?;
        Err(HttpError::for_bad_request(
            None,
            format!("{credential:?} {treasure:?}"),
        ))
    }

    async fn fill(
        _: RequestContext<()>,
        credential: credentials::Credential,
        path: credentials::Extracted<dropshot::Path<credentials::FillPath>>,
        body: credentials::JsonBody<credentials::types::Treasure>,
    ) -> Result<credentials::FillNoContent, HttpError> {
        if render(&credential) == "key unknown" {
            let status = ClientErrorStatusCode::UNAUTHORIZED;
            return Err(HttpError::for_client_error_with_status(None, status));
        }
        let path = path.into_inner()?.into_inner();
        body.into_inner()?;
        Err(HttpError::for_bad_request(
            None,
            format!("{credential:?} {path:?}"),
        ))
    }
}

fn render(credential: &credentials::Credential) -> String {
    let (kind, secret) = match credential {
        credentials::Credential::BearerToken(secret) => ("bearer", secret),
        credentials::Credential::SessionCookie(secret) => ("cookie", secret),
        credentials::Credential::ApiKey(secret) => ("key", secret),
    };
    format!("{kind} {}", secret.expose())
}

fn read_credential(headers: &HeaderMap) -> Result<credentials::Credential, HttpError> {
    from_head::<_, crate::Marked>(Head { headers, query: "" })
}

fn credential(headers: &[(&str, &[u8])]) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    match read_credential(&map) {
        Ok(credential) => render(&credential),
        Err(error) => {
            let code = error.error_code.unwrap_or_default();
            format!("{} {code}: {}", error.status_code, error.external_message)
        }
    }
}

#[test]
fn first_credential_of_contract_is_used() {
    let bearer = ("authorization", &b"Bearer t0ken"[..]);
    let session = ("cookie", &b"session=c00kie"[..]);
    let key = ("x-api-key", &b"k3y"[..]);
    assert_eq!(credential(&[key, session, bearer]), "bearer t0ken");
    assert_eq!(credential(&[key, session]), "cookie c00kie");
    assert_eq!(credential(&[key]), "key k3y");
}

#[test]
fn request_without_credential_returns_401_with_instructions() {
    assert_snapshot!(credential(&[]), @"401 Unauthorized Marked: the request carries no credential: send `Authorization: Bearer ...` or the cookie `session` or the header `X-Api-Key`");
}

#[test]
fn bearer_scheme_is_case_insensitive() {
    for value in [&b"Bearer t"[..], b"bearer t", b"BEARER t", b"bEaReR    t"] {
        assert_eq!(credential(&[("authorization", value)]), "bearer t");
    }
}

#[test]
fn other_authorization_scheme_is_ignored() {
    for value in [
        &b"Basic YTpi"[..],
        b"BearerToken t",
        b"bear t",
        b"",
        b"Digest a=\"b\", c=d",
    ] {
        let headers: [(&str, &[u8]); 2] = [("authorization", value), ("cookie", b"session=c00kie")];
        assert_eq!(credential(&headers), "cookie c00kie");
    }
}

#[test]
fn malformed_bearer_token_is_refused_despite_other_credential() {
    for value in [
        &b"Bearer"[..],
        b"Bearer ",
        b"Bearer\tt",
        b"Bearer,t",
        b"Bearer t t",
        b"Bearer t\xc3\xa9",
        b"Bearer \xff",
        b"bearer:t",
    ] {
        let headers: [(&str, &[u8]); 2] = [("authorization", value), ("cookie", b"session=c00kie")];
        assert_eq!(
            credential(&headers),
            "401 Unauthorized Marked: the bearer token is malformed: send `Authorization: Bearer ` and the token",
            "{value:?}",
        );
    }
}

#[test]
fn two_authorization_headers_are_refused() {
    for second in [&b"Bearer t"[..], b"Basic YTpi"] {
        let headers: [(&str, &[u8]); 2] =
            [("authorization", b"Bearer t"), ("authorization", second)];
        assert_eq!(
            credential(&headers),
            "401 Unauthorized Marked: `Authorization` is sent twice"
        );
    }
}

#[test]
fn cookie_with_the_listed_name_is_used() {
    for (cookies, expected) in [
        (&[&b"a=b; session=one; c=d"[..]][..], "cookie one"),
        (&[b"a=b", b"c=d; session=one", b"e=f"], "cookie one"),
        (&[b"xsession=no; session=one"], "cookie one"),
        (&[b"session; =x; ;; session=one"], "cookie one"),
        (&[b"other=\xff\xfe; session=one"], "cookie one"),
        (&[b"session=a=b"], "cookie a=b"),
        (&[b"session=%20"], "cookie %20"),
    ] {
        let headers: Vec<_> = cookies.iter().map(|value| ("cookie", *value)).collect();
        assert_eq!(credential(&headers), expected);
    }
}

#[test]
fn two_cookies_with_the_listed_name_are_refused_as_ambiguous() {
    for cookies in [
        &[&b"session=one; session=two"[..]][..],
        &[b"session=one; session=one"],
        &[b"session=one", b"a=b; session=two"],
    ] {
        let headers: Vec<_> = cookies.iter().map(|value| ("cookie", *value)).collect();
        assert_eq!(
            credential(&headers),
            "401 Unauthorized Marked: the cookie is sent twice"
        );
    }
}

#[test]
fn malformed_cookie_is_refused_despite_other_credential() {
    for value in [
        &b"session="[..],
        b"session=a b",
        b"session=\xff; session=one",
    ] {
        let headers: [(&str, &[u8]); 2] = [("cookie", value), ("x-api-key", b"k3y")];
        assert_eq!(
            credential(&headers),
            "401 Unauthorized Marked: the credential in the cookie is malformed",
            "{value:?}",
        );
    }
}

#[test]
fn cookie_name_is_case_sensitive() {
    assert_eq!(
        credential(&[("cookie", b"Session=x"), ("x-api-key", b"k3y")]),
        "key k3y"
    );
}

#[test]
fn malformed_or_repeated_key_is_refused() {
    for values in [&[&b""[..]][..], &[b"a b"], &[b"\xe9"]] {
        let headers: Vec<_> = values.iter().map(|value| ("x-api-key", *value)).collect();
        assert_eq!(
            credential(&headers),
            "401 Unauthorized Marked: the credential in the header is malformed"
        );
    }
    let twice: [(&str, &[u8]); 2] = [("x-api-key", b"a"), ("x-api-key", b"a")];
    assert_eq!(
        credential(&twice),
        "401 Unauthorized Marked: the credential is sent twice"
    );
}

proptest! {
    #[test]
    fn accepted_credential_is_visible_ascii(
        authorization in proptest::option::of("([Bb]earer[ ]{0,2}|Basic )?[ -~\u{e9}]{0,9}"),
        cookie in proptest::option::of("(a=b; ?)?(session=)?[ -~\u{e9}]{0,9}"),
    ) {
        let mut headers = HeaderMap::new();
        if let Some(value) = &authorization {
            headers.insert("authorization", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if let Some(value) = &cookie {
            headers.insert("cookie", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if let Ok(credential) = read_credential(&headers) {
            let text = render(&credential);
            let (_, secret) = text.split_once(' ').unwrap();
            prop_assert!(!secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic()));
            let debug = format!("{credential:?}");
            prop_assert!(debug.ends_with("(Secret)"));
        }
    }

    #[test]
    fn token_is_received_unchanged(token in "[!-~]{1,40}") {
        let header = format!("Bearer {token}");
        prop_assert_eq!(
            credential(&[("authorization", header.as_bytes())]),
            format!("bearer {token}")
        );
    }
}

/// Implements the trait with the operations macro.
mod named {
    use dropshot::{HttpError, RequestContext};

    use crate::fixtures::credentials::*;

    pub(super) enum Named {}

    /// Implements each method so that its error has the names of the method and of its arguments.
    macro_rules! return_names {
        ($(fn $method:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty;)+) => {
            impl Vault for Named {
                type Context = ();

                $(
                    async fn $method(_: RequestContext<()>, $($argument: $type),*) -> $result {
                        $(drop($argument);)*
                        let names: &[&str] = &[stringify!($method) $(, stringify!($argument))*];
                        Err(HttpError::for_bad_request(None, names.join(" ")))
                    }
                )+
            }
        };
    }

    vault_operations!(return_names);
}

#[tokio::test]
async fn operations_macro_passes_methods_and_arguments() {
    let mut messages = Vec::new();
    for line in ["GET /", "GET /vault", "PUT /drawer/1"] {
        let api = credentials::vault::api_description::<named::Named>().unwrap();
        let request = request(line, &["X-Api-Key: k3y"], "{}");
        let response = response_to(api, &request).await;
        let (_, body) = response.split_once("\n\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        messages.push(body["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        messages,
        ["hello", "look credential", "fill credential path body"]
    );
}

async fn vault(request: &str) -> String {
    let api = credentials::vault::api_description::<Vault>().unwrap();
    response_to(api, request).await
}

#[tokio::test]
async fn operation_without_security_needs_no_credential() {
    assert_snapshot!(vault(&request("GET /", &[], "")).await, @r"
    HTTP/1.1 204 No Content
    connection: close
    ");
}

#[tokio::test]
async fn missing_credential_returns_401_despite_invalid_body() {
    assert_snapshot!(vault(&request("POST /vault", &[], "no json")).await, @r#"
    HTTP/1.1 401 Unauthorized
    connection: close
    content-length: 218
    content-type: application/json
    www-authenticate: Bearer

    {
      "request_id": "-",
      "error_code": "Marked",
      "message": "the request carries no credential: send `Authorization: Bearer ...` or the cookie `session` or the header `X-Api-Key`"
    }
    "#);
}

#[tokio::test]
async fn missing_credential_returns_401_despite_invalid_parameter() {
    assert_snapshot!(vault(&request("PUT /drawer/none", &[], "no json")).await, @r#"
    HTTP/1.1 401 Unauthorized
    connection: close
    content-length: 218
    content-type: application/json
    www-authenticate: Bearer

    {
      "request_id": "-",
      "error_code": "Marked",
      "message": "the request carries no credential: send `Authorization: Bearer ...` or the cookie `session` or the header `X-Api-Key`"
    }
    "#);
}

#[tokio::test]
async fn refused_credential_returns_401_despite_invalid_parameter() {
    let request = request("PUT /drawer/none", &["X-Api-Key: unknown"], "no json");
    let response = vault(&request).await;
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
}

#[tokio::test]
async fn invalid_parameter_with_valid_credential_returns_400() {
    let request = request("PUT /drawer/none", &["X-Api-Key: k3y"], "no json");
    assert_snapshot!(vault(&request).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 157
    content-type: application/json

    {
      "request_id": "-",
      "error_code": "Marked",
      "message": "bad parameter in URL path: unable to parse 'none' as i64"
    }
    "#);
}

#[tokio::test]
async fn handler_receives_credential() {
    let request = request("GET /vault", &["Cookie: session=c00kie"], "");
    assert_snapshot!(vault(&request).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 88
    content-type: application/json

    {
      "request_id": "-",
      "message": "cookie c00kie"
    }
    "#);
}

#[test]
fn secret_moves_into_zeroizing_string_without_copy() {
    let text = Zeroizing::new("xyzzy".to_owned());
    let address = text.as_ptr();
    let secret = credentials::Secret::from(text);
    assert_eq!(secret.expose().as_ptr(), address);
    let text = Zeroizing::from(secret);
    assert_eq!((text.as_str(), text.as_ptr()), ("xyzzy", address));
}

#[tokio::test]
async fn debug_of_credential_and_body_hides_secrets() {
    let body = r#"{"name":"gold","pin":"1234","codes":["xyzzy"]}"#;
    let request = request("POST /vault", &["X-Api-Key: k3y"], body);
    assert_snapshot!(vault(&request).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 146
    content-type: application/json

    {
      "request_id": "-",
      "message": "ApiKey(Secret) Treasure { codes: [CodeWord], name: \"gold\", pin: Pin }"
    }
    "#);
}

//! Several lists of security requirements in one contract: Basic, keys in the query, combined and optional credentials.

use base64::{Engine, engine::general_purpose::STANDARD};
use dropshot::{HttpError, HttpResponseDeleted, RequestContext};
use dropshot_codegen_runtime::{
    DropshotRefusals,
    credential::{Credentials, Head, from_head},
};
use http::HeaderMap;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::wire::{request, response_to};
use crate::fixtures::security::{
    self, Basic, BothCredential, BothOrNeitherCredential, ByKeyCredential, Credential,
    OptionalCredential,
};

enum Handlers {}

/// Returns what a handler received as an error, for the test to read.
fn received(credential: impl std::fmt::Debug) -> Result<HttpResponseDeleted, HttpError> {
    Err(HttpError::for_bad_request(None, format!("{credential:?}")))
}

impl security::Security for Handlers {
    type Context = ();

    async fn by_default(
        _: RequestContext<()>,
        credential: Credential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn by_default_spelled_out(
        _: RequestContext<()>,
        credential: Credential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn open(_: RequestContext<()>) -> Result<HttpResponseDeleted, HttpError> {
        received(())
    }

    async fn open_too(_: RequestContext<()>) -> Result<HttpResponseDeleted, HttpError> {
        received(())
    }

    async fn optional(
        _: RequestContext<()>,
        credential: OptionalCredential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn by_key(
        _: RequestContext<()>,
        credential: ByKeyCredential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn both(
        _: RequestContext<()>,
        credential: BothCredential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn both_ordered_otherwise(
        _: RequestContext<()>,
        credential: BothCredential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }

    async fn both_or_neither(
        _: RequestContext<()>,
        credential: BothOrNeitherCredential,
    ) -> Result<HttpResponseDeleted, HttpError> {
        received(credential)
    }
}

fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn read_credential<C: Credentials>(headers: &HeaderMap, query: &str) -> Result<C, HttpError> {
    from_head::<C, DropshotRefusals>(Head { headers, query })
}

fn refused(error: HttpError) -> String {
    format!("{} {}", error.status_code.as_u16(), error.external_message)
}

fn basic_of(Basic { user, password }: &Basic) -> String {
    format!("{} with {}", user.expose(), password.expose())
}

fn user(authorization: &str) -> String {
    match read_credential::<Credential>(&headers(&[("authorization", authorization)]), "") {
        Ok(Credential::User(basic)) => basic_of(&basic),
        Ok(Credential::Token(token)) => format!("token {}", token.expose()),
        Err(error) => refused(error),
    }
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[test]
fn basic_credential_is_split_at_first_colon() {
    for (text, expected) in [
        ("alice:secret", "alice with secret"),
        ("alice:se:cret", "alice with se:cret"),
        (":secret", " with secret"),
        ("key:", "key with "),
        (
            "jos\u{e9}:contrase\u{f1}a",
            "jos\u{e9} with contrase\u{f1}a",
        ),
    ] {
        assert_eq!(user(&encoded(text)), expected);
    }
    let lower = encoded("a:b").replace("Basic", "bAsIc  ");
    assert_eq!(user(&lower), "a with b");
}

#[test]
fn malformed_basic_credential_is_refused() {
    for value in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic a:b".to_owned(),
        "Basic YTpi=".to_owned(),
        encoded("no colon"),
        encoded("a:b\n"),
        encoded("a\0:b"),
        encoded(b"a:\xff"),
    ] {
        assert_eq!(
            user(&value),
            "401 the Basic credential is malformed: send `Authorization: Basic ` and the base64 of `user:password`",
            "{value}"
        );
    }
}

#[test]
fn bearer_token_is_accepted_instead_of_basic() {
    assert_eq!(user("Bearer t0ken"), "token t0ken");
    assert_eq!(
        user("Digest a=\"b\""),
        "401 the request carries no credential: send `Authorization: Basic ...` or `Authorization: Bearer ...`"
    );
}

#[test]
fn key_in_query_is_decoded_and_must_be_unique() {
    for (query, expected) in [
        ("api%20key=k3y", "k3y"),
        ("a=b&api+key=k%233y&c", "k#3y"),
        (
            "",
            "401 the request carries no credential: send the query parameter `api key`",
        ),
        (
            "api=k3y&key=1",
            "401 the request carries no credential: send the query parameter `api key`",
        ),
        ("api%20key", "401 the credential in the query is malformed"),
        (
            "api%20key=a%20b",
            "401 the credential in the query is malformed",
        ),
        (
            "api%20key=%ff",
            "401 the credential in the query is malformed",
        ),
        ("api%20key=a&api+key=a", "401 the credential is sent twice"),
    ] {
        let found = match read_credential::<ByKeyCredential>(&HeaderMap::new(), query) {
            Ok(ByKeyCredential::Key(secret)) => secret.expose().to_owned(),
            Err(error) => refused(error),
        };
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn combined_credential_requires_all_parts() {
    let found = |pairs: &[(&'static str, &str)]| match read_credential::<BothCredential>(
        &headers(pairs),
        "",
    ) {
        Ok(BothCredential::UserAndAppId { user, app_id }) => {
            format!("{} from {}", basic_of(&user), app_id.expose())
        }
        Ok(BothCredential::Access(secret)) => format!("access {}", secret.expose()),
        Err(error) => refused(error),
    };
    let user = ("authorization", &*encoded("a:b"));
    let app = ("x-app-id", "app");
    let missing = "401 the request carries no credential: send `Authorization: Basic ...` and the header `X-App-Id` \
                   or `Authorization: Bearer ...`";
    assert_eq!(found(&[user, app]), "a with b from app");
    assert_eq!(found(&[("authorization", "Bearer t"), app]), "access t");
    assert_eq!(found(&[user]), missing);
    assert_eq!(found(&[app]), missing);
    assert_eq!(found(&[]), missing);
}

#[test]
fn request_without_any_part_of_credential_is_anonymous() {
    let found = |pairs: &[(&'static str, &str)], query| {
        let credential = read_credential::<BothOrNeitherCredential>(&headers(pairs), query);
        match credential {
            Ok(BothOrNeitherCredential::KeyAndAppId { key, app_id }) => {
                format!("key {} from {}", key.expose(), app_id.expose())
            }
            Ok(BothOrNeitherCredential::AppIdAndSignature { app_id, signature }) => {
                format!("signature {} from {}", signature.expose(), app_id.expose())
            }
            Ok(BothOrNeitherCredential::Anonymous) => "anonymous".to_owned(),
            Err(error) => refused(error),
        }
    };
    let app = ("x-app-id", "app");
    let signature = ("cookie", "signature=s");
    let part = "401 the credential of the request is incomplete: send the query parameter `api key` and the header \
                `X-App-Id` or the header `X-App-Id` and the cookie `signature`";
    assert_eq!(found(&[app, signature], "api+key=k"), "key k from app");
    assert_eq!(found(&[app, signature], ""), "signature s from app");
    assert_eq!(found(&[("x-other", "x")], "other=x"), "anonymous");
    assert_eq!(found(&[app], ""), part);
    assert_eq!(found(&[signature], ""), part);
    assert_eq!(found(&[], "api+key=k"), part);
    assert_eq!(
        found(&[], "api+key="),
        "401 the credential in the query is malformed"
    );
}

#[test]
fn malformed_token_is_not_anonymous() {
    let found = |pairs: &[(&'static str, &str)]| {
        read_credential::<OptionalCredential>(&headers(pairs), "").map_err(refused)
    };
    assert!(matches!(found(&[]), Ok(OptionalCredential::Anonymous)));
    assert!(matches!(
        found(&[("authorization", "Bearer t")]),
        Ok(OptionalCredential::Token(_))
    ));
    assert_eq!(
        found(&[("authorization", "Bearer ")]).unwrap_err(),
        "401 the bearer token is malformed: send `Authorization: Bearer ` and the token"
    );
}

proptest! {
    #[test]
    fn basic_credential_is_received_unchanged(name in "[^:\\pC]{0,20}", password in "[^\\pC]{0,20}") {
        prop_assert_eq!(
            user(&encoded(format!("{name}:{password}"))),
            format!("{name} with {password}")
        );
    }
}

async fn served(request: &str) -> String {
    let api = security::security::api_description::<Handlers>().unwrap();
    response_to(api, request).await
}

#[tokio::test]
async fn missing_credential_returns_401_with_challenges() {
    assert_snapshot!(served(&request("GET /", &[], "")).await, @r#"
    HTTP/1.1 401 Unauthorized
    connection: close
    content-length: 172
    content-type: application/json
    www-authenticate: Basic realm="API", charset="UTF-8"
    www-authenticate: Bearer

    {
      "request_id": "-",
      "message": "the request carries no credential: send `Authorization: Basic ...` or `Authorization: Bearer ...`"
    }
    "#);
}

#[tokio::test]
async fn operation_without_security_receives_no_credential() {
    assert_snapshot!(served(&request("PATCH /", &[], "")).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 77
    content-type: application/json

    {
      "request_id": "-",
      "message": "()"
    }
    "#);
}

#[tokio::test]
async fn debug_of_combined_credential_hides_secrets() {
    let header = format!("Authorization: {}", encoded("alice:secret"));
    let request = request("PUT /both", &[&header, "X-App-Id: app"], "");
    assert_snapshot!(served(&request).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 154
    content-type: application/json

    {
      "request_id": "-",
      "message": "UserAndAppId { user: Basic { user: Secret, password: Secret }, app_id: Secret }"
    }
    "#);
}

#[tokio::test]
async fn key_is_read_from_query_of_request() {
    let request = request("GET /key?api%20key=k3y", &[], "");
    assert_snapshot!(served(&request).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 86
    content-type: application/json

    {
      "request_id": "-",
      "message": "Key(Secret)"
    }
    "#);
}

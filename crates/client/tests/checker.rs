//! Tests of `SessionChecker` and `Session::user` against a mock server.

use pbx_login_client::{Error, Session, SessionChecker, Tenant, User};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "0123456789ABCDEF0123456789ABCDEF";

/// Starts a server that responds to `GET /user` with the token.
async fn mock_server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/user"))
        .and(header("Authorization", format!("Bearer {TOKEN}")))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

async fn check(response: ResponseTemplate) -> Result<Option<User>, Error> {
    let server = mock_server(response).await;
    let checker = SessionChecker::new(&server.uri()).expect("a checker");
    checker.check(TOKEN).await
}

fn body() -> Value {
    json!({
        "id": "U1", "username": "alice", "tenant_id": "T1", "domain": "pbx.example.com", "role": "Admin",
        "created_at": "2026-03-01T08:00:00Z",
    })
}

fn alice() -> User {
    User {
        id: "U1".to_owned(),
        username: "alice".to_owned(),
        tenant: Some(Tenant {
            id: "T1".to_owned(),
            domain: "pbx.example.com".to_owned(),
        }),
        role: "Admin".to_owned(),
        created_at: "2026-03-01T08:00:00Z".parse().expect("a time"),
    }
}

fn without(fields: &[&str]) -> ResponseTemplate {
    let mut body = body();
    for field in fields {
        body.as_object_mut().expect("an object").remove(*field);
    }
    ResponseTemplate::new(200).set_body_json(body)
}

fn refusal(status: u16) -> ResponseTemplate {
    let body = json!({ "request_id": "r", "message": "the message of the server" });
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn live_session_has_a_user_with_a_tenant() {
    let user = check(without(&[])).await.expect("a result");
    assert_eq!(user, Some(alice()));
}

#[tokio::test]
async fn system_user_has_no_tenant() {
    let user = check(without(&["tenant_id", "domain"])).await;
    assert_eq!(user.expect("a result").expect("a user").tenant, None);
}

#[tokio::test]
async fn token_without_a_live_session_has_no_user() {
    assert_eq!(check(refusal(401)).await.expect("a result"), None);
}

#[tokio::test]
async fn text_that_is_not_a_token_has_no_user_and_is_not_sent() {
    let server = mock_server(without(&[])).await;
    let checker = SessionChecker::new(&server.uri()).expect("a checker");
    for text in ["", " ", "a b", "a\r\nX: y", "a\0", "é", "\u{7f}"] {
        assert_eq!(checker.check(text).await.expect("a result"), None);
    }
    let requests = server.received_requests().await.expect("recorded");
    assert!(requests.is_empty());
}

#[tokio::test]
async fn server_that_cannot_answer_is_an_error_and_not_an_ended_session() {
    let overloaded = refusal(503).append_header("Retry-After", "7");
    let error = check(overloaded).await.expect_err("no result");
    assert!(matches!(error, Error::Throttled { wait } if wait.as_secs() == 7));
    for status in [502, 503, 504] {
        let error = check(ResponseTemplate::new(status)).await;
        assert!(matches!(error, Err(Error::Unreachable(_))), "{status}");
    }
    // A server with contract 1.0 has no `GET /user`.
    for status in [204, 302, 404, 500] {
        let error = check(ResponseTemplate::new(status)).await;
        assert!(matches!(error, Err(Error::InvalidResponse(_))), "{status}");
    }
    for base in ["http://127.0.0.1:1", "no url"] {
        let checker = SessionChecker::new(base).expect("a checker");
        checker.check(TOKEN).await.expect_err("no server");
    }
}

#[tokio::test]
async fn user_without_one_of_its_fields_is_an_invalid_response() {
    for field in [
        "tenant_id",
        "domain",
        "id",
        "username",
        "role",
        "created_at",
    ] {
        let error = check(without(&[field])).await;
        assert!(matches!(error, Err(Error::InvalidResponse(_))), "{field}");
    }
}

#[tokio::test]
async fn clones_check_different_tokens() {
    let server = mock_server(without(&[])).await;
    Mock::given(header("Authorization", "Bearer OTHER"))
        .respond_with(refusal(401))
        .mount(&server)
        .await;
    let checker = SessionChecker::new(&format!("{}/", server.uri())).expect("a checker");
    let clone = checker.clone();
    let (live, ended) = tokio::join!(checker.check(TOKEN), clone.check("OTHER"));
    assert_eq!(live.expect("a result"), Some(alice()));
    assert_eq!(ended.expect("a result"), None);
}

#[tokio::test]
async fn session_returns_its_user() {
    let server = mock_server(without(&[])).await;
    let session = Session::resume(&server.uri(), TOKEN).expect("a session");
    assert_eq!(session.user().await.expect("a user"), alice());
    let server = mock_server(refusal(401)).await;
    let session = Session::resume(&server.uri(), TOKEN).expect("a session");
    assert!(matches!(session.user().await, Err(Error::Expired)));
}

#[tokio::test]
async fn debug_output_and_errors_hide_the_token() {
    // A body that violates the contract and contains the token.
    let mut body = body();
    body["role"] = json!({ "token": TOKEN });
    let server = mock_server(ResponseTemplate::new(200).set_body_json(body)).await;
    let checker = SessionChecker::new(&server.uri()).expect("a checker");
    let error = checker.check(TOKEN).await.expect_err("an error");
    let shown = format!("{checker:?} {error:?} {error}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

//! Tests of `Session` against a mock server.

use std::time::Duration;

use pbx_login_client::{Credentials, Error, Session};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "0123456789ABCDEF0123456789ABCDEF";
const ALICE: Credentials<'static> = Credentials {
    username: "alice",
    password: "pa55",
    domain: Some("pbx.example.com"),
};

async fn mock_server(responses: &[(&str, &str, ResponseTemplate)]) -> MockServer {
    let server = MockServer::start().await;
    for (verb, at, response) in responses {
        Mock::given(method(*verb))
            .and(path(*at))
            .respond_with(response.clone())
            .mount(&server)
            .await;
    }
    server
}

fn login_response() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .append_header("Set-Cookie", "lang=en; Path=/")
        .append_header(
            "Set-Cookie",
            format!("session={TOKEN}; HttpOnly; SameSite=Strict; Path=/; Max-Age=1800"),
        )
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(serde_json::json!({
        "request_id": "r", "error_code": code, "message": "the message of the server",
    }))
}

fn status() -> serde_json::Value {
    serde_json::json!({
        "access_token": TOKEN, "expires_at": "2026-03-01T08:30:00Z", "expires_in": 1800, "role": "Admin",
    })
}

async fn login_error(response: ResponseTemplate) -> Error {
    let server = mock_server(&[("POST", "/login", response)]).await;
    Session::log_in(&server.uri(), ALICE)
        .await
        .expect_err("no session")
}

async fn status_error(response: ResponseTemplate) -> Error {
    let server = mock_server(&[("GET", "/login", response)]).await;
    let session = Session::resume(&server.uri(), TOKEN).expect("a session");
    session.status().await.expect_err("no status")
}

#[tokio::test]
async fn session_logs_in_returns_its_status_and_logs_out() {
    let server = MockServer::start().await;
    let credentials =
        serde_json::json!({"username": "alice", "password": "pa55", "domain": "pbx.example.com"});
    let bearer = format!("Bearer {TOKEN}");
    let mocks = [
        Mock::given(method("POST"))
            .and(path("/login"))
            .and(body_json(credentials))
            .respond_with(login_response()),
        Mock::given(method("GET"))
            .and(path("/login"))
            .and(header("Authorization", &bearer))
            .respond_with(ResponseTemplate::new(200).set_body_json(status())),
        Mock::given(method("POST"))
            .and(path("/logout"))
            .and(header("Authorization", &bearer))
            .respond_with(ResponseTemplate::new(204)),
    ];
    for mock in mocks {
        mock.expect(1).mount(&server).await;
    }

    // A base URL may end in a slash.
    let session = Session::log_in(&format!("{}/", server.uri()), ALICE)
        .await
        .expect("a session");
    assert_eq!(session.access_token().expose(), TOKEN);
    let status = session.status().await.expect("a status");
    assert_eq!(
        (
            status.access_token.expose(),
            status.expires_at.to_rfc3339(),
            status.expires_in,
            &*status.role
        ),
        (
            TOKEN,
            "2026-03-01T08:30:00+00:00".to_owned(),
            Duration::from_secs(1800),
            "Admin"
        )
    );
    session.log_out().await.expect("logged out");
}

#[tokio::test]
async fn session_with_another_token_sends_that_token() {
    let server = MockServer::start().await;
    Mock::given(header("Authorization", "Bearer OTHER"))
        .respond_with(ResponseTemplate::new(200).set_body_json(status()))
        .mount(&server)
        .await;
    let sessions = Session::resume(&server.uri(), "").expect("a session");
    sessions
        .with_token("OTHER")
        .status()
        .await
        .expect("a status");
}

#[tokio::test]
async fn response_status_determines_the_error() {
    assert!(
        matches!(login_error(refusal(401, "InvalidCredentials")).await, Error::Refused(text) if text == "the message of the server")
    );
    assert!(
        matches!(login_error(refusal(400, "InvalidRequest")).await, Error::InvalidInput(text) if text == "the message of the server")
    );
    assert!(matches!(
        status_error(refusal(401, "NoSession")).await,
        Error::Expired
    ));
    for status in [429, 503] {
        let response = refusal(status, "TooManyAttempts").append_header("Retry-After", "7");
        assert!(
            matches!(login_error(response).await, Error::Throttled { wait } if wait == Duration::from_secs(7))
        );
    }
    for status in [429, 503] {
        // A reverse proxy sends such a body.
        let response = ResponseTemplate::new(status)
            .set_body_raw("<h1>Later</h1>", "text/html")
            .append_header("Retry-After", "7");
        assert!(
            matches!(login_error(response).await, Error::Throttled { wait } if wait == Duration::from_secs(7))
        );
    }
    for status in [502, 503, 504] {
        assert!(matches!(
            status_error(ResponseTemplate::new(status)).await,
            Error::Unreachable(_)
        ));
    }
    for status in [200, 204, 302, 404, 418, 500] {
        assert!(
            matches!(
                status_error(ResponseTemplate::new(status)).await,
                Error::InvalidResponse(_)
            ),
            "{status}"
        );
    }
}

#[tokio::test]
async fn missing_server_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = Session::log_in(&url, ALICE).await.expect_err("no server");
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn status_without_a_field_is_an_invalid_response() {
    for field in ["access_token", "expires_at", "expires_in", "role"] {
        let mut body = status();
        body.as_object_mut().expect("an object").remove(field);
        let error = status_error(ResponseTemplate::new(200).set_body_json(body)).await;
        assert_eq!(
            error.to_string(),
            format!("the response violates the contract: the status has no {field}")
        );
    }
}

#[tokio::test]
async fn login_without_the_cookie_is_an_invalid_response() {
    let error = login_error(ResponseTemplate::new(200)).await;
    assert_eq!(
        error.to_string(),
        "the response violates the contract: the login response has no cookie `session`"
    );
}

#[tokio::test]
async fn invalid_input_is_refused_before_a_request() {
    let server = mock_server(&[]).await;
    let cases = [
        (
            Credentials {
                username: ".alice",
                ..ALICE
            },
            "invalid input: username: doesn't match pattern",
        ),
        (
            Credentials {
                username: "",
                ..ALICE
            },
            "invalid input: username: shorter than 1 characters",
        ),
        (
            Credentials {
                domain: Some(""),
                ..ALICE
            },
            "invalid input: domain: shorter than 1 characters",
        ),
    ];
    for (credentials, expected) in cases {
        let error = Session::log_in(&server.uri(), credentials)
            .await
            .expect_err("invalid");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let error = Session::log_in("no url", ALICE).await.expect_err("invalid");
    assert!(matches!(error, Error::InvalidInput(_)), "{error:?}");
    assert!(
        server
            .received_requests()
            .await
            .expect("recorded")
            .is_empty()
    );
}

#[tokio::test]
async fn debug_output_and_errors_hide_secrets() {
    let server = mock_server(&[("POST", "/login", login_response())]).await;
    let session = Session::log_in(&server.uri(), ALICE)
        .await
        .expect("a session");
    let mut shown = format!("{session:?} {:?}", session.access_token());
    // A body that violates the contract and contains the token.
    let mut body = status();
    body["role"] = serde_json::json!({ "token": TOKEN });
    let error = status_error(ResponseTemplate::new(200).set_body_json(body)).await;
    shown += &format!("{error:?} {error}");
    assert!(!shown.contains(TOKEN) && !shown.contains("pa55"), "{shown}");
}

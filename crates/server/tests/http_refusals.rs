//! Invalid requests receive responses that conform to the contract.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;

use common::{PASSWORD, TestServer, credentials};
use insta::assert_snapshot;
use pbx_login_server::password::{Cost, Hasher, Limits};

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.user("admin", None, "SystemAdmin").await;
    server
}

async fn refused(server: &TestServer, body: impl Into<reqwest::Body>) -> String {
    let response = server.post_login(body).await;
    let body = response.json();
    assert_eq!(
        (response.status, body["error_code"].as_str()),
        (400, Some("InvalidRequest"))
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    body["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn invalid_field_is_named_in_the_error() {
    let server = server().await;
    let response = server
        .post_login(r#"{"username": ".admin", "password": "hunter2"}"#)
        .await;
    assert_snapshot!(response.text(), @r#"
    400
    cache-control: no-store
    content-length: 194
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "InvalidRequest",
      "message": "username: doesn't match pattern \"^[A-Za-z0-9_'-]([A-Za-z0-9_'.-]*[A-Za-z0-9_'-])?$\""
    }
    "#);

    let pattern = "username: doesn't match pattern";
    let long = "a".repeat(65);
    for (name, expected) in [
        ("", "username: shorter than 1 characters"),
        (long.as_str(), "username: longer than 64 characters"),
        ("admin.", pattern),
        (".", pattern),
        ("ad min", pattern),
        ("admin@pbx", pattern),
        ("ädmin", pattern),
        ("admin\n", pattern),
        ("admin\0", pattern),
    ] {
        let message = refused(&server, credentials(name, PASSWORD, None)).await;
        assert!(message.starts_with(expected), "{name:?}: {message}");
    }
    for (domain, expected) in [
        (String::new(), "domain: shorter than 1 characters"),
        ("d".repeat(281), "domain: longer than 280 characters"),
    ] {
        assert_eq!(
            refused(&server, credentials("admin", PASSWORD, Some(&domain))).await,
            expected
        );
    }
}

#[tokio::test]
async fn names_within_the_bounds_are_looked_up() {
    let server = server().await;
    for name in ["a", "_", "-", "'", &"a".repeat(64), "a.b", "o'brien_-1"] {
        assert_eq!(server.login(name, None).await.status, 401, "{name}");
    }
    for domain in ["d".to_owned(), "d".repeat(280), "ü".repeat(280)] {
        assert_eq!(
            server.login("admin", Some(&domain)).await.status,
            401,
            "{domain}"
        );
    }
}

#[tokio::test]
async fn body_that_violates_the_contract_is_refused_without_being_repeated() {
    let server = server().await;
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep_field = format!(
        r#"{{"username":"admin","password":"x","deep":{}{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        r#""hunter2""#,
        "{}",
        r#"{"username": "admin"}"#,
        r#"{"password": "hunter2"}"#,
        r#"{"username": 7, "password": "hunter2"}"#,
        r#"{"username": "admin", "password": 8472}"#,
        r#"{"username": "admin", "password": null}"#,
        r#"{"username": "admin", "password": ["hunter2"]}"#,
        r#"{"username": "admin", "password": "hunter2", "domain": 7}"#,
        r#"{"username": "admin", "password": "hunter2", "domain": null}"#,
        r#"{"username": "admin", "username": "root", "password": "hunter2"}"#,
        r#"{"username": "admin", "password": "hunter2"} trailing"#,
        "username=admin&password=hunter2",
        &deep,
        &deep_field,
    ];
    let mut messages = Vec::new();
    for body in bodies {
        let message = refused(&server, body.to_owned()).await;
        assert!(
            !message.contains("hunter2") && !message.contains("8472"),
            "{message}"
        );
        messages.push(message);
    }
    messages.push(refused(&server, vec![b'"', 0xff, b'"']).await);
    assert_snapshot!(messages.join("\n"), @"
    the body is not valid JSON: EOF while parsing a value at line 1 column 0
    the body is not valid JSON: EOF while parsing an object at line 1 column 1
    expected an object
    expected an object
    expected an object
    missing field `password`
    missing field `password`
    missing field `username`
    username: expected a string
    password: expected a string
    password: expected a string
    password: expected a string
    domain: expected a string
    domain: expected a string
    duplicate field `username`
    the body is not valid JSON: trailing characters at line 1 column 46
    the body is not valid JSON: expected value at line 1 column 1
    the body is not valid JSON: recursion limit exceeded at line 1 column 128
    the body is not valid JSON: recursion limit exceeded at line 1 column 169
    the body is not valid JSON: invalid unicode code point at line 1 column 2
    ");
}

#[tokio::test]
async fn body_of_another_content_type_is_refused() {
    let server = server().await;
    let body = credentials("admin", PASSWORD, None);
    let post = |content_type: Option<&str>| {
        let request = server.request("POST", "/login").body(body.clone());
        match content_type {
            Some(content_type) => request.header("Content-Type", content_type),
            None => request,
        }
    };
    let response = server.send(post(Some("text/plain"))).await;
    assert_snapshot!(response.text(), @r#"
    415
    cache-control: no-store
    content-length: 179
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "InvalidRequest",
      "message": "unsupported media type: send the header Content-Type: application/json"
    }
    "#);
    let form = "application/x-www-form-urlencoded";
    for other in [
        None,
        Some(form),
        Some("multipart/form-data; boundary=x"),
        Some("application/x+json"),
        Some(""),
    ] {
        assert_eq!(
            server.send(post(other)).await.text(),
            response.text(),
            "{other:?}"
        );
    }
    for json in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        assert_eq!(server.send(post(Some(json))).await.status, 200, "{json}");
    }
}

#[tokio::test]
async fn body_longer_than_16_kib_is_refused() {
    let server = server().await;
    let padded = |length: usize| {
        let body = credentials("admin", PASSWORD, None);
        format!("{}{body}", " ".repeat(length - body.len()))
    };
    assert_eq!(server.post_login(padded(16 * 1024)).await.status, 200);
    let response = server.post_login(padded(16 * 1024 + 1)).await;
    assert_snapshot!(response.text(), @r#"
    413
    cache-control: no-store
    content-length: 144
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "InvalidRequest",
      "message": "the body is longer than 16384 bytes"
    }
    "#);
    // A client that is still sending receives the response, with and without `Content-Length`.
    assert_eq!(
        server.post_login(padded(4 * 1024 * 1024)).await.text(),
        response.text()
    );
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter(
        (0..64).map(|_| Ok::<_, std::io::Error>(" ".repeat(4096))),
    ));
    assert_eq!(server.post_login(chunked).await.text(), response.text());
}

// A raw request blocks its thread, so the server needs another one.
#[tokio::test(flavor = "multi_thread")]
async fn unlisted_paths_and_methods_are_not_served() {
    let server = server().await;
    let response = server.send(server.request("GET", "/")).await;
    assert_snapshot!(response.text(), @r#"
    404
    cache-control: no-store
    content-length: 84
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "message": "Not Found"
    }
    "#);
    for path in [
        "/login/",
        "//login",
        "/login/x",
        "/LOGIN",
        "/logi%6e",
        "/openapi.json",
        "/%ff",
        "/a/../login",
    ] {
        // The request is sent raw, because reqwest normalizes paths.
        assert_eq!(
            raw_status(&server, &format!("GET {path} HTTP/1.1")),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn unlisted_method_returns_405_with_the_allowed_ones() {
    let server = server().await;
    let response = server.send(server.request("PUT", "/login")).await;
    assert_snapshot!(response.text(), @r#"
    405
    allow: POST, GET
    cache-control: no-store
    content-length: 93
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "message": "Method Not Allowed"
    }
    "#);
    for method in ["DELETE", "PATCH", "OPTIONS", "BREW"] {
        assert_eq!(
            server.send(server.request(method, "/login")).await.text(),
            response.text(),
            "{method}"
        );
    }
    let head = server.send(server.request("HEAD", "/login")).await;
    assert_eq!(
        (head.status, head.header("allow")),
        (405, Some("POST, GET"))
    );
    let get = server.send(server.request("GET", "/logout")).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

/// Sends a request line that no client library would send, and returns the status.
fn raw_status(server: &TestServer, line: &str) -> u16 {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    write!(stream, "{line}\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("cache-control: no-store"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert!(
        body["request_id"].is_string() && body["message"].is_string(),
        "{body}"
    );
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status")
}

#[tokio::test]
async fn login_over_capacity_returns_503() {
    let limits = Limits {
        queue: 0,
        ..Limits::DEFAULT
    };
    let server = TestServer::start_with(|context| {
        let hasher = Hasher::with_limits(Cost::OWASP, NonZeroUsize::MIN, limits, Arc::default());
        context.hasher = hasher.expect("a hasher");
    })
    .await;
    let _permit = server.context.hasher.try_acquire().expect("a permit");
    let response = server
        .post_login(credentials("admin", PASSWORD, None))
        .await;
    assert_snapshot!(response.text(), @r#"
    503
    cache-control: no-store
    content-length: 176
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    retry-after: 1
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "Overloaded",
      "message": "the server is temporarily unavailable; wait for the time in Retry-After"
    }
    "#);
}

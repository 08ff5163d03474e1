//! `POST /login` over HTTP.

mod common;

use common::{PASSWORD, TestServer, command, credentials};
use insta::assert_snapshot;
use pbx_login_server::app::{tenant, user};

const DOMAIN: Option<&str> = Some("pbx.example.com");

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.user("admin", None, "SystemAdmin").await;
    server.tenant("pbx.example.com").await;
    server.user("alice", DOMAIN, "StandardUser").await;
    server
}

#[tokio::test]
async fn correct_credentials_open_a_session_with_its_token_in_the_cookie() {
    let server = server().await;
    let response = server.login("alice", DOMAIN).await;
    assert_snapshot!(response.text(), @"
    200
    cache-control: no-store
    content-length: 0
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    set-cookie: session=ABABABABABABABADABABABABABABABAD; HttpOnly; SameSite=Strict; Path=/; Max-Age=1800
    x-content-type-options: nosniff
    ");
}

#[tokio::test]
async fn cookie_behind_tls_is_secure() {
    let server = TestServer::start_with(|context| context.secure_cookie = true).await;
    server.user("admin", None, "SystemAdmin").await;
    let response = server.login("admin", None).await;
    assert_snapshot!(response.text(), @"
    200
    cache-control: no-store
    content-length: 0
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    set-cookie: session=ABABABABABABABA8ABABABABABABABA8; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=1800
    x-content-type-options: nosniff
    ");
}

#[tokio::test]
async fn repeated_logins_open_different_sessions() {
    let server = server().await;
    let first = server.token("alice", DOMAIN).await;
    let second = server.token("alice", DOMAIN).await;
    assert_ne!(first, second);
    assert!(server.is_live(&first).await);
    assert!(server.is_live(&second).await);
}

#[tokio::test]
async fn login_with_a_live_session_ends_that_session() {
    let server = server().await;
    let first = server.token("alice", DOMAIN).await;
    let other = server.token("alice", DOMAIN).await;
    let request = server
        .request("POST", "/login")
        .header("Content-Type", "application/json")
        .header("Cookie", format!("session={first}"))
        .body(credentials("admin", PASSWORD, None));
    let second = server.send(request).await.token().expect("a session");
    assert!(!server.is_live(&first).await);
    assert!(server.is_live(&other).await);
    assert!(server.is_live(&second).await);
}

#[tokio::test]
async fn refused_login_keeps_the_previous_session() {
    let server = server().await;
    let token = server.token("alice", DOMAIN).await;
    let request = server
        .request("POST", "/login")
        .header("Content-Type", "application/json")
        .header("Cookie", format!("session={token}"))
        .body(credentials("alice", "wrong", DOMAIN));
    assert_eq!(server.send(request).await.status, 401);
    assert!(server.is_live(&token).await);
}

#[tokio::test]
async fn refused_logins_have_identical_responses() {
    let server = server().await;
    server.tenant("closed.example.com").await;
    server
        .user("bob", Some("closed.example.com"), "Admin")
        .await;
    let closed = server.domain("closed.example.com");
    tenant::disable(&server.context, &command(), &closed)
        .await
        .expect("disabled");
    server.user("carol", DOMAIN, "Admin").await;
    let carol = server.key("carol", DOMAIN);
    user::disable(&server.context, &command(), &carol)
        .await
        .expect("disabled");

    let wrong_password = server
        .post_login(credentials("alice", "wrong", DOMAIN))
        .await
        .text();
    assert_snapshot!(wrong_password, @r#"
    401
    cache-control: no-store
    content-length: 163
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    www-authenticate: Bearer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "InvalidCredentials",
      "message": "the user name, the password or the domain is wrong"
    }
    "#);
    for (why, name, password, domain) in [
        ("empty password", "alice", "", DOMAIN),
        ("unknown user", "unknown", PASSWORD, DOMAIN),
        (
            "unknown domain",
            "alice",
            PASSWORD,
            Some("unknown.example.com"),
        ),
        ("no domain at all", "alice", PASSWORD, Some("not a domain!")),
        ("domain left out", "alice", PASSWORD, None),
        ("system user with a domain", "admin", PASSWORD, DOMAIN),
        ("disabled user", "carol", PASSWORD, DOMAIN),
        ("disabled user, wrong password", "carol", "wrong", DOMAIN),
        (
            "disabled tenant",
            "bob",
            PASSWORD,
            Some("closed.example.com"),
        ),
        ("longest domain", "alice", PASSWORD, Some(&"d".repeat(280))),
        ("long password", "alice", &"p".repeat(8000), DOMAIN),
    ] {
        let response = server.post_login(credentials(name, password, domain)).await;
        assert_eq!(response.text(), wrong_password, "{why}");
    }
}

#[tokio::test]
async fn login_ignores_the_case_of_the_user_name() {
    let server = server().await;
    assert_eq!(server.login("ALICE", DOMAIN).await.status, 200);
    assert_eq!(server.login("Admin", None).await.status, 200);
}

#[tokio::test]
async fn login_ignores_the_spelling_of_the_domain() {
    let server = server().await;
    for tenant in ["192.0.2.7", "2001:db8::7"] {
        server.tenant(tenant).await;
        server.user("alice", Some(tenant), "Admin").await;
    }
    for spelling in [
        "PBX.Example.COM",
        "pbx.example.com.",
        "192.0.2.7",
        "2001:DB8:0:0:0:0:0:7",
        "2001:0db8::0007",
        "[2001:db8::7]",
    ] {
        assert_eq!(
            server.login("alice", Some(spelling)).await.status,
            200,
            "{spelling}"
        );
    }
    for other in [
        "example.com",
        "pbx.example.com..",
        "xpbx.example.com",
        "192.0.2.70",
    ] {
        assert_eq!(
            server.login("alice", Some(other)).await.status,
            401,
            "{other}"
        );
    }
}

#[tokio::test]
async fn same_name_in_two_tenants_identifies_two_users() {
    let server = server().await;
    server.tenant("other.example.com").await;
    let other = Some("other.example.com");
    server.user("alice", other, "Admin").await;
    let key = server.key("alice", other);
    let changed = common::password("another password");
    user::set_password(&server.context, &command(), &key, &changed)
        .await
        .expect("changed");
    assert_eq!(server.login("alice", DOMAIN).await.status, 200);
    assert_eq!(server.login("alice", other).await.status, 401);
    let response = server
        .post_login(credentials("alice", "another password", other))
        .await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = server().await;
    let body = format!(
        r#"{{"username":"admin","password":"{PASSWORD}","remember":true,"deep":[[{{"x":null}}]]}}"#
    );
    assert_eq!(server.post_login(body).await.status, 200);
}

#[tokio::test]
async fn database_file_contains_only_hashes() {
    let server = server().await;
    let token = server.token("alice", DOMAIN).await;
    let raw: Vec<u8> = (0..32)
        .step_by(2)
        .map(|at| u8::from_str_radix(&token[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let mut read = 0;
    for file in std::fs::read_dir(server.directory.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
        read += bytes.len();
        for secret in [
            token.as_bytes(),
            token.to_lowercase().as_bytes(),
            &raw,
            PASSWORD.as_bytes(),
        ] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    assert!(read > 0);
}

//! `GET /user` over HTTP.

mod common;

use chrono::TimeDelta;
use common::{TestServer, command};
use insta::assert_snapshot;
use pbx_login_server::app::user;

const DOMAIN: Option<&str> = Some("pbx.example.com");

async fn server() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.tenant("pbx.example.com").await;
    server.user("alice", DOMAIN, "StandardUser").await;
    let token = server.token("alice", DOMAIN).await;
    (server, token)
}

fn show(server: &TestServer, token: &str) -> reqwest::RequestBuilder {
    server.request("GET", "/user").bearer_auth(token)
}

#[tokio::test]
async fn tenant_user_has_id_tenant_and_domain() {
    let (server, token) = server().await;
    let response = server.send(show(&server, &token)).await;
    assert_snapshot!(response.text(), @r#"
    200
    cache-control: no-store
    content-length: 200
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"created_at":"2026-03-01T08:00:00Z","domain":"pbx.example.com","id":"019ca869-5000-7bab-abab-abababa8abab","role":"StandardUser","tenant_id":"019ca869-5000-7bab-abab-abababaaabab","username":"alice"}
    "#);
}

#[tokio::test]
async fn system_user_has_neither_tenant_nor_domain() {
    let server = TestServer::start().await;
    server.user("Root", None, "SystemAdmin").await;
    let token = server.token("root", None).await;
    let response = server.send(show(&server, &token)).await;
    assert_snapshot!(response.text(), @r#"
    200
    cache-control: no-store
    content-length: 120
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"created_at":"2026-03-01T08:00:00Z","id":"019ca869-5000-7bab-abab-abababa9abab","role":"SystemAdmin","username":"Root"}
    "#);
}

#[tokio::test]
async fn users_of_a_tenant_share_its_id_but_have_distinct_ids() {
    let (server, alice) = server().await;
    server.user("bob", DOMAIN, "Admin").await;
    server.tenant("other.example.com").await;
    let other = Some("other.example.com");
    server.user("alice", other, "Admin").await;
    let mut users = Vec::new();
    for token in [
        alice,
        server.token("bob", DOMAIN).await,
        server.token("alice", other).await,
    ] {
        users.push(server.send(show(&server, &token)).await.json());
    }
    assert_eq!(users[0]["tenant_id"], users[1]["tenant_id"]);
    assert_ne!(users[0]["tenant_id"], users[2]["tenant_id"]);
    assert_ne!(users[0]["id"], users[1]["id"]);
    assert_ne!(users[0]["id"], users[2]["id"]);
}

#[tokio::test]
async fn id_is_the_same_in_every_session_and_process() {
    let (server, token) = server().await;
    let first = server.send(show(&server, &token)).await.json();
    let again = server.token("alice", DOMAIN).await;
    let other = TestServer::start_on_database_of(&server).await;
    for (server, token) in [(&server, &token), (&server, &again), (&other, &token)] {
        assert_eq!(server.send(show(server, token)).await.json(), first);
    }
}

#[tokio::test]
async fn request_without_a_live_session_gets_the_refusal_of_get_login() {
    let (server, token) = server().await;
    let refusal = server.send(server.request("GET", "/login")).await.text();
    let missing = server.request("GET", "/user");
    let unknown = show(&server, &"0".repeat(32));
    let malformed = show(&server, "x");
    for request in [missing, unknown, malformed] {
        assert_eq!(server.send(request).await.text(), refusal);
    }
    server.clock.advance(TimeDelta::minutes(30));
    assert_eq!(
        server.send(show(&server, &token)).await.text(),
        refusal,
        "expired"
    );
}

#[tokio::test]
async fn disabled_user_has_no_session() {
    let (server, token) = server().await;
    assert_eq!(server.send(show(&server, &token)).await.status, 200);
    let alice = server.key("alice", DOMAIN);
    user::disable(&server.context, &command(), &alice)
        .await
        .expect("disabled");
    assert_eq!(server.send(show(&server, &token)).await.status, 401);
}

#[tokio::test]
async fn sliding_session_is_extended_and_its_cookie_renewed() {
    let server = TestServer::start_with(|context| {
        context.session_max_lifetime = "8h".parse().expect("a lifetime");
    })
    .await;
    server.user("bob", None, "Dealer").await;
    let token = server.token("bob", None).await;
    server.clock.advance(TimeDelta::minutes(20));
    let cookie = format!("session={token}");
    let request = server.request("GET", "/user").header("Cookie", cookie);
    let response = server.send(request).await;
    assert_eq!(response.token().as_deref(), Some(&*token));
    server.clock.advance(TimeDelta::minutes(20));
    let response = server.send(show(&server, &token)).await;
    assert_eq!((response.status, response.token()), (200, None));
}

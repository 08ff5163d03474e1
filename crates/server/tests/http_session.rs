//! `GET /login` and `POST /logout` over HTTP, and the events that end a session.

mod common;

use chrono::TimeDelta;
use common::{TestServer, command};
use insta::assert_snapshot;
use pbx_login_server::app::{session, tenant, user};
use pbx_login_server::domain::session::SessionFilter;

const DOMAIN: Option<&str> = Some("pbx.example.com");

async fn server() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.tenant("pbx.example.com").await;
    server.user("alice", DOMAIN, "StandardUser").await;
    let token = server.token("alice", DOMAIN).await;
    (server, token)
}

#[tokio::test]
async fn login_status_returns_exactly_token_expiry_and_role() {
    let (server, token) = server().await;
    let response = server.status(&token).await;
    assert_snapshot!(response.text(), @r#"
    200
    cache-control: no-store
    content-length: 127
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {"access_token":"ABABABABABABABAFABABABABABABABAF","expires_at":"2026-03-01T08:30:00Z","expires_in":1800,"role":"StandardUser"}
    "#);
}

#[tokio::test]
async fn cookie_and_bearer_token_are_equivalent() {
    let (server, token) = server().await;
    let bearer = server.status(&token).await.text();
    for cookie in [
        format!("session={token}"),
        format!("a=b; session={token}; c=\"d e\""),
    ] {
        let request = server.request("GET", "/login").header("Cookie", &cookie);
        assert_eq!(server.send(request).await.text(), bearer, "{cookie}");
    }
}

#[tokio::test]
async fn bearer_token_takes_precedence_over_the_cookie() {
    let (server, token) = server().await;
    let other = server.token("alice", DOMAIN).await;
    let both = |bearer: &str, cookie: &str| {
        server
            .request("GET", "/login")
            .bearer_auth(bearer)
            .header("Cookie", format!("session={cookie}"))
    };
    assert_eq!(
        server.send(both(&token, &other)).await.json()["access_token"],
        token.as_str()
    );
    assert_eq!(server.send(both(&token, "x")).await.status, 200);
    assert_eq!(server.send(both("x", &token)).await.status, 401);
}

#[tokio::test]
async fn logout_that_another_origin_sends_with_the_cookie_is_refused() {
    let (server, token) = server().await;
    let logout = |name: &str, value: &str| {
        let request = server.request("POST", "/logout");
        request
            .header("Cookie", format!("session={token}"))
            .header(name, value)
    };
    let response = server.send(logout("Sec-Fetch-Site", "same-site")).await;
    assert_snapshot!(response.text(), @r#"
    403
    cache-control: no-store
    content-length: 200
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "Forbidden",
      "message": "a page of another origin sent this request; send it from the same origin, or with a bearer token"
    }
    "#);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Origin", "https://other.example"),
        ("Origin", "null"),
    ] {
        let refused = server.send(logout(name, value)).await;
        assert_eq!(refused.text(), response.text(), "{name}: {value}");
    }
    assert!(server.is_live(&token).await);
    let own = format!("http://{}", server.address());
    assert_eq!(server.send(logout("Origin", &own)).await.status, 204);
    assert!(!server.is_live(&token).await);
}

#[tokio::test]
async fn requests_without_a_live_session_have_identical_responses() {
    let (server, token) = server().await;
    let none = server.send(server.request("GET", "/login")).await.text();
    assert_snapshot!(none, @r#"
    401
    cache-control: no-store
    content-length: 168
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    www-authenticate: Bearer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "NoSession",
      "message": "no live session belongs to this request; log in with POST /login"
    }
    "#);
    let unknown = "0".repeat(32);
    let lower = token.to_lowercase();
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        (
            "unknown",
            vec![("Authorization", format!("Bearer {unknown}"))],
        ),
        (
            "unknown cookie",
            vec![("Cookie", format!("session={unknown}"))],
        ),
        (
            "lower case",
            vec![("Authorization", format!("Bearer {lower}"))],
        ),
        (
            "too short",
            vec![("Authorization", format!("Bearer {}", &token[1..]))],
        ),
        (
            "too long",
            vec![("Authorization", format!("Bearer {token}0"))],
        ),
        ("no token", vec![("Authorization", "Bearer".to_owned())]),
        (
            "two tokens",
            vec![("Authorization", format!("Bearer {token} {token}"))],
        ),
        (
            "two headers",
            vec![
                ("Authorization", format!("Bearer {token}")),
                ("Authorization", format!("Bearer {token}")),
            ],
        ),
        (
            "another scheme",
            vec![("Authorization", format!("Basic {token}"))],
        ),
        ("no scheme", vec![("Authorization", token.clone())]),
        (
            "another cookie",
            vec![("Cookie", format!("sessions={token}"))],
        ),
        (
            "two session cookies",
            vec![("Cookie", format!("session={token}; session={token}"))],
        ),
        (
            "two cookie headers",
            vec![
                ("Cookie", format!("session={token}")),
                ("Cookie", format!("session={unknown}")),
            ],
        ),
        (
            "a very long cookie",
            vec![("Cookie", format!("session={}", "A".repeat(4000)))],
        ),
        ("in the query", vec![]),
    ];
    for (why, headers) in cases {
        let path = if why == "in the query" {
            format!("/login?access_token={token}")
        } else {
            "/login".to_owned()
        };
        for (method, path) in [("GET", path.as_str()), ("POST", "/logout")] {
            let request = headers
                .iter()
                .fold(server.request(method, path), |request, (name, value)| {
                    request.header(*name, value)
                });
            assert_eq!(
                server.send(request).await.text(),
                none,
                "{why}, {method} {path}"
            );
        }
    }
    assert!(server.is_live(&token).await);
}

#[tokio::test]
async fn cookie_is_used_if_the_authorization_scheme_is_not_bearer() {
    let (server, token) = server().await;
    let request = server
        .request("GET", "/login")
        .header("Authorization", "Basic YTpi")
        .header("Cookie", format!("session={token}"));
    assert_eq!(server.send(request).await.status, 200);
}

#[tokio::test]
async fn bearer_scheme_is_matched_in_any_case() {
    let (server, token) = server().await;
    for scheme in ["bearer", "BEARER", "Bearer"] {
        let request = server
            .request("GET", "/login")
            .header("Authorization", format!("{scheme} {token}"));
        assert_eq!(server.send(request).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn session_expires_exactly_at_its_expiry() {
    let (server, token) = server().await;
    server.clock.advance(TimeDelta::milliseconds(1_000));
    let body = server.status(&token).await.json();
    assert_eq!(
        (&body["expires_at"], &body["expires_in"]),
        (&"2026-03-01T08:30:00Z".into(), &1799.into())
    );
    server.clock.advance(TimeDelta::milliseconds(1_798_999));
    let body = server.status(&token).await.json();
    assert_eq!(
        (&body["expires_at"], &body["expires_in"]),
        (&"2026-03-01T08:30:00Z".into(), &1.into())
    );
    server.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(
        server.status(&token).await.text(),
        server.status("unknown").await.text()
    );
    assert_eq!(server.logout(&token).await.status, 401);
}

#[tokio::test]
async fn session_expiry_is_a_whole_second() {
    let (server, _) = server().await;
    server.clock.advance(TimeDelta::milliseconds(999));
    let token = server.token("alice", DOMAIN).await;
    let body = server.status(&token).await.json();
    assert_eq!(
        (&body["expires_at"], &body["expires_in"]),
        (&"2026-03-01T08:30:00Z".into(), &1800.into())
    );
}

#[tokio::test]
async fn sweep_deletes_only_expired_sessions() {
    let (server, early) = server().await;
    server.clock.advance(TimeDelta::minutes(10));
    let late = server.token("alice", DOMAIN).await;
    server.clock.advance(TimeDelta::minutes(20));
    assert_eq!(session::sweep(&server.context).await.expect("swept"), 1);
    assert!(!server.is_live(&early).await);
    assert!(server.is_live(&late).await);
}

#[tokio::test]
async fn logout_ends_the_session_and_removes_the_cookie() {
    let (server, token) = server().await;
    let other = server.token("alice", DOMAIN).await;
    let response = server.logout(&token).await;
    assert_snapshot!(response.text(), @"
    204
    cache-control: no-store
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    set-cookie: session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0
    x-content-type-options: nosniff
    ");
    assert!(!server.is_live(&token).await);
    assert!(server.is_live(&other).await);
    assert_eq!(
        server.logout(&token).await.text(),
        server.status("unknown").await.text()
    );
}

#[tokio::test]
async fn logout_with_a_cookie_ends_the_session() {
    let (server, token) = server().await;
    let request = server
        .request("POST", "/logout")
        .header("Cookie", format!("session={token}"));
    assert_eq!(server.send(request).await.status, 204);
    assert!(!server.is_live(&token).await);
}

#[tokio::test]
async fn login_status_returns_every_role_by_name() {
    let server = TestServer::start().await;
    server.tenant("pbx.example.com").await;
    server.custom_role("Front desk", "pbx.example.com").await;
    let longest = "R".repeat(64);
    server.custom_role(&longest, "pbx.example.com").await;
    let system = ["SystemAdmin", "Replicator", "Dealer"].map(|role| (None, role));
    let tenant = [
        "Admin",
        "StandardUser",
        "StandardInternationalUser",
        "QueueManager",
        "Front desk",
        &longest,
    ]
    .map(|role| (DOMAIN, role));
    for (number, (domain, role)) in system.into_iter().chain(tenant).enumerate() {
        let name = format!("user{number}");
        server.user(&name, domain, role).await;
        let token = server.token(&name, domain).await;
        assert_eq!(server.status(&token).await.json()["role"], role);
    }
}

#[tokio::test]
async fn changes_of_a_user_end_only_its_sessions() {
    let (server, _) = server().await;
    server.tenant("other.example.com").await;
    server
        .user("alice", Some("other.example.com"), "Admin")
        .await;
    server.user("bob", DOMAIN, "Admin").await;
    let bystanders = [
        server.token("alice", Some("other.example.com")).await,
        server.token("bob", DOMAIN).await,
    ];
    let context = &*server.context;
    let alice = server.key("alice", DOMAIN);

    let sessions = [
        server.token("alice", DOMAIN).await,
        server.token("alice", DOMAIN).await,
    ];
    user::set_password(
        context,
        &command(),
        &alice,
        &common::password(common::PASSWORD),
    )
    .await
    .expect("set");
    for token in sessions {
        assert!(!server.is_live(&token).await, "a changed password");
    }

    let token = server.token("alice", DOMAIN).await;
    let queue_manager = server.membership(DOMAIN, "QueueManager");
    user::set_role(context, &command(), &alice.username, &queue_manager)
        .await
        .expect("set");
    assert!(!server.is_live(&token).await, "a changed role");

    let token = server.token("alice", DOMAIN).await;
    user::disable(context, &command(), &alice)
        .await
        .expect("disabled");
    assert!(!server.is_live(&token).await, "a disabled user");
    user::enable(context, &command(), &alice)
        .await
        .expect("enabled");
    assert!(
        !server.is_live(&token).await,
        "a session does not come back"
    );

    let token = server.token("alice", DOMAIN).await;
    user::delete(context, &command(), &alice)
        .await
        .expect("deleted");
    assert!(!server.is_live(&token).await, "a deleted user");
    assert_eq!(server.login("alice", DOMAIN).await.status, 401);

    for token in bystanders {
        assert!(server.is_live(&token).await);
    }
}

#[tokio::test]
async fn disabled_or_deleted_tenant_ends_only_its_sessions() {
    let (server, token) = server().await;
    server.user("admin", None, "SystemAdmin").await;
    let admin = server.token("admin", None).await;
    let domain = server.domain("pbx.example.com");
    tenant::disable(&server.context, &command(), &domain)
        .await
        .expect("disabled");
    assert!(!server.is_live(&token).await);
    tenant::enable(&server.context, &command(), &domain)
        .await
        .expect("enabled");
    assert!(
        !server.is_live(&token).await,
        "a session does not come back"
    );

    let token = server.token("alice", DOMAIN).await;
    tenant::delete(&server.context, &command(), &domain)
        .await
        .expect("deleted");
    assert!(!server.is_live(&token).await);
    assert!(server.is_live(&admin).await);
}

#[tokio::test]
async fn revoked_session_is_refused() {
    let (server, token) = server().await;
    session::revoke(&server.context, &command(), &SessionFilter::All)
        .await
        .expect("revoked");
    assert!(!server.is_live(&token).await);
}

#[tokio::test]
async fn cookie_of_a_sliding_session_expires_with_the_session() {
    let server = TestServer::start_with(|context| {
        context.session_max_lifetime = "1h".parse().expect("a lifetime");
    })
    .await;
    server.user("admin", None, "SystemAdmin").await;
    let token = server.token("admin", None).await;
    let by_cookie = || {
        let cookie = format!("session={token}");
        server.request("GET", "/login").header("Cookie", cookie)
    };
    server.clock.advance(TimeDelta::seconds(600));
    assert_snapshot!(server.send(by_cookie()).await.text(), @r#"
    200
    cache-control: no-store
    content-length: 126
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    set-cookie: session=ABABABABABABABA8ABABABABABABABA8; HttpOnly; SameSite=Strict; Path=/; Max-Age=1800
    x-content-type-options: nosniff

    {"access_token":"ABABABABABABABA8ABABABABABABABA8","expires_at":"2026-03-01T08:40:00Z","expires_in":1800,"role":"SystemAdmin"}
    "#);
    // The bearer token extends the session without sending a cookie; the next response to the cookie renews it.
    server.clock.advance(TimeDelta::seconds(600));
    let response = server.status(&token).await;
    assert_eq!(response.header("set-cookie"), None);
    assert_eq!(response.json()["expires_at"], "2026-03-01T08:50:00Z");
    server.clock.advance(TimeDelta::seconds(1));
    let response = server.send(by_cookie()).await;
    assert_eq!(response.json()["expires_in"], 1799);
    assert_eq!(
        response.header("set-cookie"),
        Some(format!("session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=1799").as_str())
    );
}

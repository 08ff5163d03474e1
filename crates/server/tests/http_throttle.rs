//! Rate limiting over HTTP.

mod common;

use std::time::Duration;

use chrono::TimeDelta;
use common::{PASSWORD, TestServer, credentials, hasher};
use insta::assert_snapshot;
use pbx_login_server::domain::rate_limit::{Limit, Rules};
use pbx_login_server::rate_limiter::RateLimiter;

const DOMAIN: Option<&str> = Some("pbx.example.com");

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.tenant("pbx.example.com").await;
    server.user("alice", DOMAIN, "StandardUser").await;
    server
}

#[tokio::test]
async fn rate_limited_login_returns_retry_after_even_for_an_unknown_account() {
    let server = server().await;
    for name in ["alice", "unknown"] {
        let guess = async |password| {
            let body = credentials(name, password, DOMAIN);
            server.post_login(body).await
        };
        for _ in 0..5 {
            assert_eq!(guess("wrong").await.status, 401);
        }
        let limited = guess(PASSWORD).await.text();
        insta::allow_duplicates! {
            assert_snapshot!(limited, @r#"
            429
            cache-control: no-store
            content-length: 174
            content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
            content-type: application/json
            referrer-policy: no-referrer
            retry-after: 1
            x-content-type-options: nosniff

            {
              "request_id": "ID",
              "error_code": "TooManyAttempts",
              "message": "too many login attempts failed; wait for the time in Retry-After"
            }
            "#);
        }
        server.clock.advance(TimeDelta::milliseconds(1000));
        assert_eq!(guess("wrong").await.status, 401);
        server.clock.advance(TimeDelta::milliseconds(1));
        assert_eq!(guess("wrong").await.header("retry-after"), Some("2"));
        server.clock.advance(TimeDelta::milliseconds(1000));
        assert_eq!(guess("wrong").await.header("retry-after"), Some("1"));
    }
    server.clock.advance(TimeDelta::seconds(2));
    assert_eq!(server.login("alice", DOMAIN).await.status, 200);
}

#[tokio::test]
async fn rate_limited_login_has_the_same_response_for_any_password() {
    let server = server().await;
    for _ in 0..5 {
        server
            .post_login(credentials("alice", "wrong", DOMAIN))
            .await;
    }
    let right = server.login("alice", DOMAIN).await.text();
    for password in ["wrong", "", &"p".repeat(8000)] {
        let response = server
            .post_login(credentials("alice", password, DOMAIN))
            .await;
        assert_eq!(response.text(), right);
    }
    // Open sessions are not affected, and an invalid request is not an attempt.
    assert_eq!(server.status("no token").await.status, 401);
    assert_eq!(server.post_login("{}").await.status, 400);
}

/// Starts a server on which alice has logged in, with the time of responses at a shared limit.
async fn server_with_known_network(response_time: Duration, rules: Rules) -> TestServer {
    let server = TestServer::start_with(|context| {
        let mut limiter = RateLimiter::new(rules);
        limiter.responses.response_time = response_time;
        context.rate_limiter = Some(limiter);
    })
    .await;
    server.tenant("pbx.example.com").await;
    server.user("alice", DOMAIN, "StandardUser").await;
    assert_eq!(server.login("alice", DOMAIN).await.status, 200);
    server
}

/// Rules under which only one limit is reached, after five failures.
fn shared_limits() -> [(&'static str, Rules); 3] {
    let limit = |limit: Limit| Limit {
        max_failures: 5,
        ..limit
    };
    let rules = Rules {
        free_failures: 100,
        ..Rules::DEFAULT
    };
    [
        (
            "900",
            Rules {
                network: limit(rules.network),
                ..rules
            },
        ),
        (
            "3600",
            Rules {
                account: limit(rules.account),
                ..rules
            },
        ),
        (
            "86400",
            Rules {
                account_daily_failures: 5,
                ..rules
            },
        ),
    ]
}

#[tokio::test]
async fn shared_limit_is_answered_alike_for_any_account_unless_the_password_is_correct() {
    for (retry_after, rules) in shared_limits() {
        // Each account has its own server, because the failures of one count for the network of the other.
        let answers = async |name| {
            let server = server_with_known_network(Duration::from_millis(1), rules).await;
            let mut answers = Vec::new();
            for _ in 0..12 {
                let body = credentials(name, "wrong", DOMAIN);
                answers.push(server.post_login(body).await);
            }
            answers
        };
        let known = answers("alice").await;
        let unknown = answers("unknown").await;
        for (known, unknown) in known.iter().zip(&unknown) {
            assert_eq!(known.text(), unknown.text());
        }
        let limited = known.last().expect("an answer");
        assert_eq!(limited.status, 429);
        assert_eq!(limited.header("retry-after"), Some(retry_after));
    }
}

#[tokio::test]
async fn correct_password_from_a_known_network_opens_a_session_at_a_shared_limit() {
    for (retry_after, rules) in shared_limits() {
        // The delay is longer than the test: a response that waits for it is never sent.
        let server = server_with_known_network(Duration::from_secs(3600), rules).await;
        for _ in 0..5 {
            let body = credentials("alice", "wrong", DOMAIN);
            assert_eq!(server.post_login(body).await.status, 401, "{retry_after}");
        }
        for _ in 0..7 {
            assert_eq!(server.login("alice", DOMAIN).await.status, 200);
        }
    }
}

#[tokio::test]
async fn failure_count_survives_restarts_and_is_shared_by_processes() {
    let first = server().await;
    for _ in 0..5 {
        first
            .post_login(credentials("alice", "wrong", DOMAIN))
            .await;
    }
    let second = TestServer::start_on_database_of(&first).await;
    assert_eq!(second.login("alice", DOMAIN).await.status, 429);
    first.clock.advance(TimeDelta::seconds(1));
    second.clock.advance(TimeDelta::seconds(1));
    assert_eq!(second.login("alice", DOMAIN).await.status, 200);
    assert_eq!(first.login("alice", DOMAIN).await.status, 200);
}

#[tokio::test]
async fn thousand_concurrent_guesses_on_two_servers_are_verified_five_times() {
    let first = server().await;
    let second = TestServer::start_on_database_of(&first).await;
    let guesses = (0..1000).map(|number| {
        let server = if number % 2 == 0 { &first } else { &second };
        server.post_login(credentials("alice", "wrong", DOMAIN))
    });
    let responses = futures::future::join_all(guesses).await;
    let count = |status| {
        responses
            .iter()
            .filter(|response| response.status == status)
            .count()
    };
    assert_eq!((count(401), count(429)), (5, 995));
}

#[tokio::test]
async fn concurrent_correct_logins_on_two_servers_all_succeed() {
    let first = server().await;
    let second = TestServer::start_on_database_of(&first).await;
    let logins = (0..60).map(|number| {
        let server = if number % 2 == 0 { &first } else { &second };
        server.login("alice", DOMAIN)
    });
    let responses = futures::future::join_all(logins).await;
    let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [200; 60]);
}

#[tokio::test]
async fn login_delayed_by_others_is_not_reported_as_rate_limited() {
    let server = TestServer::start_with(|context| {
        // Without free failures, no attempt can be reserved.
        let rules = Rules {
            free_failures: 0,
            ..Rules::DEFAULT
        };
        context.rate_limiter = Some(RateLimiter::new(rules));
        context.hasher = hasher(Duration::ZERO);
    })
    .await;
    assert_snapshot!(server.login("admin", None).await.text(), @r#"
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

#[tokio::test]
async fn forged_client_address_does_not_evade_rate_limiting() {
    let server = server().await;
    let guess = async |number: u8| {
        let request = server
            .request("POST", "/login")
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", format!("198.51.100.{number}"))
            .header("Forwarded", format!("for=198.51.100.{number}"))
            .body(credentials("alice", "wrong", DOMAIN));
        server.send(request).await.status
    };
    for number in 0..5 {
        assert_eq!(guess(number).await, 401);
    }
    assert_eq!(guess(5).await, 429);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_limited_separately() {
    let server = TestServer::start_with(|context| {
        context.trusted_proxies = "127.0.0.1".parse().expect("an address");
    })
    .await;
    server.user("admin", None, "SystemAdmin").await;
    let login = async |client: &str, password| {
        let request = server
            .request("POST", "/login")
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", client)
            .header("X-Forwarded-Proto", "https")
            .body(credentials("admin", password, None));
        server.send(request).await
    };
    for number in 0..5 {
        let client = format!("203.0.113.{number}, 198.51.100.1");
        assert_eq!(login(&client, "wrong").await.status, 401);
    }
    assert_eq!(login("198.51.100.1", PASSWORD).await.status, 429);
    let response = login("198.51.100.2", PASSWORD).await;
    assert_snapshot!(response.text(), @"
    200
    cache-control: no-store
    content-length: 0
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    referrer-policy: no-referrer
    set-cookie: session=ABABABABABABABA8ABABABABABABABA8; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=1800
    x-content-type-options: nosniff
    ");
    let token = response.token().expect("a session");
    let logout = server
        .request("POST", "/logout")
        .header("X-Forwarded-Proto", "https")
        .bearer_auth(&token);
    let cleared = server.send(logout).await;
    assert_eq!(
        cleared.header("set-cookie"),
        Some("session=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0")
    );
}

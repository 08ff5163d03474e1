//! The operations listener: liveness, readiness, metrics.

mod common;
#[path = "common/program.rs"]
mod program;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::TestServer;
use pbx_login_server::domain::session::FoundSession;
use pbx_login_server::store::StoreFailure;
use pbx_login_server::store::session::SessionLookup;
use pbx_login_server::token::TokenHash;
use program::{PASSWORD, Server, folder, program, with_password};

async fn get(address: impl std::fmt::Display, path: &str) -> String {
    let response = reqwest::get(format!("http://{address}{path}"))
        .await
        .expect("a response");
    let header = |name| {
        let value = response.headers().get(name);
        value.map_or("-", |value| value.to_str().expect("text"))
    };
    let head = format!(
        "{} {} {}",
        response.status().as_u16(),
        header("content-type"),
        header("cache-control")
    );
    format!("{head}\n{}", response.text().await.expect("a body"))
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

#[tokio::test]
async fn healthy_server_is_alive_and_ready() {
    let server = TestServer::start().await;
    let ops = pbx_login_server::ops::start(Arc::clone(&server.context), any_port());
    let ops = ops.expect("a listener");
    let address = ops.local_addr();
    assert_eq!(
        get(address, "/healthz").await,
        "200 text/plain no-store\nalive\n"
    );
    assert_eq!(
        get(address, "/readyz").await,
        "200 text/plain no-store\nready\n"
    );
    let metrics = get(address, "/metrics").await;
    assert!(
        metrics.starts_with("200 text/plain; version=0.0.4 no-store\n# HELP "),
        "{metrics}"
    );
    // Each listener serves only its own paths.
    assert!(get(address, "/login").await.starts_with("404 "));
    let api = get(server.address(), "/healthz").await;
    assert!(api.starts_with("404 "), "{api}");
}

#[tokio::test]
async fn every_response_of_the_operations_listener_has_the_security_headers() {
    let server = TestServer::start().await;
    let ops = pbx_login_server::ops::start(Arc::clone(&server.context), any_port());
    let ops = ops.expect("a listener");
    let client = reqwest::Client::new();
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/nothing", 404),
    ] {
        let url = format!("http://{}{path}", ops.local_addr());
        let request = client.request(method.parse().expect("a method"), url);
        let response = request.send().await.expect("a response");
        let headers = response.headers();
        assert_eq!(response.status(), status, "{method} {path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(headers[name], value, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn server_without_its_database_is_alive_and_reports_why_it_is_not_ready() {
    let server = TestServer::start().await;
    let ops = pbx_login_server::ops::start(Arc::clone(&server.context), any_port());
    let ops = ops.expect("a listener");
    let address = ops.local_addr();
    let database = server.directory.path().join("test.db");
    std::fs::rename(&database, server.directory.path().join("away")).expect("renamed");
    let response = get(address, "/readyz").await;
    assert_eq!(
        response.replace(&database.display().to_string(), "FILE"),
        "503 text/plain no-store\nnot ready: the database failed: FILE is missing; move it back or restore a backup\n"
    );
    assert_eq!(
        get(address, "/healthz").await,
        "200 text/plain no-store\nalive\n"
    );
}

#[tokio::test]
async fn server_with_a_locked_database_is_not_ready() {
    let server = TestServer::start().await;
    let ops = pbx_login_server::ops::start(Arc::clone(&server.context), any_port());
    let ops = ops.expect("a listener");
    let other = rusqlite::Connection::open(server.directory.path().join("test.db"));
    let other = other.expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    assert_eq!(
        get(ops.local_addr(), "/readyz").await,
        "503 text/plain no-store\nnot ready: the database does not respond\n"
    );
}

/// A cache that has not read the changes of other servers for some seconds.
struct StaleCache;

#[async_trait::async_trait]
impl SessionLookup for StaleCache {
    async fn find_session(&self, _: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        Ok(None)
    }

    fn stale_for(&self, _: Instant) -> Option<Duration> {
        Some(Duration::from_millis(12_900))
    }
}

#[tokio::test]
async fn server_with_a_stale_cache_is_ready_and_reports_it() {
    let server = TestServer::start_with(|context| {
        context.session_lookup = Arc::new(StaleCache);
    })
    .await;
    let ops = pbx_login_server::ops::start(Arc::clone(&server.context), any_port());
    let ops = ops.expect("a listener");
    assert_eq!(
        get(ops.local_addr(), "/readyz").await,
        "200 text/plain no-store\nready, but sessions are not served from memory: \
         the changes of other servers have not been read for 12 s\n"
    );
}

/// Returns the samples of a metric, without its buckets and sums.
fn samples(text: &str, name: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(name) && !line.contains("_bucket{"))
        .filter(|line| !line.contains("_sum"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status_at_any_log_level() {
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        with_password(command);
        command.args(["--log-level", "info"]);
    });
    let session = server.login("admin", PASSWORD).await.expect("a session");
    session.status().await.expect("live");
    session.status().await.expect("live");
    server.login("admin", "wrong").await.expect_err("refused");
    get(&server.address, "/nowhere").await;
    // Requests to the operations listener are not counted.
    get(&server.ops, "/healthz").await;
    get(&server.ops, "/nowhere").await;

    let text = get(&server.ops, "/metrics").await;
    let requests = samples(&text, "pbx_login_request_duration_seconds");
    let name = "pbx_login_request_duration_seconds_count";
    assert_eq!(
        requests,
        [
            format!("{name}{{operation=\"getLoginStatus\",status=\"200\"}} 2"),
            format!("{name}{{operation=\"login\",status=\"200\"}} 1"),
            format!("{name}{{operation=\"login\",status=\"401\"}} 1"),
            format!("{name}{{operation=\"unlisted\",status=\"404\"}} 1"),
        ]
    );
    let logins = samples(&text, "pbx_login_logins_total");
    let happened = logins.iter().filter(|line| !line.ends_with(" 0"));
    assert_eq!(
        happened.collect::<Vec<_>>(),
        [
            "pbx_login_logins_total{outcome=\"opened\"} 1",
            "pbx_login_logins_total{outcome=\"refused\"} 1"
        ]
    );
    for secret in [PASSWORD, session.access_token().expose()] {
        assert!(!text.contains(secret), "{text}");
    }
    server.signal("TERM");
    let (log, ..) = server.end();
    let requests = log.iter().filter(|line| line.contains("\"request\""));
    assert_eq!(requests.count(), 5, "{log:?}");
}

#[tokio::test]
async fn live_sessions_are_counted_at_start() {
    let folder = folder();
    {
        let server = Server::start(folder.path(), with_password);
        server.login("admin", PASSWORD).await.expect("a session");
        server.login("admin", PASSWORD).await.expect("a session");
    }
    let server = Server::start(folder.path(), |_| {});
    let count = loop {
        let text = get(&server.ops, "/metrics").await;
        let sample = samples(&text, "pbx_login_sessions_live").remove(0);
        if !sample.ends_with("NaN") {
            break sample;
        }
    };
    assert_eq!(count, "pbx_login_sessions_live 2");
}

#[test]
fn ops_listener_can_be_disabled_and_reports_an_address_in_use() {
    let folder = folder();
    let taken = std::net::TcpListener::bind(any_port()).expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = program(folder.path())
        .args(["--listen", "127.0.0.1:0", "--ops-listen", &address])
        .output()
        .expect("a process");
    let messages = String::from_utf8_lossy(&output.stderr);
    let error = messages.lines().last().expect("an error");
    assert_eq!(
        error,
        format!(
            "error: cannot listen on {address} for the operations listener (failed to bind to {address}: Address already in use \
             (os error 98)); choose another address with --ops-listen, or disable the listener with --ops-listen off"
        )
    );
    assert_eq!(output.status.code(), Some(1));

    // Without the listener, the server starts even though the address is in use.
    let mut child = program(folder.path())
        .args(["--listen", "127.0.0.1:0", "--ops-listen", "off"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a process");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    assert!(line.contains("\"listening\""), "{line}");
    child.kill().expect("killed");
    child.wait().expect("the process exits");
}

//! A server with its own database, a manual clock and random bytes that are the same in every run.

#![allow(dead_code, reason = "each test file uses what it needs of this")]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dropshot::HttpServer;
use pbx_login_server::app::{role, tenant, user};
use pbx_login_server::clock::Clock;
use pbx_login_server::context::Context;
use pbx_login_server::domain::audit::{Operator, Source};
use pbx_login_server::domain::password::{Password, Secret};
use pbx_login_server::domain::password_policy::PasswordPolicy;
use pbx_login_server::domain::rate_limit::Rules;
use pbx_login_server::domain::tenant::Domain;
use pbx_login_server::domain::user::{Membership, Scope, UserKey};
use pbx_login_server::password::{Cost, Hasher, Limits};
use pbx_login_server::proxies::TrustedProxies;
use pbx_login_server::random::{OsRandom, Random, RandomError};
use pbx_login_server::rate_limiter::RateLimiter;
use pbx_login_server::{http as server_http, store};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) const START: &str = "2026-03-01T08:00:00Z";

/// Creates a hasher with one thread and the lowest cost of Argon2; logins wait up to `wait`.
pub(crate) fn hasher(wait: Duration) -> Hasher {
    let cost = Cost {
        memory: 8,
        passes: 1,
        lanes: 1,
    };
    let limits = Limits {
        wait,
        ..Limits::DEFAULT
    };
    Hasher::with_limits(cost, NonZeroUsize::MIN, limits, Arc::default()).expect("a hasher")
}

#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().expect("no panic elsewhere") += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("no panic elsewhere")
    }
}

/// Fills each buffer with a number that differs between calls, but not between runs.
#[derive(Default)]
struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        for (byte, value) in bytes.iter_mut().zip(number.to_be_bytes().iter().cycle()) {
            // Ensures that each token contains letters, because their case is significant.
            *byte = *value ^ 0xAB;
        }
        Ok(())
    }
}

pub(crate) struct TestServer {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) context: Arc<Context>,
    pub(crate) directory: Arc<TempDir>,
    server: HttpServer<Arc<Context>>,
    http: reqwest::Client,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Context)) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        Self::start_on(Arc::new(directory), change).await
    }

    pub(crate) async fn start_on_database_of(other: &Self) -> Self {
        Self::start_on(Arc::clone(&other.directory), |context| {
            // Two servers must not generate the same tokens.
            context.random = Arc::new(OsRandom);
        })
        .await
    }

    async fn start_on(directory: Arc<TempDir>, change: impl FnOnce(&mut Context)) -> Self {
        let path = directory.path().join("test.db");
        let url = format!("sqlite:{}", path.display()).parse().expect("a URL");
        let clock = Arc::new(ManualClock(Mutex::new(START.parse().expect("a time"))));
        let options = store::OpenOptions::new(store::IfMissing::Create);
        let opened = store::open_cached(&url, options, 1000).await;
        let database = opened.expect("a database");
        let mut context = Context {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(CountingRandom::default()),
            store: database.store,
            session_lookup: database.session_lookup,
            // Long, so that no test depends on the speed of the machine.
            hasher: hasher(Duration::from_secs(60)),
            password_policy: PasswordPolicy::DEFAULT,
            audit: Arc::default(),
            rate_limiter: Some(RateLimiter::new(Rules::DEFAULT)),
            client_addresses: Arc::default(),
            connections: Arc::default(),
            metrics: Arc::default(),
            session_lifetime: "30m".parse().expect("a lifetime"),
            session_max_lifetime: "30m".parse().expect("a lifetime"),
            sessions_per_user: 100,
            secure_cookie: false,
            trusted_proxies: TrustedProxies::default(),
        };
        change(&mut context);
        let context = Arc::new(context);
        let log = slog::Logger::root(slog::Discard, slog::o!());
        let address = "127.0.0.1:0".parse().expect("an address");
        let server =
            server_http::start(Arc::clone(&context), address, None, log).expect("a server");
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            clock,
            context,
            directory,
            server,
            http,
        }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.local_addr()
    }

    pub(crate) async fn tenant(&self, domain: &str) {
        tenant::create(&self.context, &command(), &self.domain(domain))
            .await
            .expect("a tenant");
    }

    pub(crate) async fn custom_role(&self, name: &str, domain: &str) {
        let name = name.parse().expect("a role name");
        role::create(&self.context, &command(), &self.domain(domain), &name)
            .await
            .expect("a role");
    }

    pub(crate) async fn user(&self, name: &str, domain: Option<&str>, role: &str) {
        let membership = self.membership(domain, role);
        let name = name.parse().expect("a user name");
        user::create(
            &self.context,
            &command(),
            &name,
            &membership,
            &password(PASSWORD),
        )
        .await
        .expect("a user");
    }

    pub(crate) fn key(&self, name: &str, domain: Option<&str>) -> UserKey {
        UserKey {
            scope: self.scope(domain),
            username: name.parse().expect("a user name"),
        }
    }

    pub(crate) fn membership(&self, domain: Option<&str>, role: &str) -> Membership {
        Membership::new(self.scope(domain), role.parse().expect("a role")).expect("a membership")
    }

    fn scope(&self, domain: Option<&str>) -> Scope {
        domain.map_or(Scope::System, |domain| Scope::Tenant(self.domain(domain)))
    }

    pub(crate) fn domain(&self, domain: &str) -> Domain {
        domain.parse().expect("a domain")
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.http
            .request(method, format!("http://{}{path}", self.address()))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        Response::read(request.send().await.expect("a response")).await
    }

    pub(crate) async fn post_login(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self
            .request("POST", "/login")
            .header("Content-Type", "application/json");
        self.send(request.body(body)).await
    }

    pub(crate) async fn login(&self, name: &str, domain: Option<&str>) -> Response {
        self.post_login(credentials(name, PASSWORD, domain)).await
    }

    pub(crate) async fn token(&self, name: &str, domain: Option<&str>) -> String {
        let response = self.login(name, domain).await;
        response
            .token()
            .unwrap_or_else(|| panic!("no session: {}", response.text()))
    }

    pub(crate) async fn status(&self, token: &str) -> Response {
        self.send(self.request("GET", "/login").bearer_auth(token))
            .await
    }

    pub(crate) async fn logout(&self, token: &str) -> Response {
        self.send(self.request("POST", "/logout").bearer_auth(token))
            .await
    }

    pub(crate) async fn is_live(&self, token: &str) -> bool {
        match self.status(token).await.status {
            200 => true,
            401 => false,
            other => panic!("status {other}"),
        }
    }
}

/// Returns the source of a change that a command makes.
pub(crate) fn command() -> Source {
    Source::Command(Operator::new(b"root", None))
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).expect("a password")
}

pub(crate) fn credentials(name: &str, password: &str, domain: Option<&str>) -> String {
    let mut body = serde_json::json!({ "username": name, "password": password });
    if let Some(domain) = domain {
        body["domain"] = domain.into();
    }
    body.to_string()
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Response {
    async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn token(&self) -> Option<String> {
        let cookie = self.header("set-cookie")?.strip_prefix("session=")?;
        cookie.split(';').next().map(str::to_owned)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Formats the response without date and request id. The id must be the same in header and body.
    pub(crate) fn text(&self) -> String {
        let id = self.header("x-request-id").expect("an id").to_owned();
        let mut lines: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "date" && *name != "x-request-id")
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        lines.sort();
        lines.insert(0, self.status.to_string());
        if !self.body.is_empty() {
            lines.push(String::new());
            lines.push(self.body.replace(&id, "ID"));
        }
        lines.join("\n")
    }
}

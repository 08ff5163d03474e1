//! Every setting, each defined once.
//!
//! From an entry follow the field of [`Settings`], the key in the file, the environment variable (`PBX_LOGIN_SESSION_LIFETIME`
//! for `session.lifetime`), the flag (`--session-lifetime`), its help and the row in `docs/configuration.md`. The type says
//! how the value is parsed ([`Value`]). Rules about several settings at once are in [`Settings::load`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use super::error::ConfigError;
use super::setting::{Setting, settings};
use super::sources::Layers;
use super::value::{LogFormat, LogLevel, OpsListen, Value};
use crate::audit::AuditBuffer;
use crate::domain::password::Password;
use crate::domain::rate_limit::Rules;
use crate::domain::session::Lifetime;
use crate::password::{Cost, Limits};
use crate::proxies::TrustedProxies;
use crate::store::DatabaseUrl;

settings! {
    /// Address of the API
    listen: SocketAddr = (Ipv4Addr::LOCALHOST, 8887).into(), "listen";

    /// Address of `/healthz`, `/readyz` and `/metrics`, or `off`
    ops_listen: OpsListen = OpsListen(Some((Ipv4Addr::LOCALHOST, 8888).into())), "ops.listen";

    /// URL of the database
    database: DatabaseUrl = DatabaseUrl::Sqlite("pbx-login.db".into()), "database", all_commands;

    /// Password of the first administrator; there is no flag, which would show it in the list of processes
    admin_password: Option<Password> = None, "admin_password", no_flag, default_is("generated, shown once");

    /// How long a session lives, such as `90s`, `30m` or `2h`
    session_lifetime: Lifetime = Lifetime::DEFAULT, "session.lifetime";

    /// How long use can extend a session; if longer than the lifetime, each use restarts the lifetime up to this limit
    session_max_lifetime: Option<Lifetime> = None, "session.max_lifetime", default_is("as session.lifetime");

    /// Live sessions that a user may have; one more ends the oldest
    // More than a user has telephones, programs and browsers; few enough that a program which logs in for each request
    // does not fill the database.
    session_per_user: u32 = 100, "session.per_user", range(1..=10_000);

    /// Sessions kept in memory at most, so that checking one reads no disk; 0 keeps none
    cache_sessions: usize = 7_000_000, "cache.sessions", range(0..=150_000_000);

    /// Passwords that may wait to be hashed; further logins are answered 503
    login_queue: usize = Limits::DEFAULT.queue, "login.queue", range(0..=10_000), advanced;

    /// How long a login may wait; one that would wait longer is answered 503
    login_max_wait: Duration = Limits::DEFAULT.wait, "login.max_wait", advanced;

    /// Memory that a password hash takes, in KiB (Argon2id); a password with another cost is rehashed at its next login
    password_memory: u32 = Cost::OWASP.memory, "password.memory", advanced;

    /// Passes over that memory
    password_passes: u32 = Cost::OWASP.passes, "password.passes", advanced;

    /// Whether failed logins are rate limited
    throttle_enabled: bool = true, "throttle.enabled", advanced;

    /// Consecutive failures of an account from one network that cost no wait
    throttle_free_failures: u32 = Rules::DEFAULT.free_failures, "throttle.free_failures", range(1..=10_000), advanced;

    /// The wait after these, which doubles with each further failure
    throttle_first_wait: TimeDelta = Rules::DEFAULT.first_delay, "throttle.first_wait", advanced;

    /// The longest such wait
    throttle_longest_wait: TimeDelta = Rules::DEFAULT.max_delay, "throttle.longest_wait", advanced;

    /// Failures that one network may have within its window, over all accounts
    throttle_address_failures: u32 = Rules::DEFAULT.network.max_failures, "throttle.address_failures", range(1..=10_000), advanced;

    /// The window of a network
    throttle_address_window: TimeDelta = Rules::DEFAULT.network.window, "throttle.address_window", advanced;

    /// Failures that one account may have within its window, over all networks that are new to it
    throttle_account_failures: u32 = Rules::DEFAULT.account.max_failures, "throttle.account_failures", range(1..=10_000), advanced;

    /// The window of an account
    throttle_account_window: TimeDelta = Rules::DEFAULT.account.window, "throttle.account_window", advanced;

    /// How long audit entries are kept
    audit_retention: TimeDelta = AuditBuffer::RETENTION, "audit.retention";

    /// Audit entries kept at most, of refused logins and of other events each
    audit_rows: u32 = AuditBuffer::MAX_ROWS, "audit.rows", range(1000..=100_000_000), advanced;

    /// What is logged: `info` (a line for each request), `warn` or `error` (requests that the server failed to serve)
    log_level: LogLevel = LogLevel::Info, "log.level";

    /// Format of the log: `text`, `json`, or `auto` for text on a terminal and JSON elsewhere
    log_format: LogFormat = LogFormat::Auto, "log.format";

    /// File with the TLS certificate chain, in PEM; read again on SIGHUP
    tls_certificate: Option<PathBuf> = None, "tls.certificate", default_is("none, for plain HTTP");

    /// File with the private key of the certificate, in PEM
    tls_key: Option<PathBuf> = None, "tls.key", default_is("none");

    /// Whether a proxy in front terminates TLS: any address may be listened on, and cookies are `Secure`
    tls_terminated: bool = false, "tls.terminated", switch;

    /// Proxies whose `Forwarded` or `X-Forwarded-For` header names the client: addresses and networks, separated by commas
    trusted_proxies: TrustedProxies = TrustedProxies::default(), "trusted_proxies", default_is("none");
}

//! The table of settings.
//!
//! An entry defines a field of [`Settings`], its key in the settings file, its help and its row in
//! `docs/configuration.md`. The environment variable and the flag are derived from the key, the parser from the type
//! ([`Value`]).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use super::error::ConfigError;
use super::setting::{FlagScope, Setting, settings};
use super::sources::Layers;
use super::value::{AuditTarget, Hsts, LogFormat, LogLevel, Migrate, OpsListen, Value};
use crate::audit::AuditBuffer;
use crate::domain::password::Password;
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::rate_limit::Rules;
use crate::domain::session::Lifetime;
use crate::password::{Cost, Limits};
use crate::proxies::TrustedProxies;
use crate::store::DatabaseUrl;
use crate::store::postgres::PostgresOptions;

settings! {
    /// Address and port of the API
    listen: SocketAddr = (Ipv4Addr::LOCALHOST, 8887).into(), "listen";

    /// Address and port of `/healthz`, `/readyz` and `/metrics`, or `off` to disable them
    ops_listen: OpsListen = OpsListen(Some((Ipv4Addr::LOCALHOST, 8888).into())), "ops.listen", flag_of(FlagScope::Ready);

    /// URL of the database: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`
    database: DatabaseUrl = DatabaseUrl::Sqlite("pbx-login.db".into()), "database", flag_of(FlagScope::Database);

    /// Whether opening a database migrates its schema (`auto`) or only the command `migrate` does (`never`)
    migrate: Migrate = Migrate::Auto, "migrate", flag_of(FlagScope::Management);

    /// Password of the first administrator; it has no flag because the list of processes shows flags
    admin_password: Option<Password> = None, "admin_password", flag_of(FlagScope::None), default_is("generated and printed once");

    /// File with the password of the first administrator; only the first start reads it
    admin_password_file: Option<PathBuf> = None, "admin_password_file", default_is("the systemd credential `pbx-login.admin_password`, if there is one");

    /// Lifetime of a session, such as `90s`, `30m` or `2h`
    session_lifetime: Lifetime = Lifetime::DEFAULT, "session.lifetime";

    /// Absolute timeout of a session; above the lifetime, each use extends it (sliding expiration)
    session_max_lifetime: Option<Lifetime> = None, "session.max_lifetime", default_is("same as session.lifetime");

    /// Maximum number of live sessions of a user; a further login ends the oldest session
    // Enough for the devices of one user, but not for a program that logs in for every request.
    session_per_user: u32 = 100, "session.per_user", range(1..=10_000);

    /// Maximum number of connections from an IPv4 address or IPv6 /64; proxies and loopback are exempt
    // A sixteenth of the connections that the server can have.
    connections_per_network: usize = 4096, "connections.per_network", range(1..=1_000_000), advanced;

    /// Maximum number of sessions in memory, which are checked without a disk read; 0 disables the cache
    cache_sessions: usize = 6_250_000, "cache.sessions", range(0..=150_000_000);

    /// PostgreSQL: maximum number of connections; a cached session check needs none
    postgres_pool_size: usize = PostgresOptions::DEFAULT.pool_size, "postgres.pool_size", range(3..=1000), advanced;

    /// PostgreSQL: maximum duration of a server's operation with retries; then it is answered with 503
    postgres_operation_timeout: Duration = PostgresOptions::DEFAULT.operation_timeout, "postgres.operation_timeout", advanced;

    /// PostgreSQL: maximum duration of connecting to one host, unless the URL sets `connect_timeout`
    postgres_connect_timeout: Duration = PostgresOptions::DEFAULT.connect_timeout, "postgres.connect_timeout", advanced;

    /// PostgreSQL: maximum duration of a statement of a server
    postgres_statement_timeout: Duration = PostgresOptions::DEFAULT.statement_timeout, "postgres.statement_timeout", advanced;

    /// PostgreSQL: maximum duration of an operation of a command such as `session revoke --all`
    postgres_command_timeout: Duration = PostgresOptions::COMMAND_TIMEOUT, "postgres.command_timeout", flag_of(FlagScope::None), advanced;

    /// PostgreSQL: maximum wait for a lock
    postgres_lock_timeout: Duration = PostgresOptions::DEFAULT.lock_timeout, "postgres.lock_timeout", advanced;

    /// PostgreSQL: how long a transaction may be idle before the database ends its connection
    postgres_idle_in_transaction_timeout: Duration = PostgresOptions::DEFAULT.idle_in_transaction_timeout, "postgres.idle_in_transaction_timeout", advanced;

    /// PostgreSQL: whether each connection prepares its statements once; `false` sends their text each time
    postgres_prepare_statements: bool = PostgresOptions::DEFAULT.prepare_statements, "postgres.prepare_statements", advanced;

    /// Maximum number of passwords waiting to be hashed; further logins are refused with 503
    login_queue: usize = Limits::DEFAULT.queue, "login.queue", range(0..=10_000), advanced;

    /// Maximum time that a login waits; a login that would wait longer is refused with 503
    login_max_wait: Duration = Limits::DEFAULT.wait, "login.max_wait", advanced;

    /// Minimum length of a new password, in characters
    password_min_length: u32 = PasswordPolicy::DEFAULT.min_characters, "password.min_length", range(8..=20);

    /// Whether new passwords on the built-in list of common passwords are refused
    password_refuse_common: bool = PasswordPolicy::DEFAULT.refuse_common, "password.refuse_common", advanced;

    /// Argon2id memory cost of a hash, in KiB; after a change, passwords are rehashed at the next login
    password_memory: u32 = Cost::OWASP.memory, "password.memory", advanced;

    /// Argon2id time cost of a password hash: passes over its memory
    password_passes: u32 = Cost::OWASP.passes, "password.passes", advanced;

    /// Whether failed logins are rate limited
    throttle_enabled: bool = true, "throttle.enabled", advanced;

    /// Number of consecutive failures of an account from one network before logins are delayed
    throttle_free_failures: u32 = Rules::DEFAULT.free_failures, "throttle.free_failures", range(1..=10_000), advanced;

    /// First wait after the free failures; it doubles with each further failure
    throttle_first_wait: TimeDelta = Rules::DEFAULT.first_delay, "throttle.first_wait", advanced;

    /// Maximum wait after failures of an account from one network
    throttle_longest_wait: TimeDelta = Rules::DEFAULT.max_delay, "throttle.longest_wait", advanced;

    /// Failures of a network in `throttle.address_window`; twice as many for an IPv6 /56, 4 times for /48
    throttle_address_failures: u32 = Rules::DEFAULT.network.max_failures, "throttle.address_failures", range(1..=10_000), advanced;

    /// Period in which the failures of a network are counted
    throttle_address_window: TimeDelta = Rules::DEFAULT.network.window, "throttle.address_window", advanced;

    /// Failures that one account may have within `throttle.account_window`, over all networks
    throttle_account_failures: u32 = Rules::DEFAULT.account.max_failures, "throttle.account_failures", range(1..=10_000), advanced;

    /// Period in which the failures of an account are counted
    throttle_account_window: TimeDelta = Rules::DEFAULT.account.window, "throttle.account_window", advanced;

    /// Failures that one account may have within 24 hours of the first one, over all networks
    throttle_account_daily_failures: u32 = Rules::DEFAULT.account_daily_failures, "throttle.account_daily_failures", range(1..=100_000), advanced;

    /// How long audit entries are kept
    audit_retention: TimeDelta = AuditBuffer::RETENTION, "audit.retention";

    /// Maximum number of audit entries of refused logins, and separately of all other events
    audit_rows: u32 = AuditBuffer::MAX_ROWS, "audit.rows", range(1000..=100_000_000), advanced;

    /// Where audit entries are also written, as JSON: `stdout`, the path of a file, or `off`
    audit_log: AuditTarget = AuditTarget(None), "audit.log";

    /// Lowest level that is logged: `info` (one line per request), `warn` or `error` (server failures)
    log_level: LogLevel = LogLevel::Info, "log.level";

    /// Log format: `text`, `json`, or `auto` for text on a terminal and JSON otherwise
    log_format: LogFormat = LogFormat::Auto, "log.format";

    /// File with the TLS certificate chain in PEM format; reloaded on SIGHUP
    tls_certificate: Option<PathBuf> = None, "tls.certificate", default_is("none: plain HTTP");

    /// File with the private key of the certificate in PEM format; reloaded on SIGHUP
    tls_key: Option<PathBuf> = None, "tls.key", default_is("none");

    /// Whether a reverse proxy terminates TLS: if so, `listen` may be any address and cookies are `Secure`
    tls_terminated: bool = false, "tls.terminated", switch;

    /// Value of the header `Strict-Transport-Security`, sent if clients use TLS; `off` disables it
    tls_strict_transport_security: Hsts = Hsts::default(), "tls.strict_transport_security", advanced;

    /// Proxies whose `Forwarded` or `X-Forwarded-For` is trusted: comma-separated addresses and networks
    trusted_proxies: TrustedProxies = TrustedProxies::default(), "trusted_proxies", default_is("none");
}

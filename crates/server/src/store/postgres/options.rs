use std::time::Duration;

/// The limits of connections and statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The maximum number of connections of the pool, at least 3.
    ///
    /// Commits that wait for a standby use up to half of them, and one for readiness probes. The poller has one more,
    /// and the monitor one for each of several hosts.
    pub pool_size: usize,
    /// The maximum duration of an operation, including its retries.
    pub operation_timeout: Duration,
    /// How long after its start an operation may be retried.
    pub retry_timeout: Duration,
    /// The maximum duration of connecting to one host, unless the URL sets `connect_timeout`.
    pub connect_timeout: Duration,
    /// The maximum duration of a statement.
    pub statement_timeout: Duration,
    /// The maximum wait for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may be idle before the server ends it.
    pub idle_in_transaction_timeout: Duration,
    /// The maximum duration of a poll of changes, after which it is tried on a new connection.
    pub poll_timeout: Duration,
    /// The maximum duration of a readiness probe.
    pub probe_timeout: Duration,
    /// Whether each connection prepares a statement once.
    pub prepare_statements: bool,
}

impl PostgresOptions {
    /// The default limits.
    ///
    /// - 16 connections: a login needs one for a few milliseconds, and the check of a cached session needs none.
    /// - An operation may take 5 s, like a write to SQLite. Everything within it is shorter, so that a retry remains
    ///   possible.
    /// - Connecting to a host may take 1 s, so that service resumes within 2 s after the network does: by then, an
    ///   attempt that began earlier has failed. A packet that TCP loses may cost one attempt.
    /// - A transaction may be idle for 1 s, because it never waits for a client or a password. If its connection is
    ///   lost, it keeps its locks for this time. Others wait for a lock for up to 2 s, and therefore succeed.
    /// - A poll may take 0.8 s, because sessions are served from memory for 0.9 s after the last successful poll began.
    /// - A readiness probe may take 0.8 s, so that `/readyz` responds within 0.9 s with the cause of a failure.
    pub const DEFAULT: Self = Self {
        pool_size: 16,
        operation_timeout: Duration::from_secs(5),
        retry_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(5),
        lock_timeout: Duration::from_secs(2),
        idle_in_transaction_timeout: Duration::from_secs(1),
        poll_timeout: Duration::from_millis(800),
        probe_timeout: Duration::from_millis(800),
        prepare_statements: true,
    };

    /// How long a transaction of a command may be idle.
    ///
    /// With `audit.log`, a command that ends the sessions of a million users reads a million audit entries before it
    /// sends the next statement.
    pub const COMMAND_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

    /// The default timeout of an operation of a command.
    ///
    /// `session revoke --all` took 4 s for a million sessions of 20,000 users, and 25 s for those of a million users.
    pub const COMMAND_TIMEOUT: Duration = Duration::from_mins(10);
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

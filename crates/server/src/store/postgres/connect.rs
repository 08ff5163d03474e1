//! Connections to PostgreSQL: to the first host that accepts, each within its own timeout.
//!
//! tokio-postgres can try several hosts too, but its timeout covers only the TCP handshake: a frozen server would
//! prevent it from trying the next host.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use deadpool_postgres::Connect;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode as Negotiation, TargetSessionAttrs};
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::credentials::{Environment, find_passwords};
use super::error::PostgresOpenError;
use super::options::PostgresOptions;
use super::primary::{NewestPrimary, Primary};
use super::tls;
use crate::metrics::{ConnectionOutcome, Metrics};
use crate::store::url::{PostgresUrl, SslMode};

/// How long a host may take before the next one is tried as well, as RFC 8305 recommends for addresses.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first host of a URL that accepts and is not an old primary.
#[derive(Clone)]
pub(super) struct Connector {
    hosts: Arc<Hosts>,
    /// Counts the connections of a running server; `None` until it has started.
    metrics: Option<Arc<Metrics>>,
}

struct Hosts {
    configs: Vec<Config>,
    negotiations: &'static [Negotiation],
    tls: Option<MakeRustlsConnect>,
    timeout: Duration,
    /// The statements that begin each session.
    session: String,
    newest_primary: NewestPrimary,
}

impl Connector {
    pub(super) fn new(
        url: &PostgresUrl,
        options: &PostgresOptions,
        environment: &Environment,
    ) -> Result<Self, PostgresOpenError> {
        let passwords = find_passwords(url, environment)?;
        let hosts = url.hosts().iter().zip(passwords);
        let configs = hosts.map(|(host, password)| {
            let mut config = url.config().clone();
            config.host(&host.name).port(host.port);
            if let Some(password) = password {
                config.password(&*password);
            }
            config
        });
        let timeout = url.config().get_connect_timeout();
        let hosts = Hosts {
            configs: configs.collect(),
            negotiations: negotiations(url.ssl().mode),
            tls: tls::connector(url)?,
            timeout: timeout.copied().unwrap_or(options.connect_timeout),
            session: session_settings(options),
            newest_primary: NewestPrimary::default(),
        };
        Ok(Self {
            hosts: Arc::new(hosts),
            metrics: None,
        })
    }

    /// Counts the connections that are opened from now on.
    pub(super) fn counted_in(self, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    /// Connects and spawns the task that drives the connection. Returns the error of the last host.
    ///
    /// A host that does not answer delays the next one only by [`NEXT_HOST_DELAY`].
    pub(super) async fn open(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let mut counting = CountingGuard {
            metrics: self.metrics.as_deref(),
            outcome: ConnectionOutcome::Failed,
        };
        let connection = self.open_first().await?;
        counting.outcome = ConnectionOutcome::Opened;
        Ok(connection)
    }

    async fn open_first(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let mut remaining = self.hosts.configs.iter();
        let mut opening = FuturesUnordered::new();
        let mut last = None;
        loop {
            let next = remaining.next();
            opening.extend(next.map(|config| self.open_host(config)));
            let opened = match next {
                Some(_) => tokio::time::timeout(NEXT_HOST_DELAY, opening.next()).await,
                None => Ok(opening.next().await),
            };
            match opened {
                Ok(Some(Ok(connection))) => return Ok(connection),
                Ok(Some(Err(error))) => last = Some(error),
                Ok(None) => return Err(last.unwrap_or_else(Error::__private_api_timeout)),
                Err(_) => {}
            }
        }
    }

    /// Connects to one host, even if it is a standby.
    pub(super) async fn open_any(&self, host: usize) -> Result<(Client, JoinHandle<()>), Error> {
        let mut config = self.hosts.configs[host].clone();
        config.target_session_attrs(TargetSessionAttrs::Any);
        self.open_host(&config).await
    }

    async fn open_host(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let mut last = Error::__private_api_timeout();
        for negotiation in self.hosts.negotiations {
            let mut config = config.clone();
            config.ssl_mode(*negotiation);
            let opening = self.open_one(&config);
            match tokio::time::timeout(self.hosts.timeout, opening).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                // Another negotiation would not be answered either.
                Err(_) => return Err(Error::__private_api_timeout()),
            }
        }
        Err(last)
    }

    async fn open_one(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, task) = match &self.hosts.tls {
            Some(tls) if config.get_ssl_mode() != Negotiation::Disable => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection)))
            }
            Some(_) | None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        // Aborted on failure, because a task that waits for an answer would outlive the client.
        let mut task = AbortOnDrop(Some(task));
        if !self.hosts.session.is_empty() {
            client.batch_execute(&self.hosts.session).await?;
        }
        if self.host_count() > 1 {
            let newest = &self.hosts.newest_primary;
            newest.refuse_older(&describe_host(config), &client).await?;
        }
        let task = task.0.take().expect("taken once");
        Ok((client, task))
    }

    pub(super) fn host_count(&self) -> usize {
        self.hosts.configs.len()
    }

    /// Reads the timeline of a host on a connection to it, and remembers the highest one.
    pub(super) async fn observe(&self, host: usize, client: &Client) -> Result<(), Error> {
        let name = describe_host(&self.hosts.configs[host]);
        let observing = self.hosts.newest_primary.observe_host(&name, client);
        let observed = tokio::time::timeout(self.hosts.timeout, observing).await;
        observed.unwrap_or_else(|_| Err(Error::__private_api_timeout()))
    }

    pub(super) fn newest_primary(&self) -> Option<Primary> {
        self.hosts.newest_primary.get()
    }

    /// Returns whether a connection may be to an old primary.
    pub(super) fn is_outdated(&self, opened: Instant) -> bool {
        self.hosts.newest_primary.is_outdated(opened)
    }
}

/// Closes a connection that is not used.
struct AbortOnDrop(Option<JoinHandle<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(self.open())
    }
}

/// A guard that counts a connection; one that the caller no longer waits for has failed.
struct CountingGuard<'a> {
    metrics: Option<&'a Metrics>,
    outcome: ConnectionOutcome,
}

impl Drop for CountingGuard<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.metrics {
            metrics.postgres.record_connection(self.outcome);
        }
    }
}

/// Returns the TLS modes to try with each host. As in libpq, `prefer` falls back to plain TCP.
fn negotiations(mode: SslMode) -> &'static [Negotiation] {
    match mode {
        SslMode::Disable => &[Negotiation::Disable],
        SslMode::Allow => &[Negotiation::Disable, Negotiation::Require],
        SslMode::Prefer => &[Negotiation::Prefer, Negotiation::Disable],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Negotiation::Require],
    }
}

/// Returns the host of a connection for the log.
fn describe_host(config: &Config) -> String {
    let name = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(directory) => directory.display().to_string(),
    });
    let port = config.get_ports().first().map(|port| format!(":{port}"));
    [name, port].into_iter().flatten().collect()
}

/// Returns the statements that begin a session.
///
/// Empty without prepared statements, because a pooler may give the next transaction another connection.
fn session_settings(options: &PostgresOptions) -> String {
    if !options.prepare_statements {
        return String::new();
    }
    let isolation = "SET default_transaction_isolation = 'read committed';";
    format!("{isolation}{}", settings(options, "SET", false))
}

/// Returns the statements that begin a transaction.
pub(super) fn begin(options: &PostgresOptions) -> String {
    if options.prepare_statements {
        return "BEGIN".to_owned();
    }
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED;";
    format!("{begin}{}", settings(options, "SET LOCAL", true))
}

/// Returns the settings that the store relies on, whatever the defaults of the database are.
fn settings(options: &PostgresOptions, set: &str, is_local: bool) -> String {
    let timeouts = [
        ("statement_timeout", options.statement_timeout),
        ("lock_timeout", options.lock_timeout),
        (
            "idle_in_transaction_session_timeout",
            options.idle_in_transaction_timeout,
        ),
    ];
    let timeouts = timeouts.map(|(name, time)| format!("{set} {name} = {};", time.as_millis()));
    // With `synchronous_commit = off`, an acknowledged change could be lost. The operator may choose any other value.
    format!(
        "{}
        SELECT set_config('synchronous_commit', 'on', {is_local})
            WHERE current_setting('synchronous_commit') = 'off'",
        timeouts.concat()
    )
}

/// Runs a connection until it ends.
///
/// If a commit was not replicated, the server confirms it nevertheless, and only sends a notice first. The connection
/// ends at this notice, so that the commit is not acknowledged as durable.
async fn drive<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|context| {
        loop {
            match ready!(connection.poll_message(context)) {
                Some(Ok(AsyncMessage::Notice(notice))) if is_replication_failure(&notice) => {
                    return Poll::Ready(());
                }
                Some(Ok(_)) => {}
                // The statements in flight have failed with the error.
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Returns whether a notice reports a commit that "might not have been replicated".
///
/// The text of the notice depends on the server's language, so other fields identify it.
fn is_replication_failure(notice: &DbError) -> bool {
    notice.parsed_severity() == Some(Severity::Warning)
        && *notice.code() == SqlState::WARNING
        && notice.detail().is_some()
}

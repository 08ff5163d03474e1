//! Connections to PostgreSQL: to the first host that accepts, each within its own timeout.
//!
//! tokio-postgres can try several hosts too, but its timeout covers only the TCP handshake: a frozen server would
//! prevent it from trying the next host.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics as Uses, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode as Negotiation, TargetSessionAttrs};
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::{AsyncMessage, Client, Config, Connection as Driver, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{ConnectError, Connection, LastLoss};
use super::credentials::{Environment, find_passwords};
use super::error::PostgresOpenError;
use super::options::PostgresOptions;
use super::primary::{NewestPrimary, Primary, PrimaryStatus};
use super::tls;
use crate::metrics::{ConnectionOutcome, Metrics};
use crate::store::url::{PostgresUrl, SslMode};

/// How long a host may take before the next one is tried as well, as RFC 8305 recommends for addresses.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first host of a URL that accepts and is not an old primary.
#[derive(Clone)]
pub(super) struct Connector {
    hosts: Arc<Hosts>,
    /// The statements that begin each session.
    session: String,
    /// Counts the connections of a running server; `None` until it has started.
    metrics: Option<Arc<Metrics>>,
}

struct Hosts {
    configs: Vec<Config>,
    negotiations: &'static [Negotiation],
    tls: Option<MakeRustlsConnect>,
    timeout: Duration,
    newest_primary: NewestPrimary,
    last_loss: LastLoss,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Operations,
    /// Only to read the timeline of its host, which may be an old primary.
    Timeline,
}

impl Connector {
    /// Creates a connector for commands and the start of a server.
    ///
    /// Its sessions have no settings, because a pooler would give them to other clients.
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
            newest_primary: NewestPrimary::default(),
            last_loss: LastLoss::new(),
        };
        Ok(Self {
            hosts: Arc::new(hosts),
            session: String::new(),
            metrics: None,
        })
    }

    /// Returns the connector of a running server, which counts its connections and prepares their sessions.
    pub(super) fn for_server(self, options: &PostgresOptions, metrics: Arc<Metrics>) -> Self {
        Self {
            session: session_settings(options),
            metrics: Some(metrics),
            ..self
        }
    }

    /// Connects to the first host that accepts. Returns the error of the last one.
    ///
    /// A host that does not answer delays the next one only by [`NEXT_HOST_DELAY`].
    pub(super) async fn open(&self) -> Result<Connection, ConnectError> {
        let mut counting = CountingGuard {
            metrics: self.metrics.as_deref(),
            outcome: ConnectionOutcome::Failed,
        };
        loop {
            let connection = self.open_first().await?;
            // Otherwise, there was a loss while it opened.
            if self.last_loss().is_current(&connection) {
                counting.outcome = ConnectionOutcome::Opened;
                return Ok(connection);
            }
        }
    }

    async fn open_first(&self) -> Result<Connection, ConnectError> {
        let mut remaining = self.hosts.configs.iter();
        let mut opening = FuturesUnordered::new();
        let mut last = ConnectError::Timeout;
        loop {
            let next = remaining.next();
            opening.extend(next.map(|config| self.open_host(config, Purpose::Operations)));
            let opened = match next {
                Some(_) => tokio::time::timeout(NEXT_HOST_DELAY, opening.next()).await,
                None => Ok(opening.next().await),
            };
            match opened {
                Ok(Some(Ok(connection))) => return Ok(connection),
                Ok(Some(Err(error))) => last = error,
                Ok(None) => return Err(last),
                Err(_) => {}
            }
        }
    }

    /// Connects to one host, even if it is a standby or an old primary.
    pub(super) async fn open_any(&self, host: usize) -> Result<Connection, ConnectError> {
        let mut config = self.hosts.configs[host].clone();
        config.target_session_attrs(TargetSessionAttrs::Any);
        self.open_host(&config, Purpose::Timeline).await
    }

    async fn open_host(
        &self,
        config: &Config,
        purpose: Purpose,
    ) -> Result<Connection, ConnectError> {
        let mut last = ConnectError::Timeout;
        for negotiation in self.hosts.negotiations {
            let mut config = config.clone();
            config.ssl_mode(*negotiation);
            let opening = async {
                let connection = self.open_one(&config).await?;
                if purpose == Purpose::Operations {
                    self.begin_session(&config, &connection).await?;
                }
                Ok(connection)
            };
            match self.in_time(opening).await {
                Err(ConnectError::Database(error)) => last = error.into(),
                // Another negotiation would not change it.
                result => return result,
            }
        }
        Err(last)
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let answer = tokio::time::timeout(self.hosts.timeout, answer).await;
        answer.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn open_one(&self, config: &Config) -> Result<Connection, ConnectError> {
        let began = Instant::now();
        let client = match &self.hosts.tls {
            Some(tls) if config.get_ssl_mode() != Negotiation::Disable => {
                let (client, connection) = config.connect(tls.clone()).await?;
                ClientWrapper::new(client, tokio::spawn(drive(connection)))
            }
            Some(_) | None => {
                let (client, connection) = config.connect(NoTls).await?;
                ClientWrapper::new(client, tokio::spawn(drive(connection)))
            }
        };
        Ok(Connection::new(client, began))
    }

    /// Fails if the server is an old primary.
    async fn begin_session(&self, config: &Config, client: &Client) -> Result<(), ConnectError> {
        if !self.session.is_empty() {
            client.batch_execute(&self.session).await?;
        }
        if self.host_count() == 1 {
            return Ok(());
        }
        let Some(primary) = Primary::read(&describe_host(config), client).await? else {
            return Ok(());
        };
        match self.observe(primary) {
            PrimaryStatus::Newest | PrimaryStatus::Promoted => Ok(()),
            PrimaryStatus::Old => Err(ConnectError::OldPrimary),
            PrimaryStatus::OtherSystem => Err(ConnectError::OtherSystem),
        }
    }

    pub(super) fn host_count(&self) -> usize {
        self.hosts.configs.len()
    }

    /// Returns the time of the last loss of the connections of this connector.
    pub(super) fn last_loss(&self) -> &LastLoss {
        &self.hosts.last_loss
    }

    /// Reads the timeline of a host on a connection to it; `None` if it is not a primary.
    pub(super) async fn read_primary(
        &self,
        host: usize,
        client: &Client,
    ) -> Result<Option<Primary>, ConnectError> {
        let name = describe_host(&self.hosts.configs[host]);
        let reading = async { Ok(Primary::read(&name, client).await?) };
        self.in_time(reading).await
    }

    /// Compares a primary with the newest that this process has seen.
    ///
    /// A promotion is a loss of all connections.
    pub(super) fn observe(&self, primary: Primary) -> PrimaryStatus {
        let status = self.hosts.newest_primary.observe(primary);
        if status == PrimaryStatus::Promoted {
            self.last_loss().report();
        }
        status
    }

    pub(super) fn newest_primary(&self) -> &NewestPrimary {
        &self.hosts.newest_primary
    }
}

/// Opens the connections of a pool.
impl managed::Manager for Connector {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        self.open().await
    }

    /// Refuses a connection that is closed or lost.
    ///
    /// A statement that fails is retried, so that none is sent here.
    async fn recycle(&self, connection: &mut Connection, _: &Uses) -> RecycleResult<ConnectError> {
        match connection.is_closed() || !self.last_loss().is_current(connection) {
            true => Err(RecycleError::message("the connection was lost")),
            false => Ok(()),
        }
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

/// Returns the statements that begin a transaction of a server.
pub(super) fn begin(options: &PostgresOptions) -> String {
    match options.prepare_statements {
        true => "BEGIN".to_owned(),
        false => begin_with_settings(options),
    }
}

/// Returns the statements that begin a transaction on a session without settings.
pub(super) fn begin_with_settings(options: &PostgresOptions) -> String {
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
    // PostgreSQL accepts no more than this many milliseconds, 24 days.
    let millis = |time: Duration| time.as_millis().min(i32::MAX.unsigned_abs().into());
    let timeouts = timeouts.map(|(name, time)| format!("{set} {name} = {};", millis(time)));
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
async fn drive<S, T>(mut connection: Driver<S, T>)
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

//! The command `serve`: starts the server, its background tasks and its shutdown.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dropshot::{ConfigTls, HttpServer};
use pbx_login_api::refusal;
use slog::{Logger, info, warn};
use tokio::signal::unix::{SignalKind, signal};

use super::file_access;
use super::stream;
use super::user::read_password;
use crate::app::user::FirstAdministrator;
use crate::app::{Internal, attempt, audit, session, user};
use crate::client_addresses::ClientAddresses;
use crate::config::Settings;
use crate::context::Context;
use crate::domain::password::Password;
use crate::limits::cores;
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::store::{self, AuditSink, IfMissing, Observer, OpenOptions};
use crate::tls::TlsFiles;
use crate::{connections, error, http, limits, log, ops, panic};

/// The time for requests in flight in a graceful shutdown; Docker kills after 10 s, systemd after 90 s.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval of sweeps if no row has expired. An expired row has no effect; a sweep frees its space.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The interval of writing coalesced audit entries; a crash loses the entries of one interval.
const AUDIT_FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two batches, so that sweeping a backlog does not delay logins.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// The minimum interval at which live sessions are counted: the usual scrape interval of Prometheus.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);

/// Limits counting to 0.25 % of the time.
///
/// A million sessions take 0.14 s on PostgreSQL, where each server counts, and 0.02 s on SQLite.
const COUNT_PAUSE_FACTOR: u32 = 400;

pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.check_exposure()?;
    if let Some(policy) = settings.strict_transport_security() {
        refusal::set_strict_transport_security(policy);
    }
    let tls_files = settings.tls_files();
    let tls = tls_files.as_ref().map(TlsFiles::load).transpose()?;
    let metrics = Arc::new(Metrics::new());
    let client_addresses = Arc::new(ClientAddresses::new(settings.trusted_proxies.clone()));
    let (log, log_writer) = log::logger(
        settings.log_level,
        settings.log_format,
        Arc::clone(&metrics),
        Arc::clone(&client_addresses),
    );
    for network in settings.trusted_proxies.wide_networks() {
        warn!(
            log,
            "every host in a network of trusted_proxies can forge client addresses; list the proxies";
            "network" => %network
        );
    }
    panic::install_hook(log.clone(), Arc::clone(&metrics));
    let files = limits::raise_open_files();
    let audit_stream = stream::start_for_server(&settings, &metrics, &log)?;
    let options = OpenOptions {
        missing: settings.if_missing(IfMissing::Create),
        postgres: settings.postgres_options(),
        observer: Observer {
            metrics: Arc::clone(&metrics),
            log: log.clone(),
            audit: audit_stream
                .clone()
                .map(|stream| stream as Arc<dyn AuditSink>),
            ..Observer::default()
        },
    };
    let database = store::open_cached(&settings.database, options, settings.cache_sessions).await?;
    let secret_files = store::files(&settings.database)
        .into_iter()
        .chain(settings.tls_key.clone())
        .chain(settings.admin_password_file.clone());
    file_access::warn_if_exposed(&log, secret_files);
    let hasher = Hasher::with_limits(
        settings.password_cost(),
        cores(),
        settings.login_limits(),
        Arc::clone(&metrics),
    )?;
    let context = Arc::new(Context {
        client_addresses,
        ..Context::new(&settings, database, hasher, metrics)
    });
    let administrator = first_administrator(
        &context,
        settings.admin_password,
        settings.admin_password_file,
    )
    .await?;

    // Registered before the address is announced: from then on a signal must stop the server.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let tls = tls.map(ConfigTls::Dynamic);
    let server = http::start(Arc::clone(&context), settings.listen, tls, log.clone())?;
    let ops = settings
        .ops_listen
        .0
        .map(|address| ops::start(Arc::clone(&context), address));
    let ops = ops.transpose()?;
    let address = server.local_addr();
    connections::start_guard(
        Arc::clone(&context.connections),
        address.port(),
        connections::Limits {
            per_network: settings.connections_per_network,
            trusted_proxies: settings.trusted_proxies,
        },
        Arc::clone(&context.metrics),
        &log,
    );
    info!(log, "listening"; "address" => %address, "open_files" => files);
    if let Some(ops) = &ops {
        info!(log, "operations listener started"; "address" => %ops.local_addr());
    }
    announce(&format!("{scheme}://{address}"), &administrator);
    let sweeper = tokio::spawn(sweep(Arc::clone(&context), log.clone()));
    let counter = tokio::spawn(count_sessions(Arc::clone(&context)));
    let audit_flusher = tokio::spawn(flush_audit(Arc::clone(&context), log.clone()));

    let name = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            _ = hangup.recv() => reload_tls(&server, tls_files.as_ref(), &log).await,
        }
    };
    info!(log, "stopping"; "signal" => name);
    sweeper.abort();
    counter.abort();
    audit_flusher.abort();
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, server.close()).await {
        Ok(Ok(())) => info!(log, "stopped"),
        Ok(Err(reason)) => warn!(log, "stopped with an error"; "cause" => reason),
        Err(_) => {
            warn!(log, "stopped before all requests were finished"; "waited_s" => SHUTDOWN_TIMEOUT.as_secs())
        }
    }
    if let Err(error) = audit::flush(&context).await {
        warn!(log, "cannot write audit entries"; "cause" => error::causes(&error));
    }
    if let Some(stream) = audit_stream {
        stream.close();
    }
    flush_log(log_writer);
    Ok(())
}

/// Reloads certificate and key for new connections; on an error the old ones stay in use.
async fn reload_tls(server: &HttpServer<Arc<Context>>, tls: Option<&TlsFiles>, log: &Logger) {
    let Some(files) = tls else {
        info!(log, "no certificate to reload, because TLS is not enabled"; "signal" => "SIGHUP");
        return;
    };
    let reloaded = match files.load() {
        Ok(config) => server.refresh_tls(&ConfigTls::Dynamic(config)).await,
        Err(error) => Err(error.to_string()),
    };
    match reloaded {
        Ok(()) => info!(log, "certificate reloaded"),
        Err(cause) => {
            warn!(log, "certificate not reloaded; the old one remains in use"; "cause" => cause)
        }
    }
}

/// Writes the queued lines of the log, for at most [`LOG_FLUSH_TIMEOUT`] if the reader has stalled.
fn flush_log(log_writer: slog_async::AsyncGuard) {
    let (done, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(log_writer);
        // Fails if the receiver has timed out.
        let _ = done.send(());
    });
    let _ = written.recv_timeout(LOG_FLUSH_TIMEOUT);
}

/// Creates the first administrator if there is none. The password file is read only in this case.
async fn first_administrator(
    context: &Context,
    password: Option<Password>,
    file: Option<PathBuf>,
) -> anyhow::Result<FirstAdministrator> {
    if user::has_administrator(context).await? {
        if password.is_some() {
            eprintln!("an administrator already exists; admin_password is ignored");
        }
        return Ok(FirstAdministrator::NotNeeded);
    }
    let password = match (password, file) {
        (None, Some(file)) => Some(read_password_file(&file)?),
        (password, _) => password,
    };
    user::ensure_administrator(context, password)
        .await
        .context("the first administrator was not created")
}

fn read_password_file(file: &Path) -> anyhow::Result<Password> {
    let name = file.display().to_string();
    let opened =
        File::open(file).with_context(|| format!("cannot read the password from {name}"))?;
    read_password(opened, &name)
}

/// Prints the URL and an example login to standard error, because standard output is for the log.
///
/// The example reads the password from the terminal, so that neither the shell's history nor the list of processes
/// shows it.
fn announce(url: &str, administrator: &FirstAdministrator) {
    match administrator {
        FirstAdministrator::Generated(password) => {
            eprintln!(
                "created the administrator `admin` with this password, which is not shown again:\n"
            );
            eprintln!("    {}\n", password.expose());
        }
        FirstAdministrator::Created => {
            eprintln!("created the administrator `admin` with the configured password");
        }
        FirstAdministrator::NotNeeded => {}
    }
    eprintln!("listening on {url}; to log in, run this in bash and enter the password:");
    eprintln!();
    eprintln!("    read -rs PASSWORD");
    eprintln!(r#"    printf '{{"username": "admin", "password": "%s"}}' "$PASSWORD" |"#);
    eprintln!("        curl -i -H 'Content-Type: application/json' -d @- {url}/login");
    eprintln!();
}

async fn flush_audit(context: Arc<Context>, log: Logger) {
    loop {
        tokio::time::sleep(AUDIT_FLUSH_INTERVAL).await;
        if let Err(error) = audit::flush(&context).await {
            warn!(log, "cannot write audit entries; trying again"; "cause" => error::causes(&error));
        }
    }
}

async fn sweep(context: Arc<Context>, log: Logger) {
    let sweep_batch = async || {
        let sessions = session::sweep(&context).await?;
        let attempts = attempt::sweep(&context).await?;
        Ok(sessions + attempts + audit::sweep(&context).await?)
    };
    loop {
        match sweep_batch().await {
            Ok(0) => tokio::time::sleep(SWEEP_INTERVAL).await,
            Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
            Err(error) => {
                let error: Internal = error;
                warn!(log, "cannot delete expired rows; trying again"; "cause" => error::causes(&error));
                tokio::time::sleep(SWEEP_INTERVAL).await;
            }
        }
    }
}

async fn count_sessions(context: Arc<Context>) {
    loop {
        let since = Instant::now();
        // A failure is logged by the requests that it affects.
        context
            .metrics
            .set_live_sessions(session::count_live(&context).await.ok());
        tokio::time::sleep(COUNT_INTERVAL.max(since.elapsed() * COUNT_PAUSE_FACTOR)).await;
    }
}

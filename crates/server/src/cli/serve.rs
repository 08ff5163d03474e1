//! The command `serve`: runs the server, from its settings to the last request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dropshot::{ConfigTls, HttpServer};
use slog::{Logger, info, warn};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Internal, attempt, audit, session, user};
use crate::config::Settings;
use crate::context::Context;
use crate::limits::cores;
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::store::{self, IfMissing, Observer};
use crate::tls::TlsFiles;
use crate::{error, http, limits, log, ops, panic};

/// How long requests in flight may take after SIGTERM or SIGINT. Docker kills after 10 s, systemd after 90 s; a login takes
/// well under one second.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the last lines of the log may take to be written.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval of sweeps if nothing has expired. An expired row has no effect; a sweep frees its space.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The interval at which coalesced audit entries are written. A crash loses those of one interval.
const AUDIT_FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two batches, so that sweeping a backlog does not delay logins.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// The least interval at which live sessions are counted: that at which Prometheus usually scrapes.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);

/// Counting takes at most the time between two counts divided by this. Counting an index of two million sessions took 0.03 s
/// of processor time.
const COUNT_PAUSE_FACTOR: u32 = 100;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// If the database cannot be opened, or an address cannot be listened on.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.check_exposure()?;
    let tls_files = settings.tls_files();
    let tls = tls_files.as_ref().map(TlsFiles::load).transpose()?;
    let metrics = Arc::new(Metrics::new());
    let (log, log_writer) = log::logger(
        settings.log_level,
        settings.log_format,
        Arc::clone(&metrics),
    );
    panic::install_hook(log.clone(), Arc::clone(&metrics));
    let files = limits::raise_open_files();
    let observer = Observer {
        metrics: Arc::clone(&metrics),
        log: log.clone(),
    };
    let database = store::open_cached(
        &settings.database,
        IfMissing::Create,
        observer,
        settings.cache_sessions,
    )
    .await?;
    let hasher = Hasher::limited(
        settings.password_cost(),
        cores(),
        settings.login_limits(),
        Arc::clone(&metrics),
    )?;
    let context = Arc::new(Context::new(&settings, database, hasher, metrics));
    let given = settings.admin_password.is_some();
    let administrator = user::ensure_administrator(&context, settings.admin_password).await?;

    // Before the server is announced: from then on a signal must stop it.
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
    info!(log, "listening"; "address" => %address, "open_files" => files);
    if let Some(ops) = &ops {
        info!(log, "listening for operations"; "address" => %ops.local_addr());
    }
    announce(&format!("{scheme}://{address}"), &administrator, given);
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
        Ok(Err(reason)) => warn!(log, "stopped badly"; "cause" => reason),
        Err(_) => {
            warn!(log, "stopped with requests unfinished"; "waited_s" => SHUTDOWN_TIMEOUT.as_secs())
        }
    }
    if let Err(error) = audit::flush(&context).await {
        warn!(log, "audit entries were not written"; "cause" => error::causes(&error));
    }
    flush_log(log_writer);
    Ok(())
}

/// Reads certificate and key again, for new connections; unusable files change nothing.
async fn reload_tls(server: &HttpServer<Arc<Context>>, tls: Option<&TlsFiles>, log: &Logger) {
    let Some(files) = tls else {
        info!(log, "no certificate to read again"; "signal" => "SIGHUP");
        return;
    };
    let taken = match files.load() {
        Ok(config) => server.refresh_tls(&ConfigTls::Dynamic(config)).await,
        Err(error) => Err(error.to_string()),
    };
    match taken {
        Ok(()) => info!(log, "certificate read again"),
        Err(cause) => {
            warn!(log, "certificate not read again, the old one is kept"; "cause" => cause)
        }
    }
}

/// Writes the queued lines of the log. A stalled reader does not keep the process alive.
fn flush_log(log_writer: slog_async::AsyncGuard) {
    let (done, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(log_writer);
        // Fails if the receiver has given up.
        let _ = done.send(());
    });
    let _ = written.recv_timeout(LOG_FLUSH_TIMEOUT);
}

/// Prints the URL and how to log in, to standard error: standard output is for the log.
fn announce(url: &str, administrator: &user::FirstAdministrator, given: bool) {
    use user::FirstAdministrator as First;
    let password = match administrator {
        First::MadeUp(password) => {
            eprintln!("created the administrator admin; its password, shown only now:\n");
            eprintln!("    {}\n", password.expose());
            Some(password.expose())
        }
        First::Created => {
            eprintln!("created the administrator admin with the password that was given");
            None
        }
        First::NotNeeded => {
            if given {
                eprintln!("there is an administrator already; the given password is not used");
            }
            None
        }
    };
    eprintln!("listening on {url}; log in with");
    eprintln!();
    eprintln!("    curl -i -H 'Content-Type: application/json' \\");
    let password = password.unwrap_or("THE PASSWORD");
    eprintln!(
        "         -d '{{\"username\": \"admin\", \"password\": \"{password}\"}}' {url}/login"
    );
    eprintln!();
}

/// Writes coalesced audit entries, as long as the server runs.
async fn flush_audit(context: Arc<Context>, log: Logger) {
    loop {
        tokio::time::sleep(AUDIT_FLUSH_INTERVAL).await;
        if let Err(error) = audit::flush(&context).await {
            warn!(log, "audit entries were not written yet"; "cause" => error::causes(&error));
        }
    }
}

/// Deletes expired rows in batches, as long as the server runs.
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
                warn!(log, "expired rows were not swept"; "cause" => error::causes(&error));
                tokio::time::sleep(SWEEP_INTERVAL).await;
            }
        }
    }
}

/// Counts live sessions for the metrics, as long as the server runs: once in [`COUNT_INTERVAL`], and less often if counting
/// takes long.
async fn count_sessions(context: Arc<Context>) {
    loop {
        let since = Instant::now();
        // A failure is logged by the requests that it affects.
        context
            .metrics
            .sessions_live(session::count_live(&context).await.ok());
        tokio::time::sleep(COUNT_INTERVAL.max(since.elapsed() * COUNT_PAUSE_FACTOR)).await;
    }
}

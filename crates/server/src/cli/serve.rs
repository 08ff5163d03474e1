//! `serve`: the server's life, from the settings to the last request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dropshot::{ConfigTls, HttpServer};
use slog::{Logger, info, warn};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Internal, audit, session, throttle, user};
use crate::audit::Audit;
use crate::config::Settings;
use crate::context::{Context, OsRandom, SystemClock};
use crate::metrics::Metrics;
use crate::password::{Hasher, cores};
use crate::store::{self, Missing, Observer};
use crate::throttle::Throttle;
use crate::tls::TlsFiles;
use crate::{error, http, limits, log, ops, panic};

/// How long requests in flight may take to finish after SIGTERM or SIGINT. Service managers kill after 10 s (Docker) to
/// 90 s (systemd); a login takes well under one.
const GRACE: Duration = Duration::from_secs(8);

/// How long the last lines of the log may take to be written.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// How often is looked for what has expired. It counts no more from that very moment; this only frees its space.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often is written down how many logins were held back. A crash loses as much of it.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The pause between two bites, so that sweeping a backlog leaves the writer to logins.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// How often live sessions are counted, at most: as often as Prometheus usually asks.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Counting takes at most one part in so many of the time. An index over two million sessions was counted through in
/// 0.03 s of processor time.
const COUNT_SHARE: u32 = 100;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the database cannot be opened or the address not be listened on.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.check_exposure()?;
    let tls_files = settings.tls_files();
    let tls = tls_files.as_ref().map(TlsFiles::load).transpose()?;
    let metrics = Arc::new(Metrics::new());
    let (log, waiting) = log::logger(
        settings.log_level,
        settings.log_format,
        Arc::clone(&metrics),
    );
    panic::report(log.clone(), Arc::clone(&metrics));
    let files = limits::raise_open_files();
    let observer = Observer {
        metrics: Arc::clone(&metrics),
        log: log.clone(),
    };
    let context = Arc::new(Context {
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        store: store::open_cached(
            &settings.database,
            Missing::Create,
            observer,
            settings.cache_sessions,
        )
        .await?,
        hasher: Hasher::limited(
            settings.password_cost(),
            cores(),
            settings.login_limits(),
            Arc::clone(&metrics),
        )?,
        audit: Audit::new(settings.audit_retention, settings.audit_rows),
        throttle: settings.throttle().map(Throttle::new),
        metrics,
        session_lifetime: settings.session_lifetime,
        session_max_lifetime: settings.session_max_lifetime(),
        sessions_per_user: settings.session_per_user,
        secure_cookie: settings.is_encrypted(),
        trusted_proxies: settings.trusted_proxies,
    });
    let given = settings.admin_password.is_some();
    let administrator = user::ensure_administrator(&context, settings.admin_password).await?;

    // Before anybody is told that there is a server: a signal must find it ready to stop.
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
    let teller = tokio::spawn(tell(Arc::clone(&context), log.clone()));

    let name = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            _ = hangup.recv() => reload(&server, tls_files.as_ref(), &log).await,
        }
    };
    info!(log, "stopping"; "signal" => name);
    sweeper.abort();
    counter.abort();
    teller.abort();
    match tokio::time::timeout(GRACE, server.close()).await {
        Ok(Ok(())) => info!(log, "stopped"),
        Ok(Err(reason)) => warn!(log, "stopped badly"; "cause" => reason),
        Err(_) => warn!(log, "stopped with requests unfinished"; "waited_s" => GRACE.as_secs()),
    }
    if let Err(error) = audit::flush(&context).await {
        warn!(log, "refused logins were not written down"; "cause" => error::causes(&error));
    }
    write_out(waiting);
    Ok(())
}

/// Reads certificate and key again. New connections get them, those that are open keep theirs; files that cannot be used
/// change nothing.
async fn reload(server: &HttpServer<Arc<Context>>, tls: Option<&TlsFiles>, log: &Logger) {
    let Some(files) = tls else {
        info!(log, "nothing to read again"; "signal" => "SIGHUP");
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

/// Writes out the lines of the log that wait. A reader that has stalled must not keep the process alive.
fn write_out(waiting: slog_async::AsyncGuard) {
    let (done, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(waiting);
        // Whoever waits may have given up.
        let _ = done.send(());
    });
    let _ = written.recv_timeout(LOG_GRACE);
}

/// Tells whoever started the server where it is and how to log in. To standard error: standard output is the log's.
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

/// Writes down what logins were held back, for as long as the server runs.
async fn tell(context: Arc<Context>, log: Logger) {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        if let Err(error) = audit::flush(&context).await {
            warn!(log, "refused logins were not written down yet"; "cause" => error::causes(&error));
        }
    }
}

/// Deletes what has expired in small bites, for as long as the server runs.
async fn sweep(context: Arc<Context>, log: Logger) {
    let bite = async || {
        let sessions = session::sweep(&context).await?;
        let attempts = throttle::sweep(&context).await?;
        Ok(sessions + attempts + audit::sweep(&context).await?)
    };
    loop {
        match bite().await {
            Ok(0) => tokio::time::sleep(SWEEP_EVERY).await,
            Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
            Err(error) => {
                let error: Internal = error;
                warn!(log, "what has expired was not swept"; "cause" => error::causes(&error));
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        }
    }
}

/// Counts live sessions for the metrics, for as long as the server runs: about once in [`COUNT_EVERY`], and less often
/// where counting takes long.
async fn count_sessions(context: Arc<Context>) {
    loop {
        let since = Instant::now();
        // The cause of a failure is in the log of those who were refused.
        context
            .metrics
            .sessions_live(session::count_live(&context).await.ok());
        tokio::time::sleep(COUNT_EVERY.max(since.elapsed() * COUNT_SHARE)).await;
    }
}

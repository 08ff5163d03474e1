//! The log: one line for each request, without secrets.
//!
//! Every record of dropshot contains the URI of the request, into which a careless client may have put a token. The
//! filter here replaces dropshot's record of a finished request with a line of its own, passes a sample of the warnings
//! about connections without their context, and drops the rest. Records of this server pass unchanged.
//!
//! The line contains the request id, the operation, the status, the latency in microseconds, the client (the peer, or
//! the address that a trusted proxy states) and the cause of a refusal or failure. The operation is null if the
//! contract does not contain the method and path. The path itself is not logged, because it may contain anything.

mod sample;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pbx_login_api::{OPERATIONS, refusal};
use slog::{Drain, KV, Level, Logger, OwnedKVList, Record, o};

pub(crate) use self::sample::Sampler;
use crate::client_addresses::ClientAddresses;
use crate::config::{LogFormat, LogLevel};
use crate::http::{operation, template};
use crate::metrics::Metrics;

/// Further lines are dropped and later reported, so that a stalled log does not stall requests.
const MAX_QUEUED_LINES: usize = 16 * 1024;

/// Returns the logger of a server, and a guard that writes the queued lines when it is dropped.
///
/// Lines are written to standard output: as text on a terminal and as JSON (one object per line) otherwise, unless
/// `format` selects one of the two. `metrics` counts requests at every level; `clients` has the addresses behind
/// trusted proxies.
pub(crate) fn logger(
    level: LogLevel,
    format: LogFormat,
    metrics: Arc<Metrics>,
    clients: Arc<ClientAddresses>,
) -> (Logger, slog_async::AsyncGuard) {
    use io::IsTerminal;
    let text = match format {
        LogFormat::Auto => io::stdout().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        let decorator = slog_term::TermDecorator::new().stdout().build();
        start_writer(
            level,
            metrics,
            clients,
            slog_term::FullFormat::new(decorator).build(),
        )
    } else {
        let lines = WholeLines::new(io::stdout());
        start_writer(level, metrics, clients, slog_json::Json::default(lines))
    }
}

fn start_writer<D>(
    level: LogLevel,
    metrics: Arc<Metrics>,
    clients: Arc<ClientAddresses>,
    drain: D,
) -> (Logger, slog_async::AsyncGuard)
where
    D: Drain<Err: fmt::Debug> + Send + 'static,
{
    // A log that cannot be written (a closed pipe, a full disk) must not stop the server.
    let (drain, guard) = slog_async::Async::new(drain.ignore_res())
        .chan_size(MAX_QUEUED_LINES)
        .overflow_strategy(slog_async::OverflowStrategy::DropAndReport)
        .build_with_guard();
    (
        Logger::root(filter_requests(level, metrics, clients, drain), o!()),
        guard,
    )
}

/// Buffers a line, because slog-json writes it in about fifty pieces, each under the lock of stdout.
struct WholeLines<W> {
    line: Vec<u8>,
    out: W,
}

impl<W> WholeLines<W> {
    fn new(out: W) -> Self {
        Self {
            line: Vec::new(),
            out,
        }
    }
}

impl<W: io::Write> io::Write for WholeLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.line);
        // A line that cannot be written is discarded; it must not become part of the next one.
        self.line.clear();
        written?;
        self.out.flush()
    }
}

fn filter_requests<D>(
    level: LogLevel,
    metrics: Arc<Metrics>,
    clients: Arc<ClientAddresses>,
    drain: D,
) -> impl Drain<Ok = (), Err = slog::Never>
where
    D: Drain<Ok = ()>,
{
    let level = slog_level(level);
    RequestFilter {
        drain: slog::LevelFilter::new(drain, level).map(slog::IgnoreResult::new),
        level,
        metrics,
        clients,
        tls_failures: Sampler::default(),
        other_warnings: Sampler::default(),
    }
}

fn slog_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warning,
        LogLevel::Error => Level::Error,
    }
}

/// Filters the several records of each request; dropping a record must cost almost nothing.
struct RequestFilter<D> {
    drain: D,
    /// The drain filters by level too, but only after the line has been built.
    level: Level,
    metrics: Arc<Metrics>,
    clients: Arc<ClientAddresses>,
    tls_failures: Sampler,
    other_warnings: Sampler,
}

impl<D: Drain<Ok = ()>> Drain for RequestFilter<D> {
    type Ok = ();
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), D::Err> {
        if !record.module().starts_with("dropshot") {
            return self.drain.log(record, values);
        }
        let message = match record.msg().as_str() {
            Some(message) => Cow::Borrowed(message),
            None => Cow::Owned(record.msg().to_string()),
        };
        if message == "request completed" || message.starts_with("request handling cancelled") {
            return self.request(record, values);
        }
        // Other warnings of dropshot are about connections, such as a failed TLS handshake.
        if record.level().is_at_least(Level::Warning)
            && !RequestRecord::read(record, values, false, |_| true).is_request()
        {
            return self.connection_warning(record, &message);
        }
        Ok(())
    }
}

impl<D: Drain<Ok = ()>> RequestFilter<D> {
    /// Logs a sample of the warnings about connections, because clients can cause them at any rate.
    fn connection_warning(&self, record: &Record<'_>, message: &str) -> Result<(), D::Err> {
        let sampler = if message.starts_with("tls accept err") {
            self.metrics.record_tls_failure();
            &self.tls_failures
        } else {
            &self.other_warnings
        };
        match sampler.sample(Instant::now()) {
            Some(0) => self.drain.log(record, &o!().into()),
            Some(suppressed) => self
                .drain
                .log(record, &o!("suppressed" => suppressed).into()),
            None => Ok(()),
        }
    }

    fn request(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), D::Err> {
        let needs_id = self.clients.is_used();
        let is_logged = |line: &RequestRecord| line.level().is_at_least(self.level);
        let mut line = RequestRecord::read(record, values, needs_id, is_logged);
        if let Some(client) = self.clients.take(&line.request_id)
            && line.is_logged
            && self.clients.is_trusted(&line.client)
        {
            line.client = client.to_string();
        }
        let operation = line.operation();
        self.metrics.record_request(
            operation,
            u16::try_from(line.status).unwrap_or(u16::MAX),
            Duration::from_micros(line.latency_us),
        );
        if !line.is_logged {
            return Ok(());
        }
        let statics = slog::record_static!(line.level(), "request");
        let cause = line.cause();
        self.drain.log(
            &Record::new(
                &statics,
                &format_args!("request"),
                slog::b!(
                    "request_id" => &line.request_id,
                    "operation" => operation,
                    "status" => line.status,
                    "latency_us" => line.latency_us,
                    "client" => &line.client,
                    "cause" => cause,
                ),
            ),
            &o!().into(),
        )
    }
}

/// The length of the longest address: `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const MAX_ADDRESS_LENGTH: usize = 47;

/// The status logged if the client disconnects before the response; from nginx, as HTTP has none.
const CLIENT_CLOSED_REQUEST: u64 = 499;

const HTTP_VERSION_NOT_SUPPORTED: u64 = 505;

/// Returns the path of a request target, which may also be a URI (RFC 9112, section 3.2).
fn path(target: &str) -> &str {
    let (target, _) = target.split_once('?').unwrap_or((target, ""));
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').map_or("/", |start| &rest[start..])
        }
        _ => target,
    }
}

#[derive(Default)]
struct RequestRecord {
    request_id: String,
    method: Option<&'static str>,
    template: Option<&'static str>,
    client: String,
    status: u64,
    latency_us: u64,
    internal: Option<String>,
    needs_id: bool,
    is_logged: bool,
}

impl RequestRecord {
    /// Reads a record.
    ///
    /// The peer is read only if the record will be logged, and the request id also if `needs_id` is set.
    fn read(
        record: &Record<'_>,
        values: &OwnedKVList,
        needs_id: bool,
        is_logged: impl Fn(&Self) -> bool,
    ) -> Self {
        let mut line = Self {
            needs_id,
            status: CLIENT_CLOSED_REQUEST,
            ..Self::default()
        };
        // Serializing strings and numbers cannot fail. Status and cause are in the record, the rest is in its logger.
        let _ = record.kv().serialize(record, &mut line);
        line.is_logged = is_logged(&line);
        let _ = values.serialize(record, &mut line);
        line
    }

    fn operation(&self) -> Option<&'static str> {
        operation(self.method?, self.template?)
    }

    /// Returns the log level.
    ///
    /// Load shedding and HTTP/2 are not errors, because clients must not be able to fill a log of errors.
    fn level(&self) -> Level {
        let is_load_shedding = |cause: &str| cause.starts_with(refusal::LOAD_SHEDDING);
        if self.status >= 500
            && self.status != HTTP_VERSION_NOT_SUPPORTED
            && !self.cause().is_some_and(is_load_shedding)
        {
            Level::Error
        } else {
            Level::Info
        }
    }

    fn is_request(&self) -> bool {
        !self.request_id.is_empty()
    }

    /// Returns why the request was refused or failed, without any content of the request.
    fn cause(&self) -> Option<&str> {
        if self.status == CLIENT_CLOSED_REQUEST {
            return Some("the client disconnected before the response");
        }
        self.internal.as_deref()
    }

    fn text(&mut self, key: &str, value: Cow<'_, str>) {
        match key {
            "req_id" if self.is_logged || self.needs_id => self.request_id = value.into_owned(),
            // Mapped to static strings of the contract, so that nothing is copied.
            "method" => {
                let mut methods = OPERATIONS.iter().map(|operation| operation.method);
                self.method = methods.find(|method| *method == value);
            }
            "uri" => self.template = template(path(&value)),
            "remote_addr" if self.is_logged => self.client = value.into_owned(),
            "error_message_internal" => self.internal = Some(value.into_owned()),
            _ => {}
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        match key {
            "response_code" => self.status = value,
            "latency_us" => self.latency_us = value,
            _ => {}
        }
    }
}

impl slog::Serializer for RequestRecord {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments<'_>) -> slog::Result {
        // The type of a key depends on a feature of slog that any dependency may enable.
        let key = AsRef::<str>::as_ref(&key);
        if self.is_logged || matches!(key, "method" | "uri") {
            // The value is usually an address; this capacity avoids a reallocation.
            let mut text = String::with_capacity(MAX_ADDRESS_LENGTH);
            fmt::Write::write_fmt(&mut text, *value)?;
            self.text(key, text.into());
        }
        Ok(())
    }

    fn emit_str(&mut self, key: slog::Key, value: &str) -> slog::Result {
        self.text(AsRef::<str>::as_ref(&key), value.into());
        Ok(())
    }

    fn emit_u16(&mut self, key: slog::Key, value: u16) -> slog::Result {
        self.number(AsRef::<str>::as_ref(&key), value.into());
        Ok(())
    }

    fn emit_u128(&mut self, key: slog::Key, value: u128) -> slog::Result {
        let value = value.try_into().unwrap_or(u64::MAX);
        self.number(AsRef::<str>::as_ref(&key), value);
        Ok(())
    }

    fn emit_none(&mut self, _key: slog::Key) -> slog::Result {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

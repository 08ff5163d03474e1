//! The log: one line a request, and nothing that is secret.
//!
//! dropshot logs by itself, and more than may be told: each of its records carries the request's URI, where a careless
//! client may have put a token. So nothing of dropshot's passes as it is. `Requests` turns its record of a finished
//! request into the one line that is wanted, lets warnings about connections through without their context, and drops
//! the rest. Records of our own pass unchanged.
//!
//! A request line says: the request's id, the operation (none where the contract has no such method and path: the path
//! itself is not told, it may hold anything), the status, the latency in microseconds, the peer, and the cause where the
//! request was refused or failed.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use pbx_login_api::{OPERATIONS, refusal};
use slog::{Drain, KV, Level, Logger, OwnedKVList, Record, o};

use crate::config::{LogFormat, LogLevel};
use crate::http::{operation, template};
use crate::metrics::Metrics;

/// Lines waiting to be written. A log that stalls must not stall requests: past this, lines are dropped and their number
/// is reported in the next one that is written.
const QUEUE: usize = 16 * 1024;

/// The logger of a server, and the guard that writes out what waits when it is dropped.
///
/// Lines go to standard output: as text on a terminal, else as JSON, one object a line (`msg`, `level`, `ts` and the
/// fields of the line), unless `format` says otherwise. Requests are counted in `metrics`, whatever the level.
pub fn logger(
    level: LogLevel,
    format: LogFormat,
    metrics: Arc<Metrics>,
) -> (Logger, slog_async::AsyncGuard) {
    use io::IsTerminal;
    let text = match format {
        LogFormat::Auto => io::stdout().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        let decorator = slog_term::TermDecorator::new().stdout().build();
        queued(
            level,
            metrics,
            slog_term::FullFormat::new(decorator).build(),
        )
    } else {
        let lines = WholeLines::new(io::stdout());
        queued(level, metrics, slog_json::Json::default(lines))
    }
}

fn queued<D>(level: LogLevel, metrics: Arc<Metrics>, drain: D) -> (Logger, slog_async::AsyncGuard)
where
    D: Drain<Err: fmt::Debug> + Send + 'static,
{
    // A log that cannot be written (a closed pipe, a full disk) is no reason to stop serving.
    let (drain, guard) = slog_async::Async::new(drain.ignore_res())
        .chan_size(QUEUE)
        .overflow_strategy(slog_async::OverflowStrategy::DropAndReport)
        .build_with_guard();
    (Logger::root(over(level, metrics, drain), o!()), guard)
}

/// Passes a line on once it is whole. slog-json writes a line in some fifty pieces, and standard output takes its lock and looks
/// for the end of a line in each.
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
        // A line that cannot be written is lost, and does not stand before the next one.
        self.line.clear();
        written?;
        self.out.flush()
    }
}

fn over<D>(
    level: LogLevel,
    metrics: Arc<Metrics>,
    drain: D,
) -> impl Drain<Ok = (), Err = slog::Never>
where
    D: Drain<Ok = ()>,
{
    let level = slog_level(level);
    Requests {
        drain: slog::LevelFilter::new(drain, level).map(slog::IgnoreResult::new),
        level,
        metrics,
    }
}

fn slog_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warning,
        LogLevel::Error => Level::Error,
    }
}

/// Stands in front of the drain that writes; see the module's documentation. Every request comes through here, several
/// times: what is not told must cost next to nothing.
struct Requests<D> {
    drain: D,
    /// The drain filters by level itself, but only what was made for it.
    level: Level,
    metrics: Arc<Metrics>,
}

impl<D: Drain<Ok = ()>> Drain for Requests<D> {
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
        // What dropshot warns of beside requests is about connections: not accepted, or no TLS spoken.
        if record.level().is_at_least(Level::Warning)
            && !Line::read(record, values, |_| true).is_request()
        {
            return self.drain.log(record, &o!().into());
        }
        Ok(())
    }
}

impl<D: Drain<Ok = ()>> Requests<D> {
    fn request(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), D::Err> {
        let line = Line::read(record, values, |line| line.level().is_at_least(self.level));
        let operation = line.operation();
        // dropshot's figure is whole microseconds, and its statuses have three digits.
        self.metrics.request(
            operation,
            u16::try_from(line.status).unwrap_or(u16::MAX),
            Duration::from_micros(line.latency_us),
        );
        if !line.told {
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
                    "peer" => &line.peer,
                    "cause" => cause,
                ),
            ),
            &o!().into(),
        )
    }
}

/// As many characters as an address and its port take: `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const LONGEST_ADDRESS: usize = 47;

/// The status that a request is logged with whose client left before the answer: nginx's, since HTTP has none.
const CLIENT_CLOSED_REQUEST: u64 = 499;

/// The path of a request's target, which is a path and a query as HTTP/1 clients send it, and a whole URI in HTTP/2 and as
/// HTTP/1 clients send it to proxies (RFC 9112, section 3.2).
fn path(target: &str) -> &str {
    let (target, _) = target.split_once('?').unwrap_or((target, ""));
    // Nearly all of them.
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

/// What dropshot's record of a request tells.
#[derive(Default)]
struct Line {
    request_id: String,
    method: Option<&'static str>,
    template: Option<&'static str>,
    peer: String,
    status: u64,
    latency_us: u64,
    internal: Option<String>,
    told: bool,
}

impl Line {
    /// Whose request it was, and its number, is read only where such a request is `told`, by its status and cause.
    fn read(record: &Record<'_>, values: &OwnedKVList, told: impl Fn(&Self) -> bool) -> Self {
        let mut line = Self {
            status: CLIENT_CLOSED_REQUEST,
            ..Self::default()
        };
        // Reading into strings and numbers cannot fail; a value that could would leave its field empty. Status and cause are in
        // the record itself, the rest in its logger.
        let _ = record.kv().serialize(record, &mut line);
        line.told = told(&line);
        let _ = values.serialize(record, &mut line);
        line
    }

    /// The id of the operation in the contract.
    fn operation(&self) -> Option<&'static str> {
        operation(self.method?, self.template?)
    }

    /// An error is what the server failed at. That it turns logins away which it cannot get to is its work: a flood of
    /// them must not fill the log of those who want to know of errors.
    fn level(&self) -> Level {
        let turned_away = |cause: &str| cause.starts_with(refusal::TURNED_AWAY);
        if self.status >= 500 && !self.cause().is_some_and(turned_away) {
            Level::Error
        } else {
            Level::Info
        }
    }

    fn is_request(&self) -> bool {
        !self.request_id.is_empty()
    }

    /// Why the request was refused or failed. The messages of refusals are made by us and repeat nothing that was sent.
    fn cause(&self) -> Option<&str> {
        if self.status == CLIENT_CLOSED_REQUEST {
            return Some("the client went away before the answer");
        }
        self.internal.as_deref()
    }

    fn text(&mut self, key: &str, value: Cow<'_, str>) {
        match key {
            "req_id" if self.told => self.request_id = value.into_owned(),
            // Of these only what the contract has is kept, so that nothing need be copied.
            "method" => {
                let mut methods = OPERATIONS.iter().map(|operation| operation.method);
                self.method = methods.find(|method| *method == value);
            }
            "uri" => self.template = template(path(&value)),
            "remote_addr" if self.told => self.peer = value.into_owned(),
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

/// Numbers and texts come as they are; everything else is not made into text before it is known to be wanted.
impl slog::Serializer for Line {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments<'_>) -> slog::Result {
        // A key is a string or not, by a feature of slog that any dependency may switch on.
        let key = AsRef::<str>::as_ref(&key);
        if self.told || matches!(key, "method" | "uri") {
            // An address, most likely; a text that grows moves several times.
            let mut text = String::with_capacity(LONGEST_ADDRESS);
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

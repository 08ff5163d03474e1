use std::io::Write as _;
use std::sync::Mutex;

use dropshot::HttpError;
use slog::{error, info, warn};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no panic elsewhere")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(level: LogLevel, write: impl FnOnce(&Logger)) -> String {
    written_with(level, Arc::default(), Arc::default(), write)
}

fn written_with(
    level: LogLevel,
    metrics: Arc<Metrics>,
    clients: Arc<ClientAddresses>,
    write: impl FnOnce(&Logger),
) -> String {
    let lines = Lines::default();
    // The format has no timestamp, so that whole lines can be compared.
    let json = slog_json::Json::new(lines.clone())
        .add_key_value(o!("msg" => slog::PushFnValue(|record, ser| ser.emit(record.msg()))))
        .build();
    write(&Logger::root(
        filter_requests(level, metrics, clients, Mutex::new(json)),
        o!(),
    ));
    let bytes = lines.0.lock().expect("no panic elsewhere").clone();
    String::from_utf8(bytes).expect("JSON")
}

fn request_logger(log: &Logger, uri: &str) -> Logger {
    log.new(o!("remote_addr" => "192.0.2.1:5", "req_id" => "r1", "method" => "GET", "uri" => uri.to_owned()))
}

/// Logs a record as dropshot does. The macros of slog would record this module as its origin.
fn log_as_dropshot(
    level: Level,
    log: &Logger,
    message: &str,
    status: Option<u16>,
    cause: Option<&str>,
) {
    let location = slog::RecordLocation {
        file: "",
        line: 0,
        column: 0,
        function: "",
        module: "dropshot::server",
    };
    let statics = slog::RecordStatic {
        location: &location,
        level,
        tag: "",
    };
    log.log(&Record::new(
        &statics,
        &format_args!("{message}"),
        slog::b!(
            "latency_us" => 42u128,
            "response_code" => status,
            "error_message_internal" => cause,
        ),
    ));
}

fn log_completed(log: &Logger, status: u16, cause: Option<&str>) {
    log_as_dropshot(Level::Info, log, "request completed", Some(status), cause);
}

#[test]
fn finished_request_is_logged_on_one_line_without_its_uri() {
    let line = written(LogLevel::Info, |log| {
        let log = request_logger(log, "/login?access_token=SECRET");
        log_completed(&log, 200, None);
    });
    assert_eq!(
        line,
        "{\"msg\":\"request\",\"cause\":null,\"client\":\"192.0.2.1:5\",\"latency_us\":42,\"status\":200,\
         \"operation\":\"getLoginStatus\",\"request_id\":\"r1\"}\n"
    );
}

#[test]
fn absolute_uri_of_http_2_is_logged_by_its_path() {
    assert_eq!(path("https://localhost:8887/login?at=1"), "/login");
    assert_eq!(path("http://[::1]/login"), "/login");
    assert_eq!(path("/login?to=https://a.example/logout"), "/login");
    assert_eq!(path("/https://a.example/login"), "/https://a.example/login");
    assert_eq!(path("https://a.example"), "/");
    assert_eq!(path("https://a.example?at=/login"), "/");
    assert_eq!(path("*"), "*");
}

#[test]
fn unlisted_path_is_not_logged() {
    let line = written(LogLevel::Info, |log| {
        log_completed(
            &request_logger(log, "/login/SECRET"),
            404,
            Some("no such path"),
        );
    });
    assert_eq!(
        line,
        "{\"msg\":\"request\",\"cause\":\"no such path\",\"client\":\"192.0.2.1:5\",\"latency_us\":42,\
         \"status\":404,\"operation\":null,\"request_id\":\"r1\"}\n"
    );
}

#[test]
fn client_disconnect_is_logged() {
    let line = written(LogLevel::Info, |log| {
        let message = "request handling cancelled (client disconnected)";
        let log = request_logger(log, "/login");
        log_as_dropshot(Level::Warning, &log, message, None, None);
    });
    assert_eq!(
        line,
        "{\"msg\":\"request\",\"cause\":\"the client disconnected before the response\",\"client\":\"192.0.2.1:5\",\
         \"latency_us\":42,\"status\":499,\"operation\":\"getLoginStatus\",\"request_id\":\"r1\"}\n"
    );
}

#[test]
fn failed_request_is_logged_as_an_error_with_its_cause() {
    let line = written(LogLevel::Error, |log| {
        let log = request_logger(log, "/login");
        log_completed(&log, 200, None);
        log_completed(&log, 500, Some("disk full"));
    });
    assert_eq!(
        line,
        "{\"msg\":\"request\",\"cause\":\"disk full\",\"client\":\"192.0.2.1:5\",\"latency_us\":42,\"status\":500,\
         \"operation\":\"getLoginStatus\",\"request_id\":\"r1\"}\n"
    );
}

#[test]
fn missing_database_is_logged_as_an_error_but_load_shedding_is_not() {
    let refused = |refusal: HttpError| {
        move |log: &Logger| {
            let status = refusal.status_code.as_u16();
            log_completed(
                &request_logger(log, "/login"),
                status,
                Some(&refusal.internal_message),
            );
        }
    };
    let shed = || refusal::overloaded(Duration::ZERO, "too many wait");
    insta::assert_snapshot!(written(LogLevel::Info, refused(shed())), @r#"{"msg":"request","cause":"load shedding: too many wait","client":"192.0.2.1:5","latency_us":42,"status":503,"operation":"getLoginStatus","request_id":"r1"}"#);
    assert_eq!(written(LogLevel::Warn, refused(shed())), "");
    let unavailable = refusal::unavailable("the disk is full".to_owned());
    insta::assert_snapshot!(written(LogLevel::Error, refused(unavailable)), @r#"{"msg":"request","cause":"the disk is full","client":"192.0.2.1:5","latency_us":42,"status":503,"operation":"getLoginStatus","request_id":"r1"}"#);
}

#[test]
fn dropshot_records_are_dropped_except_connection_warnings() {
    let lines = written(LogLevel::Info, |log| {
        let about = |level, log: &Logger, message| log_as_dropshot(level, log, message, None, None);
        let request = request_logger(log, "/login?SECRET");
        about(Level::Debug, &request, "determined request API version");
        about(
            Level::Error,
            &request,
            "failed to determine request API version",
        );
        about(Level::Info, log, "accepted connection");
        about(Level::Warning, log, "failed to accept connection");
    });
    assert_eq!(
        lines,
        "{\"msg\":\"failed to accept connection\",\"error_message_internal\":null,\"response_code\":null,\"latency_us\":42}\n"
    );
}

#[test]
fn client_behind_a_trusted_proxy_is_logged_and_forgotten() {
    let proxies = "192.0.2.1".parse().expect("an address");
    let clients = Arc::new(ClientAddresses::new(proxies));
    let id = "6f1a7a04-3b0e-4f5e-9f0e-1c2d3e4f5a6b";
    let forwarded = |level, peer: &'static str| {
        clients.insert(id.parse().expect("an id"), [203, 0, 113, 9].into());
        let line = written_with(level, Arc::default(), Arc::clone(&clients), |log| {
            let log = log.new(o!("remote_addr" => peer, "req_id" => id));
            log_completed(&log, 200, None);
        });
        assert_eq!(clients.take(id), None);
        line
    };
    let line = forwarded(LogLevel::Info, "192.0.2.1:5");
    assert!(line.contains("\"client\":\"203.0.113.9\""), "{line}");
    assert_eq!(forwarded(LogLevel::Warn, "192.0.2.1:5"), "");
    // Anyone else can write what they like into a header.
    let line = forwarded(LogLevel::Info, "192.0.2.2:5");
    assert!(line.contains("\"client\":\"192.0.2.2:5\""), "{line}");
}

#[test]
fn failed_tls_handshakes_are_counted_and_sampled() {
    let metrics = Arc::new(Metrics::new());
    let text = written_with(
        LogLevel::Warn,
        Arc::clone(&metrics),
        Arc::default(),
        |log| {
            for message in ["tls accept err: eof", "tls accept err: eof", "accept error"] {
                log_as_dropshot(Level::Warning, log, message, None, None);
            }
        },
    );
    let messages: Vec<_> = text
        .lines()
        .filter_map(|line| line.split('"').nth(3))
        .collect();
    assert_eq!(messages, ["tls accept err: eof", "accept error"]);
    let counted = "pbx_login_tls_handshake_failures_total 2\n";
    assert!(metrics.encode().contains(counted));
}

#[test]
fn refused_http_2_is_not_logged_as_an_error() {
    let lines = written(LogLevel::Warn, |log| {
        log_completed(&request_logger(log, "/login"), 505, None);
    });
    assert_eq!(lines, "");
}

#[test]
fn own_records_are_filtered_by_level() {
    let lines = written(LogLevel::Warn, |log| {
        info!(log, "not this");
        warn!(log, "a warning"; "address" => "127.0.0.1:1");
        error!(log, "an error");
    });
    assert_eq!(
        lines,
        "{\"msg\":\"a warning\",\"address\":\"127.0.0.1:1\"}\n{\"msg\":\"an error\"}\n"
    );
}

#[derive(Default)]
struct Writes {
    kept: Vec<String>,
    is_full: bool,
}

impl io::Write for &mut Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.kept.push(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn log_line_is_written_when_complete_in_one_write() {
    let mut writes = Writes::default();
    let mut lines = WholeLines::new(&mut writes);
    for piece in ["{\"a\":", "1", "}", "\n", "{\"b\":2}\n", "{"] {
        lines.write_all(piece.as_bytes()).expect("no failure");
    }
    assert_eq!(writes.kept, ["{\"a\":1}\n", "{\"b\":2}\n"]);
}

#[test]
fn failed_log_line_is_not_prepended_to_the_next() {
    let mut writes = Writes::default();
    let mut lines = WholeLines::new(&mut writes);
    lines.out.is_full = true;
    assert!(lines.write_all(b"lost\n").is_err());
    lines.out.is_full = false;
    lines.write_all(b"kept\n").expect("no failure");
    assert_eq!(writes.kept, ["kept\n"]);
}

//! The panic hook, which logs and counts panics. The threads and tasks of the server catch them.

use std::any::Any;
use std::sync::Arc;

use slog::{Logger, error};

use crate::metrics::Metrics;

/// Logs and counts every panic of the process from now on.
pub(crate) fn install_hook(log: Logger, metrics: Arc<Metrics>) {
    std::panic::set_hook(Box::new(move |info| {
        let location = info.location().map(ToString::to_string);
        log_panic(&log, &metrics, location.as_deref(), info.payload());
    }));
}

fn log_panic(log: &Logger, metrics: &Metrics, location: Option<&str>, payload: &(dyn Any + Send)) {
    metrics.record_panic();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    error!(log, "panicked"; "location" => location, "cause" => message);
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn panic_is_counted_and_logged_with_its_location() {
        let (lines, metrics) = (Lines::default(), Metrics::new());
        let json = slog_json::Json::new(lines.clone())
            .add_key_value(
                slog::o!("msg" => slog::PushFnValue(|record, ser| ser.emit(record.msg()))),
            )
            .build();
        let log = Logger::root(slog::Fuse(Mutex::new(json)), slog::o!());
        let payloads: [Box<dyn Any + Send>; 3] = [
            Box::new("a text"),
            Box::new("a longer text".to_owned()),
            Box::new(7),
        ];
        for payload in payloads {
            log_panic(&log, &metrics, Some("src/x.rs:1:2"), &*payload);
        }
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(lines, @r#"
        {"msg":"panicked","cause":"a text","location":"src/x.rs:1:2"}
        {"msg":"panicked","cause":"a longer text","location":"src/x.rs:1:2"}
        {"msg":"panicked","cause":null,"location":"src/x.rs:1:2"}
        "#);
        assert!(metrics.encode().contains("\npbx_login_panics_total 3\n"));
    }
}

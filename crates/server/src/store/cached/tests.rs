use std::io;
use std::sync::{Mutex, PoisonError};

use super::*;

/// A backend without sessions, whose polls fail.
#[derive(Debug)]
struct Unreachable;

#[async_trait]
impl SessionLookup for Unreachable {
    async fn find_session(&self, _: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        Ok(None)
    }
}

#[async_trait]
impl CachedBackend for Unreachable {
    async fn poll_changes(&self, _: Option<ChangeToken>) -> Result<Changes, StoreFailure> {
        Err(outage())
    }

    fn start_preload(&self) {}
}

fn outage() -> StoreFailure {
    StoreFailure::unavailable(io::Error::other("no route to host"))
}

fn no_change() -> Changes {
    Changes {
        token: ChangeToken(1),
        invalidated: Invalidated::Sessions(Vec::new()),
    }
}

/// The lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn logger(&self) -> Logger {
        let message = slog::PushFnValue(|record, ser| ser.emit(record.msg()));
        let json = slog_json::Json::new(self.clone())
            .add_key_value(slog::o!("msg" => message))
            .build();
        Logger::root(slog::Fuse(Mutex::new(json)), slog::o!())
    }

    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

#[test]
fn polls_that_fail_for_long_are_logged_once_until_one_succeeds() {
    let (start, lines) = (Instant::now(), Lines::default());
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut poller = Poller {
        backend: Arc::new(Unreachable),
        cache: Arc::new(SessionCache::new(100, start)),
        token: None,
        is_reported: false,
        log: lines.logger(),
    };
    poller.apply(&no_change(), start);
    poller.report(&outage(), at(5));
    assert_eq!(lines.take(), "");
    for _ in 0..2 {
        poller.report(&outage(), at(6));
        poller.report(&outage(), at(7));
        assert_eq!(
            lines.take(),
            "{\"msg\":\"changes of other processes cannot be read; sessions are not served from memory\",\"cause\":\"no route to host\"}\n"
        );
        for _ in 0..2 {
            poller.apply(&no_change(), start);
        }
        assert_eq!(
            lines.take(),
            "{\"msg\":\"changes of other processes can be read again\"}\n"
        );
    }
}

#[tokio::test]
async fn cache_is_stale_if_polls_fail_for_longer_than_five_seconds() {
    let cache = Arc::new(SessionCache::new(100, Instant::now()));
    let log = Logger::root(slog::Discard, slog::o!());
    let lookup = CachedSessions::start(Arc::new(Unreachable), Arc::clone(&cache), log).await;
    let began = Instant::now();
    cache.apply(&no_change().invalidated, began);
    let stale_for = |milliseconds| lookup.stale_for(began + Duration::from_millis(milliseconds));
    assert_eq!(stale_for(5000), None);
    assert_eq!(stale_for(5001), Some(Duration::from_millis(5001)));
}

//! The async runtime of the server.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// The maximum number of connections that a worker thread reads from before it serves requests.
///
/// The default of tokio is 1,024. hyper decodes all HTTP/2 requests that it has received from a connection, so those
/// of 1,000 connections would be in memory before the first one is refused.
const MAX_EVENTS: usize = 32;

/// The same limit for a worker that still has requests to serve, each [`EVENT_INTERVAL`] tasks.
const MAX_EVENTS_IF_BUSY: usize = 1;

/// The number of tasks that a busy worker runs before it reads from further connections.
///
/// More than the number of HTTP/2 requests that fit in the receive buffer of a connection, each of which is a task: a
/// worker serves requests faster than it accepts them.
const EVENT_INTERVAL: u32 = 128;

pub(super) fn build() -> io::Result<Runtime> {
    builder().build()
}

fn builder() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .max_io_events_per_tick(MAX_EVENTS)
        .max_io_events_per_busy_tick(MAX_EVENTS_IF_BUSY)
        .event_interval(EVENT_INTERVAL);
    builder
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream as StdUnixStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::UnixStream;

    use super::*;

    const CONNECTIONS: usize = 200;
    const REQUESTS: usize = 100;

    /// The requests of all connections that have been read and not yet been served.
    #[derive(Default)]
    struct Pending {
        current: AtomicUsize,
        maximum: AtomicUsize,
    }

    impl Pending {
        fn add(&self) {
            let now = self.current.fetch_add(1, Ordering::Relaxed) + 1;
            self.maximum.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Reads from a connection, which spawns a task for each request, as hyper does.
    async fn read(connection: UnixStream, pending: Arc<Pending>) {
        connection.readable().await.unwrap();
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                pending.add();
                let pending = Arc::clone(&pending);
                tokio::spawn(async move {
                    pending.current.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
    }

    #[test]
    fn worker_serves_its_requests_before_it_reads_from_further_connections() {
        // With one thread, the numbers do not depend on the scheduler of the system.
        let runtime = builder().worker_threads(1).build().unwrap();
        let pending = Arc::<Pending>::default();
        // The connections are readable before the runtime first polls them, so it could read from all in one tick.
        let mut clients = Vec::new();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut client, connection) = StdUnixStream::pair().unwrap();
            client.write_all(b"x").unwrap();
            connection.set_nonblocking(true).unwrap();
            clients.push(client);
            connections.push(connection);
        }
        runtime.block_on(async {
            let readers: Vec<_> = connections
                .into_iter()
                .map(|connection| {
                    let connection = UnixStream::from_std(connection).unwrap();
                    tokio::spawn(read(connection, Arc::clone(&pending)))
                })
                .collect();
            for reader in readers {
                reader.await.unwrap();
            }
        });
        let most = pending.maximum.load(Ordering::Relaxed);
        // Of the 20,000 requests, only those of one tick are pending, and those of connections added meanwhile.
        assert!(most <= (MAX_EVENTS + 4) * REQUESTS, "{most} requests");
    }
}

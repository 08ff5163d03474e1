use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use slog::{Logger, warn};

use super::sockets::{Connection, OwnSockets};
use super::{CloseReason, Connections};
use crate::domain::network::Network;
use crate::metrics::Metrics;
use crate::proxies::TrustedProxies;

const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// The minimum pause between scans: the time to send a refusal before its connection is closed.
const MIN_SCAN_PAUSE: Duration = Duration::from_millis(100);

/// The minimum pause as a multiple of a scan's duration.
///
/// Closing HTTP/2 connections takes at most 20 % of one core. A scan takes 3 µs per connection.
const MIN_PAUSE_FACTOR: u32 = 4;

/// The usual pause as a multiple of a scan's duration: scanning takes at most 2 % of one core.
const PAUSE_FACTOR: u32 = 50;

/// The time within which a connection must send a complete request.
///
/// It is longer than hyper's idle timeout of 30 s and the longest request together, because the guard does not see a
/// request that began before it first saw the connection.
const SILENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The limits on connections.
#[derive(Debug)]
pub(crate) struct Limits {
    /// The maximum number of connections of one network.
    pub(crate) per_network: usize,
    /// The proxies that have no such limit; loopback addresses have none either.
    pub(crate) trusted_proxies: TrustedProxies,
}

/// Starts a thread that scans the connections of `port` until the process ends.
pub(crate) fn start_guard(
    connections: Arc<Connections>,
    port: u16,
    limits: Limits,
    metrics: Arc<Metrics>,
    log: &Logger,
) {
    let sockets = OwnSockets::of_port(port).and_then(|sockets| {
        sockets.limit_receive_buffers()?;
        Ok(sockets)
    });
    let mut sockets = match sockets {
        Ok(sockets) => sockets,
        Err(error) => {
            warn!(log, "connections are not guarded; see docs/operations.md"; "cause" => %error);
            return;
        }
    };
    let mut guard = Guard::new(Arc::clone(&connections), limits);
    let scan = move || {
        loop {
            let started = Instant::now();
            guard.scan(&mut sockets, started, &metrics);
            let duration = started.elapsed();
            thread::sleep(MIN_SCAN_PAUSE.max(duration * MIN_PAUSE_FACTOR));
            if guard.refused.is_empty() {
                // Ends early if a client sends HTTP/2.
                thread::park_timeout(SCAN_INTERVAL.max(duration * PAUSE_FACTOR));
            }
        }
    };
    match thread::Builder::new()
        .name("connections".to_owned())
        .spawn(scan)
    {
        Ok(scanner) => connections.set_guard(scanner.thread().clone()),
        Err(error) => warn!(log, "connections are not guarded"; "cause" => %error),
    }
}

/// The connections that were open at the last scan.
#[derive(Debug)]
struct Guard {
    connections: Arc<Connections>,
    limits: Limits,
    known: HashMap<SocketAddr, Known>,
    /// The peers that have sent HTTP/2, which the next scan closes.
    refused: HashSet<SocketAddr>,
    per_network: HashMap<Network, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    inode: u64,
    /// When the guard first saw the connection; `None` after its first request.
    silent_since: Option<Instant>,
}

impl Guard {
    fn new(connections: Arc<Connections>, limits: Limits) -> Self {
        Self {
            connections,
            limits,
            known: HashMap::new(),
            refused: HashSet::new(),
            per_network: HashMap::new(),
        }
    }

    fn scan(&mut self, sockets: &mut OwnSockets, now: Instant, metrics: &Metrics) {
        let refused = std::mem::replace(&mut self.refused, self.connections.take_http2());
        let mut open = HashMap::with_capacity(self.known.len());
        let mut new = Vec::new();
        sockets.scan(|connection| match self.judge(connection, &refused, now) {
            Ok(known) => {
                if known.silent_since == Some(now) {
                    new.push(connection.peer);
                }
                open.insert(connection.peer, known);
                false
            }
            Err(reason) => {
                metrics.record_closed_connection(reason);
                true
            }
        });
        self.connections.change_waiting(|waiting| {
            // Entries are never inserted again, which would undo what a request has recorded meanwhile.
            waiting.retain(|peer| open.contains_key(peer));
            waiting.extend(new);
        });
        self.per_network.clear();
        for peer in open.keys() {
            *self.per_network.entry(peer.ip().into()).or_default() += 1;
        }
        self.known = open;
    }

    /// Returns what is known of a connection, or why it must be closed.
    fn judge(
        &mut self,
        Connection { peer, inode }: Connection,
        refused: &HashSet<SocketAddr>,
        now: Instant,
    ) -> Result<Known, CloseReason> {
        if refused.contains(&peer) {
            return Err(CloseReason::Http2);
        }
        let known = self.known.get(&peer).filter(|known| known.inode == inode);
        let Some(known) = known else {
            let count = self.per_network.entry(peer.ip().into()).or_default();
            if *count >= self.limits.per_network && self.limits.apply_to(peer) {
                return Err(CloseReason::Network);
            }
            *count += 1;
            return Ok(Known {
                inode,
                silent_since: Some(now),
            });
        };
        let silent_since = known
            .silent_since
            .filter(|_| self.connections.is_silent(peer));
        match silent_since {
            Some(since) if now.duration_since(since) >= SILENT_TIMEOUT => Err(CloseReason::Silent),
            _ => Ok(Known {
                inode,
                silent_since,
            }),
        }
    }
}

impl Limits {
    fn apply_to(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        !address.is_loopback() && !self.trusted_proxies.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn guard(per_network: usize) -> Guard {
        let limits = Limits {
            per_network,
            trusted_proxies: "192.0.2.9".parse().unwrap(),
        };
        let connections = Arc::<Connections>::default();
        connections.set_guard(thread::current());
        Guard::new(connections, limits)
    }

    /// A listener with its clients, and the server's ends of their connections.
    struct Peers {
        listener: TcpListener,
        sockets: OwnSockets,
        accepted: Vec<TcpStream>,
    }

    impl Peers {
        fn listen() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            Self {
                sockets: OwnSockets::of_port(port).unwrap(),
                listener,
                accepted: Vec::new(),
            }
        }

        fn connect(&mut self) -> TcpStream {
            let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
            client.set_nonblocking(true).unwrap();
            self.accepted.push(self.listener.accept().unwrap().0);
            client
        }

        fn scan(&mut self, guard: &mut Guard, now: Instant) {
            guard.scan(&mut self.sockets, now, &Metrics::new());
        }
    }

    /// Returns whether the server has closed the connection.
    fn is_closed(client: &TcpStream) -> bool {
        matches!(client.peek(&mut [0]), Ok(0))
    }

    #[test]
    fn silent_connection_is_closed_but_not_one_that_has_sent_a_request() {
        let (mut peers, mut guard, start) = (Peers::listen(), guard(10), Instant::now());
        let (silent, served) = (peers.connect(), peers.connect());
        peers.scan(&mut guard, start);
        assert!(guard.connections.has_waiting());
        let address = served.local_addr().unwrap();
        guard.connections.record_request(address);
        let young = peers.connect();
        peers.scan(&mut guard, start + SILENT_TIMEOUT - Duration::from_secs(1));
        assert!(!is_closed(&silent));
        peers.scan(&mut guard, start + SILENT_TIMEOUT);
        assert!(is_closed(&silent) && !is_closed(&served) && !is_closed(&young));
        // The newer connection has also sent a request, so no connection is waiting.
        guard
            .connections
            .record_request(young.local_addr().unwrap());
        assert!(!guard.connections.has_waiting());
        peers.scan(&mut guard, start + 3 * SILENT_TIMEOUT);
        assert!(!is_closed(&served) && !is_closed(&young));
    }

    #[test]
    fn new_connection_with_the_peer_of_an_old_one_has_its_own_time() {
        let (mut guard, start) = (guard(10), Instant::now());
        let peer = "192.0.2.1:5".parse().unwrap();
        let mut judge = |inode, now| {
            let known = guard.judge(Connection { peer, inode }, &HashSet::new(), now)?;
            guard.known.insert(peer, known);
            guard.connections.change_waiting(|waiting| {
                waiting.insert(peer);
            });
            Ok(known.silent_since)
        };
        let end = start + SILENT_TIMEOUT;
        assert_eq!(judge(1, start), Ok(Some(start)));
        assert_eq!(judge(2, end), Ok(Some(end)));
        assert_eq!(judge(2, end + SILENT_TIMEOUT), Err(CloseReason::Silent));
    }

    #[test]
    fn http_2_connection_is_closed_after_its_refusal() {
        let (mut peers, mut guard, start) = (Peers::listen(), guard(10), Instant::now());
        let (http2, other) = (peers.connect(), peers.connect());
        guard.connections.record_http2(http2.local_addr().unwrap());
        peers.scan(&mut guard, start);
        assert!(!is_closed(&http2));
        peers.scan(&mut guard, start);
        assert!(is_closed(&http2) && !is_closed(&other));
        assert!(guard.refused.is_empty() && guard.connections.take_http2().is_empty());
    }

    #[test]
    fn connections_of_a_network_are_limited_except_local_and_trusted_ones() {
        let (mut guard, now) = (guard(2), Instant::now());
        let mut judge = |peer: &str| {
            let peer = peer.parse().unwrap();
            let judged = guard.judge(Connection { peer, inode: 1 }, &HashSet::new(), now);
            judged.map(|_| ())
        };
        for (peer, expected) in [
            ("192.0.2.1:1", Ok(())),
            ("192.0.2.1:2", Ok(())),
            ("192.0.2.1:3", Err(CloseReason::Network)),
            ("192.0.2.2:1", Ok(())),
            ("[2001:db8::1]:1", Ok(())),
            ("[2001:db8::2]:1", Ok(())),
            ("[2001:db8::3]:1", Err(CloseReason::Network)),
            ("[2001:db8:0:1::1]:1", Ok(())),
        ] {
            assert_eq!(judge(peer), expected, "{peer}");
        }
        for exempt in ["127.0.0.1", "192.0.2.9"] {
            for port in 1..5 {
                assert_eq!(judge(&format!("{exempt}:{port}")), Ok(()));
            }
        }
    }

    #[test]
    fn network_that_is_below_its_limit_again_can_connect() {
        let (mut peers, mut guard, now) = (Peers::listen(), guard(1), Instant::now());
        let first = peers.connect();
        peers.scan(&mut guard, now);
        let network = Network::from(first.local_addr().unwrap().ip());
        assert_eq!(guard.per_network[&network], 1);
        peers.accepted.clear();
        peers.scan(&mut guard, now);
        assert!(guard.per_network.is_empty() && guard.known.is_empty());
        assert!(!guard.connections.has_waiting());
    }

    /// The lock of a process on a file ends when it closes any of its descriptors of that file.
    #[test]
    fn scan_keeps_the_locks_of_the_process() {
        use rustix::fs::{FlockOperation, fcntl_lock};
        let file = tempfile::NamedTempFile::new().unwrap();
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        Peers::listen().scan(&mut guard(10), Instant::now());
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&file.as_file().metadata().unwrap());
        let process = std::process::id();
        let is_held = |line: &str| {
            line.contains(&format!(" {process} ")) && line.contains(&format!(":{inode} "))
        };
        assert!(locks.lines().any(is_held), "{locks}");
    }

    #[test]
    fn connection_of_another_port_is_not_closed() {
        let (mut peers, mut others) = (Peers::listen(), Peers::listen());
        let (mut guard, start) = (guard(10), Instant::now());
        let other = others.connect();
        for now in [start, start + SILENT_TIMEOUT] {
            peers.scan(&mut guard, now);
        }
        assert!(!is_closed(&other));
    }
}

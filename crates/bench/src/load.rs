//! The load: keep-alive connections, each with one request at a time.
//!
//! It shares the cores with the server, so it does little: one thread, handwritten requests, responses parsed only for
//! status and length.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::fill::{self, RandomNumbers};

#[derive(Clone, Copy, Debug)]
pub(crate) enum RequestKind {
    Check { sessions: u64 },
    ShowUser { sessions: u64 },
    Login { users: u64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) kind: RequestKind,
    pub(crate) connections: u64,
    /// The pause between a response and the next request of the connection.
    pub(crate) pause: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Latencies of granted requests in microseconds, sorted.
    latencies: Vec<u32>,
    /// Logins that were shed with 503.
    pub(crate) shed: u64,
    /// All responses, including those of the warm-up.
    pub(crate) response_count: u64,
    length: Duration,
}

impl Outcome {
    pub(crate) fn granted(&self) -> usize {
        self.latencies.len()
    }

    /// Returns the granted requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.granted() as f64 / self.length.as_secs_f64()
    }

    /// Returns the 99th percentile of the latencies, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        let at = self.latencies.len() * 99 / 100;
        f64::from(self.latencies.get(at).copied().unwrap_or_default()) / 1000.0
    }
}

/// The pause before a login is retried after a 503, shorter than its `Retry-After`.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

impl Load {
    /// Fails if a connection breaks or a response is neither 200 nor 503, which would spoil the result.
    pub(crate) async fn run(self, seed: u64) -> io::Result<Outcome> {
        let start = Instant::now() + self.warm_up;
        let end = start + self.length;
        let mut connections = JoinSet::new();
        for connection in 0..self.connections {
            let numbers = RandomNumbers::new(seed.wrapping_mul(1_000_003).wrapping_add(connection));
            connections.spawn(self.run_connection(numbers, start, end));
        }
        let mut outcome = Outcome {
            length: self.length,
            ..Outcome::default()
        };
        while let Some(done) = connections.join_next().await {
            let done = done.map_err(io::Error::other)??;
            outcome.latencies.extend(done.latencies);
            outcome.shed += done.shed;
            outcome.response_count += done.response_count;
        }
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }

    async fn run_connection(
        self,
        mut numbers: RandomNumbers,
        start: Instant,
        end: Instant,
    ) -> io::Result<Outcome> {
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let mut outcome = Outcome::default();
        let mut response = Vec::with_capacity(4096);
        let mut request = Vec::with_capacity(512);
        loop {
            request.clear();
            self.kind.write(&mut request, &mut numbers);
            let sent = Instant::now();
            if sent >= end {
                return Ok(outcome);
            }
            stream.write_all(&request).await?;
            let status = read_response(&mut stream, &mut response).await?;
            let arrived = Instant::now();
            outcome.response_count += 1;
            let counts = arrived >= start && arrived < end;
            match status {
                200 => {
                    if counts {
                        let took = arrived.duration_since(sent).as_micros();
                        outcome.latencies.push(took.try_into().unwrap_or(u32::MAX));
                    }
                    if !self.pause.is_zero() {
                        tokio::time::sleep(self.pause).await;
                    }
                }
                503 => {
                    outcome.shed += u64::from(counts);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                _ => {
                    let text = String::from_utf8_lossy(&response);
                    return Err(io::Error::other(format!("unexpected response: {text}")));
                }
            }
        }
    }
}

impl RequestKind {
    fn write(self, request: &mut Vec<u8>, numbers: &mut RandomNumbers) {
        match self {
            Self::Check { sessions } => write_get(request, "/login", numbers.below(sessions)),
            Self::ShowUser { sessions } => write_get(request, "/user", numbers.below(sessions)),
            Self::Login { users } => {
                let body = format!(
                    r#"{{"username":"{}","domain":"{}","password":"{}"}}"#,
                    fill::username(numbers.below(users)),
                    fill::DOMAIN,
                    fill::PASSWORD,
                );
                request.extend_from_slice(
                    format!(
                        "POST /login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    )
                    .as_bytes(),
                );
            }
        }
    }
}

fn write_get(request: &mut Vec<u8>, path: &str, session: u64) {
    for part in [
        "GET ",
        path,
        " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ",
        &fill::token(session),
        "\r\n\r\n",
    ] {
        request.extend_from_slice(part.as_bytes());
    }
}

async fn read_response(stream: &mut TcpStream, response: &mut Vec<u8>) -> io::Result<u16> {
    response.clear();
    loop {
        if stream.read_buf(response).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((status, length)) = parse_head(response)?
            && response.len() >= length
        {
            return Ok(status);
        }
    }
}

/// Returns the status and the length of a response, once its head is complete.
fn parse_head(response: &[u8]) -> io::Result<Option<(u16, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = response.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&response[..end]).map_err(io::Error::other)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let body = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse::<usize>().ok());
    match (status, body) {
        (Some(status), Some(body)) => Ok(Some((status, end + END.len() + body))),
        _ => Err(io::Error::other(format!(
            "response without a length: {head}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_length_is_read_from_its_head() {
        let response = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(parse_head(response).unwrap(), Some((503, response.len())));
        assert_eq!(parse_head(&response[..40]).unwrap(), None);
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn session_checks_differ_in_their_path_only() {
        let text = |kind: RequestKind| {
            let mut request = Vec::new();
            kind.write(&mut request, &mut RandomNumbers::new(7));
            String::from_utf8(request).unwrap()
        };
        let check = text(RequestKind::Check { sessions: 10 });
        let user = text(RequestKind::ShowUser { sessions: 10 });
        assert!(check.starts_with("GET /login HTTP/1.1\r\n"), "{check}");
        assert!(check.ends_with("\r\n\r\n"), "{check}");
        assert_eq!(user, check.replacen("/login", "/user", 1));
    }

    #[test]
    fn p99_is_the_99th_percentile_of_latencies() {
        let outcome = Outcome {
            latencies: (1..=200).map(|n| n * 1000).collect(),
            length: Duration::from_secs(4),
            ..Outcome::default()
        };
        assert_eq!((outcome.p99(), outcome.rate()), (199.0, 50.0));
        assert_eq!(Outcome::default().p99(), 0.0);
    }
}

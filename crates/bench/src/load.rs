//! The load: keep-alive connections over which one request follows the other.
//!
//! It shares the machine's cores with the server that it measures, so it does as little as it can: one thread, requests
//! written by hand, answers read only as far as their length. It is the same for both servers.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::fill::{self, Numbers};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// The status of one of so many sessions, each as likely as the others.
    Check {
        /// How many sessions there are.
        sessions: u64,
    },
    /// A login of one of so many users, with the right password.
    Login {
        /// How many users there are.
        users: u64,
    },
}

/// A load on one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) ask: Ask,
    pub(crate) connections: u64,
    /// Between an answer and the next request of the same connection.
    pub(crate) pause: Duration,
    /// What is done first and not counted.
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How long each request took that was granted, in microseconds, in order of length.
    latencies: Vec<u32>,
    /// How many were answered 503: a login for which there was no room.
    pub(crate) turned_away: u64,
    /// How many requests were answered at all, those of the warm-up as well.
    pub(crate) answered: u64,
    length: Duration,
}

impl Outcome {
    /// How many requests were granted.
    pub(crate) fn granted(&self) -> usize {
        self.latencies.len()
    }

    /// Granted requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.granted() as f64 / self.length.as_secs_f64()
    }

    /// The latency that 99 of 100 requests stayed under, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        let at = self.latencies.len() * 99 / 100;
        f64::from(self.latencies.get(at).copied().unwrap_or_default()) / 1000.0
    }
}

/// How long a login waits before it tries again after a 503: what a polite client does, only sooner than it is told.
const RETRY: Duration = Duration::from_millis(100);

impl Load {
    /// Puts the load on the server.
    ///
    /// # Errors
    ///
    /// A connection broke, or an answer was neither 200 nor 503: what is measured then is not what was meant.
    pub(crate) async fn run(self, seed: u64) -> io::Result<Outcome> {
        let start = Instant::now() + self.warm_up;
        let end = start + self.length;
        let mut connections = JoinSet::new();
        for connection in 0..self.connections {
            let numbers = Numbers::new(seed.wrapping_mul(1_000_003).wrapping_add(connection));
            connections.spawn(self.connect(numbers, start, end));
        }
        let mut outcome = Outcome {
            length: self.length,
            ..Outcome::default()
        };
        while let Some(done) = connections.join_next().await {
            let done = done.map_err(io::Error::other)??;
            outcome.latencies.extend(done.latencies);
            outcome.turned_away += done.turned_away;
            outcome.answered += done.answered;
        }
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }

    async fn connect(
        self,
        mut numbers: Numbers,
        start: Instant,
        end: Instant,
    ) -> io::Result<Outcome> {
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let mut outcome = Outcome::default();
        let mut answer = Vec::with_capacity(4096);
        let mut request = Vec::with_capacity(512);
        loop {
            request.clear();
            self.ask.write(&mut request, &mut numbers);
            let sent = Instant::now();
            if sent >= end {
                return Ok(outcome);
            }
            stream.write_all(&request).await?;
            let status = read(&mut stream, &mut answer).await?;
            let arrived = Instant::now();
            outcome.answered += 1;
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
                    outcome.turned_away += u64::from(counts);
                    tokio::time::sleep(RETRY).await;
                }
                _ => {
                    let text = String::from_utf8_lossy(&answer);
                    return Err(io::Error::other(format!("unexpected answer: {text}")));
                }
            }
        }
    }
}

impl Ask {
    fn write(self, request: &mut Vec<u8>, numbers: &mut Numbers) {
        match self {
            Self::Check { sessions } => {
                request.extend_from_slice(
                    b"GET /login HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ",
                );
                request.extend_from_slice(fill::token(numbers.below(sessions)).as_bytes());
                request.extend_from_slice(b"\r\n\r\n");
            }
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

/// Reads one answer whole and gives its status.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((status, length)) = head(answer)?
            && answer.len() >= length
        {
            return Ok(status);
        }
    }
}

/// The status of an answer and its whole length, once its head is there.
fn head(answer: &[u8]) -> io::Result<Option<(u16, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = answer.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end]).map_err(io::Error::other)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let body = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse::<usize>().ok());
    match (status, body) {
        (Some(status), Some(body)) => Ok(Some((status, end + END.len() + body))),
        _ => Err(io::Error::other(format!(
            "an answer without a length: {head}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(head(answer).unwrap(), Some((503, answer.len())));
        assert_eq!(head(&answer[..40]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn the_99th_of_a_hundred_latencies_is_told() {
        let outcome = Outcome {
            latencies: (1..=200).map(|n| n * 1000).collect(),
            length: Duration::from_secs(4),
            ..Outcome::default()
        };
        assert_eq!((outcome.p99(), outcome.rate()), (199.0, 50.0));
        assert_eq!(Outcome::default().p99(), 0.0);
    }
}

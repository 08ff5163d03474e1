//! The load: keep-alive connections, each with one request at a time.
//!
//! It shares the cores with the server, so it runs in one thread.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::connection::{Connection, Request};
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

    /// Returns the median of the latencies, in milliseconds.
    pub(crate) fn p50(&self) -> f64 {
        f64::from(percentile(&self.latencies, 50)) / 1000.0
    }

    /// Returns the 99th percentile of the latencies, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        f64::from(percentile(&self.latencies, 99)) / 1000.0
    }

    /// Adds the responses to a simultaneous load.
    pub(crate) fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
        self.shed += other.shed;
        self.response_count += other.response_count;
        self.length = self.length.max(other.length);
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
        let mut connection = Connection::open(self.server).await?;
        let mut outcome = Outcome::default();
        let mut request = Request::default();
        loop {
            self.kind.write(&mut request, &mut numbers);
            let sent = Instant::now();
            if sent >= end {
                return Ok(outcome);
            }
            let status = connection.send(&request).await?;
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
                _ => return Err(connection.unexpected_response()),
            }
        }
    }
}

impl RequestKind {
    fn write(self, request: &mut Request, numbers: &mut RandomNumbers) {
        match self {
            Self::Check { sessions } => {
                request.write_session("GET /login", numbers.below(sessions));
            }
            Self::ShowUser { sessions } => {
                request.write_session("GET /user", numbers.below(sessions));
            }
            Self::Login { users } => {
                let username = fill::username(numbers.below(users));
                request.write_login(&username, fill::PASSWORD, None);
            }
        }
    }
}

/// Returns a percentile of sorted values; 0 if there are none.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let at = sorted.len() * percent / 100;
    let last = sorted.len().saturating_sub(1);
    sorted.get(at.min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(latencies: impl Iterator<Item = u32>) -> Outcome {
        Outcome {
            latencies: latencies.collect(),
            length: Duration::from_secs(4),
            ..Outcome::default()
        }
    }

    #[test]
    fn percentiles_are_those_of_all_latencies() {
        let outcome = outcome((1..=200).map(|n| n * 1000));
        assert_eq!((outcome.p50(), outcome.p99()), (101.0, 199.0));
        assert_eq!(outcome.rate(), 50.0);
        assert_eq!(Outcome::default().p99(), 0.0);
        assert_eq!(percentile(&[1, 2, 3], 100), 3);
    }

    #[test]
    fn merged_outcome_has_the_responses_of_both() {
        let mut merged = outcome([1000, 5000].into_iter());
        merged.merge(outcome([3000, 4000].into_iter()));
        assert_eq!((merged.p50(), merged.rate()), (4.0, 1.0));
    }
}

//! The response times of rate-limited logins: whether the account exists must make no difference.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Bench, WITHOUT_REQUEST_LOG};
use crate::connection::{Connection, Request};
use crate::fill;
use crate::load::percentile;
use crate::report::{Goal, Measure};

/// The failures that reach each limit.
const FAILURES: usize = 5;

/// Each client has a network of its own, from `X-Forwarded-For`.
const PROXY: &[&str] = &["--trusted-proxies", "127.0.0.1"];

#[derive(Clone, Copy, Debug)]
struct LimitCase {
    name: &'static str,
    /// The settings under which only this limit is reached.
    settings: &'static [&'static str],
    connections: u64,
    /// Responses over each connection in a round.
    responses: u64,
}

const LIMITS: [LimitCase; 4] = [
    LimitCase {
        name: "an account from a network",
        settings: &[
            "--throttle-first-wait",
            "1h",
            "--throttle-longest-wait",
            "1h",
        ],
        // Answered immediately, so that more responses are needed to see a difference.
        connections: 1,
        responses: 100,
    },
    LimitCase {
        name: "a network",
        settings: &[
            "--throttle-free-failures",
            "100",
            "--throttle-address-failures",
            "5",
        ],
        connections: 16,
        responses: 1,
    },
    LimitCase {
        name: "an account",
        settings: &[
            "--throttle-free-failures",
            "100",
            "--throttle-account-failures",
            "5",
        ],
        connections: 16,
        responses: 1,
    },
    LimitCase {
        name: "an account and day",
        settings: &[
            "--throttle-free-failures",
            "100",
            "--throttle-account-daily-failures",
            "5",
        ],
        connections: 16,
        responses: 1,
    },
];

/// A client that guesses the password of an account.
#[derive(Clone, Debug)]
struct Guesser {
    username: String,
    network: Ipv4Addr,
}

impl Guesser {
    fn request(&self, password: &str) -> Request {
        let mut request = Request::default();
        request.write_login(&self.username, password, Some(self.network));
        request
    }

    /// Fails as often as the limit permits.
    async fn reach_limit(&self, connection: &mut Connection) -> io::Result<()> {
        for _ in 0..FAILURES {
            connection.expect(&self.request("wrong"), 401).await?;
        }
        Ok(())
    }

    async fn measure(self, server: SocketAddr, responses: u64) -> io::Result<Vec<u32>> {
        let mut connection = Connection::open(server).await?;
        let request = self.request("wrong");
        let mut times = Vec::new();
        for _ in 0..responses {
            let began = Instant::now();
            connection.expect(&request, 429).await?;
            times.push(began.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
        }
        Ok(times)
    }
}

pub(super) async fn response_times(bench: &mut Bench<'_>) -> Result<()> {
    for (number, limit) in (0..).zip(LIMITS) {
        let settings = [WITHOUT_REQUEST_LOG, PROXY, limit.settings].concat();
        let server = bench.start_settled(&settings).await?;
        let known = Guesser {
            username: fill::username(number.into()),
            network: Ipv4Addr::new(198, 51, 100, number),
        };
        let unknown = Guesser {
            username: format!("unknown{number}"),
            network: Ipv4Addr::new(203, 0, 113, number),
        };
        let mut connection = Connection::open(server.address).await?;
        // The login makes the network of the user known.
        let login = known.request(fill::PASSWORD);
        connection.expect(&login, 200).await?;
        for guesser in [&known, &unknown] {
            guesser.reach_limit(&mut connection).await?;
        }
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..bench.plan.rounds {
            measure_round(server.address, limit, [&known, &unknown], &mut times).await?;
        }
        report(bench, limit, times);
    }
    Ok(())
}

/// Measures both clients at the same time, so that other work affects them alike.
async fn measure_round(
    server: SocketAddr,
    limit: LimitCase,
    guessers: [&Guesser; 2],
    times: &mut [Vec<u32>; 2],
) -> Result<()> {
    let mut running = JoinSet::new();
    for _ in 0..limit.connections {
        for (side, guesser) in guessers.into_iter().cloned().enumerate() {
            let measuring = guesser.measure(server, limit.responses);
            running.spawn(async move { (side, measuring.await) });
        }
    }
    while let Some(done) = running.join_next().await {
        let (side, measured) = done?;
        times[side].extend(measured?);
    }
    Ok(())
}

fn report(bench: &mut Bench<'_>, limit: LimitCase, mut times: [Vec<u32>; 2]) {
    for times in &mut times {
        times.sort_unstable();
    }
    for (unit, percent) in [("ms p50", 50), ("ms p90", 90)] {
        let [known, unknown] =
            [&times[0], &times[1]].map(|times| f64::from(percentile(times, percent)) / 1e3);
        bench.report(Measure {
            name: format!(
                "known against unknown account at the limit of {}{}",
                limit.name,
                bench.on()
            ),
            unit,
            goal: Goal::None,
            rounds: vec![(known, Some(unknown))],
        });
    }
}

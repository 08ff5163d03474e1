//! The time from a logout on one server until another server on the same database refuses the session.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::{Bench, MILLION, WITHOUT_REQUEST_LOG, logins};
use crate::connection::{Connection, Request};
use crate::fill::RandomNumbers;
use crate::load::{Load, RequestKind, percentile};
use crate::process::Server;
use crate::report::{Goal, Measure};

/// Concurrent samplers, few enough to leave the servers almost idle.
const SAMPLERS: u64 = 8;

/// The pause between the requests of a sampler, which is the resolution.
const CHECK_PAUSE: Duration = Duration::from_millis(2);

/// Logouts are spread over the interval in which a server polls the changes of others.
const MAX_PAUSE_MILLISECONDS: u64 = 200;

/// The bound that the server promises.
const GOAL: Goal = Goal::AtMost(1000.0);

/// The sessions that end; the checks of the load use the others.
const ENDED_SESSIONS: u64 = 10_000;

pub(super) async fn delays(bench: &mut Bench<'_>) -> Result<()> {
    let [first, second] = [
        bench.start(WITHOUT_REQUEST_LOG)?,
        bench.start(WITHOUT_REQUEST_LOG)?,
    ];
    first.settle().await?;
    second.settle().await?;
    let next_session = Arc::new(AtomicU64::new(MILLION - ENDED_SESSIONS));
    let length = bench.plan.checks * u32::try_from(bench.plan.rounds)?;
    let idle = sample(&first, &second, &next_session, length).await?;
    report(bench, "idle", idle)?;
    let login = Load {
        length,
        ..logins::login(bench, &first)
    };
    let check = Load {
        server: second.address,
        kind: RequestKind::Check {
            sessions: MILLION - ENDED_SESSIONS,
        },
        connections: 16,
        ..login
    };
    let (logins, checks, loaded) = tokio::join!(
        login.run(1),
        check.run(2),
        sample(&first, &second, &next_session, length)
    );
    logins?;
    checks?;
    report(bench, "under load", loaded?)
}

/// Logs out on the first server until the time is over; returns the sorted delays in microseconds.
async fn sample(
    first: &Server,
    second: &Server,
    next_session: &Arc<AtomicU64>,
    length: Duration,
) -> Result<Vec<u32>> {
    let end = Instant::now() + length;
    let mut samplers = JoinSet::new();
    for number in 0..SAMPLERS {
        let connecting = (
            Connection::open(first.address).await?,
            Connection::open(second.address).await?,
        );
        let next_session = Arc::clone(next_session);
        samplers.spawn(run_sampler(connecting, number, next_session, end));
    }
    let mut delays = Vec::new();
    while let Some(done) = samplers.join_next().await {
        delays.extend(done??);
    }
    delays.sort_unstable();
    Ok(delays)
}

async fn run_sampler(
    (mut first, mut second): (Connection, Connection),
    number: u64,
    next_session: Arc<AtomicU64>,
    end: Instant,
) -> io::Result<Vec<u32>> {
    let mut numbers = RandomNumbers::new(number);
    let mut delays = Vec::new();
    let (mut check, mut logout) = (Request::default(), Request::default());
    while Instant::now() < end {
        let session = next_session.fetch_add(1, Ordering::Relaxed);
        check.write_session("GET /login", session);
        logout.write_session("POST /logout", session);
        tokio::time::sleep(Duration::from_millis(numbers.below(MAX_PAUSE_MILLISECONDS))).await;
        second.expect(&check, 200).await?;
        first.expect(&logout, 204).await?;
        let ended = Instant::now();
        while second.send(&check).await? == 200 {
            tokio::time::sleep(CHECK_PAUSE).await;
        }
        second.expect(&check, 401).await?;
        delays.push(ended.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
    }
    Ok(delays)
}

fn report(bench: &mut Bench<'_>, condition: &str, delays: Vec<u32>) -> Result<()> {
    ensure!(!delays.is_empty(), "no logout was measured");
    let milliseconds = |percent| f64::from(percentile(&delays, percent)) / 1e3;
    for (unit, goal, value) in [
        ("ms p50", Goal::None, milliseconds(50)),
        ("ms p99", Goal::None, milliseconds(99)),
        ("ms maximum", GOAL, milliseconds(100)),
        ("logouts", Goal::None, delays.len() as f64),
    ] {
        bench.report(Measure {
            name: format!("propagation of a logout{}, {condition}", bench.on()),
            unit,
            goal,
            rounds: vec![(value, None)],
        });
    }
    Ok(())
}

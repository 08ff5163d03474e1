//! Logins, and a flood of them.

use std::time::Duration;

use anyhow::Result;

use super::comparison::{Comparison, Figure, Sample, Side};
use super::{Bench, MILLION, WITHOUT_RATE_LIMIT, WITHOUT_REQUEST_LOG};
use crate::load::{Load, Outcome, RequestKind};
use crate::process::Server;
use crate::report::{Goal, Measure};
use crate::{fill, hash};

/// Enough connections to keep the hashing threads of a small machine busy.
const FEW_CONNECTIONS: u64 = 8;

/// Many more connections than can be served.
const FLOOD_CONNECTIONS: u64 = 256;

/// The pause between checks during a flood: few checks leave the processor to the flood.
const CHECK_PAUSE: Duration = Duration::from_millis(10);

const LOGIN: RequestKind = RequestKind::Login {
    users: MILLION.div_ceil(fill::SESSIONS_PER_USER),
};

/// The goals of logins per second and of processor time, compared with bare verifications.
///
/// They do not apply while PostgreSQL takes processor time from the hashes.
const GOALS: [Goal; 2] = [Goal::RatioAtLeast(0.95), Goal::RatioAtMost(1.05)];

fn server_milliseconds(sample: &Sample) -> f64 {
    sample.server_microseconds() / 1e3
}

fn database_milliseconds(sample: &Sample) -> Option<f64> {
    Some(sample.database_microseconds()? / 1e3)
}

/// Returns a load of logins on a server, over a few connections.
pub(super) fn login(bench: &Bench<'_>, server: &Server) -> Load {
    Load {
        server: server.address,
        kind: LOGIN,
        connections: FEW_CONNECTIONS,
        pause: Duration::ZERO,
        warm_up: bench.plan.warm_up,
        length: bench.plan.logins,
    }
}

/// Measures logins against bare hashing, and against logins without rate limiting.
pub(super) async fn logins(bench: &mut Bench<'_>) -> Result<()> {
    let server = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
    let goals = match bench.database.shares_processors() {
        true => [Goal::None; 2],
        false => GOALS,
    };
    let name = format!("logins{}", bench.on());
    against_hashing(bench, &server, &name, goals).await?;
    bench.memory_without_flood = server.memory()?.1;
    rate_limiting(bench, &server).await?;
    drop(server);
    with_separate_database(bench).await
}

/// Measures logins if PostgreSQL has a processor of its own, as it has on another machine.
async fn with_separate_database(bench: &mut Bench<'_>) -> Result<()> {
    let Some(_separation) = bench.database.separate_server()? else {
        return Ok(());
    };
    let server = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
    let name = format!("logins{} with a processor of its own", bench.on());
    against_hashing(bench, &server, &name, GOALS).await
}

async fn against_hashing(
    bench: &mut Bench<'_>,
    server: &Server,
    name: &str,
    [rate_goal, cost_goal]: [Goal; 2],
) -> Result<()> {
    let (warm_up, length) = (bench.plan.warm_up, bench.plan.logins);
    let (mut rates, mut costs, mut database) = (Vec::new(), Vec::new(), Vec::new());
    let side = Side {
        servers: &[server],
        kind: LOGIN,
    };
    for round in 0..bench.plan.rounds {
        let ours = side.sample(bench, FEW_CONNECTIONS, length, round).await?;
        // Blocks this thread: nothing else runs meanwhile, and the new threads use the same processors.
        let bare = hash::verifications(warm_up, length)?;
        rates.push((ours.outcome.rate(), Some(bare.rate)));
        costs.push((server_milliseconds(&ours), Some(bare.cost / 1e6)));
        database.extend(database_milliseconds(&ours).map(|ours| (ours, None)));
    }
    for (unit, goal, rounds) in [
        ("logins/s", rate_goal, rates),
        ("ms of processor a login", cost_goal, costs),
        ("ms of PostgreSQL's processor a login", Goal::None, database),
    ] {
        if rounds.is_empty() {
            continue;
        }
        bench.report(Measure {
            name: name.to_owned(),
            unit,
            goal,
            rounds,
        });
    }
    Ok(())
}

/// Measures what rate limiting adds to a login.
async fn rate_limiting(bench: &mut Bench<'_>, server: &Server) -> Result<()> {
    let unlimited = bench.start_settled(WITHOUT_RATE_LIMIT).await?;
    let (limited, unlimited) = ([server], [&unlimited]);
    let side = |servers| Side {
        servers,
        kind: LOGIN,
    };
    let comparison = Comparison {
        name: format!("logins with rate limiting against without{}", bench.on()),
        sides: [side(&limited), side(&unlimited)],
        connections: FEW_CONNECTIONS,
        length: bench.plan.logins,
        figures: vec![
            Figure {
                unit: "ms of processor a login",
                goal: Goal::None,
                value: |sample| Some(server_milliseconds(sample)),
                has_baseline: true,
            },
            Figure {
                unit: "ms of PostgreSQL's processor a login",
                goal: Goal::None,
                value: database_milliseconds,
                has_baseline: true,
            },
        ],
    };
    comparison.run(bench).await
}

/// Measures checks and memory during a flood of logins.
pub(super) async fn flood(bench: &mut Bench<'_>) -> Result<()> {
    let server = bench.start_settled(WITHOUT_RATE_LIMIT).await?;
    let login = login(bench, &server);
    let mut flood = Vec::new();
    for round in 0..bench.plan.rounds {
        let logins = Load {
            connections: FLOOD_CONNECTIONS,
            ..login
        };
        let checks = Load {
            kind: RequestKind::Check { sessions: MILLION },
            connections: 16,
            pause: CHECK_PAUSE,
            ..login
        };
        let (logins, checks) = tokio::join!(logins.run(round), checks.run(round));
        flood.push((logins?, checks?));
    }
    let on = bench.on();
    let figures = |figure: fn(&(Outcome, Outcome)) -> f64| {
        flood.iter().map(figure).map(|ours| (ours, None)).collect()
    };
    for (name, unit, goal, rounds) in [
        (
            format!("checks{on} during a flood of logins"),
            "ms p99",
            Goal::AtMost(10.0),
            figures(|(_, check)| check.p99()),
        ),
        (
            format!("checks{on} during a flood of logins"),
            "requests/s",
            Goal::None,
            figures(|(_, check)| check.rate()),
        ),
        (
            format!("logins{on} during a flood of logins"),
            "logins/s",
            Goal::None,
            figures(|(login, _)| login.rate()),
        ),
        (
            format!("logins{on} shed during a flood"),
            "in a round",
            Goal::None,
            figures(|(login, _)| login.shed as f64),
        ),
    ] {
        bench.report(Measure {
            name,
            unit,
            goal,
            rounds,
        });
    }
    memory(bench, &server)
}

/// Reports the memory that a flood needs beyond that of the same number of rounds of logins.
fn memory(bench: &mut Bench<'_>, server: &Server) -> Result<()> {
    let before = bench.memory_without_flood;
    if before == 0.0 {
        return Ok(());
    }
    let max_memory = server.memory()?.1;
    let per_connection = (max_memory - before) * 1e3 / FLOOD_CONNECTIONS as f64;
    bench.report(Measure {
        name: format!(
            "peak memory{} in a flood of logins, baseline without it",
            bench.on()
        ),
        unit: "MB",
        goal: Goal::None,
        rounds: vec![(max_memory, Some(before))],
    });
    // A connection of a bare dropshot server with a request in flight takes 24 KB.
    bench.report(Measure {
        name: format!(
            "memory{} of a flood beyond that, per connection",
            bench.on()
        ),
        unit: "KB",
        goal: Goal::AtMost(64.0),
        rounds: vec![(per_connection, None)],
    });
    Ok(())
}

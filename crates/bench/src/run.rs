//! The measurements. Both servers receive the load alternately, so that other work affects both alike.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anstream::eprintln;
use anyhow::{Context as _, Result};

use crate::bare::Setup;
use crate::load::{Load, Outcome, RequestKind};
use crate::process::Server;
use crate::report::{Goal, Measure};
use crate::{fill, hash, http2};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: PathBuf,
    /// Numbers of live sessions, measured one after the other.
    pub(crate) sizes: Vec<u64>,
    pub(crate) rounds: u64,
    pub(crate) checks: Duration,
    pub(crate) logins: Duration,
    pub(crate) warm_up: Duration,
    /// Whether session checks are also compared with a tuned bare server.
    pub(crate) tuned: bool,
}

const CONNECTIONS: [u64; 3] = [1, 16, 64];

/// The number of sessions for most goals and for all other measures.
const MILLION: u64 = 1_000_000;

const WITHOUT_REQUEST_LOG: &[&str] = &["--log-level", "warn"];

/// Rate limiting is disabled, because the flood has only one address.
const WITHOUT_RATE_LIMIT: &[&str] = &["--log-level", "warn", "--throttle-enabled", "false"];

pub(crate) async fn run(plan: &Plan) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for sessions in &plan.sizes {
        let folder = tempfile::tempdir()?;
        prepare(plan, folder.path(), *sessions)?;
        start_up(plan, folder.path(), *sessions, &mut measures)?;
        let servers = Pair {
            ours: Server::ours(&plan.server, folder.path(), WITHOUT_REQUEST_LOG)?,
            bare: Server::bare(Setup::default())?,
        };
        servers.ours.settle().await?;
        for connections in CONNECTIONS {
            let checks = Checks {
                name: format!("checks, {}, {connections} connections", count(*sessions)),
                sessions: *sessions,
                connections,
                goals: goals(*sessions, connections),
            };
            checks.run(plan, &servers, &mut measures).await?;
        }
        for connections in [16, 64] {
            let user = Checks {
                name: format!(
                    "GET /user against GET /login, {}, {connections} connections",
                    count(*sessions)
                ),
                sessions: *sessions,
                connections,
                goals: [Goal::RatioAtLeast(0.9), Goal::None, Goal::None],
            };
            user.run_user(plan, &servers.ours, &mut measures).await?;
        }
        memory(&servers, *sessions, &mut measures)?;
        if *sessions == MILLION {
            if plan.tuned {
                tuned(plan, servers, &mut measures).await?;
            } else {
                drop(servers);
            }
            with_log(plan, folder.path(), &mut measures).await?;
            let memory_without_flood = logins(plan, folder.path(), &mut measures).await?;
            flood(plan, folder.path(), memory_without_flood, &mut measures).await?;
            http2_attack(plan, folder.path(), &mut measures).await?;
        }
    }
    Ok(measures)
}

struct Pair {
    ours: Server,
    bare: Server,
}

fn count(sessions: u64) -> String {
    format!("10^{} sessions", sessions.ilog10())
}

fn prepare(plan: &Plan, folder: &Path, sessions: u64) -> Result<()> {
    let since = Instant::now();
    drop(Server::ours(&plan.server, folder, WITHOUT_REQUEST_LOG)?);
    fill::fill(&folder.join("pbx-login.db"), sessions)
        .context("cannot fill the database; see crates/bench/src/fill.rs")?;
    eprintln!(
        "filled {} in {:.1} s",
        count(sessions),
        since.elapsed().as_secs_f64()
    );
    Ok(())
}

fn start_up(plan: &Plan, folder: &Path, sessions: u64, measures: &mut Vec<Measure>) -> Result<()> {
    let milliseconds = |server: Server| server.start_up.as_secs_f64() * 1e3;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let ours = milliseconds(Server::ours(&plan.server, folder, WITHOUT_REQUEST_LOG)?);
        let bare = milliseconds(Server::bare(Setup::default())?);
        rounds.push((ours, Some(bare)));
    }
    measures.push(reported(Measure {
        name: format!("start-up, {}", count(sessions)),
        unit: "ms",
        goal: Goal::AtMost(1000.0),
        rounds,
    }));
    Ok(())
}

struct Checks {
    name: String,
    sessions: u64,
    connections: u64,
    /// The goals for requests per second, processor time and p99.
    goals: [Goal; 3],
}

/// Returns the goals: none for one connection, which measures how fast the machine wakes up.
fn goals(sessions: u64, connections: u64) -> [Goal; 3] {
    if connections == 1 {
        [Goal::None; 3]
    } else if sessions > MILLION {
        [Goal::RatioAtLeast(0.6), Goal::None, Goal::None]
    } else {
        [
            Goal::RatioAtLeast(0.9),
            Goal::RatioAtMost(1.1),
            Goal::RatioAtMost(1.5),
        ]
    }
}

impl Checks {
    async fn run(self, plan: &Plan, servers: &Pair, measures: &mut Vec<Measure>) -> Result<()> {
        let kind = RequestKind::Check {
            sessions: self.sessions,
        };
        let sides = [(&servers.ours, kind), (&servers.bare, kind)];
        self.compare(plan, sides, measures).await
    }

    /// Measures `GET /user` against `GET /login` of the same server.
    async fn run_user(
        self,
        plan: &Plan,
        server: &Server,
        measures: &mut Vec<Measure>,
    ) -> Result<()> {
        let sessions = self.sessions;
        let user = (server, RequestKind::ShowUser { sessions });
        let login = (server, RequestKind::Check { sessions });
        self.compare(plan, [user, login], measures).await
    }

    /// Measures our side and the baseline alternately.
    async fn compare(
        self,
        plan: &Plan,
        sides: [(&Server, RequestKind); 2],
        measures: &mut Vec<Measure>,
    ) -> Result<()> {
        let (mut rates, mut costs, mut tails) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..plan.rounds {
            let mut results = [(0.0, 0.0, 0.0); 2];
            for ((server, kind), result) in sides.into_iter().zip(&mut results) {
                let load = Load {
                    server: server.address,
                    kind,
                    connections: self.connections,
                    pause: Duration::ZERO,
                    warm_up: plan.warm_up,
                    length: plan.checks,
                };
                let before = server.processor_time()?;
                let outcome = load.run(round * 1000 + self.connections).await?;
                let spent = server.processor_time()? - before;
                *result = (
                    outcome.rate(),
                    spent / 1e3 / outcome.response_count.max(1) as f64,
                    outcome.p99(),
                );
            }
            let [ours, baseline] = results;
            rates.push((ours.0, Some(baseline.0)));
            costs.push((ours.1, Some(baseline.1)));
            tails.push((ours.2, Some(baseline.2)));
        }
        let units = ["requests/s", "µs of processor a request", "ms p99"];
        for ((unit, goal), rounds) in units.into_iter().zip(self.goals).zip([rates, costs, tails]) {
            measures.push(reported(Measure {
                name: self.name.clone(),
                unit,
                goal,
                rounds,
            }));
        }
        Ok(())
    }
}

/// Measures checks against a bare server with our settings; the difference is the cost of a check.
async fn tuned(plan: &Plan, servers: Pair, measures: &mut Vec<Measure>) -> Result<()> {
    let servers = Pair {
        bare: Server::bare(Setup {
            tuned: true,
            log: false,
        })?,
        ..servers
    };
    for connections in [16, 64] {
        let checks = Checks {
            name: format!(
                "checks against tuned dropshot, 10^6 sessions, {connections} connections"
            ),
            sessions: MILLION,
            connections,
            goals: [Goal::None; 3],
        };
        checks.run(plan, &servers, measures).await?;
    }
    Ok(())
}

async fn with_log(plan: &Plan, folder: &Path, measures: &mut Vec<Measure>) -> Result<()> {
    let servers = Pair {
        ours: Server::ours(&plan.server, folder, &["--log-level", "info"])?,
        bare: Server::bare(Setup {
            tuned: false,
            log: true,
        })?,
    };
    servers.ours.settle().await?;
    let checks = Checks {
        name: "checks with a log, 10^6 sessions, 16 connections".to_owned(),
        sessions: MILLION,
        connections: 16,
        goals: goals(MILLION, 16),
    };
    checks.run(plan, &servers, measures).await
}

fn memory(servers: &Pair, sessions: u64, measures: &mut Vec<Measure>) -> Result<()> {
    let (now, bare) = (servers.ours.memory()?.0, servers.bare.memory()?.0);
    measures.push(reported(Measure {
        name: format!("memory after the checks, {}", count(sessions)),
        unit: "MB",
        goal: Goal::AtMost(400.0),
        rounds: vec![(now, Some(bare))],
    }));
    Ok(())
}

fn login(plan: &Plan, server: &Server, connections: u64) -> Load {
    Load {
        server: server.address,
        kind: RequestKind::Login {
            users: fill::users(MILLION),
        },
        connections,
        pause: Duration::ZERO,
        warm_up: plan.warm_up,
        length: plan.logins,
    }
}

/// Measures logins against bare hashing, and returns the maximum memory of the server in MB.
async fn logins(plan: &Plan, folder: &Path, measures: &mut Vec<Measure>) -> Result<f64> {
    let server = Server::ours(&plan.server, folder, WITHOUT_REQUEST_LOG)?;
    server.settle().await?;
    let mut rates = Vec::new();
    for round in 0..plan.rounds {
        let ours = login(plan, &server, FEW_CONNECTIONS)
            .run(round)
            .await?
            .rate();
        let (warm_up, length) = (plan.warm_up, plan.logins);
        let bare = tokio::task::spawn_blocking(move || hash::verifications(warm_up, length));
        rates.push((ours, Some(bare.await??)));
    }
    measures.push(reported(Measure {
        name: "logins".to_owned(),
        unit: "logins/s",
        goal: Goal::RatioAtLeast(0.95),
        rounds: rates,
    }));
    Ok(server.memory()?.1)
}

/// Measures checks during a flood of logins.
///
/// The goal is for the memory that a flood needs beyond `memory_without_flood` (MB).
async fn flood(
    plan: &Plan,
    folder: &Path,
    memory_without_flood: f64,
    measures: &mut Vec<Measure>,
) -> Result<()> {
    let server = Server::ours(&plan.server, folder, WITHOUT_RATE_LIMIT)?;
    server.settle().await?;
    let mut flood = Vec::new();
    for round in 0..plan.rounds {
        let check = Load {
            kind: RequestKind::Check { sessions: MILLION },
            connections: 16,
            pause: CHECK_PAUSE,
            ..login(plan, &server, 0)
        };
        let outcomes = tokio::join!(
            login(plan, &server, FLOOD_CONNECTIONS).run(round),
            check.run(round)
        );
        flood.push((outcomes.0?, outcomes.1?));
    }
    let figures = |figure: fn(&(Outcome, Outcome)) -> f64| {
        flood.iter().map(figure).map(|ours| (ours, None)).collect()
    };
    for (name, unit, goal, rounds) in [
        (
            "checks during a flood of logins",
            "ms p99",
            Goal::AtMost(10.0),
            figures(|(_, check)| check.p99()),
        ),
        (
            "checks during a flood of logins",
            "requests/s",
            Goal::None,
            figures(|(_, check)| check.rate()),
        ),
        (
            "logins during a flood of logins",
            "logins/s",
            Goal::None,
            figures(|(login, _)| login.rate()),
        ),
        (
            "logins shed during a flood",
            "in a round",
            Goal::None,
            figures(|(login, _)| login.shed as f64),
        ),
    ] {
        measures.push(reported(Measure {
            name: name.to_owned(),
            unit,
            goal,
            rounds,
        }));
    }
    let max_memory = server.memory()?.1;
    let per_connection = (max_memory - memory_without_flood) * 1e3 / FLOOD_CONNECTIONS as f64;
    measures.push(reported(Measure {
        name: "peak memory in a flood of logins, baseline without it".to_owned(),
        unit: "MB",
        goal: Goal::None,
        rounds: vec![(max_memory, Some(memory_without_flood))],
    }));
    // A connection of a bare dropshot server with a request in flight takes 24 KB.
    measures.push(reported(Measure {
        name: "memory of a flood beyond that, per connection".to_owned(),
        unit: "KB",
        goal: Goal::AtMost(64.0),
        rounds: vec![(per_connection, None)],
    }));
    Ok(())
}

/// Measures the maximum memory during an attack with HTTP/2, beyond that of an idle server.
async fn http2_attack(plan: &Plan, folder: &Path, measures: &mut Vec<Measure>) -> Result<()> {
    for (connections, goal) in [(20, 20.0), (1000, 100.0)] {
        let server = Server::ours(&plan.server, folder, WITHOUT_REQUEST_LOG)?;
        server.settle().await?;
        let before = server.memory()?.0;
        let open = http2::attack(server.address, connections).await?;
        server.settle().await?;
        let most = server.memory()?.1;
        drop(open);
        measures.push(reported(Measure {
            name: format!("memory of an HTTP/2 attack, {connections} connections of 200 streams"),
            unit: "MB",
            goal: Goal::AtMost(goal),
            rounds: vec![(most - before, None)],
        }));
    }
    Ok(())
}

/// Enough connections to keep the hashing threads of a small machine busy.
const FEW_CONNECTIONS: u64 = 8;

/// Many more connections than can be served.
const FLOOD_CONNECTIONS: u64 = 256;

/// The pause between checks during a flood: few checks leave the processor to the flood.
const CHECK_PAUSE: Duration = Duration::from_millis(10);

fn reported(measure: Measure) -> Measure {
    let table = crate::report::table(std::slice::from_ref(&measure));
    eprintln!("{}", table.lines().last().unwrap_or_default());
    measure
}

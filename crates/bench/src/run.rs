//! The measurements.
//!
//! Our servers and the baseline receive the load alternately, so that other work affects both alike.

mod checks;
mod comparison;
mod http2;
mod limits;
mod logins;
mod propagation;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anstream::eprintln;
use anyhow::Result;
use clap::ValueEnum;

use crate::backend::{Backend, Database};
use crate::bare::Setup;
use crate::process::Server;
use crate::report::{Goal, Measure};

/// A part of the benchmark, in the order in which they run
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// Duration of a start
    StartUp,
    /// Session checks, and memory after them
    Checks,
    /// `GET /user`
    User,
    /// Session checks against dropshot with our settings
    Tuned,
    /// Session checks with a request log
    Log,
    /// Session checks without a cache
    Uncached,
    /// Session checks over two servers on one database
    TwoServers,
    /// Logins
    Logins,
    /// Session checks and memory during a flood of logins
    Flood,
    /// Memory of an attack with HTTP/2
    Http2,
    /// Response times of rate-limited logins
    RateLimits,
    /// Time until a logout is effective in another server; it ends sessions that others need
    Propagation,
}

impl Measurement {
    /// Returns whether the measurement is part of a run with so many sessions.
    fn applies(self, backend: &Backend, sessions: u64) -> bool {
        match self {
            Self::StartUp | Self::Checks | Self::User => true,
            Self::Uncached | Self::TwoServers | Self::Logins | Self::Flood | Self::Propagation => {
                sessions == MILLION
            }
            // The number of sessions makes no difference.
            Self::RateLimits => sessions == THOUSAND,
            // The database makes no difference.
            Self::Tuned | Self::Log | Self::Http2 => {
                sessions == MILLION && matches!(backend, Backend::Sqlite)
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: PathBuf,
    pub(crate) measurements: Vec<Measurement>,
    /// Whether ten million sessions are also measured, with SQLite.
    pub(crate) large: bool,
    pub(crate) rounds: u64,
    pub(crate) checks: Duration,
    pub(crate) logins: Duration,
    pub(crate) warm_up: Duration,
}

impl Plan {
    /// Returns the numbers of live sessions, which are measured one after the other.
    fn sizes(&self, backend: &Backend) -> &'static [u64] {
        match backend {
            Backend::Sqlite if self.large => &[THOUSAND, MILLION, 10 * MILLION],
            Backend::Sqlite | Backend::Postgres(_) => &[THOUSAND, MILLION],
        }
    }
}

const THOUSAND: u64 = 1_000;

/// The number of sessions for most goals and for all other measures.
const MILLION: u64 = 1_000_000;

const WITHOUT_REQUEST_LOG: &[&str] = &["--log-level", "warn"];

/// Rate limiting is disabled, because the flood has only one address.
const WITHOUT_RATE_LIMIT: &[&str] = &["--log-level", "warn", "--throttle-enabled", "false"];

/// The measures of a database that is filled with sessions.
struct Bench<'a> {
    plan: &'a Plan,
    database: Database<'a>,
    sessions: u64,
    measures: Vec<Measure>,
    /// The maximum memory of a server during logins without a flood, in MB; 0 before they are measured.
    memory_without_flood: f64,
}

pub(crate) async fn run(plan: &Plan, backends: &[Backend]) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    let mut number = 0;
    for backend in backends {
        for &sessions in plan.sizes(backend) {
            let mut selected = plan.measurements.clone();
            selected.retain(|measurement| measurement.applies(backend, sessions));
            if selected.is_empty() {
                continue;
            }
            number += 1;
            let mut bench = Bench {
                plan,
                database: backend.create_database(number).await?,
                sessions,
                measures: Vec::new(),
                memory_without_flood: 0.0,
            };
            let outcome = bench.run(&selected).await;
            let removed = bench.database.remove().await;
            outcome?;
            removed?;
            measures.extend(bench.measures);
        }
    }
    Ok(measures)
}

impl Bench<'_> {
    async fn run(&mut self, selected: &[Measurement]) -> Result<()> {
        self.fill().await?;
        for measurement in selected {
            match measurement {
                Measurement::StartUp => self.start_up()?,
                Measurement::Checks => checks::cached(self).await?,
                Measurement::User => checks::user(self).await?,
                Measurement::Tuned => checks::tuned(self).await?,
                Measurement::Log => checks::with_log(self).await?,
                Measurement::Uncached => checks::uncached(self).await?,
                Measurement::TwoServers => checks::two_servers(self).await?,
                Measurement::Logins => logins::logins(self).await?,
                Measurement::Flood => logins::flood(self).await?,
                Measurement::Http2 => http2::attack(self).await?,
                Measurement::RateLimits => limits::response_times(self).await?,
                Measurement::Propagation => propagation::delays(self).await?,
            }
        }
        Ok(())
    }

    async fn fill(&self) -> Result<()> {
        let since = Instant::now();
        // Creates the schema and the administrator.
        drop(self.start(WITHOUT_REQUEST_LOG)?);
        self.database.fill(self.sessions).await?;
        let took = since.elapsed().as_secs_f64();
        eprintln!("filled {}{} in {took:.1} s", self.count(), self.on());
        Ok(())
    }

    /// Starts our server.
    fn start(&self, settings: &[&str]) -> Result<Server> {
        Server::ours(&self.plan.server, &self.database, settings)
    }

    /// Starts our server, and waits until it has loaded sessions into memory.
    async fn start_settled(&self, settings: &[&str]) -> Result<Server> {
        let server = self.start(settings)?;
        server.settle().await?;
        Ok(server)
    }

    /// Returns the number of sessions, as part of a measure's name.
    fn count(&self) -> String {
        format!("10^{} sessions", self.sessions.ilog10())
    }

    /// Returns the backend, as part of a measure's name.
    fn on(&self) -> &'static str {
        self.database.backend.label()
    }

    /// Adds a measure and prints it.
    fn report(&mut self, measure: Measure) {
        let table = crate::report::table(std::slice::from_ref(&measure));
        eprintln!("{}", table.lines().last().unwrap_or_default());
        self.measures.push(measure);
    }

    fn start_up(&mut self) -> Result<()> {
        let milliseconds = |server: Server| server.start_up.as_secs_f64() * 1e3;
        let mut rounds = Vec::new();
        for _ in 0..self.plan.rounds {
            let ours = milliseconds(self.start(WITHOUT_REQUEST_LOG)?);
            let bare = milliseconds(Server::bare(Setup::default())?);
            rounds.push((ours, Some(bare)));
        }
        self.report(Measure {
            name: format!("start-up{}, {}", self.on(), self.count()),
            unit: "ms",
            goal: Goal::AtMost(1000.0),
            rounds,
        });
        Ok(())
    }
}

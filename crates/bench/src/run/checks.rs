//! Session checks.

use anyhow::Result;

use super::comparison::{Comparison, Figure, Side};
use super::{Bench, MILLION, WITHOUT_REQUEST_LOG};
use crate::bare::Setup;
use crate::load::RequestKind;
use crate::process::Server;
use crate::report::{Goal, Measure};

/// Returns the measures with their goals.
///
/// One connection has none, because it measures how fast the machine wakes up.
fn figures(sessions: u64, connections: u64) -> Vec<Figure> {
    let [rate, cost, tail] = if connections == 1 {
        [Goal::None; 3]
    } else if sessions > MILLION {
        [Goal::RatioAtLeast(0.6), Goal::None, Goal::None]
    } else {
        [
            Goal::RatioAtLeast(0.9),
            Goal::RatioAtMost(1.1),
            Goal::RatioAtMost(1.5),
        ]
    };
    vec![
        Figure::rate(rate),
        Figure::server_time(cost),
        Figure::p99(tail),
    ]
}

fn figures_with_rate_goal(rate: Goal) -> Vec<Figure> {
    vec![
        Figure::rate(rate),
        Figure::server_time(Goal::None),
        Figure::p99(Goal::None),
    ]
}

impl Bench<'_> {
    fn check(&self) -> RequestKind {
        RequestKind::Check {
            sessions: self.sessions,
        }
    }

    /// Compares session checks of our servers with those of a baseline.
    async fn compare_checks(
        &mut self,
        name: String,
        connections: u64,
        [ours, baseline]: [&[&Server]; 2],
        figures: Vec<Figure>,
    ) -> Result<()> {
        let kind = self.check();
        let side = |servers| Side { servers, kind };
        let comparison = Comparison {
            name: format!("{name}, {}, {connections} connections", self.count()),
            sides: [side(ours), side(baseline)],
            connections,
            length: self.plan.checks,
            figures,
        };
        comparison.run(self).await
    }
}

pub(super) async fn cached(bench: &mut Bench<'_>) -> Result<()> {
    let ours = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
    let bare = Server::bare(Setup::default())?;
    let name = format!("checks{}", bench.on());
    for connections in [1, 16, 64] {
        let figures = figures(bench.sessions, connections);
        let sides: [&[&Server]; 2] = [&[&ours], &[&bare]];
        bench
            .compare_checks(name.clone(), connections, sides, figures)
            .await?;
    }
    let (now, bare) = (ours.memory()?.0, bare.memory()?.0);
    bench.report(Measure {
        name: format!("memory after the {name}, {}", bench.count()),
        unit: "MB",
        goal: Goal::AtMost(400.0),
        rounds: vec![(now, Some(bare))],
    });
    Ok(())
}

/// Measures `GET /user` against `GET /login` of the same server.
pub(super) async fn user(bench: &mut Bench<'_>) -> Result<()> {
    let server = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
    let servers = [&server];
    let sessions = bench.sessions;
    let side = |kind| Side {
        servers: &servers,
        kind,
    };
    for connections in [16, 64] {
        let comparison = Comparison {
            name: format!(
                "GET /user against GET /login{}, {}, {connections} connections",
                bench.on(),
                bench.count()
            ),
            sides: [
                side(RequestKind::ShowUser { sessions }),
                side(bench.check()),
            ],
            connections,
            length: bench.plan.checks,
            figures: figures_with_rate_goal(Goal::RatioAtLeast(0.9)),
        };
        comparison.run(bench).await?;
    }
    Ok(())
}

/// Measures checks against a bare server with our settings; the difference is the cost of a check.
pub(super) async fn tuned(bench: &mut Bench<'_>) -> Result<()> {
    let ours = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
    let bare = Server::bare(Setup {
        tuned: true,
        log: false,
    })?;
    for connections in [16, 64] {
        let name = "checks against tuned dropshot".to_owned();
        let figures = figures_with_rate_goal(Goal::None);
        bench
            .compare_checks(name, connections, [&[&ours], &[&bare]], figures)
            .await?;
    }
    Ok(())
}

pub(super) async fn with_log(bench: &mut Bench<'_>) -> Result<()> {
    let ours = bench.start_settled(&["--log-level", "info"]).await?;
    let bare = Server::bare(Setup {
        tuned: false,
        log: true,
    })?;
    let name = "checks with a log".to_owned();
    let figures = figures(bench.sessions, 16);
    bench
        .compare_checks(name, 16, [&[&ours], &[&bare]], figures)
        .await
}

/// Measures checks that read each session from the database.
pub(super) async fn uncached(bench: &mut Bench<'_>) -> Result<()> {
    let settings = [WITHOUT_REQUEST_LOG, &["--cache-sessions", "0"]].concat();
    let ours = bench.start_settled(&settings).await?;
    let bare = Server::bare(Setup::default())?;
    for connections in [16, 64] {
        let mut figures = figures_with_rate_goal(Goal::None);
        figures.insert(2, Figure::p50(Goal::None));
        figures.push(Figure {
            unit: "µs of PostgreSQL's processor a request",
            goal: Goal::None,
            value: |sample| sample.database_microseconds(),
            has_baseline: false,
        });
        let name = format!("uncached checks{}", bench.on());
        bench
            .compare_checks(name, connections, [&[&ours], &[&bare]], figures)
            .await?;
    }
    Ok(())
}

/// Measures checks over two servers on one database against checks of one server.
pub(super) async fn two_servers(bench: &mut Bench<'_>) -> Result<()> {
    let [one, other] = [
        bench.start(WITHOUT_REQUEST_LOG)?,
        bench.start(WITHOUT_REQUEST_LOG)?,
    ];
    one.settle().await?;
    other.settle().await?;
    for connections in [16, 64] {
        let name = format!("two servers against one{}", bench.on());
        let figures = figures_with_rate_goal(Goal::None);
        bench
            .compare_checks(name, connections, [&[&one, &other], &[&one]], figures)
            .await?;
    }
    Ok(())
}

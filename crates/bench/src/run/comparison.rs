//! The comparison of two loads, which run alternately.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;

use super::Bench;
use crate::load::{Load, Outcome, RequestKind};
use crate::process::Server;
use crate::report::{Goal, Measure};

/// Our side or the baseline: servers that share the connections equally.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    pub(super) servers: &'a [&'a Server],
    pub(super) kind: RequestKind,
}

/// The outcome of a load, and the processor time that it took.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) outcome: Outcome,
    server_time: f64,
    database_time: Option<f64>,
}

impl Sample {
    fn per_response(&self, nanoseconds: f64) -> f64 {
        nanoseconds / self.outcome.response_count.max(1) as f64
    }

    /// Returns the processor time of the servers for a response, in microseconds.
    pub(super) fn server_microseconds(&self) -> f64 {
        self.per_response(self.server_time) / 1e3
    }

    /// Returns the processor time of PostgreSQL for a response, in microseconds.
    pub(super) fn database_microseconds(&self) -> Option<f64> {
        Some(self.per_response(self.database_time?) / 1e3)
    }
}

impl Side<'_> {
    pub(super) async fn sample(
        self,
        bench: &Bench<'_>,
        connections: u64,
        length: Duration,
        seed: u64,
    ) -> Result<Sample> {
        let server_time = || self.servers.iter().map(|it| it.processor_time()).sum();
        let database_time = || bench.database.server_processor_time();
        let (server_before, database_before): (Result<f64>, _) = (server_time(), database_time()?);
        let mut loads = JoinSet::new();
        for (number, server) in (0..).zip(self.servers) {
            let load = Load {
                server: server.address,
                kind: self.kind,
                connections: connections / self.servers.len() as u64,
                pause: Duration::ZERO,
                warm_up: bench.plan.warm_up,
                length,
            };
            loads.spawn(load.run(seed + 500 * number));
        }
        let mut outcome = Outcome::default();
        while let Some(done) = loads.join_next().await {
            outcome.merge(done??);
        }
        let (server_after, database_after): (Result<f64>, _) = (server_time(), database_time()?);
        Ok(Sample {
            outcome,
            server_time: server_after? - server_before?,
            database_time: database_after
                .zip(database_before)
                .map(|(after, before)| after - before),
        })
    }
}

/// A measure of a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) unit: &'static str,
    pub(super) goal: Goal,
    /// Returns the value of a sample; `None` if it was not measured.
    pub(super) value: fn(&Sample) -> Option<f64>,
    pub(super) has_baseline: bool,
}

impl Figure {
    pub(super) fn rate(goal: Goal) -> Self {
        Self::compared("requests/s", goal, |sample| Some(sample.outcome.rate()))
    }

    pub(super) fn server_time(goal: Goal) -> Self {
        Self::compared("µs of processor a request", goal, |sample| {
            Some(sample.server_microseconds())
        })
    }

    pub(super) fn p50(goal: Goal) -> Self {
        Self::compared("ms p50", goal, |sample| Some(sample.outcome.p50()))
    }

    pub(super) fn p99(goal: Goal) -> Self {
        Self::compared("ms p99", goal, |sample| Some(sample.outcome.p99()))
    }

    fn compared(unit: &'static str, goal: Goal, value: fn(&Sample) -> Option<f64>) -> Self {
        Self {
            unit,
            goal,
            value,
            has_baseline: true,
        }
    }
}

/// A load on our servers and on a baseline, measured alternately.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) name: String,
    pub(super) sides: [Side<'a>; 2],
    pub(super) connections: u64,
    pub(super) length: Duration,
    pub(super) figures: Vec<Figure>,
}

impl Comparison<'_> {
    pub(super) async fn run(self, bench: &mut Bench<'_>) -> Result<()> {
        let mut rounds = Vec::new();
        for round in 0..bench.plan.rounds {
            let seed = round * 1000 + self.connections;
            let [ours, baseline] = self.sides;
            let ours = ours.sample(bench, self.connections, self.length, seed);
            let ours = ours.await?;
            // Other sessions, because a server that is also the baseline has just loaded those of this seed.
            let baseline = baseline.sample(bench, self.connections, self.length, seed + 250);
            rounds.push((ours, baseline.await?));
        }
        for figure in self.figures {
            let values = rounds.iter().filter_map(|(ours, baseline)| {
                let baseline = (figure.value)(baseline).filter(|_| figure.has_baseline);
                Some(((figure.value)(ours)?, baseline))
            });
            let rounds: Vec<_> = values.collect();
            if rounds.is_empty() {
                continue;
            }
            bench.report(Measure {
                name: self.name.clone(),
                unit: figure.unit,
                goal: figure.goal,
                rounds,
            });
        }
        Ok(())
    }
}

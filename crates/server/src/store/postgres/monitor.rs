//! Background checks of the database: its primary, its standbys and, without a cache, its clock.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use slog::{info, warn};

use super::changes::ChangePoller;
use super::connect::Connector;
use super::connection::Connection;
use super::core::{Core, Mode};
use super::primary::Primary;
use super::standby::{self, Replication};
use crate::store::error::StoreFailure;

/// Bounds how long an old primary that still answers is used after a failover.
///
/// Less than the bound of propagation: another process may use the new primary already, and end sessions there.
const ROUND_INTERVAL: Duration = Duration::from_millis(250);

/// Standbys are examined every minute: they change only if an administrator changes them.
const ROUNDS_PER_STANDBY_CHECK: u64 = 240;

pub(super) struct Monitor {
    connector: Connector,
    poller: Arc<ChangePoller>,
    /// Empty while each of them runs by itself.
    probes: Vec<HostProbe>,
    rounds: u64,
    /// The primary of the previous round, with which the log compares the newest.
    primary: Option<Primary>,
    /// The number of hosts of other systems that the log has.
    other_systems: usize,
    /// The result that was last logged.
    replication: Replication,
}

impl Monitor {
    pub(super) fn new(connector: Connector, poller: Arc<ChangePoller>) -> Self {
        Self {
            probes: HostProbe::of_all(&connector),
            primary: connector.newest_primary().get(),
            other_systems: 0,
            connector,
            poller,
            rounds: 0,
            replication: Replication::Safe,
        }
    }

    /// Runs until the store is dropped, which the task does not keep open.
    pub(super) async fn run(mut self, core: Weak<Core>) {
        let connector = self.connector.clone();
        // Each host by itself: neither another host nor a slow statement may delay the detection of a new primary.
        let probes = std::mem::take(&mut self.probes);
        let probing = join_all(probes.into_iter().map(|probe| probe.run(&connector)));
        let probing = async {
            probing.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = probing => {}
            () = self.watch(&core) => {}
        }
    }

    async fn watch(&mut self, core: &Weak<Core>) {
        loop {
            tokio::time::sleep(ROUND_INTERVAL).await;
            let Some(core) = core.upgrade() else { return };
            self.check(&core).await;
        }
    }

    /// Runs the checks that are due.
    ///
    /// Failures are reported by the operations that they affect.
    pub(super) async fn check(&mut self, core: &Core) {
        if core.cache().is_none() {
            // Without a cache, nothing else polls the clock of the database.
            let _ = self.poller.poll(None).await;
        }
        self.check_primary(core).await;
        if self.rounds.is_multiple_of(ROUNDS_PER_STANDBY_CHECK) {
            let _ = self.check_standbys(core).await;
        }
        self.rounds += 1;
    }

    async fn check_primary(&mut self, core: &Core) {
        probe(&mut self.probes, &self.connector).await;
        let newest = self.connector.newest_primary().get();
        if let (Some(newest), Some(known)) = (&newest, &self.primary)
            && newest != known
        {
            warn!(
                core.observer.log,
                "another server is the primary now; connections to the previous one are replaced";
                "previous" => &known.host, "host" => &newest.host, "timeline" => newest.timeline
            );
        }
        self.primary = newest;
        let others = self.connector.newest_primary();
        for host in others.other_systems(self.other_systems) {
            warn!(
                core.observer.log,
                "a host in the URL of the database has another database system, and is not used; correct the URL, or restart the server if the database was replaced";
                "host" => host
            );
            self.other_systems += 1;
        }
    }

    pub(super) async fn check_standbys(&mut self, core: &Core) -> Result<(), StoreFailure> {
        let reading = core.run(Mode::Read, &(), |step, ()| Box::pin(standby::read(step)));
        let replication: Replication = reading.await?;
        let standbys = match &replication {
            Replication::Safe => 0.0,
            Replication::Asynchronous { standbys, .. } => f64::from(*standbys),
            Replication::Unknown { .. } => f64::NAN,
        };
        let metrics = &core.observer.metrics;
        metrics.set_asynchronous_standbys(standbys);
        if replication != self.replication {
            report(&core.observer.log, &replication);
            self.replication = replication;
        }
        Ok(())
    }
}

fn report(log: &slog::Logger, replication: &Replication) {
    match replication {
        Replication::Safe => info!(log, "a failover loses no acknowledged changes"),
        Replication::Asynchronous { standbys, setting } => warn!(
            log,
            "a failover can lose acknowledged logins and logouts, because commits wait for no standby; configure PostgreSQL";
            "standbys" => standbys, "setting" => setting
        ),
        Replication::Unknown { grant } => warn!(
            log,
            "the role lacks the privilege to see whether a failover can lose acknowledged changes; grant it";
            "run" => grant
        ),
    }
}

/// Finds the newest primary among several hosts, before the first connection.
pub(super) async fn find_primary(connector: &Connector) {
    probe(&mut HostProbe::of_all(connector), connector).await;
}

/// Asks all hosts at the same time, so that one that does not answer delays no other.
///
/// Their answers are compared in the order of the URL: of several systems, the first one is used.
async fn probe(probes: &mut [HostProbe], connector: &Connector) {
    let found = join_all(probes.iter_mut().map(|probe| probe.read(connector))).await;
    for primary in found.into_iter().flatten() {
        connector.observe(primary);
    }
}

/// A separate connection to a host, which asks whether it is a primary.
///
/// It remains open if the host is a standby or an old primary.
struct HostProbe {
    host: usize,
    connection: Option<Connection>,
}

impl HostProbe {
    /// Returns no probe if there is a single host, because no other can replace it.
    fn of_all(connector: &Connector) -> Vec<Self> {
        let hosts = match connector.host_count() {
            1 => 0..0,
            hosts => 0..hosts,
        };
        let probe = |host| Self {
            host,
            connection: None,
        };
        hosts.map(probe).collect()
    }

    async fn run(mut self, connector: &Connector) {
        loop {
            tokio::time::sleep(ROUND_INTERVAL).await;
            if let Some(primary) = self.read(connector).await {
                connector.observe(primary);
            }
        }
    }

    /// Returns `None` if the host is a standby or does not answer.
    async fn read(&mut self, connector: &Connector) -> Option<Primary> {
        // Taken out of the field, so that the connection is closed if the reading fails or takes too long.
        let connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            Some(_) | None => connector.open_any(self.host).await.ok()?,
        };
        let primary = connector.read_primary(self.host, &connection).await.ok()?;
        self.connection = Some(connection);
        primary
    }
}

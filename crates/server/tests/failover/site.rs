//! A PostgreSQL server with a synchronous standby, each behind a proxy, and three servers on them.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use crate::api::{Answer, Api};
use crate::fleet::{Fleet, SERVERS};
use crate::ledger::Ledger;
use crate::proxy::{Passage, Proxy};
use crate::testing::cluster::Cluster;

/// The name of every standby. There is one at a time.
const STANDBY: &str = "standby";

const DATABASE: &str = "pbx";

/// Returns the name of a user of the load.
pub(crate) fn username(number: usize) -> String {
    format!("user{number}")
}

/// The part of a test that its load shares.
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    /// Changes of a user exclude its logins and logouts, so that it is certain which of two came first.
    pub(crate) users: Vec<tokio::sync::RwLock<()>>,
}

pub(crate) struct Site {
    pub(crate) shared: Arc<Shared>,
    pub(crate) proxies: [Proxy; 2],
    /// One of them is the primary.
    clusters: [Cluster; 2],
    primary: usize,
    memory: [Option<u64>; SERVERS],
}

impl Site {
    /// Starts everything; `None` if the test is skipped.
    pub(crate) async fn start(users: usize) -> Option<Self> {
        let primary = Cluster::primary()?;
        let standby = primary.standby(STANDBY);
        let client = primary.client().await;
        let create = format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'");
        client.batch_execute(&create).await.expect("a database");
        let setting = format!("synchronous_standby_names = 'ANY 1 ({STANDBY})'");
        primary.configure(&setting).await;
        standby.configure(&setting).await;
        primary.wait_for_standby(STANDBY, "quorum").await;
        let proxies = [
            Proxy::start(primary.directory()).await,
            Proxy::start(standby.directory()).await,
        ];
        let [first, second] = [&proxies[0], &proxies[1]].map(Proxy::port);
        let fleet = Fleet::start(format!(
            "postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/{DATABASE}?sslmode=disable"
        ))
        .await;
        for user in 0..users {
            let create = format!(
                "user create {} --role Dealer --password-stdin",
                username(user)
            );
            let (succeeded, output) = fleet.run(&create, crate::program::PASSWORD).await;
            assert!(succeeded, "{output}");
        }
        let memory = std::array::from_fn(|number| fleet.memory(number));
        Some(Self {
            shared: Arc::new(Shared {
                api: Api::new(),
                fleet,
                ledger: Ledger::new(),
                users: (0..users).map(|_| tokio::sync::RwLock::default()).collect(),
            }),
            proxies,
            clusters: [primary, standby],
            primary: 0,
            memory,
        })
    }

    fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    fn primary(&self) -> &Cluster {
        &self.clusters[self.primary]
    }

    fn standby(&self) -> &Cluster {
        &self.clusters[1 - self.primary]
    }

    /// Waits until commits are replicated, and records the end of the fault.
    async fn heal(&self) {
        self.primary().wait_for_standby(STANDBY, "quorum").await;
        self.ledger().heal();
    }

    /// Kills a server and starts it again.
    pub(crate) async fn restart_server(&self, number: usize) {
        self.ledger().note(&format!("kill server {number}"));
        self.shared.fleet.kill(number);
        self.shared.fleet.start_server(number).await;
        self.ledger().note(&format!("server {number} listens"));
    }

    /// Stops a server for a time. Meanwhile it must not delay the others by the locks of its transactions.
    pub(crate) async fn freeze_server(&self, number: usize, time: Duration) {
        self.ledger().note(&format!("freeze server {number}"));
        self.shared.fleet.signal(number, Signal::STOP);
        tokio::time::sleep(time).await;
        self.shared.fleet.signal(number, Signal::CONT);
        self.ledger().note(&format!("server {number} continues"));
    }

    /// Cuts the chosen connections.
    pub(crate) fn cut(&self, mut choose: impl FnMut() -> bool) {
        self.ledger().begin("cut connections");
        for proxy in &self.proxies {
            proxy.disturb(Passage::Cut, &mut choose);
        }
        self.ledger().heal();
    }

    /// Blocks the chosen connections; each operation on them ends at its timeout.
    pub(crate) async fn block(&self, mut choose: impl FnMut() -> bool, time: Duration) {
        self.ledger().begin("block some connections");
        for proxy in &self.proxies {
            proxy.disturb(Passage::Blocked, &mut choose);
        }
        tokio::time::sleep(time).await;
        self.ledger().heal();
    }

    /// Blocks all connections, and new ones for a time.
    pub(crate) async fn partition(&self, time: Duration) {
        self.ledger().begin("partition the network");
        self.proxies.iter().for_each(|it| it.set(Passage::Blocked));
        self.ledger().set_away();
        tokio::time::sleep(time).await;
        self.ledger().set_back();
        self.proxies.iter().for_each(|it| it.set(Passage::Open));
        self.ledger().heal();
    }

    /// Stops the processes of the primary for a time.
    pub(crate) async fn freeze(&self, time: Duration) {
        self.ledger().begin("freeze the primary");
        self.primary().freeze();
        self.ledger().set_away();
        tokio::time::sleep(time).await;
        self.ledger().set_back();
        self.primary().resume();
        self.heal().await;
    }

    /// Kills the primary and restarts it after a time.
    pub(crate) async fn crash(&self, time: Duration) {
        self.ledger().begin("kill the primary");
        self.primary().kill();
        self.ledger().crash();
        self.ledger().set_away();
        tokio::time::sleep(time).await;
        self.ledger().set_back();
        self.primary().restart();
        self.ledger().note("the primary accepts connections");
        self.heal().await;
    }

    /// Kills the standby, so that commits wait, and restarts it after a time.
    pub(crate) async fn crash_standby(&self, time: Duration) {
        self.ledger().begin("kill the standby");
        self.standby().kill();
        tokio::time::sleep(time).await;
        self.standby().restart();
        self.heal().await;
    }

    /// Kills the primary and promotes the standby after a time.
    pub(crate) async fn fail_over(&mut self, time: Duration) {
        self.ledger().begin("kill the primary for good");
        self.primary().kill();
        self.ledger().crash();
        self.ledger().set_away();
        tokio::time::sleep(time).await;
        self.ledger().set_back();
        self.promote();
        self.add_standby().await;
    }

    /// Promotes the standby and gives it another one, while the old primary continues to answer for a time.
    ///
    /// If the old primary is `frozen` until then, servers have found the new one before the old one answers again.
    pub(crate) async fn split(&mut self, time: Duration, frozen: bool) {
        self.ledger()
            .begin("promote the standby of a living primary");
        if frozen {
            self.primary().freeze();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        self.promote();
        self.ledger().set_primaries(2);
        let standby = self.primary().standby(STANDBY);
        self.primary().wait_for_standby(STANDBY, "quorum").await;
        self.ledger().note("the new primary can commit");
        // The old primary is in the place of the standby.
        self.standby().resume();
        tokio::time::sleep(time).await;
        self.ledger().note("kill the old primary");
        self.standby().kill();
        self.ledger().crash();
        self.ledger().set_primaries(1);
        self.replace_standby(standby).await;
    }

    fn promote(&mut self) {
        self.standby().promote();
        self.ledger().crash();
        self.primary = 1 - self.primary;
        self.ledger().note("the standby is promoted");
    }

    async fn add_standby(&mut self) {
        let standby = self.primary().standby(STANDBY);
        self.replace_standby(standby).await;
    }

    /// Replaces the old primary with a standby of the new one.
    async fn replace_standby(&mut self, standby: Cluster) {
        let other = 1 - self.primary;
        self.proxies[other].retarget(standby.directory());
        self.clusters[other] = standby;
        self.heal().await;
    }

    /// Checks that each server knows what was acknowledged, and that none has panicked or grown.
    pub(crate) async fn verify(&self, seed: u64) {
        let shared = &self.shared;
        for session in shared.ledger.all() {
            let token = shared.ledger.token(session);
            let mut answers = Vec::new();
            for number in 0..SERVERS {
                let sent = std::time::Instant::now();
                let address = shared.fleet.address(number);
                let answer = shared.api.check(&address, &token).await;
                shared.ledger.check(session, number, sent, &answer);
                if answer == Answer::Lost {
                    shared.ledger.violate(&format!("server {number} has ended"));
                }
                answers.push(std::mem::discriminant(&answer));
            }
            if answers.iter().any(|answer| *answer != answers[0]) {
                shared.ledger.violate("servers disagree on a session");
            }
        }
        let panics = shared.fleet.log_lines("panicked");
        if !panics.is_empty() {
            shared.ledger.violate(&format!("{panics:?}"));
        }
        /// More than a load of some minutes needs, and less than a queue that grows without bound.
        const MAX_GROWTH: u64 = 64 << 20;
        for (number, before) in self.memory.iter().enumerate() {
            let after = shared.fleet.memory(number);
            let growth = after.unwrap_or(0).saturating_sub(before.unwrap_or(0));
            if growth > MAX_GROWTH {
                let text = format!("the memory of server {number} has grown by {growth} bytes");
                shared.ledger.violate(&text);
            }
        }
        shared.ledger.assert_kept(seed);
    }
}

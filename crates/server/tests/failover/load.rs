//! A load of logins, session checks, logouts, administrative changes and guesses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::api::Answer;
use crate::fleet::SERVERS;
use crate::ledger::{Phase, SessionNumber};
use crate::random::Random;
use crate::site::{Shared, username};

/// The pause of a worker after each operation, so that the machine is not saturated.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the end of a session is checked after its acknowledgement.
const CONFIRMATION_TIME: Duration = Duration::from_secs(2);

/// Sessions are picked from this number of the newest ones, so that most picked sessions are live.
const NEWEST: usize = 60;

/// The maximum number of concurrent checks, more than are sent until the session cache is stale.
const MAX_CHECKS: usize = 64;

/// The number of passwords of one account and network that are verified before a wait begins.
pub(crate) const FREE_FAILURES: usize = 5;

const GUESSES: usize = 12;

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(shared: &Arc<Shared>, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..4 {
            let random = Random::new(seed ^ (number + 1));
            tasks.spawn(work(Arc::clone(shared), Arc::clone(&stop), random));
        }
        tasks.spawn(check_regularly(
            Arc::clone(shared),
            Arc::clone(&stop),
            Random::new(seed ^ 98),
        ));
        tasks.spawn(guess_regularly(
            Arc::clone(shared),
            Arc::clone(&stop),
            Random::new(seed ^ 99),
        ));
        Self { stop, tasks }
    }

    /// Lets each operation finish. Changes are repeated until they are acknowledged.
    pub(crate) async fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(task) = self.tasks.join_next().await {
            task.expect("no panic in the load");
        }
    }
}

async fn work(shared: Arc<Shared>, stop: Arc<AtomicBool>, mut random: Random) {
    let mut confirmations = JoinSet::new();
    while !stop.load(Ordering::Relaxed) && !shared.ledger.has_violations() {
        match random.below(100) {
            0..25 => {
                log_in(&shared, &mut random).await;
            }
            25..80 => check_some(&shared, &mut random).await,
            80..96 => {
                let ended = log_out(&shared, &mut random).await;
                confirm(&shared, ended, &mut confirmations);
            }
            _ => {
                let ended = change_user(&shared, &mut random).await;
                confirm(&shared, ended, &mut confirmations);
            }
        }
        while confirmations.try_join_next().is_some() {}
        tokio::time::sleep(PAUSE).await;
    }
    confirmations.join_all().await;
}

/// Returns an address that no other login has.
fn new_source() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0x0A00_0001);
    std::net::Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
}

pub(crate) async fn log_in(shared: &Shared, random: &mut Random) -> Option<SessionNumber> {
    let user = random.below(shared.users.len());
    let server = random.below(SERVERS);
    let _unchanged = shared.users[user].read().await;
    let address = shared.fleet.address(server);
    let sent = Instant::now();
    let (name, source) = (username(user), new_source());
    match shared.api.login(&address, &name, &source).await {
        Answer::Done(Some(token)) => Some(shared.ledger.open(user, token)),
        Answer::Done(None) => {
            shared.ledger.violate("a login without a token");
            None
        }
        Answer::Unauthorized => {
            shared.ledger.violate("the correct password is refused");
            None
        }
        other => {
            shared.ledger.check_answer("login", server, sent, &other);
            None
        }
    }
}

async fn check_some(shared: &Shared, random: &mut Random) {
    if let Some((session, token)) = shared.ledger.pick(random.fraction(), NEWEST) {
        for _ in 0..3 {
            check(shared, session, &token, random.below(SERVERS)).await;
        }
    }
}

/// Checks sessions, even while other operations wait for the database.
async fn check_regularly(shared: Arc<Shared>, stop: Arc<AtomicBool>, mut random: Random) {
    let mut checks = JoinSet::new();
    while !stop.load(Ordering::Relaxed) && !shared.ledger.has_violations() {
        while checks.try_join_next().is_some() {}
        if let Some((session, token)) = shared.ledger.pick(random.fraction(), NEWEST)
            && checks.len() < MAX_CHECKS
        {
            let (shared, server) = (Arc::clone(&shared), random.below(SERVERS));
            checks.spawn(async move {
                check(&shared, session, &token, server).await;
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
    checks.join_all().await;
}

async fn check(shared: &Shared, session: SessionNumber, token: &str, server: usize) -> Answer {
    let address = shared.fleet.address(server);
    let sent = Instant::now();
    let answer = shared.api.check(&address, token).await;
    shared.ledger.check(session, server, sent, &answer);
    answer
}

/// Logs a session out; returns it if that is acknowledged.
pub(crate) async fn log_out(shared: &Shared, random: &mut Random) -> Vec<SessionNumber> {
    let Some((session, token)) = shared.ledger.pick(random.fraction(), NEWEST) else {
        return Vec::new();
    };
    let _unchanged = shared.users[shared.ledger.user_of(session)].read().await;
    if shared.ledger.phase(session) != Phase::Live {
        return Vec::new();
    }
    // The session is then in the caches of several servers.
    for server in 0..SERVERS {
        check(shared, session, &token, server).await;
    }
    let server = random.below(SERVERS);
    let address = shared.fleet.address(server);
    shared.ledger.request_end(&[session]);
    let sent = Instant::now();
    match shared.api.log_out(&address, &token).await {
        Answer::Done(_) => {
            shared.ledger.end(&[session]);
            vec![session]
        }
        // Another worker may have logged it out since.
        Answer::Unauthorized => Vec::new(),
        other => {
            shared.ledger.check_answer("logout", server, sent, &other);
            Vec::new()
        }
    }
}

/// Ends all sessions of a user with a command; returns these sessions.
pub(crate) async fn change_user(shared: &Shared, random: &mut Random) -> Vec<SessionNumber> {
    let user = random.below(shared.users.len());
    let name = username(user);
    let _changing = shared.users[user].write().await;
    let sessions = shared.ledger.sessions_of(user);
    shared.ledger.request_end(&sessions);
    match random.below(3) {
        0 => run(shared, &format!("session revoke --user {name}")).await,
        1 => run(shared, &format!("user disable {name}")).await,
        _ => {
            // At least one of them changes the role.
            run(shared, &format!("user set-role {name} --role Replicator")).await;
            run(shared, &format!("user set-role {name} --role Dealer")).await;
        }
    }
    shared.ledger.end(&sessions);
    run(shared, &format!("user enable {name}")).await;
    sessions
}

/// Repeats a command until it succeeds.
async fn run(shared: &Shared, line: &str) {
    for _ in 0..100 {
        let sent = Instant::now();
        let (succeeded, output) = shared.fleet.run(line, "").await;
        if succeeded {
            return;
        }
        shared.ledger.note(&format!("{line}: {}", output.trim()));
        // During a fault, a command may fail as an operation may.
        let answer = Answer::Unavailable;
        shared.ledger.check_answer(line, SERVERS, sent, &answer);
    }
    shared.ledger.violate(&format!("{line} never succeeds"));
}

/// Checks on each server that sessions have ended.
fn confirm(shared: &Arc<Shared>, ended: Vec<SessionNumber>, tasks: &mut JoinSet<()>) {
    let since = Instant::now();
    for session in ended.into_iter().take(5) {
        for server in 0..SERVERS {
            let shared = Arc::clone(shared);
            tasks.spawn(async move {
                let token = shared.ledger.token(session);
                while since.elapsed() < CONFIRMATION_TIME
                    && check(&shared, session, &token, server).await != Answer::Unauthorized
                {
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
    }
}

async fn guess_regularly(shared: Arc<Shared>, stop: Arc<AtomicBool>, mut random: Random) {
    while !stop.load(Ordering::Relaxed) && !shared.ledger.has_violations() {
        let crashes = shared.ledger.crashes();
        let verified = guess(&shared, &random.name(), GUESSES).await;
        // Attempts wait neither for the disk nor for a standby, so that a crash loses the latest ones.
        let limit = FREE_FAILURES * shared.ledger.primaries();
        if verified > limit && shared.ledger.crashes() == crashes {
            shared
                .ledger
                .violate(&format!("{verified} guesses verified"));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Guesses the password of an account from one network on all servers; returns how many were verified.
pub(crate) async fn guess(shared: &Arc<Shared>, account: &str, guesses: usize) -> usize {
    let source = new_source();
    let mut guessing = JoinSet::new();
    for number in 0..guesses {
        let (shared, account, source) = (Arc::clone(shared), account.to_owned(), source.clone());
        guessing.spawn(async move {
            let server = number % SERVERS;
            let address = shared.fleet.address(server);
            let guess = shared
                .api
                .guess(&address, &account, "a wrong password", &source);
            let answer = guess.await;
            // Guesses may also be shed, because others of the same account are in flight.
            if let Answer::Wrong(_) | Answer::Done(_) = answer {
                shared
                    .ledger
                    .violate(&format!("guess: server {server}: {answer:?}"));
            }
            answer == Answer::Unauthorized
        });
    }
    let verified = guessing.join_all().await;
    verified.into_iter().filter(|verified| *verified).count()
}

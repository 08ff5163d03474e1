//! Records acknowledged changes, and finds later answers that contradict them.
//!
//! Every bound is checked against the time at which a request was sent, so that a slow machine violates none of them.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::api::Answer;

/// A session that ended is refused by every server after this time.
const STALENESS_BOUND: Duration = Duration::from_secs(1);

/// No session is served from memory after the database has been away for this time.
const MEMORY_BOUND: Duration = Duration::from_millis(900);

/// No operation is refused this long after the database can be used again.
const RESUMPTION_BOUND: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionNumber(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Live,
    /// Its end was requested, and not acknowledged.
    Ending,
    /// Its end was acknowledged at this time.
    Ended(Instant),
}

struct Session {
    token: String,
    user: usize,
    phase: Phase,
}

pub(crate) struct Ledger {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: Vec<Session>,
    timeline: Vec<String>,
    violations: Vec<String>,
    /// The time since which no server can reach the database.
    away: Option<Instant>,
    /// The end of the last fault; `None` during a fault.
    calm: Option<Instant>,
    /// How often the database may have lost changes that were not durable.
    crashes: usize,
    primaries: usize,
    counts: Counts,
}

/// The operations of the load.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) opened: usize,
    pub(crate) ended: usize,
    pub(crate) confirmed: usize,
    pub(crate) checks: usize,
    pub(crate) unavailable: usize,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let state = State {
            calm: Some(Instant::now()),
            primaries: 1,
            ..State::default()
        };
        Self {
            start: Instant::now(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic elsewhere")
    }

    fn stamp(&self, text: &str) -> String {
        format!("{:9.3} s  {text}", self.start.elapsed().as_secs_f64())
    }

    pub(crate) fn note(&self, text: &str) {
        let line = self.stamp(text);
        self.state().timeline.push(line);
    }

    pub(crate) fn violate(&self, text: &str) {
        let line = self.stamp(text);
        let mut state = self.state();
        state.timeline.push(format!("{line}  <== violation"));
        state.violations.push(line);
    }

    /// Records the beginning of a fault, during which operations may be refused.
    pub(crate) fn begin(&self, fault: &str) {
        self.note(fault);
        self.state().calm = None;
    }

    /// Records the end of a fault: the database accepts connections and can commit.
    pub(crate) fn heal(&self) {
        self.note("healed");
        self.state().calm = Some(Instant::now());
    }

    /// Records that no server can reach the database.
    pub(crate) fn set_away(&self) {
        self.state().away = Some(Instant::now());
    }

    /// Records that servers may soon reach the database again.
    pub(crate) fn set_back(&self) {
        self.state().away = None;
    }

    /// Sets the number of PostgreSQL servers that accept writes.
    pub(crate) fn set_primaries(&self, number: usize) {
        self.state().primaries = number;
    }

    pub(crate) fn primaries(&self) -> usize {
        self.state().primaries
    }

    /// Records a possible loss of changes that waited neither for the disk nor for the standby.
    pub(crate) fn crash(&self) {
        self.state().crashes += 1;
    }

    pub(crate) fn crashes(&self) -> usize {
        self.state().crashes
    }

    pub(crate) fn open(&self, user: usize, token: String) -> SessionNumber {
        let mut state = self.state();
        state.counts.opened += 1;
        state.sessions.push(Session {
            token,
            user,
            phase: Phase::Live,
        });
        SessionNumber(state.sessions.len() - 1)
    }

    /// Records that the end of sessions is about to be requested.
    pub(crate) fn request_end(&self, sessions: &[SessionNumber]) {
        let mut state = self.state();
        for session in sessions {
            let phase = &mut state.sessions[session.0].phase;
            if *phase == Phase::Live {
                *phase = Phase::Ending;
            }
        }
    }

    /// Records that the end of sessions was acknowledged.
    pub(crate) fn end(&self, sessions: &[SessionNumber]) {
        let mut state = self.state();
        state.counts.ended += sessions.len();
        for session in sessions {
            let phase = &mut state.sessions[session.0].phase;
            if let Phase::Live | Phase::Ending = *phase {
                *phase = Phase::Ended(Instant::now());
            }
        }
    }

    /// Returns the sessions of a user that have not ended.
    pub(crate) fn sessions_of(&self, user: usize) -> Vec<SessionNumber> {
        let state = self.state();
        let sessions = state.sessions.iter().enumerate();
        let open = sessions.filter(|(_, session)| {
            session.user == user && !matches!(session.phase, Phase::Ended(_))
        });
        open.map(|(number, _)| SessionNumber(number)).collect()
    }

    /// Returns a session of the newest ones, at a position from 0 to 1; `None` before the first login.
    pub(crate) fn pick(&self, position: f64, newest: usize) -> Option<(SessionNumber, String)> {
        let state = self.state();
        let count = state.sessions.len();
        let first = count.saturating_sub(newest);
        let number = first + ((count - first) as f64 * position) as usize;
        let session = state.sessions.get(number)?;
        Some((SessionNumber(number), session.token.clone()))
    }

    pub(crate) fn user_of(&self, session: SessionNumber) -> usize {
        self.state().sessions[session.0].user
    }

    pub(crate) fn phase(&self, session: SessionNumber) -> Phase {
        self.state().sessions[session.0].phase
    }

    pub(crate) fn token(&self, session: SessionNumber) -> String {
        self.state().sessions[session.0].token.clone()
    }

    pub(crate) fn all(&self) -> Vec<SessionNumber> {
        (0..self.state().sessions.len())
            .map(SessionNumber)
            .collect()
    }

    /// Compares the answer to a session check with what was acknowledged.
    pub(crate) fn check(
        &self,
        session: SessionNumber,
        server: usize,
        sent: Instant,
        answer: &Answer,
    ) {
        let mut state = self.state();
        state.counts.checks += 1;
        let phase = state.sessions[session.0].phase;
        let away = state.away;
        let since = |at: Instant| sent.saturating_duration_since(at);
        match (answer, phase) {
            (Answer::Done(_), Phase::Ended(at)) if since(at) >= STALENESS_BOUND => {
                drop(state);
                let late = since(at).as_secs_f64();
                self.violate(&format!(
                    "server {server} accepts session {} {late:.3} s after its acknowledged end",
                    session.0
                ));
            }
            (Answer::Done(_), _) if away.is_some_and(|at| since(at) >= MEMORY_BOUND) => {
                drop(state);
                self.violate(&format!(
                    "server {server} accepts session {} while the database is away",
                    session.0
                ));
            }
            (Answer::Unauthorized, Phase::Live) => {
                drop(state);
                self.violate(&format!(
                    "server {server} refuses session {}, whose login was acknowledged",
                    session.0
                ));
            }
            (Answer::Unauthorized, Phase::Ended(_)) => state.counts.confirmed += 1,
            _ => {
                drop(state);
                self.check_answer(
                    &format!("check of session {}", session.0),
                    server,
                    sent,
                    answer,
                );
            }
        }
    }

    /// Checks that an answer is expected; 503 is a violation unless a fault explains it.
    pub(crate) fn check_answer(
        &self,
        operation: &str,
        server: usize,
        sent: Instant,
        answer: &Answer,
    ) {
        match answer {
            Answer::Done(_) | Answer::Unauthorized | Answer::Lost => {}
            Answer::Unavailable => {
                let calm = {
                    let mut state = self.state();
                    state.counts.unavailable += 1;
                    state.calm
                };
                let late = calm.map(|at| sent.saturating_duration_since(at));
                if let Some(late) = late.filter(|late| *late >= RESUMPTION_BOUND) {
                    let late = late.as_secs_f64();
                    self.violate(&format!(
                        "{operation}: server {server} answers 503 {late:.3} s after the last fault"
                    ));
                }
            }
            Answer::Limited | Answer::Wrong(_) => {
                self.violate(&format!("{operation}: server {server}: {answer:?}"));
            }
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(crate) fn has_violations(&self) -> bool {
        !self.state().violations.is_empty()
    }

    /// Panics if a guarantee was violated, with the timeline of faults.
    pub(crate) fn assert_kept(&self, seed: u64) {
        let state = self.state();
        if state.violations.is_empty() {
            return;
        }
        let mut report = format!("seed {seed}\n");
        for line in &state.timeline {
            let _ = writeln!(report, "{line}");
        }
        let _ = write!(report, "violations:\n{}", state.violations.join("\n"));
        panic!("{report}");
    }
}

//! Drives a server through scenarios and keeps what was seen.
//!
//! Every answer is judged, also those that a scenario only needs on its way.

use dropshot_codegen::{Contract, OperationRef};

use crate::grammar::child;
use crate::report::Problem;

use super::bodies::UNREAD;
use super::credential::carried;
use super::exchange::{Answer, Request, Sender};
use super::judge::Judge;
use super::seen::{Reach, Seen};

/// A scenario cannot go on. Why has been kept as a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halt;

/// What a scenario expects of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// This status.
    Status(u16),
    /// That the body was read: none of [`UNREAD`].
    Read,
}

impl Expect {
    fn holds(self, status: u16) -> bool {
        match self {
            Expect::Status(expected) => status == expected,
            Expect::Read => !UNREAD.contains(&status),
        }
    }

    fn words(self) -> String {
        match self {
            Expect::Status(expected) => format!("{expected} belongs"),
            Expect::Read => "the body should have been read".to_owned(),
        }
    }
}

/// Drives a server by a contract.
pub(crate) struct Drive<'c> {
    contract: &'c Contract,
    operations: Vec<OperationRef>,
    judge: Judge<'c>,
    sender: Sender,
    scenario: String,
    /// The operations and statuses that the scenario has reached so far.
    reached: Vec<(String, u16)>,
    seen: Seen,
}

impl<'c> Drive<'c> {
    /// Drives the server that `sender` sends to.
    pub(crate) fn new(contract: &'c Contract, sender: Sender) -> Self {
        Self {
            contract,
            operations: contract.operations(),
            judge: Judge::by(contract),
            sender,
            scenario: String::new(),
            reached: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// Goes on with another server.
    pub(crate) fn turn_to(&mut self, sender: Sender) {
        self.sender = sender;
    }

    /// The contract.
    pub(crate) fn contract(&self) -> &'c Contract {
        self.contract
    }

    /// Everything that was seen.
    pub(crate) fn into_seen(self) -> Seen {
        self.seen
    }

    /// Names what is being done, for the problems that come of it.
    pub(crate) fn begin(&mut self, scenario: impl Into<String>) {
        self.scenario = scenario.into();
        self.reached.clear();
    }

    /// Whether an operation has answered this status since the scenario began.
    pub(crate) fn has_reached(&self, operation: &str, status: u16) -> bool {
        self.reached
            .iter()
            .any(|(id, reached)| id == operation && *reached == status)
    }

    /// The operation with this id.
    pub(crate) fn operation(&mut self, id: &str) -> Result<OperationRef, Halt> {
        let found = self
            .operations
            .iter()
            .find(|operation| operation.id.as_deref() == Some(id))
            .cloned();
        found.ok_or_else(|| {
            let problem = Problem::new(format!(
                "the scenario \"{}\" drives `{id}`, which is no operation",
                self.scenario
            ))
            .help("mend xtask/src/verify/live/scenarios.rs");
            self.fail("", problem);
            Halt
        })
    }

    /// Sends a request to an operation, judges the answer, and goes on only if it is the expected one.
    pub(crate) fn ask(
        &mut self,
        operation: &OperationRef,
        request: &Request,
        expect: Expect,
    ) -> Result<Answer, Halt> {
        let answer = self.answer(operation, request)?;
        if expect.holds(answer.status) {
            return Ok(answer);
        }
        let message = format!(
            "the server answered {} where {}",
            answer.status,
            expect.words()
        );
        let mut problem = Problem::at(
            self.contract,
            &child(&operation.pointer, "responses"),
            message,
        );
        if let Some(text) = answer.json()["message"].as_str() {
            problem = problem.detail("message", text);
        }
        self.fail(&operation.pointer, problem);
        Err(Halt)
    }

    /// Sends a request to an operation and judges the answer, whatever its status.
    pub(crate) fn answer(
        &mut self,
        operation: &OperationRef,
        request: &Request,
    ) -> Result<Answer, Halt> {
        let answer = self.send(&operation.pointer, request)?;
        if let Some(id) = &operation.id {
            self.reached.push((id.clone(), answer.status));
            self.seen.reach(Reach {
                operation: id.clone(),
                status: answer.status,
                by: carried(self.contract, request),
            });
        }
        for problem in self.judge.operation(operation, &answer) {
            self.fail(&operation.pointer, problem);
        }
        Ok(answer)
    }

    /// Sends a request for something that the contract does not list. `allow`: the methods that a 405 must name.
    pub(crate) fn unlisted(
        &mut self,
        request: &Request,
        allow: Option<&[String]>,
    ) -> Result<(), Halt> {
        let answer = self.send("", request)?;
        for problem in self
            .judge
            .unlisted(&answer, allow, request.method == "HEAD")
        {
            self.fail("", problem);
        }
        let expected = if allow.is_some() { 405 } else { 404 };
        if answer.status == expected {
            return Ok(());
        }
        let message = format!(
            "the server answered {} where {expected} belongs",
            answer.status
        );
        self.fail("", Problem::new(message));
        Err(Halt)
    }

    /// Keeps a problem of an operation, named by its pointer; empty if it is of none.
    pub(crate) fn fail(&mut self, operation: &str, problem: Problem) {
        self.seen.keep(operation, problem, &self.scenario);
    }

    fn send(&mut self, operation: &str, request: &Request) -> Result<Answer, Halt> {
        self.sender.send(request).map_err(|why| {
            let message = format!("no answer to {} {}: {why}", request.method, request.path);
            self.fail(operation, Problem::new(message));
            Halt
        })
    }
}

#[cfg(test)]
mod tests;

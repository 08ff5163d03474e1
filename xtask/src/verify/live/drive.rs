//! Drives a server through scenarios and keeps what was seen.
//!
//! Every answer is judged, also those that a scenario only needs on its way.

use std::collections::BTreeMap;

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::report::Problem;
use openapi_contract::pointer::child;

use super::cases::UNREAD;
use super::credential::carried;
use super::exchange::{Answer, Request, Sender};
use super::judge::Judge;
use super::process::Running;
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

/// Another way for a request to reach a server, and for its answer to come back.
pub(crate) trait Transport {
    /// Carries a request of an operation, if it can be carried so. The error says why there is no answer.
    fn carry(
        &mut self,
        sender: &Sender,
        operation: &OperationRef,
        request: &Request,
    ) -> Option<Result<Answer, String>>;
}

/// Drives a server by a contract.
pub(crate) struct Drive<'c, 't> {
    contract: &'c Contract,
    operations: Vec<OperationRef>,
    judge: Judge<'c>,
    sender: Sender,
    /// Tried before HTTP. What it brings is not judged here.
    transport: Option<&'t mut dyn Transport>,
    /// The last answer of each operation and status that came over HTTP.
    heard: BTreeMap<(String, u16), Answer>,
    scenario: String,
    /// The operations and statuses that the scenario has reached so far.
    reached: Vec<(String, u16)>,
    seen: Seen,
    /// A server that only the scenario that is being played talks to.
    guest: Option<(Running, Sender)>,
    /// What each operation says with a 401, when it was first seen.
    refusals: BTreeMap<String, Value>,
}

impl<'c, 't> Drive<'c, 't> {
    /// Drives the server that `sender` sends to.
    pub(crate) fn new(contract: &'c Contract, sender: Sender) -> Self {
        Self {
            contract,
            operations: contract.operations(),
            judge: Judge::by(contract),
            sender,
            transport: None,
            heard: BTreeMap::new(),
            scenario: String::new(),
            reached: Vec::new(),
            seen: Seen::default(),
            guest: None,
            refusals: BTreeMap::new(),
        }
    }

    /// Drives it through a transport, as far as that carries. Only what scenarios expect is held against the answers:
    /// whoever looks at the transport judges what it brings, and the server is judged without it.
    pub(crate) fn through(
        contract: &'c Contract,
        sender: Sender,
        transport: &'t mut dyn Transport,
    ) -> Self {
        Self {
            transport: Some(transport),
            ..Self::new(contract, sender)
        }
    }

    /// What came over HTTP, by the pointer of the operation and the status; and what was wrong, with the operations.
    #[expect(clippy::type_complexity, reason = "two lists, each of pairs")]
    pub(crate) fn finish(self) -> (BTreeMap<(String, u16), Answer>, Vec<(String, Problem)>) {
        (self.heard, self.seen.into_problems())
    }

    /// Keeps the problem, if there is one.
    pub(crate) fn held<T>(&mut self, outcome: Result<T, Problem>) -> Result<T, Halt> {
        outcome.map_err(|problem| {
            self.fail("", problem);
            Halt
        })
    }

    /// Goes on with another server until the next scenario begins; then it is stopped.
    pub(crate) fn visit(&mut self, server: Result<Running, Problem>) -> Result<(), Halt> {
        let visited = server.and_then(|server| {
            let sender = Sender::to(server.url())
                .map_err(|error| Problem::new(format!("cannot make an HTTP client: {error}")))?;
            Ok((server, sender))
        });
        self.guest = Some(self.held(visited)?);
        Ok(())
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
        self.guest = None;
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
        let answer = self.carry(operation, request)?;
        if let Some(id) = &operation.id {
            self.reached.push((id.clone(), answer.status));
            self.seen.reach(Reach {
                operation: id.clone(),
                status: answer.status,
                by: carried(self.contract, request),
            });
        }
        if self.transport.is_some() {
            return Ok(answer);
        }
        for problem in self.judge.operation(operation, &answer) {
            self.fail(&operation.pointer, problem);
        }
        if answer.status == 401 {
            self.alike(operation, &answer);
        }
        Ok(answer)
    }

    /// Every 401 of an operation says the same, but for the number of the request: whoever is refused learns nothing of
    /// the cause (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
    fn alike(&mut self, operation: &OperationRef, answer: &Answer) {
        let mut body = answer.json();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("request_id");
        }
        let first = self
            .refusals
            .entry(operation.pointer.clone())
            .or_insert_with(|| body.clone())
            .clone();
        if first != body {
            let pointer = child(&child(&operation.pointer, "responses"), "401");
            let message = "two answers 401 differ, so that a caller can tell the causes apart";
            let problem = Problem::at(self.contract, &pointer, message)
                .detail("first", first.to_string())
                .detail("now  ", body.to_string())
                .help("answer every refused credential with one text");
            self.fail(&operation.pointer, problem);
        }
    }

    /// A refusal for the form of a field names the field: whoever sent it is to know what to mend.
    pub(crate) fn names(
        &mut self,
        operation: &OperationRef,
        status: u16,
        answer: &Answer,
        field: &str,
    ) {
        let body = answer.json();
        let message = body["message"].as_str().unwrap_or_default();
        if !message.contains(field) {
            let pointer = child(&child(&operation.pointer, "responses"), status);
            let what =
                format!("the message of {status} does not name the field `{field}` that is wrong");
            let problem = Problem::at(self.contract, &pointer, what).detail("message", message);
            self.fail(&operation.pointer, problem);
        }
    }

    /// Fails for each exception of the judge that nothing needed.
    pub(crate) fn spend_exceptions(&mut self) {
        self.begin("everything was asked");
        for problem in self.judge.unneeded() {
            self.fail("", problem);
        }
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

    /// By the transport, if it can; else over HTTP.
    fn carry(&mut self, operation: &OperationRef, request: &Request) -> Result<Answer, Halt> {
        if let Some(transport) = self.transport.as_mut() {
            let sender = self.guest.as_ref().map_or(&self.sender, |(_, it)| it);
            if let Some(carried) = transport.carry(sender, operation, request) {
                return self.arrived(&operation.pointer, request, carried);
            }
        }
        let answer = self.send(&operation.pointer, request)?;
        let key = (operation.pointer.clone(), answer.status);
        self.heard.insert(key, answer.clone());
        Ok(answer)
    }

    fn send(&mut self, operation: &str, request: &Request) -> Result<Answer, Halt> {
        let sender = self.guest.as_ref().map_or(&self.sender, |(_, it)| it);
        let sent = sender.send(request);
        self.arrived(operation, request, sent)
    }

    fn arrived(
        &mut self,
        operation: &str,
        request: &Request,
        answer: Result<Answer, String>,
    ) -> Result<Answer, Halt> {
        answer.map_err(|why| {
            let message = format!("no answer to {} {}: {why}", request.method, request.path);
            self.fail(operation, Problem::new(message));
            Halt
        })
    }
}

#[cfg(test)]
mod tests;

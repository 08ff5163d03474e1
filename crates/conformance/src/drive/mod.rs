//! Sends requests to a server and records the coverage.
//!
//! Every response is checked, including those of a scenario's intermediate steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::report::Problem;
use openapi_contract::pointer::child;

pub(crate) mod coverage;
pub(crate) mod credential;
pub(crate) mod driver;
pub(crate) mod exchange;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod response_check;
pub(crate) mod sandbox;

use coverage::{Coverage, Reach};
use credential::carried;
use exchange::{Request, Response, Sender};
use process::RunningServer;
use response_check::{ResponseChecker, Routing};
use sandbox::Sandbox;

/// The statuses of requests that are refused before the handler runs.
pub(crate) const REFUSED_STATUSES: [u16; 3] = [400, 413, 415];

/// Ends a scenario that cannot continue; the reason has been recorded as a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort;

/// The response that a scenario expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A response with this status.
    Status(u16),
    /// The handler ran: any status except 400, 413 and 415.
    Accepted,
}

impl Expect {
    fn matches(self, status: u16) -> bool {
        match self {
            Expect::Status(expected) => status == expected,
            Expect::Accepted => !REFUSED_STATUSES.contains(&status),
        }
    }

    fn description(self) -> String {
        match self {
            Expect::Status(expected) => format!("instead of {expected}"),
            Expect::Accepted => "although the request is valid".to_owned(),
        }
    }
}

/// An alternative to HTTP for sending the requests of operations.
pub(crate) trait Transport {
    /// Sends a request; returns `None` if this transport cannot, and an error if there is no response.
    fn send(
        &mut self,
        sender: &Sender,
        operation: &OperationRef,
        request: &Request,
    ) -> Option<Result<Response, String>>;
}

#[derive(Clone, Copy)]
pub(crate) struct DriveConfig<'c> {
    pub(crate) contract: &'c Contract,
    pub(crate) required_headers: &'c [(&'static str, &'static str)],
    pub(crate) routing: Routing,
    pub(crate) sandbox: Option<&'c Sandbox>,
}

/// Sends requests to a server, compares each response with the contract, and records the coverage.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Drive<'c, 't> {
    config: DriveConfig<'c>,
    operations: Vec<OperationRef>,
    checker: ResponseChecker<'c>,
    sender: Sender,
    /// Used instead of HTTP if possible; its responses are not compared with the contract.
    transport: Option<&'t mut dyn Transport>,
    /// The last HTTP response of each operation and status.
    responses: BTreeMap<(String, u16), Response>,
    scenario: String,
    reached: Vec<(String, u16)>,
    coverage: Coverage,
    /// A server that only this scenario uses.
    scenario_server: Option<(RunningServer, Sender)>,
    /// The body of each operation's first 401.
    refusals: BTreeMap<String, Value>,
}

impl<'c, 't> Drive<'c, 't> {
    pub(crate) fn new(config: DriveConfig<'c>, sender: Sender) -> Self {
        Self {
            config,
            operations: config.contract.operations(),
            checker: ResponseChecker::new(config.contract, config.required_headers, config.routing),
            sender,
            transport: None,
            responses: BTreeMap::new(),
            scenario: String::new(),
            reached: Vec::new(),
            coverage: Coverage::default(),
            scenario_server: None,
            refusals: BTreeMap::new(),
        }
    }

    /// Creates a drive that uses a transport where possible.
    ///
    /// The owner of the transport checks the responses; here they are only compared with what scenarios expect.
    pub(crate) fn with_transport(
        config: DriveConfig<'c>,
        sender: Sender,
        transport: &'t mut dyn Transport,
    ) -> Self {
        Self {
            transport: Some(transport),
            ..Self::new(config, sender)
        }
    }

    /// Returns the HTTP responses by operation and status, and the problems by operation.
    #[expect(clippy::type_complexity, reason = "two lists, each of pairs")]
    pub(crate) fn finish(self) -> (BTreeMap<(String, u16), Response>, Vec<(String, Problem)>) {
        (self.responses, self.coverage.into_problems())
    }

    /// Records the problem, if there is one.
    ///
    /// # Errors
    /// Fails if there is a problem.
    pub fn require<T>(&mut self, outcome: Result<T, Problem>) -> Result<T, Abort> {
        outcome.map_err(|problem| {
            self.fail("", problem);
            Abort
        })
    }

    /// Starts another server in the same scratch folder and uses it until the scenario ends.
    ///
    /// # Errors
    /// Fails if the server does not start.
    pub fn start_server(&mut self, settings: &[(&str, &str)]) -> Result<(), Abort> {
        let visited = self.sandbox().and_then(|sandbox| {
            let server = sandbox.start(settings)?;
            let sender = Sender::to(server.url())
                .map_err(|error| Problem::new(format!("cannot make an HTTP client: {error}")))?;
            Ok((server, sender))
        });
        self.scenario_server = Some(self.require(visited)?);
        Ok(())
    }

    /// Runs a command of the server in its scratch folder and returns its standard output.
    ///
    /// `input` is its standard input.
    ///
    /// # Errors
    /// Fails if the exit status is not 0.
    pub fn run(&mut self, arguments: &[&str], input: &str) -> Result<String, Abort> {
        let output = self
            .sandbox()
            .and_then(|sandbox| sandbox.run(arguments, input));
        self.require(output)
    }

    /// Returns the path of a file in the server's scratch folder.
    ///
    /// # Errors
    /// Fails if the server has no scratch folder.
    pub fn path(&mut self, file: &str) -> Result<PathBuf, Abort> {
        let path = self.sandbox().map(|sandbox| sandbox.path(file));
        self.require(path)
    }

    fn sandbox(&self) -> Result<&'c Sandbox, Problem> {
        self.config
            .sandbox
            .ok_or_else(|| Problem::new("this server was not started by verify"))
    }

    pub(crate) fn set_sender(&mut self, sender: Sender) {
        self.sender = sender;
    }

    /// Returns the contract.
    pub fn contract(&self) -> &'c Contract {
        self.config.contract
    }

    pub(crate) fn into_coverage(self) -> Coverage {
        self.coverage
    }

    pub(crate) fn begin_scenario(&mut self, scenario: impl Into<String>) {
        self.scenario = scenario.into();
        self.reached.clear();
        self.scenario_server = None;
    }

    pub(crate) fn has_reached(&self, operation: &str, status: u16) -> bool {
        self.reached
            .iter()
            .any(|(id, reached)| id == operation && *reached == status)
    }

    /// Returns the operation with an id.
    ///
    /// # Errors
    /// Fails if the operation does not exist.
    pub fn operation(&mut self, id: &str) -> Result<OperationRef, Abort> {
        let found = self
            .operations
            .iter()
            .find(|operation| operation.id.as_deref() == Some(id))
            .cloned();
        found.ok_or_else(|| {
            let problem = Problem::new(format!(
                "the scenario \"{}\" uses `{id}`, which is not an operation",
                self.scenario
            ))
            .help("fix the scenario");
            self.fail("", problem);
            Abort
        })
    }

    /// Sends a request to an operation and returns the response if it is the expected one.
    ///
    /// # Errors
    /// Fails if the response is missing or is not the expected one.
    pub fn send_expecting(
        &mut self,
        operation: &OperationRef,
        request: &Request,
        expect: Expect,
    ) -> Result<Response, Abort> {
        let response = self.send(operation, request)?;
        if expect.matches(response.status) {
            return Ok(response);
        }
        let message = format!(
            "the server responded with {} {}",
            response.status,
            expect.description()
        );
        let mut problem = Problem::at(
            self.config.contract,
            &child(&operation.pointer, "responses"),
            message,
        );
        if let Some(text) = response.json()["message"].as_str() {
            problem = problem.detail("message", text);
        }
        self.fail(&operation.pointer, problem);
        Err(Abort)
    }

    /// Sends a request to an operation and returns the response, whatever its status.
    ///
    /// # Errors
    /// Fails if there is no response.
    pub fn send(&mut self, operation: &OperationRef, request: &Request) -> Result<Response, Abort> {
        let response = self.dispatch(operation, request)?;
        if let Some(id) = &operation.id {
            self.reached.push((id.clone(), response.status));
            self.coverage.reach(Reach {
                operation: id.clone(),
                status: response.status,
                schemes: carried(self.config.contract, request),
            });
        }
        if self.transport.is_some() {
            return Ok(response);
        }
        for problem in self.checker.check_operation(operation, &response) {
            self.fail(&operation.pointer, problem);
        }
        if response.status == 401 {
            self.compare_refusals(operation, &response);
        }
        Ok(response)
    }

    /// Requires that the 401 responses of an operation are equal, except for the request id.
    ///
    /// A client must not learn the cause (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
    fn compare_refusals(&mut self, operation: &OperationRef, response: &Response) {
        let mut body = response.json();
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
            let message = "two 401 responses differ, so a caller can distinguish the causes";
            let problem = Problem::at(self.config.contract, &pointer, message)
                .detail("first", first.to_string())
                .detail("now  ", body.to_string())
                .help("return the same body for every refused credential");
            self.fail(&operation.pointer, problem);
        }
    }

    /// Requires that a refusal name the invalid field.
    pub(crate) fn check_names_field(
        &mut self,
        operation: &OperationRef,
        status: u16,
        response: &Response,
        field: &str,
    ) {
        let body = response.json();
        let message = body["message"].as_str().unwrap_or_default();
        if !message.contains(field) {
            let pointer = child(&child(&operation.pointer, "responses"), status);
            let what = format!("the message of {status} does not name the invalid field `{field}`");
            let problem =
                Problem::at(self.config.contract, &pointer, what).detail("message", message);
            self.fail(&operation.pointer, problem);
        }
    }

    /// Reports exceptions for unlisted headers that no response uses.
    pub(crate) fn check_header_exceptions(&mut self) {
        self.begin_scenario("after all requests");
        for problem in self.checker.unused_exceptions() {
            self.fail("", problem);
        }
    }

    /// Sends a request that is not in the contract and expects 404, or 405 with the methods in `allow`.
    pub(crate) fn unlisted(
        &mut self,
        request: &Request,
        allow: Option<&[String]>,
    ) -> Result<(), Abort> {
        let response = self.send_http("", request)?;
        let bodyless = request.method == "HEAD";
        for problem in self.checker.check_unlisted(&response, allow, bodyless) {
            self.fail("", problem);
        }
        let expected = if allow.is_some() { 405 } else { 404 };
        if response.status == expected {
            return Ok(());
        }
        let message = format!(
            "the server responded with {} instead of {expected}",
            response.status
        );
        self.fail("", Problem::new(message));
        Err(Abort)
    }

    pub(crate) fn routing(&self) -> Routing {
        self.config.routing
    }

    /// Records a problem with the operation at a pointer, or with no operation if the pointer is empty.
    pub fn fail(&mut self, operation: &str, problem: Problem) {
        self.coverage.record(operation, problem, &self.scenario);
    }

    fn dispatch(&mut self, operation: &OperationRef, request: &Request) -> Result<Response, Abort> {
        if let Some(transport) = self.transport.as_mut() {
            let sender = self
                .scenario_server
                .as_ref()
                .map_or(&self.sender, |(_, it)| it);
            if let Some(carried) = transport.send(sender, operation, request) {
                return self.record_failure(&operation.pointer, request, carried);
            }
        }
        let response = self.send_http(&operation.pointer, request)?;
        let key = (operation.pointer.clone(), response.status);
        self.responses.insert(key, response.clone());
        Ok(response)
    }

    fn send_http(&mut self, operation: &str, request: &Request) -> Result<Response, Abort> {
        let sender = self
            .scenario_server
            .as_ref()
            .map_or(&self.sender, |(_, it)| it);
        let sent = sender.send(request);
        self.record_failure(operation, request, sent)
    }

    fn record_failure(
        &mut self,
        operation: &str,
        request: &Request,
        response: Result<Response, String>,
    ) -> Result<Response, Abort> {
        response.map_err(|why| {
            let message = format!("no response to {} {}: {why}", request.method, request.path);
            self.fail(operation, Problem::new(message));
            Abort
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;

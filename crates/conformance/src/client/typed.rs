//! Runs the scenarios through the generated client and checks its requests and typed results.
//!
//! A request that the client's types do not allow, such as a body of another media type, is sent over HTTP. If only
//! such requests reach a status, its response is replayed to the client afterwards.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, OperationRef};
use heck::ToSnakeCase as _;
use serde_json::{Map, Value};

use crate::drive::credential::{Carrier, Part};
use crate::drive::driver::{Call, Driver};
use crate::drive::exchange::{Request, Response, Sender, percent_decode};
use crate::drive::proxy::{RecordingProxy, Source};
use crate::drive::{Drive, Expect, Transport};
use crate::harness::Harness;
use crate::live::{PreparedServer, cases, secured, without_input};
use crate::report::{Check, Item, Problem};
use openapi_contract::pointer::child;
use openapi_contract::schema::{Schemas, UnlistedFields};

mod compare;

use compare::{client_response, compare_request, compare_result};

pub(crate) fn items<H: Harness>(
    harness: &H,
    contract: &Contract,
    prepared: &PreparedServer,
    driver: &mut Driver,
) -> Result<Vec<Item>> {
    let sender = Sender::to(prepared.server.url()).context("cannot make an HTTP client")?;
    let config = prepared.config(harness, contract);
    let scheme = harness.client_scheme(contract);
    let carrier = scheme
        .as_deref()
        .and_then(|scheme| Carrier::named(contract, scheme).ok());
    let mut transport = ClientTransport {
        contract,
        schemas: Schemas::for_responses(contract),
        proxy: RecordingProxy::open(Source::Server(sender.clone()))?,
        driver,
        carrier,
        covered: BTreeSet::new(),
        problems: BTreeMap::new(),
        broken: None,
    };
    let mut unseen = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for scenario in harness.scenarios().iter().copied().flatten() {
        let mut drive = Drive::with_transport(config, sender.clone(), &mut transport);
        scenario.run(&mut drive, harness);
        let (responses, problems) = drive.finish();
        unseen.extend(responses);
        // A run without the client shows whether server or client is at fault.
        if !problems.is_empty() {
            let mut control = Drive::new(config, sender.clone());
            scenario.run(&mut control, harness);
            let (_, control) = control.finish();
            for (operation, problem) in problems {
                if control.is_empty() {
                    transport.record(&operation, problem);
                } else {
                    failed.insert(scenario.operation, scenario.name);
                }
            }
        }
    }
    let mut drive = Drive::with_transport(config, sender.clone(), &mut transport);
    without_input::run(&mut drive, harness, scheme.as_deref());
    let (responses, _) = drive.finish();
    unseen.extend(responses);
    for operation in contract.operations() {
        for status in contract.statuses(&operation) {
            let Ok(status) = status.parse::<u16>() else {
                continue;
            };
            let key = (operation.pointer.clone(), status);
            if transport.covered.contains(&key) {
                continue;
            }
            if status >= 400 && !unseen.contains_key(&key) {
                let mut drive = Drive::new(config, sender.clone());
                let response = generated_refusal(harness, &mut drive, &operation, status, &sender);
                unseen.extend(response.map(|response| (key.clone(), response)));
            }
            let response = unseen.get(&key).filter(|_| status >= 400);
            let failed = failed.get(operation.id.as_deref().unwrap_or_default());
            transport.replay_response(&operation, status, response, failed.copied(), harness)?;
        }
    }
    if let Some(error) = transport.broken {
        return Err(error);
    }
    Ok(contract
        .operations()
        .into_iter()
        .map(|operation| {
            let problems = transport
                .problems
                .remove(&operation.pointer)
                .unwrap_or_default();
            let subject = format!(
                "typed results of {}: {}",
                method_name(&operation),
                contract.statuses(&operation).join(" ")
            );
            Item::from_problems(Check::Client, subject, problems)
        })
        .collect())
}

struct ClientTransport<'c, 'd> {
    contract: &'c Contract,
    schemas: Schemas,
    proxy: RecordingProxy,
    driver: &'d mut Driver,
    carrier: Option<Carrier>,
    covered: BTreeSet<(String, u16)>,
    problems: BTreeMap<String, Vec<Problem>>,
    /// The error after which no more calls can be made.
    broken: Option<anyhow::Error>,
}

impl Transport for ClientTransport<'_, '_> {
    fn send(
        &mut self,
        sender: &Sender,
        operation: &OperationRef,
        request: &Request,
    ) -> Option<Result<Response, String>> {
        let call = self.to_call(operation, request)?;
        self.proxy.set_source(Source::Server(sender.clone()));
        match self.call(operation, &call, Some(request)) {
            Ok(response) => response.map(Ok),
            Err(error) => {
                let why = format!("{error:#}");
                self.broken.get_or_insert(error);
                Some(Err(why))
            }
        }
    }
}

struct ClientCall {
    token: Option<String>,
    arguments: Value,
}

impl ClientTransport<'_, '_> {
    fn record(&mut self, operation: &str, problem: Problem) {
        let problems = self.problems.entry(operation.to_owned()).or_default();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Converts a request to arguments of the client, if its types allow it.
    ///
    /// The types allow declared parameters, a credential, and a valid body.
    fn to_call(&self, operation: &OperationRef, request: &Request) -> Option<ClientCall> {
        let mut arguments = Map::new();
        let (path, query) = match request.path.split_once('?') {
            Some((path, query)) => (path, query),
            None => (request.path.as_str(), ""),
        };
        for (template, segment) in operation.path.split('/').zip(path.split('/')) {
            if let Some(name) = template
                .strip_prefix('{')
                .and_then(|it| it.strip_suffix('}'))
            {
                arguments.insert(
                    name.to_owned(),
                    self.read_parameter(operation, name, &percent_decode(segment))?,
                );
            }
        }
        let token = self
            .carrier
            .as_ref()
            .and_then(|carrier| carrier.carried(request));
        let carries = |part, name: &str| {
            let carrier = self.carrier.as_ref();
            token.is_some() && carrier.is_some_and(|carrier| carrier.is_in(part, name))
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let name = percent_decode(name);
            if carries(Part::Query, &name) {
                continue;
            }
            let value = self.read_parameter(operation, &name, &percent_decode(value))?;
            arguments.insert(name, value);
        }
        for (name, value) in &request.headers {
            match name.to_ascii_lowercase().as_str() {
                _ if carries(Part::Header, name) => {}
                "content-type" if value == "application/json" => {}
                _ => {
                    let value = self.read_parameter(operation, name, value)?;
                    arguments.insert(name.clone(), value);
                }
            }
        }
        if let Some(schema) = self.body(operation) {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            let fits = self
                .schemas
                .errors(schema, UnlistedFields::Refused, &body)
                .is_empty();
            fits.then(|| arguments.insert("body".to_owned(), body))?;
        } else if !request.body.is_empty() {
            return None;
        }
        Some(ClientCall {
            token,
            arguments: Value::Object(arguments),
        })
    }

    fn body(&self, operation: &OperationRef) -> Option<&Value> {
        let listed = child(&operation.pointer, "requestBody");
        let (_, body) = self.contract.resolve(&listed).ok()?;
        body.pointer("/content/application~1json/schema")
    }

    /// Converts a parameter to its type; `None` if it is undeclared or invalid.
    fn read_parameter(&self, operation: &OperationRef, name: &str, text: &str) -> Option<Value> {
        let shared = child(&child("/paths", &operation.path), "parameters");
        for list in [child(&operation.pointer, "parameters"), shared] {
            let declared = self
                .contract
                .value()
                .pointer(&list)
                .and_then(Value::as_array);
            for index in 0..declared.map_or(0, Vec::len) {
                let (_, parameter) = self.contract.resolve(&format!("{list}/{index}")).ok()?;
                let declared = parameter.get("name").and_then(Value::as_str)?;
                if declared.eq_ignore_ascii_case(name) {
                    let schema = parameter.get("schema")?;
                    let scalar = serde_json::from_str(text).ok();
                    return [scalar, Some(Value::from(text))]
                        .into_iter()
                        .flatten()
                        .find(|value| {
                            self.schemas
                                .errors(schema, UnlistedFields::Allowed, value)
                                .is_empty()
                        });
                }
            }
        }
        None
    }

    /// Makes a call and checks the client's request and result.
    ///
    /// `wanted` is the expected request, if known. Returns the response as the client reports it.
    fn call(
        &mut self,
        operation: &OperationRef,
        call: &ClientCall,
        expected: Option<&Request>,
    ) -> Result<Option<Response>> {
        let name = method_name(operation);
        let ClientCall { token, arguments } = call;
        let outcome = self.driver.call(
            self.proxy.base(),
            token.as_deref(),
            &Call::Method(&name),
            arguments,
        )?;
        if let Some(why) = outcome["not_called"].as_str() {
            let problem = Problem::at(self.contract, &operation.pointer, why.to_owned())
                .help("the value matches the contract: correct the client's type");
            self.record(&operation.pointer, problem);
            return Ok(None);
        }
        let mut exchanges = self.proxy.take_exchanges();
        let (Some(exchange), true) = (exchanges.pop(), exchanges.is_empty()) else {
            let message = format!("the client's `{name}` does not send exactly one request");
            let problem = Problem::at(self.contract, &operation.pointer, message)
                .detail("result  ", outcome["kind"].as_str().unwrap_or_default());
            self.record(&operation.pointer, problem);
            return Ok(None);
        };
        let mut problems: Vec<Problem> = expected
            .into_iter()
            .flat_map(|expected| {
                compare_request(self.contract, operation, expected, &exchange.request)
            })
            .collect();
        problems.extend(compare_result(
            self.contract,
            operation,
            &exchange,
            &outcome,
        ));
        self.covered
            .insert((operation.pointer.clone(), exchange.response.status));
        for problem in problems {
            self.record(&operation.pointer, problem);
        }
        Ok(Some(client_response(&exchange, &outcome)))
    }

    /// Replays a listed error response of the server that the client has not received.
    ///
    /// A success must have been received already.
    fn replay_response<H: Harness>(
        &mut self,
        operation: &OperationRef,
        status: u16,
        response: Option<&Response>,
        failed: Option<&str>,
        harness: &H,
    ) -> Result<()> {
        let sample = cases::sample(self.contract, operation);
        let (Some(response), Ok(sample)) = (response, sample) else {
            let pointer = child(&child(&operation.pointer, "responses"), status);
            let message = format!(
                "the client never receives {status} of `{}`",
                method_name(operation)
            );
            let problem = Problem::at(self.contract, &pointer, message);
            let problem = match failed {
                Some(scenario) => problem
                    .detail(
                        "because",
                        format!("a scenario also fails without the client: {scenario}"),
                    )
                    .help(format!("see `{} verify --only live`", harness.command())),
                None => {
                    let mut needs = Vec::new();
                    let scheme = harness.client_scheme(self.contract);
                    let secured = secured::scheme_names(self.contract, operation);
                    if let Some(scheme) = scheme.filter(|scheme| secured.contains(scheme)) {
                        needs.push(format!("a credential of the scheme `{scheme}`"));
                    }
                    if self.body(operation).is_some() {
                        needs.push("a valid body".to_owned());
                    }
                    let with = match needs.as_slice() {
                        [] => String::new(),
                        needs => format!(" with {}", needs.join(" and ")),
                    };
                    let file = harness.scenarios_file();
                    problem.help(format!("add a scenario to {file} that reaches it{with}"))
                }
            };
            self.record(&operation.pointer, problem);
            return Ok(());
        };
        let mut arguments: Map<String, Value> = sample.parameters.into_iter().collect();
        arguments.extend(sample.body.map(|body| ("body".to_owned(), body)));
        self.proxy.set_source(Source::Canned(response.clone()));
        let call = ClientCall {
            token: Some("verify".to_owned()),
            arguments: Value::Object(arguments),
        };
        self.call(operation, &call, None)?;
        Ok(())
    }
}

fn method_name(operation: &OperationRef) -> String {
    operation.id.as_deref().unwrap_or_default().to_snake_case()
}

/// Returns a refusal with this status, if a generated request causes it.
fn generated_refusal<H: Harness>(
    harness: &H,
    drive: &mut Drive,
    operation: &OperationRef,
    status: u16,
    sender: &Sender,
) -> Option<Response> {
    let contract = drive.contract();
    let request = if status == 401 {
        cases::sample(contract, operation).ok()?.request
    } else {
        let cases = cases::cases(contract, operation, harness.body_limit()).ok()?;
        let case = cases
            .into_iter()
            .find(|case| case.expected == Expect::Status(status))?;
        secured::authorize(drive, harness, operation, case.request, &mut None).ok()?
    };
    sender
        .send(&request)
        .ok()
        .filter(|response| response.status == status)
}

#[cfg(all(test, unix))]
mod tests;

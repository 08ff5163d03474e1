//! The generated client, driven through the scenarios: each operation, and each listed status as the result that the
//! contract promises.
//!
//! What a request of a scenario says in the client's types goes through the client; what it cannot say, such as a body of
//! another media type, goes over HTTP as ever. A status that only such requests reach is handed to the client afterwards,
//! as the server answered it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, OperationRef};
use heck::ToSnakeCase as _;
use serde_json::{Map, Value};

use crate::report::{Check, Item, Problem};
use crate::verify::live::cases::{self, Fate};
use crate::verify::live::drive::{Drive, Transport};
use crate::verify::live::exchange::{Answer, Request, Sender};
use crate::verify::live::scenarios::SCENARIOS;
use crate::verify::live::secured;
use crate::verify::live::stage::{Stage, World};
use openapi_contract::pointer::child;
use openapi_contract::schema::{Objects, Schemas};

use super::driver::{Call, Driver};
use super::tap::{Source, Tap};

mod judge;

use judge::{answer, decoded, made, sent};

/// Plays the scenarios through the client; an item an operation.
///
/// # Errors
///
/// The driver ends, or no port can be listened on.
pub(crate) fn items(contract: &Contract, stage: &Stage, driver: &mut Driver) -> Result<Vec<Item>> {
    let sender = Sender::to(stage.server.url()).context("cannot make an HTTP client")?;
    let mut typed = Typed {
        contract,
        schemas: Schemas::of(contract),
        tap: Tap::open(Source::Server(sender.clone()))?,
        driver,
        seen: BTreeMap::new(),
        problems: BTreeMap::new(),
        broken: None,
    };
    let mut unheard = BTreeMap::new();
    let mut fell = BTreeMap::new();
    for scenario in SCENARIOS {
        let mut drive = Drive::through(contract, sender.clone(), &mut typed);
        scenario.play(&mut drive, &stage.world);
        let (answers, problems) = drive.finish();
        unheard.extend(answers);
        // Whoever is to blame, the server or the client: without the client it is told.
        if !problems.is_empty() {
            let mut control = Drive::new(contract, sender.clone());
            scenario.play(&mut control, &stage.world);
            let (_, control) = control.finish();
            for (operation, problem) in problems {
                if control.is_empty() {
                    typed.keep(&operation, problem);
                } else {
                    fell.insert(scenario.operation, scenario.name);
                }
            }
        }
    }
    for operation in contract.operations() {
        typed.hand_over(
            &operation,
            &sender,
            &stage.world,
            &mut unheard,
            fell.get(operation.id.as_deref().unwrap_or_default()),
        )?;
    }
    if let Some(error) = typed.broken {
        return Err(error);
    }
    Ok(contract
        .operations()
        .into_iter()
        .map(|operation| {
            let problems = typed
                .problems
                .remove(&operation.pointer)
                .unwrap_or_default();
            let subject = format!(
                "{} as typed results: {}",
                method(&operation),
                contract.statuses(&operation).join(" ")
            );
            Item::judged(Check::Client, subject, problems)
        })
        .collect())
}

/// The client as a way to the server.
struct Typed<'c, 'd> {
    contract: &'c Contract,
    schemas: Schemas,
    tap: Tap,
    driver: &'d mut Driver,
    /// The operations, by their pointers, and the statuses that came through the client.
    seen: BTreeMap<(String, u16), ()>,
    problems: BTreeMap<String, Vec<Problem>>,
    /// Why nothing can be called any more.
    broken: Option<anyhow::Error>,
}

impl Transport for Typed<'_, '_> {
    fn carry(
        &mut self,
        sender: &Sender,
        operation: &OperationRef,
        request: &Request,
    ) -> Option<Result<Answer, String>> {
        let said = self.say(operation, request)?;
        self.tap.turn(Source::Server(sender.clone()));
        match self.call(operation, &said, Some(request)) {
            Ok(answer) => answer.map(Ok),
            Err(error) => {
                let why = format!("{error:#}");
                self.broken.get_or_insert(error);
                Some(Err(why))
            }
        }
    }
}

/// A request in the client's types.
struct Said {
    token: Option<String>,
    arguments: Value,
}

impl Typed<'_, '_> {
    fn keep(&mut self, operation: &str, problem: Problem) {
        let problems = self.problems.entry(operation.to_owned()).or_default();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// What a request says, if the client's types can say it: declared parameters, a bearer token, a body that fits.
    fn say(&self, operation: &OperationRef, request: &Request) -> Option<Said> {
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
                    self.read(operation, name, &decoded(segment))?,
                );
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let name = decoded(name);
            let value = self.read(operation, &name, &decoded(value))?;
            arguments.insert(name, value);
        }
        let mut token = None;
        for (name, value) in &request.headers {
            match name.to_ascii_lowercase().as_str() {
                "authorization" => token = Some(value.strip_prefix("Bearer ")?.to_owned()),
                "content-type" if value == "application/json" => {}
                _ => {
                    let value = self.read(operation, name, value)?;
                    arguments.insert(name.clone(), value);
                }
            }
        }
        if let Some(schema) = self.body(operation) {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            let fits = self
                .schemas
                .errors(schema, Objects::Closed, &body)
                .is_empty();
            fits.then(|| arguments.insert("body".to_owned(), body))?;
        } else if !request.body.is_empty() {
            return None;
        }
        Some(Said {
            token,
            arguments: Value::Object(arguments),
        })
    }

    /// The schema of the JSON that an operation reads.
    fn body(&self, operation: &OperationRef) -> Option<&Value> {
        let listed = child(&operation.pointer, "requestBody");
        let (_, body) = self.contract.resolve(&listed).ok()?;
        body.pointer("/content/application~1json/schema")
    }

    /// The text of a declared parameter as a value of its type; none if there is no such parameter, or it does not fit.
    fn read(&self, operation: &OperationRef, name: &str, text: &str) -> Option<Value> {
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
                            self.schemas.errors(schema, Objects::Open, value).is_empty()
                        });
                }
            }
        }
        None
    }

    /// Makes the call and judges both of its sides. `wanted` is the request that the client should send; none, if what it
    /// sends does not matter. The answer is the one that the client gives its caller.
    fn call(
        &mut self,
        operation: &OperationRef,
        said: &Said,
        wanted: Option<&Request>,
    ) -> Result<Option<Answer>> {
        let name = method(operation);
        let Said { token, arguments } = said;
        let outcome = self.driver.call(
            self.tap.base(),
            token.as_deref(),
            &Call::Method(&name),
            arguments,
        )?;
        if let Some(why) = outcome["unsaid"].as_str() {
            let problem = Problem::at(self.contract, &operation.pointer, why.to_owned())
                .help("the value fits the contract: mend the client's type");
            self.keep(&operation.pointer, problem);
            return Ok(None);
        }
        let mut heard = self.tap.heard();
        let (Some(heard), true) = (heard.pop(), heard.is_empty()) else {
            let message = format!("the client's `{name}` does not send exactly one request");
            let problem = Problem::at(self.contract, &operation.pointer, message)
                .detail("result  ", outcome["kind"].as_str().unwrap_or_default());
            self.keep(&operation.pointer, problem);
            return Ok(None);
        };
        let mut problems: Vec<Problem> = wanted
            .into_iter()
            .flat_map(|wanted| sent(self.contract, operation, wanted, &heard.request))
            .collect();
        problems.extend(made(self.contract, operation, &heard, &outcome));
        self.seen
            .insert((operation.pointer.clone(), heard.answer.status), ());
        for problem in problems {
            self.keep(&operation.pointer, problem);
        }
        Ok(Some(answer(&heard, &outcome)))
    }

    /// Hands the client each listed status that it has not seen, as the server answered it. A success must have been seen.
    fn hand_over(
        &mut self,
        operation: &OperationRef,
        sender: &Sender,
        world: &World,
        unheard: &mut BTreeMap<(String, u16), Answer>,
        fell: Option<&&str>,
    ) -> Result<()> {
        for status in self.contract.statuses(operation) {
            let Ok(status) = status.parse::<u16>() else {
                continue;
            };
            let key = (operation.pointer.clone(), status);
            if self.seen.contains_key(&key) {
                continue;
            }
            let pointer = child(&child(&operation.pointer, "responses"), status);
            if status >= 400
                && !unheard.contains_key(&key)
                && let Some(answer) = refusal(self.contract, operation, status, sender, world)
            {
                unheard.insert(key.clone(), answer);
            }
            let answer = unheard.get(&key).filter(|_| status >= 400);
            let (Some(answer), Ok(sample)) = (answer, cases::sample(self.contract, operation))
            else {
                let message = format!("the client never sees {status} of `{}`", method(operation));
                let problem = Problem::at(self.contract, &pointer, message);
                self.keep(&operation.pointer, match fell {
                    Some(scenario) => problem
                        .detail("because", format!("a scenario fails without the client too: {scenario}"))
                        .help("see `cargo xtask verify --only live`"),
                    None => problem.help(
                        "add a scenario to xtask/src/verify/live/scenarios.rs that reaches it with a bearer token and a body that fits",
                    ),
                });
                continue;
            };
            let mut arguments: Map<String, Value> = sample.parameters.into_iter().collect();
            arguments.extend(sample.body.map(|body| ("body".to_owned(), body)));
            self.tap.turn(Source::Canned(answer.clone()));
            let said = Said {
                token: Some("verify".to_owned()),
                arguments: Value::Object(arguments),
            };
            self.call(operation, &said, None)?;
        }
        Ok(())
    }
}

/// The name of an operation's method.
fn method(operation: &OperationRef) -> String {
    operation.id.as_deref().unwrap_or_default().to_snake_case()
}

/// How the server refuses a request with this status, if the contract tells how to be refused so.
fn refusal(
    contract: &Contract,
    operation: &OperationRef,
    status: u16,
    sender: &Sender,
    world: &World,
) -> Option<Answer> {
    let request = if status == 401 {
        cases::sample(contract, operation).ok()?.request
    } else {
        let cases = cases::cases(contract, operation).ok()?;
        let case = cases
            .into_iter()
            .find(|case| case.fate == Fate::Refused(status))?;
        let mut drive = Drive::new(contract, sender.clone());
        secured::authorized(&mut drive, world, operation, case.request, &mut None).ok()?
    };
    sender
        .send(&request)
        .ok()
        .filter(|answer| answer.status == status)
}

#[cfg(all(test, unix))]
mod tests;

//! Compares the client's requests and results with the contract.

use std::collections::BTreeSet;

use dropshot_codegen::{Contract, OperationRef};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::drive::exchange::{Request, Response, decoded};
use crate::drive::proxy::Exchange;
use crate::report::Problem;
use openapi_contract::pointer::child;

pub(super) fn compare_request(
    contract: &Contract,
    operation: &OperationRef,
    wanted: &Request,
    sent: &Request,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut differ = |what: &str, wanted: &str, sent: &str| {
        if wanted != sent {
            let message = format!("the client sends another {what}");
            problems.push(
                Problem::at(contract, &operation.pointer, message)
                    .detail("contract", wanted)
                    .detail("client  ", sent),
            );
        }
    };
    differ("method", &wanted.method, &sent.method);
    differ("path", &sorted(&wanted.path), &sorted(&sent.path));
    let value = |request: &Request, name: &str| {
        let mut values = request
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone());
        values.next()
    };
    for (name, wanted) in &wanted.headers {
        // Tokens are not shown.
        if value(sent, name).as_ref() != Some(wanted) {
            let message =
                format!("the client does not send the header `{name}` that belongs there");
            let problem = Problem::at(contract, &operation.pointer, message);
            problems.push(if name.eq_ignore_ascii_case("authorization") {
                problem.help("fix how the client adds its credential to a request")
            } else {
                problem
            });
        }
    }
    for unwanted in ["authorization", "cookie"] {
        if value(wanted, unwanted).is_none() && value(sent, unwanted).is_some() {
            let message =
                format!("the client sends a header `{unwanted}` that does not belong there");
            problems.push(Problem::at(contract, &operation.pointer, message));
        }
    }
    let body = child(&operation.pointer, "requestBody");
    let read = |request: &Request| serde_json::from_slice::<Value>(&request.body).ok();
    let place = match (read(wanted), read(sent)) {
        (None, None) => None,
        (Some(wanted), Some(sent)) => another_body(contract, &body, &wanted, &sent),
        _ => Some(String::new()),
    };
    if let Some(place) = place {
        let message = "the client sends another body than it was given";
        problems.push(at_place(Problem::at(contract, &body, message), &place));
    }
    problems
}

/// Returns the pointer to the first value in which two bodies differ in meaning.
fn another_body(contract: &Contract, owner: &str, wanted: &Value, made: &Value) -> Option<String> {
    let owner = contract.resolve(owner).map(|(owner, _)| owner);
    let schemas = owner.map(|owner| owner + "/content/application~1json/schema");
    another(contract, &Vec::from_iter(schemas), wanted, made)
}

fn at_place(problem: Problem, place: &str) -> Problem {
    match place {
        "" => problem,
        place => problem.detail("differs ", place),
    }
}

/// Like [`another_body`], for a value and its schemas.
///
/// A typed client sends the `default` of an absent property, and omits a property that is null (see
/// `crates/codegen/README.md`).
fn another(
    contract: &Contract,
    schemas: &[String],
    wanted: &Value,
    sent: &Value,
) -> Option<String> {
    let schemas = parts(contract, schemas);
    let within = |keyword: &str| -> Vec<String> {
        let held = schemas
            .iter()
            .filter(|(_, schema)| schema.get(keyword).is_some());
        held.map(|(pointer, _)| child(pointer, keyword)).collect()
    };
    match (wanted, sent) {
        (Value::Object(wanted), Value::Object(sent)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(sent.keys()).collect();
            names.into_iter().find_map(|name| {
                let declared: Vec<String> = within("properties")
                    .iter()
                    .map(|properties| child(properties, name))
                    .filter(|property| contract.value().pointer(property).is_some())
                    .collect();
                let schemas = match declared.is_empty() {
                    true => within("additionalProperties"),
                    false => declared,
                };
                let absent = when_absent(contract, &schemas);
                let place = match (wanted.get(name).or(absent), sent.get(name).or(absent)) {
                    (Some(wanted), Some(sent)) => another(contract, &schemas, wanted, sent),
                    _ => Some(String::new()),
                };
                place.map(|place| child("", name) + &place)
            })
        }
        (Value::Array(wanted), Value::Array(sent)) if wanted.len() == sent.len() => {
            let items = within("items");
            let mut pairs = wanted.iter().zip(sent).enumerate();
            pairs.find_map(|(index, (wanted, sent))| {
                let place = another(contract, &items, wanted, sent)?;
                Some(child("", index) + &place)
            })
        }
        _ => (wanted != sent).then(String::new),
    }
}

/// Returns the value of an absent property: its default, or null if it is nullable.
fn when_absent<'c>(contract: &'c Contract, schemas: &[String]) -> Option<&'c Value> {
    let parts = parts(contract, schemas);
    let default = parts.iter().find_map(|(_, schema)| schema.get("default"));
    let nullable = parts.iter().any(|(_, schema)| schema["nullable"] == true);
    default.or(nullable.then_some(&Value::Null))
}

/// Returns the schemas and the members of their `allOf`, with references followed.
fn parts<'c>(contract: &'c Contract, schemas: &[String]) -> Vec<(String, &'c Value)> {
    let found = schemas
        .iter()
        .filter_map(|schema| contract.resolve(schema).ok());
    found
        .flat_map(|(pointer, schema)| {
            let all_of = child(&pointer, "allOf");
            let members = schema["allOf"].as_array().map_or(0, Vec::len);
            let members: Vec<String> = (0..members).map(|index| child(&all_of, index)).collect();
            let mut parts = parts(contract, &members);
            parts.push((pointer, schema));
            parts
        })
        .collect()
}

pub(super) fn compare_result(
    contract: &Contract,
    operation: &OperationRef,
    heard: &Exchange,
    outcome: &Value,
) -> Vec<Problem> {
    let status = heard.answer.status;
    let responses = child(&operation.pointer, "responses");
    let pointer = child(&responses, status);
    let listed = contract.resolve(&pointer).ok();
    let promised = match (&listed, status) {
        (Some(_), ..400) => "Ok",
        (Some(_), _) => "ErrorResponse",
        (None, _) => "UnexpectedResponse",
    };
    let mut problems = Vec::new();
    let mut wrong = |message: String| problems.push(Problem::at(contract, &pointer, message));
    let kind = outcome["kind"].as_str().unwrap_or_default();
    if kind != promised {
        wrong(format!(
            "the client makes `{kind}` of {status}, where the contract promises `{promised}`"
        ));
        return problems;
    }
    if outcome["status"] != status {
        wrong(format!("the client's result lacks the status {status}"));
    }
    let Some((_, response)) = listed else {
        return problems;
    };
    let given = headers(outcome);
    for (name, value) in &heard.answer.headers {
        if given.get(name) != Some(value) && name != "content-length" && name != "connection" {
            wrong(format!("the client's result lacks the header `{name}`"));
        }
    }
    let json = response.pointer("/content/application~1json").is_some();
    let sent = heard.answer.json();
    if json && let Some(place) = another_body(contract, &pointer, &sent, &outcome["body"]) {
        let message = format!("the client decodes another body of {status} than was sent");
        problems.push(at_place(Problem::at(contract, &pointer, message), &place));
    }
    problems
}

pub(super) fn answer(heard: &Exchange, outcome: &Value) -> Response {
    let body = match &outcome["body"] {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let status = outcome["status"]
        .as_u64()
        .and_then(|it| u16::try_from(it).ok());
    Response {
        status: status.unwrap_or(heard.answer.status),
        headers: headers(outcome),
        body,
    }
}

fn headers(outcome: &Value) -> HeaderMap {
    let pairs = outcome["headers"].as_array().into_iter().flatten();
    let pairs = pairs.filter_map(|pair| {
        let name = HeaderName::try_from(pair[0].as_str()?).ok()?;
        Some((name, HeaderValue::try_from(pair[1].as_str()?).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name, value);
    }
    map
}

/// Sorts the query, because the client chooses the order.
fn sorted(path: &str) -> String {
    match path.split_once('?') {
        None => path.to_owned(),
        Some((path, query)) => {
            let mut pairs: Vec<String> = query
                .split('&')
                .map(|pair| decoded(&pair.replace('+', "%20")))
                .collect();
            pairs.sort();
            format!("{path}?{}", pairs.join("&"))
        }
    }
}

#[cfg(test)]
mod tests;

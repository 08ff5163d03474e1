//! Compares the client's requests and results with the contract.

use std::collections::BTreeSet;

use dropshot_codegen::{Contract, OperationRef};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::drive::exchange::{Request, Response, percent_decode};
use crate::drive::proxy::Exchange;
use crate::report::Problem;
use openapi_contract::pointer::child;

pub(super) fn compare_request(
    contract: &Contract,
    operation: &OperationRef,
    expected: &Request,
    sent: &Request,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut differ = |what: &str, expected: &str, sent: &str| {
        if expected != sent {
            let message = format!("the client sends the wrong {what}");
            problems.push(
                Problem::at(contract, &operation.pointer, message)
                    .detail("contract", expected)
                    .detail("client  ", sent),
            );
        }
    };
    differ("method", &expected.method, &sent.method);
    differ("path", &sort_query(&expected.path), &sort_query(&sent.path));
    let value = |request: &Request, name: &str| {
        let mut values = request
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone());
        values.next()
    };
    for (name, expected) in &expected.headers {
        // Tokens are not shown.
        if value(sent, name).as_ref() != Some(expected) {
            let message = format!("the client does not send the header `{name}`");
            let problem = Problem::at(contract, &operation.pointer, message);
            problems.push(if name.eq_ignore_ascii_case("authorization") {
                problem.help("fix how the client adds its credential to a request")
            } else {
                problem
            });
        }
    }
    for unwanted in ["authorization", "cookie"] {
        if value(expected, unwanted).is_none() && value(sent, unwanted).is_some() {
            let message = format!("the client sends an unexpected header `{unwanted}`");
            problems.push(Problem::at(contract, &operation.pointer, message));
        }
    }
    let body = child(&operation.pointer, "requestBody");
    let read = |request: &Request| serde_json::from_slice::<Value>(&request.body).ok();
    let pointer_in_body = match (read(expected), read(sent)) {
        (None, None) => None,
        (Some(expected), Some(sent)) => body_difference(contract, &body, &expected, &sent),
        _ => Some(String::new()),
    };
    if let Some(pointer_in_body) = pointer_in_body {
        let message = "the client sends a body that differs from its argument";
        problems.push(with_pointer(
            Problem::at(contract, &body, message),
            &pointer_in_body,
        ));
    }
    problems
}

/// Returns the pointer to the first value whose meaning differs between two bodies.
fn body_difference(
    contract: &Contract,
    owner: &str,
    expected: &Value,
    made: &Value,
) -> Option<String> {
    let owner = contract.resolve(owner).map(|(owner, _)| owner);
    let schemas = owner.map(|owner| owner + "/content/application~1json/schema");
    value_difference(contract, &Vec::from_iter(schemas), expected, made)
}

fn with_pointer(problem: Problem, pointer_in_body: &str) -> Problem {
    match pointer_in_body {
        "" => problem,
        pointer_in_body => problem.detail("differs ", pointer_in_body),
    }
}

/// Like [`body_difference`], for a value and its schemas.
///
/// A typed client sends the `default` of an absent property, and omits a property that is null (see
/// `crates/codegen/README.md`).
fn value_difference(
    contract: &Contract,
    schemas: &[String],
    expected: &Value,
    sent: &Value,
) -> Option<String> {
    let schemas = schema_parts(contract, schemas);
    let within = |keyword: &str| -> Vec<String> {
        let subschemas = schemas
            .iter()
            .filter(|(_, schema)| schema.get(keyword).is_some());
        subschemas
            .map(|(pointer, _)| child(pointer, keyword))
            .collect()
    };
    match (expected, sent) {
        (Value::Object(expected), Value::Object(sent)) => {
            let names: BTreeSet<&String> = expected.keys().chain(sent.keys()).collect();
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
                let absent = value_if_absent(contract, &schemas);
                let pointer_in_body =
                    match (expected.get(name).or(absent), sent.get(name).or(absent)) {
                        (Some(expected), Some(sent)) => {
                            value_difference(contract, &schemas, expected, sent)
                        }
                        _ => Some(String::new()),
                    };
                pointer_in_body.map(|pointer_in_body| child("", name) + &pointer_in_body)
            })
        }
        (Value::Array(expected), Value::Array(sent)) if expected.len() == sent.len() => {
            let items = within("items");
            let mut pairs = expected.iter().zip(sent).enumerate();
            pairs.find_map(|(index, (expected, sent))| {
                let pointer_in_body = value_difference(contract, &items, expected, sent)?;
                Some(child("", index) + &pointer_in_body)
            })
        }
        _ => (expected != sent).then(String::new),
    }
}

/// Returns the value of an absent property: its default, or null if it is nullable.
fn value_if_absent<'c>(contract: &'c Contract, schemas: &[String]) -> Option<&'c Value> {
    let parts = schema_parts(contract, schemas);
    let default = parts.iter().find_map(|(_, schema)| schema.get("default"));
    let nullable = parts.iter().any(|(_, schema)| schema["nullable"] == true);
    default.or(nullable.then_some(&Value::Null))
}

/// Returns the schemas and the members of their `allOf`, with references followed.
fn schema_parts<'c>(contract: &'c Contract, schemas: &[String]) -> Vec<(String, &'c Value)> {
    let found = schemas
        .iter()
        .filter_map(|schema| contract.resolve(schema).ok());
    found
        .flat_map(|(pointer, schema)| {
            let all_of = child(&pointer, "allOf");
            let members = schema["allOf"].as_array().map_or(0, Vec::len);
            let members: Vec<String> = (0..members).map(|index| child(&all_of, index)).collect();
            let mut parts = schema_parts(contract, &members);
            parts.push((pointer, schema));
            parts
        })
        .collect()
}

pub(super) fn compare_result(
    contract: &Contract,
    operation: &OperationRef,
    exchange: &Exchange,
    outcome: &Value,
) -> Vec<Problem> {
    let status = exchange.response.status;
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
            "the client returns `{kind}` for {status}, but the contract promises `{promised}`"
        ));
        return problems;
    }
    if outcome["status"] != status {
        wrong(format!("the client's result lacks the status {status}"));
    }
    let Some((_, declared)) = listed else {
        return problems;
    };
    let given = headers(outcome);
    for (name, value) in &exchange.response.headers {
        if given.get(name) != Some(value) && name != "content-length" && name != "connection" {
            wrong(format!("the client's result lacks the header `{name}`"));
        }
    }
    let json = declared.pointer("/content/application~1json").is_some();
    let sent = exchange.response.json();
    if json
        && let Some(pointer_in_body) = body_difference(contract, &pointer, &sent, &outcome["body"])
    {
        let message =
            format!("the body that the client returns for {status} differs from the response");
        problems.push(with_pointer(
            Problem::at(contract, &pointer, message),
            &pointer_in_body,
        ));
    }
    problems
}

pub(super) fn client_response(exchange: &Exchange, outcome: &Value) -> Response {
    let body = match &outcome["body"] {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let status = outcome["status"]
        .as_u64()
        .and_then(|it| u16::try_from(it).ok());
    Response {
        status: status.unwrap_or(exchange.response.status),
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
fn sort_query(path: &str) -> String {
    match path.split_once('?') {
        None => path.to_owned(),
        Some((path, query)) => {
            let mut pairs: Vec<String> = query
                .split('&')
                .map(|pair| percent_decode(&pair.replace('+', "%20")))
                .collect();
            pairs.sort();
            format!("{path}?{}", pairs.join("&"))
        }
    }
}

#[cfg(test)]
mod tests;

//! Requires that each status is listed individually and has the body that it needs.
//!
//! A range does not state which statuses occur, and a client can decode a body only if it has a schema.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::grammar::{self, Kind};
use crate::pointer::child;
use crate::{Contract, Finding, plain_media_type};

/// Statuses without a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
const BODYLESS: [&str; 3] = ["204", "205", "304"];

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A response that several operations share is reported once.
    let mut seen = BTreeSet::new();
    for operation in contract.operations() {
        let responses = child(&operation.pointer, "responses");
        let statuses = contract.statuses(&operation);
        if !statuses
            .iter()
            .any(|status| status.starts_with(['1', '2', '3']))
        {
            let message = format!(
                "{} {} lists no successful status",
                operation.method, operation.path
            );
            findings.push(contract.finding(
                &responses,
                message,
                "list the status of a successful response",
            ));
        }
        for status in statuses {
            let listed = child(&responses, status);
            if let Some(range) = range(contract, status, &listed) {
                findings.push(range);
                continue;
            }
            // Broken references are reported by another rule.
            let Ok((pointer, response)) = contract.resolve(&listed) else {
                continue;
            };
            if seen.insert((pointer.clone(), status.to_owned())) {
                findings.extend(finding(contract, status, &pointer, response));
            }
        }
    }
    for node in grammar::nodes(contract.value()) {
        if node.kind == Kind::MediaType && node.value.get("schema").is_none() {
            findings.push(contract.finding(
                &node.pointer,
                "this body has no schema",
                "add `schema`: without it nothing can be decoded or checked",
            ));
        }
    }
    findings
}

/// Returns a finding for each range of statuses, such as `4XX`, and for each `default`.
///
/// A server can be generated from them, but clients and checks must know the exact statuses.
pub fn status_ranges(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operation in contract.operations() {
        let responses = child(&operation.pointer, "responses");
        let statuses = contract.statuses(&operation).into_iter();
        findings.extend(
            statuses.filter_map(|status| range(contract, status, &child(&responses, status))),
        );
    }
    findings
}

fn range(contract: &Contract, status: &str, pointer: &str) -> Option<Finding> {
    status.parse::<u16>().is_err().then(|| {
        contract.finding(
            pointer,
            format!("`{status}` covers several statuses"),
            "list each status separately, so that each is documented and checked",
        )
    })
}

fn finding(contract: &Contract, status: &str, pointer: &str, response: &Value) -> Option<Finding> {
    let content = response.get("content").and_then(Value::as_object);
    let listed = content.map_or(0, serde_json::Map::len);
    let at_content = child(pointer, "content");
    if BODYLESS.contains(&status) {
        let message = format!("a {status} response cannot have a body");
        return (listed > 0).then(|| {
            contract.finding(
                &at_content,
                message,
                "remove `content`, or list another status",
            )
        });
    }
    if content.is_some() && listed == 0 {
        return Some(contract.finding(
            &at_content,
            format!("the body of {status} has no media type"),
            "name one, such as `application/json`, or remove `content` if there is no body",
        ));
    }
    let error = status.starts_with(['4', '5']);
    let is_json = |(name, _): (&String, _)| plain_media_type(name) == "application/json";
    let json = content.is_some_and(|content| content.iter().any(is_json));
    (error && !json).then(|| {
        contract.finding(pointer, format!("the error {status} has no `application/json` body"), "add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`")
    })
}

//! The report of supported and refused operations.
//!
//! Refused nodes are removed from the contract and the rest is read again, until nothing more is refused: some refusals
//! appear only after others are gone (typify sees no schema until all are checked). Two kinds of nodes are removed:
//!
//! - an operation with a refusal of its own, in its path item, or in a component that it uses;
//! - such a component, and everything that uses it.
//!
//! A refusal anywhere else, such as that of the API version, affects every operation: nothing is generated.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use openapi_contract::{OneLine, grammar::is_method};

use openapi_contract::{Contract, Document, Finding, Location, OperationRef, pointer};

use crate::emit::generate;
use crate::settings::Settings;

/// The operations that can be generated, and the reasons why others cannot.
///
/// As JSON it is the output of `dropshot-codegen report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The name under which the contract was parsed.
    pub contract: String,
    /// The number of operations of the contract.
    pub operations: usize,
    /// The number of operations that can be generated.
    pub generated: usize,
    /// The operations that cannot be generated, in the order of the document.
    pub refused: Vec<RefusedOperation>,
    /// The refusals outside of operations: of components that no operation uses, or of the document.
    pub elsewhere: Vec<Finding>,
}

/// An operation that cannot be generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedOperation {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationRef,
    /// The location of the operation.
    #[serde(flatten)]
    pub location: Location,
    /// The refusals in the operation and in the components that it uses; at least one.
    pub reasons: Vec<Finding>,
}

impl fmt::Display for RefusedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OperationRef {
            id, method, path, ..
        } = &self.operation;
        let id = id.as_deref().unwrap_or("without an operationId");
        OneLine(&format!("{method} {path} ({id})")).fmt(f)
    }
}

/// The part of a contract that can be generated.
#[derive(Clone, Debug)]
pub struct Supported {
    /// The Rust source of the operations that can be generated.
    pub code: String,
    /// The contract without the parts that cannot be generated.
    pub contract: Contract,
    /// The operations that cannot be generated, with the reasons.
    pub report: Report,
}

/// Reports which operations can be generated, and why the others cannot.
pub fn report(document: &Document, settings: &Settings) -> Report {
    match generate_supported(document, settings) {
        Ok(supported) => supported.report,
        Err(report) => *report,
    }
}

/// Generates the operations without refusals, and the components without refusals.
///
/// # Errors
/// Returns the report if the refusals affect the whole document, such as that of the API version.
pub fn generate_supported(
    document: &Document,
    settings: &Settings,
) -> Result<Supported, Box<Report>> {
    let operations = document.operations().len();
    let mut report = Report {
        contract: document.name().to_owned(),
        operations,
        generated: 0,
        refused: Vec::new(),
        elsewhere: Vec::new(),
    };
    let mut rest = document.clone();
    let generated = loop {
        let outcome = Contract::try_from(rest.clone())
            .and_then(|contract| Ok((generate(&contract, settings)?, contract)));
        let findings = match outcome {
            Ok(generated) => break Some(generated),
            Err(findings) => findings,
        };
        let round = Round::new(&rest, findings);
        report.refused.extend(round.refused);
        report.elsewhere.extend(round.elsewhere);
        let narrowed = rest.without(&round.remove);
        if round.blocked || narrowed.value() == rest.value() {
            break None;
        }
        rest = narrowed;
    };
    report.refused.sort_by_key(|refused| refused.location);
    Finding::sort(&mut report.elsewhere);
    match generated {
        Some((code, contract)) => {
            report.generated = operations - report.refused.len();
            Ok(Supported {
                code,
                contract,
                report,
            })
        }
        None => Err(Box::new(report)),
    }
}

struct Round {
    refused: Vec<RefusedOperation>,
    elsewhere: Vec<Finding>,
    remove: BTreeSet<String>,
    blocked: bool,
}

impl Round {
    fn new(document: &Document, findings: Vec<Finding>) -> Self {
        let mut by_owner: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        let mut blocked = false;
        for finding in findings {
            let owner = removable_ancestor(&finding.pointer);
            blocked |= owner.is_none();
            by_owner
                .entry(owner.unwrap_or_default())
                .or_default()
                .push(finding);
        }
        let references = references(document.value());
        let mut remove: BTreeSet<String> = by_owner.keys().cloned().collect();
        let mut reported = BTreeSet::new();
        let mut refused = Vec::new();
        for operation in document.operations() {
            let at_path = pointer::parent(&operation.pointer).unwrap_or_default();
            let node = document.value().pointer(&operation.pointer);
            let mut start = vec![operation.pointer.clone(), at_path.to_owned()];
            if node.is_some_and(|node| node.get("security").is_none()) {
                start.push(SECURITY.to_owned());
            }
            let owners: Vec<_> = reachable_from(start, &references)
                .into_iter()
                .filter(|at| by_owner.contains_key(at))
                .collect();
            if owners.is_empty() {
                continue;
            }
            let reasons = owners.iter().flat_map(|owner| by_owner[owner].clone());
            let mut reasons: Vec<Finding> = reasons.collect();
            Finding::sort(&mut reasons);
            reported.extend(owners);
            remove.insert(operation.pointer.clone());
            refused.push(RefusedOperation {
                location: document.locate(&operation.pointer),
                operation,
                reasons,
            });
        }
        // A component that uses a removed one is removed too, or its reference would be broken.
        for component in references.keys().filter(|at| at.starts_with(COMPONENTS)) {
            let reached = reachable_from(vec![component.clone()], &references);
            if reached.iter().any(|at| by_owner.contains_key(at)) {
                remove.insert(component.clone());
            }
        }
        let elsewhere = by_owner
            .into_iter()
            .filter(|(owner, _)| !reported.contains(owner))
            .flat_map(|(_, findings)| findings)
            .collect();
        Self {
            refused,
            elsewhere,
            remove,
            blocked,
        }
    }
}

const COMPONENTS: &str = "/components/";
const SECURITY: &str = "/security";

/// Returns the removable node around a node: an operation, path item, component or optional member.
fn removable_ancestor(at: &str) -> Option<String> {
    let segments: Vec<&str> = at.split('/').skip(1).collect();
    let length = match segments.as_slice() {
        ["paths", _, method, ..] if is_method(method) => 3,
        ["paths", _, ..] => 2,
        ["components", _] => 2,
        ["components", _, _, ..] => 3,
        ["openapi" | "info" | "paths" | "components" | "tags", ..] => return None,
        [_, ..] => 1,
        [] => return None,
    };
    Some(format!("/{}", segments[..length].join("/")))
}

/// Returns the references of operations, path items, components and the document's `security`.
///
/// A component is listed with its section of `components`, which is refused if no particular component is.
fn references(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let null = Value::Null;
    let member = |key: &str| document.get(key).unwrap_or(&null);
    let mut add = |at: &str, node: &Value| {
        let mut found = BTreeSet::new();
        collect_references(node, &mut found);
        all.insert(at.to_owned(), found);
    };
    for (at_item, _, item) in pointer::members("/paths", member("paths")) {
        for (at, key, node) in pointer::members(&at_item, item) {
            match key.as_str() {
                "parameters" => add(&at_item, node),
                key if is_method(key) => add(&at, node),
                _ => {}
            }
        }
    }
    for (at_section, _, section) in pointer::members("/components", member("components")) {
        for (at, _, component) in pointer::members(&at_section, section) {
            add(&at, component);
        }
    }
    let mut schemes = BTreeSet::new();
    collect_schemes(member("security"), &mut schemes);
    all.insert(SECURITY.to_owned(), schemes);
    all
}

fn collect_references(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        found.extend(target.strip_prefix('#').and_then(removable_ancestor));
                        let section = target
                            .rsplit_once('/')
                            .and_then(|(section, _)| section.strip_prefix('#'));
                        found.extend(section.map(str::to_owned));
                    }
                    ("security", requirements) => collect_schemes(requirements, found),
                    (_, value) => collect_references(value, found),
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn collect_schemes(requirements: &Value, found: &mut BTreeSet<String>) {
    const SCHEMES: &str = "/components/securitySchemes";
    let requirements = requirements.as_array().into_iter().flatten();
    for name in requirements
        .filter_map(Value::as_object)
        .flat_map(|r| r.keys())
    {
        found.insert(pointer::child(SCHEMES, name));
        found.insert(SCHEMES.to_owned());
    }
}

fn reachable_from(
    start: Vec<String>,
    references: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = start;
    while let Some(at) = next.pop() {
        if !reached.contains(&at) {
            next.extend(references.get(&at).into_iter().flatten().cloned());
            reached.insert(at);
        }
    }
    reached
}

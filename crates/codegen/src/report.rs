//! Which operations of a contract can be generated, and why the others cannot.
//!
//! What is refused is taken out of the contract, and what is left is read again, until nothing more is refused: some things
//! come to light only when others are gone (typify sees no schema before all have been checked). What is taken out is
//!
//! - an operation with a refusal of its own, in its path item, or in a component that it reaches;
//! - such a component, and what reaches it.
//!
//! A refusal anywhere else, such as one of the version of the API, concerns every operation: nothing is generated then.

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

/// Which operations of a contract can be generated, and why the others cannot.
///
/// As JSON it is the output of `dropshot-codegen report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What the contract was called when it was parsed.
    pub contract: String,
    /// How many operations the contract has.
    pub operations: usize,
    /// How many of them can be generated.
    pub generated: usize,
    /// The others, in the order of the document.
    pub refused: Vec<RefusedOperation>,
    /// What is refused outside of them: in components that no operation reaches, or where it concerns the whole document.
    pub elsewhere: Vec<Finding>,
}

/// An operation that cannot be generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedOperation {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationRef,
    /// Where it stands.
    #[serde(flatten)]
    pub location: Location,
    /// What is refused in it and in the components that it reaches; at least one.
    pub reasons: Vec<Finding>,
}

/// Shown as one line, such as `GET /login (getLoginStatus)`.
impl fmt::Display for RefusedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OperationRef {
            id, method, path, ..
        } = &self.operation;
        let id = id.as_deref().unwrap_or("without an operationId");
        OneLine(&format!("{method} {path} ({id})")).fmt(f)
    }
}

/// What can be generated of a contract.
#[derive(Clone, Debug)]
pub struct Supported {
    /// The Rust source of the operations that can be generated.
    pub code: String,
    /// The contract without what cannot be.
    pub contract: Contract,
    /// Those that cannot, and why.
    pub report: Report,
}

/// Tells which operations can be generated, and why the others cannot.
pub fn report(document: &Document, settings: &Settings) -> Report {
    match generate_supported(document, settings) {
        Ok(supported) => supported.report,
        Err(report) => *report,
    }
}

/// Generates what can be generated: the operations without refusals, and the components that are in order.
///
/// # Errors
/// The report, if something is refused without which nothing can be generated, such as the version of the API.
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

/// What concerns whom, of the findings of one run.
struct Round {
    refused: Vec<RefusedOperation>,
    elsewhere: Vec<Finding>,
    /// The pointers to what has to go.
    remove: BTreeSet<String>,
    /// Whether something is refused that cannot go.
    blocked: bool,
}

impl Round {
    fn new(document: &Document, findings: Vec<Finding>) -> Self {
        let mut by_owner: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        let mut blocked = false;
        for finding in findings {
            let owner = owner(&finding.pointer);
            blocked |= owner.is_none();
            by_owner
                .entry(owner.unwrap_or_default())
                .or_default()
                .push(finding);
        }
        let references = references(document.value());
        let mut remove: BTreeSet<String> = by_owner.keys().cloned().collect();
        let mut heard = BTreeSet::new();
        let mut refused = Vec::new();
        for operation in document.operations() {
            let at_path = pointer::parent(&operation.pointer).unwrap_or_default();
            let node = document.value().pointer(&operation.pointer);
            let mut start = vec![operation.pointer.clone(), at_path.to_owned()];
            if node.is_some_and(|node| node.get("security").is_none()) {
                start.push(SECURITY.to_owned());
            }
            let owners: Vec<_> = reached(start, &references)
                .into_iter()
                .filter(|at| by_owner.contains_key(at))
                .collect();
            if owners.is_empty() {
                continue;
            }
            let reasons = owners.iter().flat_map(|owner| by_owner[owner].clone());
            let mut reasons: Vec<Finding> = reasons.collect();
            Finding::sort(&mut reasons);
            heard.extend(owners);
            remove.insert(operation.pointer.clone());
            refused.push(RefusedOperation {
                location: document.locate(&operation.pointer),
                operation,
                reasons,
            });
        }
        // A component goes if it reaches one that does, or it would refer to nothing.
        for component in references.keys().filter(|at| at.starts_with(COMPONENTS)) {
            let reached = reached(vec![component.clone()], &references);
            if reached.iter().any(|at| by_owner.contains_key(at)) {
                remove.insert(component.clone());
            }
        }
        let elsewhere = by_owner
            .into_iter()
            .filter(|(owner, _)| !heard.contains(owner))
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

/// The part of a document that has to go if the node at a pointer is refused: an operation, a path item, a component, or a
/// member of the document that need not be there. `None` if there is no such part.
fn owner(at: &str) -> Option<String> {
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

/// What each operation, path item and component refers to: components, and the part of `components` that they stand in, which
/// is refused where none of them in particular is. With the requirements at the top, which refer to schemes as well.
fn references(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let null = Value::Null;
    let member = |key: &str| document.get(key).unwrap_or(&null);
    let mut add = |at: &str, node: &Value| {
        let mut found = BTreeSet::new();
        collect(node, &mut found);
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

/// The components that a node names, each with the part of `components` that it stands in.
fn collect(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        found.extend(target.strip_prefix('#').and_then(owner));
                        let section = target
                            .rsplit_once('/')
                            .and_then(|(section, _)| section.strip_prefix('#'));
                        found.extend(section.map(str::to_owned));
                    }
                    ("security", requirements) => collect_schemes(requirements, found),
                    (_, value) => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The security schemes that requirements name.
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

/// Everything that is reached from some nodes, themselves included.
fn reached(
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

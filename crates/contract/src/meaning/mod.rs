//! The meaning of a document, independent of its spelling, so that two documents can be compared.
//!
//! - References are followed, except those to schemas, because clients name their types after schemas.
//! - Defaults of the specification are added.
//! - Lists without a meaningful order are sorted or keyed by name.
//! - Parameters of a path and security of the document are copied to each operation.
//! - An `allOf` of a single reference becomes that reference.
//! - White space in text for people is folded, and whole numbers are equal however they are written.
//! - Nodes without meaning, such as empty text or a tag without a description, are omitted.
//!
//! Every node keeps the pointer to its source, so that a difference can be located.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::grammar::{Kind, Member, is_method};
use crate::pointer::child;

use defaults::add_defaults;

mod defaults;
pub mod difference;

/// A node of a document.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The pointer to the node, or to its parent if the node is a default.
    pub pointer: String,
    /// Whether the node is a default that the document omits.
    implied: bool,
    /// The content of the node.
    pub part: Part,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub enum Part {
    /// Compared as a whole.
    Leaf(Value),
    /// Compared key by key.
    Map(BTreeMap<String, Meaning>),
    /// Compared item by item.
    List(Vec<Meaning>),
}

impl Meaning {
    /// Returns the meaning of a whole document.
    pub fn of(document: &Value) -> Self {
        normalize_object(document, Kind::OpenApi, "", document)
    }

    fn leaf(pointer: &str, value: Value) -> Self {
        Self {
            pointer: pointer.to_owned(),
            implied: false,
            part: Part::Leaf(value),
        }
    }

    fn map(pointer: &str, map: BTreeMap<String, Meaning>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            implied: false,
            part: Part::Map(map),
        }
    }

    fn implied(self) -> Self {
        Self {
            implied: true,
            ..self
        }
    }

    /// Returns the members if the node is a map.
    pub fn members(&mut self) -> Option<&mut BTreeMap<String, Meaning>> {
        match &mut self.part {
            Part::Map(members) => Some(members),
            Part::Leaf(_) | Part::List(_) => None,
        }
    }

    /// Returns the node at a path of keys.
    pub fn at(&mut self, path: &[&str]) -> Option<&mut Meaning> {
        path.iter()
            .try_fold(self, |node, key| node.members()?.get_mut(*key))
    }

    /// Removes the member `key`, if it exists.
    pub fn remove(&mut self, key: &str) {
        if let Some(members) = self.members() {
            members.remove(key);
        }
    }

    /// Removes components that are compared where they are used: all except schemas and security schemes.
    pub fn remove_inlined_components(&mut self) {
        if let Some(components) = self.at(&["components"]) {
            for kind in [
                "responses",
                "headers",
                "parameters",
                "requestBodies",
                "examples",
            ] {
                components.remove(kind);
            }
        }
    }

    /// Calls `change` with the path, method and node of each operation.
    pub fn each_operation(&mut self, mut change: impl FnMut(&str, &str, &mut Meaning)) {
        if let Some(paths) = self.at(&["paths"]) {
            each_operation_of(paths, &mut change);
        }
    }

    /// Returns the member `key` if the node is a map.
    pub fn get(&self, key: &str) -> Option<&Meaning> {
        match &self.part {
            Part::Map(members) => members.get(key),
            Part::Leaf(_) | Part::List(_) => None,
        }
    }

    /// Iterates over the members in the order of their keys; empty if the node is not a map.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Meaning)> {
        match &self.part {
            Part::Map(members) => Some(members),
            Part::Leaf(_) | Part::List(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// Returns the node as JSON without implied defaults.
    pub fn to_value(&self) -> Value {
        match &self.part {
            Part::Leaf(value) => value.clone(),
            Part::Map(members) => {
                let written = members.iter().filter(|(_, node)| !node.implied);
                written
                    .map(|(key, node)| (key.clone(), node.to_value()))
                    .collect()
            }
            Part::List(items) => items.iter().map(Meaning::to_value).collect(),
        }
    }
}

fn each_operation_of(paths: &mut Meaning, change: &mut impl FnMut(&str, &str, &mut Meaning)) {
    for (path, item) in paths.members().into_iter().flatten() {
        for (method, operation) in item.members().into_iter().flatten() {
            if is_method(method) {
                change(path, method, operation);
            }
        }
    }
}

/// Returns a path of keys as a JSON pointer.
pub fn pointer(path: &[impl AsRef<str>]) -> String {
    path.iter()
        .fold(String::new(), |parent, key| child(&parent, key.as_ref()))
}

fn normalize_object(document: &Value, kind: Kind, pointer: &str, value: &Value) -> Meaning {
    let (pointer, value) = resolve(document, kind, pointer, value);
    let Some(fields) = value.as_object() else {
        return Meaning::leaf(&pointer, normalize_numbers(value));
    };

    let mut members = BTreeMap::new();
    for (key, value) in fields {
        if has_no_meaning(kind, key, value) {
            continue;
        }
        let at = child(&pointer, key);
        let meaning = match kind.member(key) {
            Member::Plain => Meaning::leaf(&at, normalize_plain(kind, key, value)),
            Member::Text => Meaning::leaf(&at, fold_white_space(value)),
            Member::One(kind) => normalize_object(document, kind, &at, value),
            Member::Map(kind) => {
                let members = value.as_object().into_iter().flatten();
                let members = members.map(|(key, value)| {
                    (
                        key.clone(),
                        normalize_object(document, kind, &child(&at, key), value),
                    )
                });
                Meaning::map(&at, members.collect())
            }
            Member::List(kind) => {
                let items = value.as_array().into_iter().flatten().enumerate();
                normalize_list(
                    kind,
                    &at,
                    items.map(|(index, value)| {
                        normalize_object(document, kind, &format!("{at}/{index}"), value)
                    }),
                )
            }
        };
        members.insert(key.clone(), meaning);
    }
    match kind {
        Kind::OpenApi => {
            inherit_security(&mut members);
            remove_default_server(&mut members);
            remove_bare_tags(&mut members);
            members.entry("components".to_owned()).or_insert_with(|| {
                let mut parts = BTreeMap::new();
                add_defaults(Kind::Components, &pointer, &mut parts);
                Meaning::map(&pointer, parts).implied()
            });
        }
        Kind::PathItem => inherit_parameters(&mut members),
        Kind::Schema => {
            if let Some(bare) = bare_reference(&members) {
                return bare;
            }
        }
        _ => {}
    }
    if !members.contains_key("$ref") {
        add_defaults(kind, &pointer, &mut members);
    }
    Meaning::map(&pointer, members)
}

fn resolve<'a>(
    document: &'a Value,
    kind: Kind,
    pointer: &str,
    value: &'a Value,
) -> (String, &'a Value) {
    /// The maximum length of a chain of references, which may be circular; real chains are shorter.
    const MAX_REFERENCES: usize = 32;
    let mut here = (pointer.to_owned(), value);
    if kind == Kind::Schema {
        return here;
    }
    for _ in 0..MAX_REFERENCES {
        let target = here
            .1
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| target.strip_prefix('#'));
        match target.and_then(|target| Some((target.to_owned(), document.pointer(target)?))) {
            Some(next) => here = next,
            None => break,
        }
    }
    here
}

/// Keys tags and parameters by name, because their order does not matter; keeps other lists as lists.
fn normalize_list(kind: Kind, pointer: &str, items: impl Iterator<Item = Meaning>) -> Meaning {
    match kind {
        Kind::Tag | Kind::Parameter => {
            let keyed = items.map(|item| {
                let value = item.to_value();
                let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                let key = if kind == Kind::Tag {
                    word("name")
                } else {
                    format!("{} {}", word("in"), word("name"))
                };
                (key, item)
            });
            Meaning::map(pointer, keyed.collect())
        }
        _ => Meaning {
            pointer: pointer.to_owned(),
            implied: false,
            part: Part::List(items.collect()),
        },
    }
}

/// Copies the parameters of a path to each operation, except those that the operation overrides.
fn inherit_parameters(members: &mut BTreeMap<String, Meaning>) {
    let Some(Meaning {
        part: Part::Map(shared),
        pointer,
        ..
    }) = members.remove("parameters")
    else {
        return;
    };
    for (method, operation) in members {
        if !is_method(method) {
            continue;
        }
        if let Some(fields) = operation.members() {
            let own = fields
                .entry("parameters".to_owned())
                .or_insert_with(|| Meaning::map(&pointer, BTreeMap::new()));
            own.implied = false;
            for (name, parameter) in &shared {
                if let Some(own) = own.members() {
                    own.entry(name.clone()).or_insert_with(|| parameter.clone());
                }
            }
        }
    }
}

/// Copies the security of the document to each operation that has none of its own.
///
/// An operation with an empty list then equals one without security (OpenAPI 3.0.3, section 4.7.1).
fn inherit_security(members: &mut BTreeMap<String, Meaning>) {
    let shared = members.remove("security");
    let Some(paths) = members.get_mut("paths") else {
        return;
    };
    each_operation_of(paths, &mut |_, _, operation| {
        let Some(fields) = operation.members() else {
            return;
        };
        if let Some(shared) = &shared {
            fields
                .entry("security".to_owned())
                .or_insert_with(|| shared.clone());
        }
        let open = |node: &Meaning| matches!(&node.part, Part::Leaf(Value::Array(list)) if list.is_empty());
        if fields.get("security").is_some_and(open) {
            fields.remove("security");
        }
    });
}

/// Removes `servers` if it is empty or only `/`, the default (OpenAPI 3.0.3, section 4.7.1).
fn remove_default_server(members: &mut BTreeMap<String, Meaning>) {
    let written = members.get("servers").map(Meaning::to_value);
    if written == Some(json!([])) || written == Some(json!([{ "url": "/" }])) {
        members.remove("servers");
    }
}

/// Removes tags that are declared without a description or documentation.
///
/// An undeclared tag means the same (OpenAPI 3.0.3, section 4.7.1).
fn remove_bare_tags(members: &mut BTreeMap<String, Meaning>) {
    if let Some(tags) = members.get_mut("tags").and_then(Meaning::members) {
        tags.retain(|_, tag| tag.entries().any(|(key, _)| key != "name"));
    }
}

/// Returns the reference if the schema consists of an `allOf` with a single reference.
fn bare_reference(members: &BTreeMap<String, Meaning>) -> Option<Meaning> {
    match members.get("allOf").map(|node| &node.part) {
        Some(Part::List(items)) if members.len() == 1 => match items.as_slice() {
            [only] if only.get("$ref").is_some() => Some(only.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether a member has no meaning: empty text, or an extension of the Paths Object.
fn has_no_meaning(kind: Kind, key: &str, value: &Value) -> bool {
    let empty = kind.member(key) == Member::Text && value.as_str().is_some_and(str::is_empty);
    empty || (kind == Kind::Paths && key.starts_with("x-"))
}

/// Returns a plain value, sorted if it is a list without a meaningful order.
fn normalize_plain(kind: Kind, key: &str, value: &Value) -> Value {
    if let (Kind::Info, "version", Some(version)) = (kind, key, value.as_str()) {
        return Value::String(complete_version(version));
    }
    let mut value = normalize_numbers(value);
    let unordered = matches!(
        (kind, key),
        (Kind::Schema, "required" | "enum") | (Kind::Operation, "tags")
    );
    if unordered && let Some(items) = value.as_array_mut() {
        items.sort_by_key(Value::to_string);
    }
    value
}

/// Completes a version to three numbers: `1.0` and `v1` become `1.0.0`. Other strings are unchanged.
fn complete_version(text: &str) -> String {
    let numbers: Vec<&str> = text.strip_prefix('v').unwrap_or(text).split('.').collect();
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() > 3 || !numbers.iter().all(number) {
        return text.to_owned();
    }
    let mut numbers = numbers;
    numbers.resize(3, "0");
    numbers.join(".")
}

/// Writes whole numbers without a fraction: `1.0` becomes `1`.
fn normalize_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            // Below 2^53, a float represents every whole number exactly.
            Some(float)
                if number.is_f64()
                    && float.fract() == 0.0
                    && float.abs() < 9_007_199_254_740_992.0 =>
            {
                json!(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(normalize_numbers).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), normalize_numbers(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn fold_white_space(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        other => other.clone(),
    }
}

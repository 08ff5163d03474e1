//! A document as what it means, so that two of them can be compared.
//!
//! References to responses, headers, parameters and request bodies are followed (those to schemas stay: the name of a
//! schema is part of the meaning, since clients name their types after it). Defaults of the specification are written
//! out. Lists whose order means nothing are sorted or keyed by name, parameters of a path and the security of the whole
//! document belong to each operation, an `allOf` of one bare reference is that reference, white space in text for people
//! is folded, whole numbers are equal however they are written, and what says nothing (an empty text, a tag that is only
//! named) is left out.
//!
//! Every node keeps the pointer to where it was written, so that a difference can be shown at its place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::grammar::{Kind, Member, is_method};
use crate::pointer::child;

use defaults::fill_in;

mod defaults;
pub mod difference;

/// A node of a document.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// Where it is written; if it is a default, where the object is that it belongs to.
    pub pointer: String,
    /// Whether it is a default that is not written.
    implied: bool,
    /// What it is.
    pub part: Part,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Part {
    /// Compared as a whole.
    Leaf(Value),
    /// Compared key by key.
    Map(BTreeMap<String, Meaning>),
    /// Compared place by place.
    List(Vec<Meaning>),
}

impl Meaning {
    /// The meaning of a whole document.
    pub fn of(document: &Value) -> Self {
        object(document, Kind::OpenApi, "", document)
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

    /// The members, if it is a map.
    pub fn members(&mut self) -> Option<&mut BTreeMap<String, Meaning>> {
        match &mut self.part {
            Part::Map(members) => Some(members),
            Part::Leaf(_) | Part::List(_) => None,
        }
    }

    /// The node at the end of a path of keys.
    pub fn at(&mut self, path: &[&str]) -> Option<&mut Meaning> {
        path.iter()
            .try_fold(self, |node, key| node.members()?.get_mut(*key))
    }

    /// Takes out the member `key`, if there is one.
    pub fn remove(&mut self, key: &str) {
        if let Some(members) = self.members() {
            members.remove(key);
        }
    }

    /// Removes the components that have been compared where they are used: all but schemas and security schemes.
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

    /// Calls `change` on each operation.
    pub fn each_operation(&mut self, mut change: impl FnMut(&str, &str, &mut Meaning)) {
        if let Some(paths) = self.at(&["paths"]) {
            each_operation_of(paths, &mut change);
        }
    }

    /// The member `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Meaning> {
        match &self.part {
            Part::Map(members) => members.get(key),
            Part::Leaf(_) | Part::List(_) => None,
        }
    }

    /// The members in the order of their keys; none, if this is no map.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Meaning)> {
        match &self.part {
            Part::Map(members) => Some(members),
            Part::Leaf(_) | Part::List(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// The node as JSON, without the defaults in it, to be shown.
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

/// A path of keys as a JSON pointer.
pub fn pointer(path: &[impl AsRef<str>]) -> String {
    path.iter()
        .fold(String::new(), |parent, key| child(&parent, key.as_ref()))
}

fn object(document: &Value, kind: Kind, pointer: &str, value: &Value) -> Meaning {
    let (pointer, value) = follow(document, kind, pointer, value);
    let Some(fields) = value.as_object() else {
        return Meaning::leaf(&pointer, number(value));
    };

    let mut members = BTreeMap::new();
    for (key, value) in fields {
        if says_nothing(kind, key, value) {
            continue;
        }
        let at = child(&pointer, key);
        let meaning = match kind.member(key) {
            Member::Plain => Meaning::leaf(&at, plain(kind, key, value)),
            Member::Text => Meaning::leaf(&at, folded(value)),
            Member::One(kind) => object(document, kind, &at, value),
            Member::Map(kind) => {
                let members = value.as_object().into_iter().flatten();
                let members = members.map(|(key, value)| {
                    (key.clone(), object(document, kind, &child(&at, key), value))
                });
                Meaning::map(&at, members.collect())
            }
            Member::List(kind) => {
                let items = value.as_array().into_iter().flatten().enumerate();
                list(
                    kind,
                    &at,
                    items.map(|(index, value)| {
                        object(document, kind, &format!("{at}/{index}"), value)
                    }),
                )
            }
        };
        members.insert(key.clone(), meaning);
    }
    match kind {
        Kind::OpenApi => {
            share_security(&mut members);
            leave_out_the_default_server(&mut members);
            leave_out_bare_tags(&mut members);
            members.entry("components".to_owned()).or_insert_with(|| {
                let mut parts = BTreeMap::new();
                fill_in(Kind::Components, &pointer, &mut parts);
                Meaning::map(&pointer, parts).implied()
            });
        }
        Kind::PathItem => share_parameters(&mut members),
        Kind::Schema => {
            if let Some(bare) = bare_reference(&members) {
                return bare;
            }
        }
        _ => {}
    }
    if !members.contains_key("$ref") {
        fill_in(kind, &pointer, &mut members);
    }
    Meaning::map(&pointer, members)
}

/// Follows a reference, unless it is to a schema.
fn follow<'a>(
    document: &'a Value,
    kind: Kind,
    pointer: &str,
    value: &'a Value,
) -> (String, &'a Value) {
    /// A chain of references is followed this far; a contract has none that goes in circles.
    const STEPS: usize = 32;
    let mut here = (pointer.to_owned(), value);
    if kind == Kind::Schema {
        return here;
    }
    for _ in 0..STEPS {
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

/// Tags and parameters are found by name, whatever their order; other lists keep theirs.
fn list(kind: Kind, pointer: &str, items: impl Iterator<Item = Meaning>) -> Meaning {
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

/// Gives the parameters of a path to each of its operations; an operation's own of the same name wins.
fn share_parameters(members: &mut BTreeMap<String, Meaning>) {
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

/// Gives the security of the whole document to each operation that has none of its own (OpenAPI 3.0.3, section 4.7.1).
/// An empty list, which opens an operation again, is then no different from none.
fn share_security(members: &mut BTreeMap<String, Meaning>) {
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

/// No `servers`, an empty list, and the one server `/` are the same (OpenAPI 3.0.3, section 4.7.1).
fn leave_out_the_default_server(members: &mut BTreeMap<String, Meaning>) {
    let written = members.get("servers").map(Meaning::to_value);
    if written == Some(json!([])) || written == Some(json!([{ "url": "/" }])) {
        members.remove("servers");
    }
}

/// A tag that is declared by its name alone is no other than one that is used and not declared (OpenAPI 3.0.3, section
/// 4.7.1).
fn leave_out_bare_tags(members: &mut BTreeMap<String, Meaning>) {
    if let Some(tags) = members.get_mut("tags").and_then(Meaning::members) {
        tags.retain(|_, tag| tag.entries().any(|(key, _)| key != "name"));
    }
}

/// The reference that a schema comes to which is nothing but an `allOf` of it.
fn bare_reference(members: &BTreeMap<String, Meaning>) -> Option<Meaning> {
    match members.get("allOf").map(|node| &node.part) {
        Some(Part::List(items)) if members.len() == 1 => match items.as_slice() {
            [only] if only.get("$ref").is_some() => Some(only.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a member means the same as none: an empty text, and an extension of the paths as a whole, which belongs to no
/// operation.
fn says_nothing(kind: Kind, key: &str, value: &Value) -> bool {
    let empty = kind.member(key) == Member::Text && value.as_str().is_some_and(str::is_empty);
    empty || (kind == Kind::Paths && key.starts_with("x-"))
}

/// A plain value; sorted, where it is a list whose order means nothing.
fn plain(kind: Kind, key: &str, value: &Value) -> Value {
    if let (Kind::Info, "version", Some(version)) = (kind, key, value.as_str()) {
        return Value::String(whole_version(version));
    }
    let mut value = number(value);
    let unordered = matches!(
        (kind, key),
        (Kind::Schema, "required" | "enum") | (Kind::Operation, "tags")
    );
    if unordered && let Some(items) = value.as_array_mut() {
        items.sort_by_key(Value::to_string);
    }
    value
}

/// A version with all three numbers: `1.0` and `v1` say the same as `1.0.0`. Other texts stay as they are.
fn whole_version(text: &str) -> String {
    let numbers: Vec<&str> = text.strip_prefix('v').unwrap_or(text).split('.').collect();
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() > 3 || !numbers.iter().all(number) {
        return text.to_owned();
    }
    let mut numbers = numbers;
    numbers.resize(3, "0");
    numbers.join(".")
}

/// Writes whole numbers without a fraction: `1.0` is `1`.
fn number(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            // 2^53: up to there every whole number is a float.
            Some(float)
                if number.is_f64()
                    && float.fract() == 0.0
                    && float.abs() < 9_007_199_254_740_992.0 =>
            {
                json!(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(number).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), number(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// Text with each run of white space made one space.
fn folded(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        other => other.clone(),
    }
}

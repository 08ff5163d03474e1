//! A parsed contract: its text, its meaning, and where each part of it stands.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;
use serde_json::Value;

use crate::{
    document::{self, Places},
    location::{Finding, Location},
    pointer, survey,
};

/// The methods an OpenAPI 3.0 path item can have, as they are written there.
pub(crate) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// A parsed contract that knows where each of its nodes stands.
#[derive(Clone, Debug)]
pub struct Contract {
    name: String,
    text: String,
    value: Value,
    places: Arc<Places>,
    openapi: openapiv3::OpenAPI,
    /// Whether it is known to be OpenAPI throughout.
    is_checked: bool,
}

/// An operation of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationRef {
    /// The `operationId`, if there is one.
    #[serde(rename = "operationId")]
    pub id: Option<String>,
    /// The method in upper case, such as `POST`.
    pub method: String,
    /// The path as the contract writes it, such as `/users/{name}`.
    pub path: String,
    /// The RFC 6901 pointer to the operation, such as `/paths/~1login/post`.
    pub pointer: String,
}

impl Contract {
    /// Parses an OpenAPI 3.0 document, in YAML or JSON.
    ///
    /// `name` is what findings call the file, such as `openapi.yaml`.
    ///
    /// # Errors
    /// What keeps the text from being an OpenAPI 3.0 document, each with its place: broken syntax, a key that stands twice, YAML
    /// that JSON cannot say, another version of OpenAPI, a field that OpenAPI does not know or whose value has the wrong type.
    pub fn parse(name: &str, text: &str) -> Result<Contract, Vec<Finding>> {
        let mut contract = Self::parse_unchecked(name, text)?;
        contract.check()?;
        Ok(contract)
    }

    /// Parses a document of which parts may be no OpenAPI, for [`generate_supported`](crate::generate_supported) and
    /// [`report`](crate::report()), which take them out. [`generate`](crate::generate) refuses them.
    ///
    /// # Errors
    /// What keeps the text from being read at all: broken syntax, a key that stands twice, YAML that JSON cannot say, another version of
    /// OpenAPI.
    pub fn parse_unchecked(name: &str, text: &str) -> Result<Contract, Vec<Finding>> {
        let (value, places) = document::read(text).map_err(|fault| {
            vec![Finding {
                file: name.to_owned(),
                location: fault.location,
                pointer: fault.pointer,
                message: fault.message,
                help: fault.help.to_owned(),
            }]
        })?;
        let contract = Contract {
            name: name.to_owned(),
            text: text.to_owned(),
            value,
            places: Arc::new(places),
            openapi: openapiv3::OpenAPI::default(),
            is_checked: false,
        };
        contract.check_version().map_err(|finding| vec![finding])?;
        Ok(contract)
    }

    /// Makes sure that it is OpenAPI throughout.
    ///
    /// # Errors
    /// Where it is not.
    pub(crate) fn check(&mut self) -> Result<(), Vec<Finding>> {
        if self.is_checked {
            return Ok(());
        }
        let wrong = survey::survey(self).wrong;
        if !wrong.is_empty() {
            return Err(in_document_order(wrong));
        }
        self.openapi = self.model().map_err(|finding| vec![finding])?;
        self.is_checked = true;
        Ok(())
    }

    fn check_version(&self) -> Result<(), Finding> {
        let help = "write `openapi: 3.0.3` at the top, and the document as that version has it";
        match self.value.get("openapi") {
            Some(Value::String(version)) if is_supported(version) => Ok(()),
            Some(version) => Err(self.finding(
                "/openapi",
                format!("OpenAPI {version} is not read here"),
                help,
            )),
            None => Err(self.finding("", "this is no OpenAPI document", help)),
        }
    }

    fn model(&self) -> Result<openapiv3::OpenAPI, Finding> {
        serde_path_to_error::deserialize(&self.value).map_err(|error| {
            let pointer = error.path().iter().fold(String::new(), |parent, segment| {
                match segment {
                    serde_path_to_error::Segment::Seq { index } => pointer::child(&parent, index),
                    serde_path_to_error::Segment::Map { key } => pointer::child(&parent, key),
                    // A variant is no step in the document; nor is what the path does not know.
                    serde_path_to_error::Segment::Enum { .. }
                    | serde_path_to_error::Segment::Unknown => parent,
                }
            });
            self.finding(
                &pointer,
                format!("not OpenAPI 3.0: {}", error.inner()),
                "write it as the OpenAPI 3.0.3 specification has it",
            )
        })
    }

    /// What findings call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The document as JSON, its keys in the order in which they are written.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The document as `openapiv3` models it; empty if it was parsed unchecked.
    pub fn openapi(&self) -> &openapiv3::OpenAPI {
        &self.openapi
    }

    /// Where the node at an RFC 6901 pointer stands: its key, for a member of an object. If there is no such node, where its
    /// nearest ancestor stands.
    pub fn locate(&self, pointer: &str) -> Location {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            match pointer::parent(pointer) {
                Some(parent) => pointer = parent,
                None => return Location { line: 1, column: 1 },
            }
        }
    }

    /// Every operation, in the order of the document.
    pub fn operations(&self) -> Vec<OperationRef> {
        let mut operations = Vec::new();
        let Some(paths) = self.value.get("paths") else {
            return operations;
        };
        let paths = pointer::members("/paths", paths);
        // What does not begin with a slash is an extension.
        for (path_pointer, path, item) in paths.filter(|(_, path, _)| path.starts_with('/')) {
            for (pointer, key, operation) in pointer::members(&path_pointer, item) {
                if METHODS.contains(&key.as_str()) {
                    operations.push(OperationRef {
                        id: operation
                            .get("operationId")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                        method: key.to_uppercase(),
                        path: path.clone(),
                        pointer,
                    });
                }
            }
        }
        operations
    }

    /// Follows `$ref`s from the node at a pointer to the node that is meant, which is the first if it is no reference.
    ///
    /// # Errors
    /// A finding at the reference that leads nowhere, in a circle, or out of the file.
    pub fn resolve<'a>(&'a self, pointer: &str) -> Result<(String, &'a Value), Finding> {
        let mut seen = vec![pointer.to_owned()];
        loop {
            let here = seen.last().cloned().unwrap_or_default();
            let node = self.value.pointer(&here).ok_or_else(|| {
                self.finding(&here, "there is no such node", "name a node that exists")
            })?;
            let Some(target) = node.get("$ref") else {
                return Ok((here, node));
            };
            let at = pointer::child(&here, "$ref");
            let Some(target) = target.as_str() else {
                return Err(self.finding(&at, "`$ref` is no string", "write `#/components/...`"));
            };
            let Some(next) = target
                .strip_prefix('#')
                .filter(|next| next.starts_with('/'))
            else {
                return Err(self.finding(
                    &at,
                    format!("`{target}` leads out of this file"),
                    "move what it names under components and write `#/components/...`",
                ));
            };
            if self.value.pointer(next).is_none() {
                return Err(self.finding(
                    &at,
                    format!("`{target}` names nothing"),
                    "name a component that exists",
                ));
            }
            if seen.iter().any(|pointer| pointer == next) {
                return Err(self.finding(
                    &at,
                    format!("`{target}` leads back to itself"),
                    "end the chain of references at something that is no reference",
                ));
            }
            seen.push(next.to_owned());
        }
    }

    /// The names of the component schemas that are secrets, in the order of the document: strings with `format: password`, or
    /// with the extension `x-secret: true`.
    pub fn secrets(&self) -> Vec<String> {
        let Some(schemas) = self.value.pointer("/components/schemas") else {
            return Vec::new();
        };
        pointer::members("/components/schemas", schemas)
            .filter(|(_, _, schema)| is_secret(schema))
            .map(|(_, name, _)| name.clone())
            .collect()
    }

    /// The contract without the nodes at some pointers, which are members of objects. What is left stands where it stood.
    pub(crate) fn without(&self, pointers: &BTreeSet<String>) -> Contract {
        let mut value = self.value.clone();
        for pointer in pointers {
            let parent = pointer::parent(pointer).and_then(|parent| value.pointer_mut(parent));
            if let Some(members) = parent.and_then(Value::as_object_mut) {
                members.shift_remove(&pointer::last(pointer));
            }
        }
        Contract {
            name: self.name.clone(),
            text: self.text.clone(),
            value,
            places: Arc::clone(&self.places),
            openapi: openapiv3::OpenAPI::default(),
            is_checked: false,
        }
    }

    /// A finding at a pointer.
    pub(crate) fn finding(
        &self,
        pointer: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        Finding {
            file: self.name.clone(),
            location: self.locate(pointer),
            pointer: pointer.to_owned(),
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Whether a version is `3.0.` and a number.
fn is_supported(version: &str) -> bool {
    version
        .strip_prefix("3.0.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Sorts findings by where they stand, and drops what was found twice.
pub(crate) fn in_document_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        a.location
            .cmp(&b.location)
            .then_with(|| a.pointer.cmp(&b.pointer))
    });
    findings.dedup();
    findings
}

/// Whether a schema is marked as a secret.
pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("format").and_then(Value::as_str) == Some("password")
        || schema.get("x-secret") == Some(&Value::Bool(true))
}

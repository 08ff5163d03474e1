use serde::Serialize;
use serde_json::{Map, Value};

use crate::document::Document;
use crate::grammar;
use crate::pointer::{self, child};

/// An operation of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationRef {
    /// The `operationId`, if present.
    #[serde(rename = "operationId")]
    pub id: Option<String>,
    /// The method in upper case, such as `POST`.
    pub method: String,
    /// The path as written in the document, such as `/users/{name}`.
    pub path: String,
    /// The RFC 6901 pointer to the operation, such as `/paths/~1login/post`.
    pub pointer: String,
}

impl Document {
    /// Returns every operation in document order.
    pub fn operations(&self) -> Vec<OperationRef> {
        let mut operations = Vec::new();
        let Some(paths) = self.value().get("paths") else {
            return operations;
        };
        let paths = pointer::members("/paths", paths);
        for (path_pointer, path, item) in paths.filter(|(_, path, _)| path.starts_with('/')) {
            for (pointer, key, operation) in pointer::members(&path_pointer, item) {
                if grammar::is_method(key) {
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

    /// Returns the keys of an operation's responses: statuses, ranges, `default`.
    pub fn statuses<'a>(&'a self, operation: &OperationRef) -> Vec<&'a str> {
        let responses = self
            .value()
            .pointer(&child(&operation.pointer, "responses"));
        responses
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(status, _)| status.as_str())
            .filter(|status| !status.starts_with("x-"))
            .collect()
    }

    /// Returns the security schemes that an operation names, each with its pointer.
    ///
    /// Empty if the operation needs no credential.
    pub fn security_schemes(&self, operation: &str) -> Vec<(String, String)> {
        let at = self.security_requirements(operation);
        let mut schemes = Vec::new();
        let requirements = self.value().pointer(&at).unwrap_or(&Value::Null);
        for (at, requirement) in pointer::items(&at, requirements) {
            let named = pointer::members(&at, requirement);
            schemes.extend(named.map(|(at, name, _)| (at, name.clone())));
        }
        schemes
    }

    /// Returns whether an operation also accepts requests without a credential (an empty requirement).
    pub fn accepts_anonymous(&self, operation: &str) -> bool {
        let requirements = self
            .value()
            .pointer(&self.security_requirements(operation))
            .and_then(Value::as_array);
        requirements
            .into_iter()
            .flatten()
            .any(|requirement| requirement.as_object().is_some_and(Map::is_empty))
    }

    /// Returns the pointer to an operation's own security requirements, or else to those of the document.
    fn security_requirements(&self, operation: &str) -> String {
        let own = child(operation, "security");
        if self.value().pointer(&own).is_some() {
            own
        } else {
            "/security".to_owned()
        }
    }
}

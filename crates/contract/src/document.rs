use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::finding::{Finding, Location};
use crate::yaml::Locations;
use crate::{pointer, yaml};

/// An OpenAPI 3.0 document that may contain invalid parts.
///
/// Use it in tools that remove invalid operations from a document; otherwise use [`Contract`](crate::Contract), which
/// is valid.
#[derive(Clone, Debug)]
pub struct Document {
    name: String,
    text: String,
    value: Value,
    locations: Arc<Locations>,
}

impl Document {
    /// Parses a document in YAML or JSON.
    ///
    /// `name` is the file name that findings show, such as `openapi.yaml`.
    ///
    /// # Errors
    /// Fails for invalid syntax, a duplicate key, YAML without an equivalent in JSON, or another version of OpenAPI.
    pub fn parse(name: &str, text: &str) -> Result<Document, Finding> {
        let (value, locations) = yaml::read(text).map_err(|fault| Finding {
            file: name.to_owned(),
            location: fault.location,
            pointer: fault.pointer,
            message: fault.message,
            help: fault.help.to_owned(),
        })?;
        let document = Document {
            name: name.to_owned(),
            text: text.to_owned(),
            value,
            locations: Arc::new(locations),
        };
        document.check_version()?;
        Ok(document)
    }

    fn check_version(&self) -> Result<(), Finding> {
        let help = "write `openapi: 3.0.3` at the top, and follow that version";
        match self.value.get("openapi") {
            Some(Value::String(version)) if is_supported(version) => Ok(()),
            Some(version) => Err(self.finding(
                "/openapi",
                format!("OpenAPI {version} is not supported"),
                help,
            )),
            None => Err(self.finding("", "this is not an OpenAPI document", help)),
        }
    }

    /// Returns the file name that findings show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the document as JSON, with its keys in document order.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the location of the node at an RFC 6901 pointer.
    ///
    /// The location of a member is that of its key. If the node does not exist, its nearest ancestor is located.
    pub fn locate(&self, pointer: &str) -> Location {
        let mut pointer = pointer;
        loop {
            if let Some(location) = self.locations.get(pointer) {
                return *location;
            }
            match pointer::parent(pointer) {
                Some(parent) => pointer = parent,
                None => return Location { line: 1, column: 1 },
            }
        }
    }

    /// Follows `$ref`s from the node at a pointer and returns the final node with its pointer.
    ///
    /// # Errors
    /// Fails if a reference is not a string, points to a missing node or to another file, or is circular.
    pub fn resolve<'a>(&'a self, pointer: &str) -> Result<(String, &'a Value), Finding> {
        let mut seen = vec![pointer.to_owned()];
        loop {
            let here = seen.last().cloned().unwrap_or_default();
            let node = self.value.pointer(&here).ok_or_else(|| {
                self.finding(
                    &here,
                    "the node does not exist",
                    "refer to an existing node",
                )
            })?;
            let Some(target) = node.get("$ref") else {
                return Ok((here, node));
            };
            let at = pointer::child(&here, "$ref");
            let Some(target) = target.as_str() else {
                return Err(self.finding(
                    &at,
                    "`$ref` is not a string",
                    "write `#/components/...`",
                ));
            };
            let Some(next) = target
                .strip_prefix('#')
                .filter(|next| next.starts_with('/'))
            else {
                return Err(self.finding(
                    &at,
                    format!("`{target}` refers to another file"),
                    "move its target to `components` and write `#/components/...`",
                ));
            };
            if self.value.pointer(next).is_none() {
                return Err(self.finding(
                    &at,
                    format!("`{target}` does not exist"),
                    "refer to an existing component",
                ));
            }
            if seen.iter().any(|pointer| pointer == next) {
                return Err(self.finding(
                    &at,
                    format!("`{target}` is circular"),
                    "end the chain of references at a component",
                ));
            }
            seen.push(next.to_owned());
        }
    }

    /// Returns a copy of the document without the object members at the given pointers.
    ///
    /// The other nodes keep their locations.
    #[must_use]
    pub fn without(&self, pointers: &BTreeSet<String>) -> Document {
        let mut document = self.clone();
        for pointer in pointers {
            let parent =
                pointer::parent(pointer).and_then(|parent| document.value.pointer_mut(parent));
            if let Some(members) = parent.and_then(Value::as_object_mut) {
                members.shift_remove(&pointer::last(pointer));
            }
        }
        document
    }

    /// Replaces the node at a pointer; `moved` maps old to new pointers of nodes that keep their locations.
    pub(crate) fn replace(&mut self, pointer: &str, value: Value, moved: &[(String, String)]) {
        if let Some(node) = self.value.pointer_mut(pointer) {
            *node = value;
        }
        let locations = Arc::make_mut(&mut self.locations);
        for (old, new) in moved {
            let within = locations.iter().filter_map(|(at, location)| {
                let rest = at.strip_prefix(old.as_str())?;
                let is_within = rest.is_empty() || rest.starts_with('/');
                is_within.then(|| (format!("{new}{rest}"), *location))
            });
            let within: Vec<_> = within.collect();
            locations.extend(within);
        }
    }

    /// Creates a finding at a pointer.
    pub fn finding(
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

fn is_supported(version: &str) -> bool {
    version
        .strip_prefix("3.0.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

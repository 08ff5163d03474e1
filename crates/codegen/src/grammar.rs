//! OpenAPI 3.0.3 as a table: which fields each object has, what their values are, and what this generator does with them.
//!
//! Two questions are answered from it. *Is this OpenAPI at all?* A field that the specification does not know, a value of the
//! wrong type and a field that is missing are found when a contract is parsed, each at its own place; `openapiv3` alone
//! would name some ancestor, and would pass over fields that it does not know. *Can it be generated?* A field that nothing here
//! reads is refused, unless it truly makes no difference to a server, so that nothing in a contract is passed over in
//! silence. To widen the generator, change a field from `refused` to `read` and read it.
//!
//! Source: <https://spec.openapis.org/oas/v3.0.3>, section 4.7 ("Schema"), one table for each object, in its order.

use serde_json::Value;

mod objects;

pub(crate) use objects::{OPENAPI, REFERENCE, SCHEMA_OR_REF};

/// What the value of a field is.
pub(crate) enum Kind {
    Any,
    Text,
    Flag,
    Number,
    Natural,
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Kind),
    /// An object whose keys are free.
    Map(&'static Kind),
    /// An object of `components`, whose keys are names.
    Named(&'static Kind),
    /// The Paths Object: keys begin with `/`.
    Paths(&'static Kind),
    /// The Responses Object: keys are `default`, a status or a range of them.
    Statuses(&'static Kind),
    Object(&'static Spec),
    /// An object, or a reference to one.
    ObjectOrRef(&'static Spec),
    SchemaOrFlag,
}

/// What the generator does with a field.
pub(crate) enum Role {
    /// Reads it, or it makes no difference to a server.
    Read,
    /// Refuses it; with what to do instead.
    Refused(&'static str),
}

/// A field of an object.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) role: Role,
}

/// An object of the specification.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    pub(crate) required: &'static [&'static str],
}

impl Spec {
    /// Its name with `a` or `an`.
    pub(crate) fn with_article(&self) -> String {
        let article = if self.name.starts_with(['A', 'E', 'I', 'O']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {}", self.name)
    }

    /// The part of `components` that such objects stand in.
    pub(crate) fn section(&self) -> &'static str {
        match self.name {
            "Response Object" => "responses",
            "Parameter Object" => "parameters",
            "Example Object" => "examples",
            "Request Body Object" => "requestBodies",
            "Header Object" => "headers",
            "Security Scheme Object" => "securitySchemes",
            "Link Object" => "links",
            // The tables allow a reference nowhere else.
            _ => "schemas",
        }
    }

    /// The fields that it must have, given the others.
    pub(crate) fn needed(&self, value: &Value) -> Vec<&'static str> {
        let mut needed = self.required.to_vec();
        let kind = value.get("type").and_then(Value::as_str);
        needed.extend::<&[_]>(match (self.name, kind) {
            // Sections 4.7.12.2 and 4.7.21.
            ("Parameter Object" | "Header Object", _) if value.get("content").is_none() => {
                &["schema"]
            }
            // Section 4.7.27.1.
            ("Security Scheme Object", Some("apiKey")) => &["name", "in"],
            ("Security Scheme Object", Some("http")) => &["scheme"],
            ("Security Scheme Object", Some("oauth2")) => &["flows"],
            ("Security Scheme Object", Some("openIdConnect")) => &["openIdConnectUrl"],
            _ => &[],
        });
        needed
    }
}

//! What is what in an OpenAPI document that parsed.
//!
//! Parsing has already refused what the specification does not know. What is left to tell is which nodes are schemas,
//! responses, headers and so on, wherever they stand, and which values are text for people: the lints visit nodes by
//! their kind, and the document check compares text, schemas and examples each in its own way.
//!
//! The tables follow the "Fixed Fields" of the OpenAPI Specification 3.0.3, section 4.7, and leave out the plain ones.

use serde_json::Value;

/// An object of the specification (OpenAPI 3.0.3, section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenApi,
    Info,
    Server,
    ServerVariable,
    Components,
    Paths,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Encoding,
    Responses,
    Response,
    Callback,
    Example,
    Link,
    Header,
    Tag,
    Schema,
    SecurityScheme,
}

/// What stands at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// A value without further structure: a name, a number, an example, an extension.
    Plain,
    /// Text for people, in which white space means nothing.
    Text,
    /// One object.
    One(Kind),
    /// A map from names to objects.
    Map(Kind),
    /// A list of objects.
    List(Kind),
}

impl Kind {
    /// What stands at `key` of such an object.
    pub(crate) fn field(self, key: &str) -> Field {
        use Field::{List, Map, One, Plain, Text};
        if key.starts_with("x-") {
            return Plain;
        }
        let known: &[(&str, Field)] = match self {
            Kind::OpenApi => &[
                ("info", One(Kind::Info)),
                ("servers", List(Kind::Server)),
                ("paths", One(Kind::Paths)),
                ("components", One(Kind::Components)),
                ("tags", List(Kind::Tag)),
                ("externalDocs", One(Kind::ExternalDocs)),
            ],
            Kind::Info => &[("title", Text), ("description", Text)],
            Kind::Server => &[
                ("description", Text),
                ("variables", Map(Kind::ServerVariable)),
            ],
            Kind::ServerVariable | Kind::ExternalDocs | Kind::SecurityScheme => {
                &[("description", Text)]
            }
            Kind::Components => &[
                ("schemas", Map(Kind::Schema)),
                ("responses", Map(Kind::Response)),
                ("parameters", Map(Kind::Parameter)),
                ("examples", Map(Kind::Example)),
                ("requestBodies", Map(Kind::RequestBody)),
                ("headers", Map(Kind::Header)),
                ("securitySchemes", Map(Kind::SecurityScheme)),
                ("links", Map(Kind::Link)),
                ("callbacks", Map(Kind::Callback)),
            ],
            // Their keys are paths, expressions and statuses.
            Kind::Paths | Kind::Callback => return One(Kind::PathItem),
            Kind::Responses => return One(Kind::Response),
            Kind::PathItem => &[
                ("summary", Text),
                ("description", Text),
                ("get", One(Kind::Operation)),
                ("put", One(Kind::Operation)),
                ("post", One(Kind::Operation)),
                ("delete", One(Kind::Operation)),
                ("options", One(Kind::Operation)),
                ("head", One(Kind::Operation)),
                ("patch", One(Kind::Operation)),
                ("trace", One(Kind::Operation)),
                ("servers", List(Kind::Server)),
                ("parameters", List(Kind::Parameter)),
            ],
            Kind::Operation => &[
                ("summary", Text),
                ("description", Text),
                ("externalDocs", One(Kind::ExternalDocs)),
                ("parameters", List(Kind::Parameter)),
                ("requestBody", One(Kind::RequestBody)),
                ("responses", One(Kind::Responses)),
                ("callbacks", Map(Kind::Callback)),
                ("servers", List(Kind::Server)),
            ],
            Kind::Parameter | Kind::Header => &[
                ("description", Text),
                ("schema", One(Kind::Schema)),
                ("examples", Map(Kind::Example)),
                ("content", Map(Kind::MediaType)),
            ],
            Kind::RequestBody => &[("description", Text), ("content", Map(Kind::MediaType))],
            Kind::MediaType => &[
                ("schema", One(Kind::Schema)),
                ("examples", Map(Kind::Example)),
                ("encoding", Map(Kind::Encoding)),
            ],
            Kind::Encoding => &[("headers", Map(Kind::Header))],
            Kind::Response => &[
                ("description", Text),
                ("headers", Map(Kind::Header)),
                ("content", Map(Kind::MediaType)),
                ("links", Map(Kind::Link)),
            ],
            Kind::Example => &[("summary", Text), ("description", Text)],
            Kind::Link => &[("description", Text), ("server", One(Kind::Server))],
            Kind::Tag => &[
                ("description", Text),
                ("externalDocs", One(Kind::ExternalDocs)),
            ],
            Kind::Schema => &[
                ("title", Text),
                ("description", Text),
                ("allOf", List(Kind::Schema)),
                ("oneOf", List(Kind::Schema)),
                ("anyOf", List(Kind::Schema)),
                ("not", One(Kind::Schema)),
                ("items", One(Kind::Schema)),
                ("properties", Map(Kind::Schema)),
                ("additionalProperties", One(Kind::Schema)),
                ("externalDocs", One(Kind::ExternalDocs)),
            ],
        };
        known
            .iter()
            .find(|(name, _)| *name == key)
            .map_or(Plain, |(_, field)| *field)
    }
}

/// A node of a document, with what it is.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    /// The object that it is, or that it refers to.
    pub(crate) kind: Kind,
    /// Where it stands, as a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// The node itself, references not followed.
    pub(crate) value: &'a Value,
}

impl Node<'_> {
    /// The target, if the node is a reference.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.value.get("$ref").and_then(Value::as_str)
    }
}

/// Every object of a document, parents before children, in the order in which they are written.
pub(crate) fn nodes(document: &Value) -> Vec<Node<'_>> {
    nodes_within(Kind::OpenApi, String::new(), document)
}

/// Every object within one node, itself first. References are not followed.
pub(crate) fn nodes_within(kind: Kind, pointer: String, value: &Value) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    collect(kind, pointer, value, &mut nodes);
    nodes
}

fn collect<'a>(kind: Kind, pointer: String, value: &'a Value, nodes: &mut Vec<Node<'a>>) {
    nodes.push(Node {
        kind,
        pointer: pointer.clone(),
        value,
    });
    if value.get("$ref").is_some() {
        return;
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let pointer = child(&pointer, key);
        match kind.field(key) {
            Field::Plain | Field::Text => {}
            Field::One(kind) => {
                // `additionalProperties` may be a boolean, which is no object.
                if !value.is_boolean() {
                    collect(kind, pointer, value, nodes);
                }
            }
            Field::Map(kind) => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    collect(kind, child(&pointer, key), value, nodes);
                }
            }
            Field::List(kind) => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    collect(kind, child(&pointer, &index.to_string()), value, nodes);
                }
            }
        }
    }
}

/// The pointer to the member `key` of the node at `parent` (escapes: RFC 6901, section 3).
pub(crate) fn child(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_node_is_found_with_its_kind_and_examples_are_no_schemas() {
        let document = json!({
            "paths": { "/a/{b}": { "get": { "responses": { "200": { "content": { "application/json": {
                "schema": { "properties": { "example": { "type": "string" } }, "example": { "properties": {} } },
            }}}}}}},
            "components": { "headers": { "X": { "$ref": "#/components/headers/Y", "schema": {} } } },
        });
        let found: Vec<String> = nodes(&document)
            .iter()
            .map(|node| format!("{:?} {}", node.kind, node.pointer))
            .collect();
        insta::assert_snapshot!(found.join("\n"), @"
        OpenApi 
        Paths /paths
        PathItem /paths/~1a~1{b}
        Operation /paths/~1a~1{b}/get
        Responses /paths/~1a~1{b}/get/responses
        Response /paths/~1a~1{b}/get/responses/200
        MediaType /paths/~1a~1{b}/get/responses/200/content/application~1json
        Schema /paths/~1a~1{b}/get/responses/200/content/application~1json/schema
        Schema /paths/~1a~1{b}/get/responses/200/content/application~1json/schema/properties/example
        Components /components
        Header /components/headers/X
        ");
    }
}

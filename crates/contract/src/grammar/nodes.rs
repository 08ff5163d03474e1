use serde_json::Value;

use super::{Kind, Member};
use crate::pointer::child;

/// An object of a document, or a reference to one.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The kind of the object, or of the reference's target.
    pub kind: Kind,
    /// The RFC 6901 pointer to the node.
    pub pointer: String,
    /// The node itself; references are not followed.
    pub value: &'a Value,
}

impl Node<'_> {
    /// Returns the target of `$ref` if the node is a reference.
    pub fn reference(&self) -> Option<&str> {
        self.value.get("$ref").and_then(Value::as_str)
    }
}

/// Lists every object of a document in document order, parents before children.
pub fn nodes(document: &Value) -> Vec<Node<'_>> {
    nodes_within(Kind::OpenApi, String::new(), document)
}

/// Lists every object within a node, starting with the node itself; references are not followed.
pub fn nodes_within(kind: Kind, pointer: String, value: &Value) -> Vec<Node<'_>> {
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
        match kind.member(key) {
            Member::Plain | Member::Text => {}
            Member::One(kind) => {
                // `additionalProperties` may be a boolean.
                if !value.is_boolean() {
                    collect(kind, pointer, value, nodes);
                }
            }
            Member::Map(kind) => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    collect(kind, child(&pointer, key), value, nodes);
                }
            }
            Member::List(kind) => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    collect(kind, child(&pointer, index), value, nodes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_object_is_listed_with_its_kind_and_examples_are_not_schemas() {
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

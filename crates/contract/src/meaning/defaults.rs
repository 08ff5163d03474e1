use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Meaning, Part};
use crate::grammar::Kind;

/// Adds the defaults that a document omits.
pub(super) fn add_defaults(kind: Kind, pointer: &str, members: &mut BTreeMap<String, Meaning>) {
    let word = |members: &BTreeMap<String, Meaning>, key: &str| match members
        .get(key)
        .map(|node| &node.part)
    {
        Some(Part::Leaf(Value::String(word))) => word.clone(),
        _ => String::new(),
    };
    let (leaves, maps): (&[(&str, Value)], &[&str]) = match kind {
        Kind::OpenApi => (&[], &["tags"]),
        Kind::Components => (&[], &["schemas"]),
        Kind::Operation => (
            &[("deprecated", json!(false)), ("tags", json!([]))],
            &["parameters"],
        ),
        Kind::RequestBody => (&[("required", json!(false))], &[]),
        Kind::Response => (&[], &["headers", "content"]),
        Kind::Parameter => {
            // Section 4.7.12.2: `style` depends on `in`, and `explode` on `style`.
            let style = match word(members, "in").as_str() {
                "query" | "cookie" => "form",
                _ => "simple",
            };
            members
                .entry("style".to_owned())
                .or_insert_with(|| Meaning::leaf(pointer, json!(style)).implied());
            let explode = word(members, "style") == "form";
            members
                .entry("explode".to_owned())
                .or_insert_with(|| Meaning::leaf(pointer, json!(explode)).implied());
            (
                &[
                    ("required", json!(false)),
                    ("deprecated", json!(false)),
                    ("allowEmptyValue", json!(false)),
                    ("allowReserved", json!(false)),
                ],
                &[],
            )
        }
        Kind::Header => (
            &[
                ("required", json!(false)),
                ("deprecated", json!(false)),
                ("style", json!("simple")),
                ("explode", json!(false)),
            ],
            &[],
        ),
        Kind::Schema => {
            if let Some(Part::Leaf(Value::Bool(true))) =
                members.get("additionalProperties").map(|node| &node.part)
            {
                members.remove("additionalProperties");
            }
            (
                &[
                    ("nullable", json!(false)),
                    ("readOnly", json!(false)),
                    ("writeOnly", json!(false)),
                    ("deprecated", json!(false)),
                    ("uniqueItems", json!(false)),
                    ("exclusiveMinimum", json!(false)),
                    ("exclusiveMaximum", json!(false)),
                    ("required", json!([])),
                ],
                &["properties"],
            )
        }
        Kind::Info
        | Kind::Contact
        | Kind::License
        | Kind::Discriminator
        | Kind::Xml
        | Kind::Server
        | Kind::ServerVariable
        | Kind::Paths
        | Kind::PathItem
        | Kind::ExternalDocs
        | Kind::MediaType
        | Kind::Encoding
        | Kind::Responses
        | Kind::Callback
        | Kind::Example
        | Kind::Link
        | Kind::Tag
        | Kind::SecurityScheme => (&[], &[]),
    };
    for (key, value) in leaves {
        members
            .entry((*key).to_owned())
            .or_insert_with(|| Meaning::leaf(pointer, value.clone()).implied());
    }
    for key in maps {
        members
            .entry((*key).to_owned())
            .or_insert_with(|| Meaning::map(pointer, BTreeMap::new()).implied());
    }
}

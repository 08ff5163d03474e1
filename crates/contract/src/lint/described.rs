//! Requires descriptions; `documented.rs` checks those of operations, tags and responses.

use serde_json::Value;

use crate::grammar::{self, Kind, Node};
use crate::{Contract, Finding};

use super::documented::is_blank;

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    grammar::nodes(contract.value())
        .into_iter()
        .filter(|node| node.reference().is_none() && is_blank(node.value.get("description")))
        .filter_map(|node| {
            let (what, help) = missing_description(&node)?;
            Some(contract.finding(&node.pointer, format!("{what} has no description"), help))
        })
        .collect()
}

fn missing_description(node: &Node) -> Option<(String, &'static str)> {
    let (within, name) = node.pointer.rsplit_once('/').unwrap_or_default();
    let list = within.rsplit('/').next().unwrap_or_default();
    let name = name.replace("~1", "/").replace("~0", "~");
    Some(match node.kind {
        Kind::Info => (
            "the document".to_owned(),
            "add `description` under `info`: what the service is for",
        ),
        Kind::Parameter => {
            // Every parsed contract has a name here.
            let name = node.value.get("name").and_then(Value::as_str);
            (
                format!("the parameter `{}`", name.unwrap_or_default()),
                "add `description`: what it selects",
            )
        }
        Kind::Header => (
            format!("the header `{name}`"),
            "add `description`: what it contains",
        ),
        Kind::SecurityScheme => (
            format!("the security scheme `{name}`"),
            "add `description`: what is sent, and by which clients",
        ),
        Kind::Schema if within == "/components/schemas" => (
            format!("the schema `{name}`"),
            "add `description`: it becomes the documentation of the type",
        ),
        Kind::Schema if list == "properties" => (
            format!("the property `{name}`"),
            "add `description`: it becomes the documentation of the field",
        ),
        _ => return None,
    })
}

use serde_json::Value;
use syn::Attribute;

use openapi_contract::pointer;

use crate::base::doc::{self, Doc};
use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, Use, usage};
use crate::types::lower::{self, Definition, Field};

pub(super) fn type_docs(definition: &Definition, refusals: &Refusals<'_>) -> Doc {
    let node = refusals.contract.value().pointer(&definition.at);
    match node.and_then(description_or_title) {
        Some(text) => Doc::for_rustdoc(text),
        None => Doc::single_line(&describe_location(&definition.at)),
    }
}

/// Describes the location of a schema.
fn describe_location(at: &str) -> String {
    let Some((component, within)) = at
        .strip_prefix(SCHEMAS)
        .and_then(|rest| rest.strip_prefix('/'))
        .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    else {
        return format!("The schema at `{at}`.");
    };
    let component = pointer::last(&format!("/{component}"));
    let parent = pointer::parent(at).unwrap_or_default();
    if within.is_empty() {
        format!("The schema `{component}` of the contract.")
    } else if pointer::last(parent) == "properties" {
        format!(
            "The property `{}` in the schema `{component}`.",
            pointer::last(at)
        )
    } else {
        format!("A part of the schema `{component}`.")
    }
}

pub(super) fn description_or_title(node: &Value) -> Option<&str> {
    let text = |keyword| {
        node.get(keyword)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    text("description").or(text("title"))
}

/// Returns a property's own description, else the first sentence of its component's.
pub(super) fn field_docs(source: &Field, refusals: &Refusals<'_>) -> Doc {
    let (mut at, mut node) = (
        source.at.clone(),
        refusals.contract.value().pointer(&source.at),
    );
    while let Some(inner) = node {
        if let Some(text) = inner
            .get("description")
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
        {
            return Doc::for_rustdoc(text);
        }
        match (usage(inner), lower::wrapped(&at, inner)) {
            (Use::Named(_), _) => {
                let target = refusals.resolve(&at);
                if let Some(text) = target.and_then(|(_, node)| node.get("description")?.as_str()) {
                    return Doc::for_rustdoc(doc::first_sentence(text));
                }
                break;
            }
            (Use::Inline(_), Some((inner_at, inner))) => (at, node) = (inner_at, Some(inner)),
            (Use::Inline(_), None) => break,
        }
    }
    match &source.wire {
        Some(wire) => Doc::single_line(&format!("The property `{wire}`.")),
        None => Doc::single_line("Flattened properties."),
    }
}

pub(super) fn set_docs(attrs: &mut Vec<Attribute>, docs: &Doc) {
    attrs.retain(|attr| !attr.path().is_ident("doc"));
    let mut all: Vec<Attribute> = docs.attributes();
    all.append(attrs);
    *attrs = all;
}

use serde_json::Value;

use openapi_contract::pointer;

use crate::base::name;
use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, Use, children, is_secret, scalar, secret_names, union, usage, value};

mod bounds;
mod combination;
mod object;

use bounds::{check_enum, check_integer, check_number, check_sizes, check_string};
use combination::{check_all_of, check_endless, check_union};
use object::check_object;

/// The types that each keyword applies to.
const APPLIES: [(&str, &[&str]); 17] = [
    ("minLength", &["string"]),
    ("maxLength", &["string"]),
    ("pattern", &["string"]),
    ("minimum", &["integer", "number"]),
    ("maximum", &["integer", "number"]),
    ("exclusiveMinimum", &["integer", "number"]),
    ("exclusiveMaximum", &["integer", "number"]),
    ("multipleOf", &["integer", "number"]),
    ("items", &["array"]),
    ("minItems", &["array"]),
    ("maxItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("required", &["object"]),
    ("properties", &["object"]),
    ("additionalProperties", &["object"]),
    ("minProperties", &["object"]),
    ("maxProperties", &["object"]),
];

const COMBINATIONS: [&str; 4] = ["allOf", "oneOf", "anyOf", "not"];

pub(crate) fn check(refusals: &Refusals<'_>) {
    let Some(schemas) = refusals.contract.value().pointer(SCHEMAS) else {
        return;
    };
    for (at, _, node) in pointer::members(SCHEMAS, schemas) {
        match usage(node) {
            Use::Named(_) => refusals.refuse(
                &at,
                "a component schema must not be only a reference",
                "refer to its target directly",
            ),
            Use::Inline(node) if is_secret(node) => check_secret(&at, node, refusals),
            Use::Inline(node) => check_schema(&at, node, refusals),
        }
    }
    check_endless(refusals);
}

pub(crate) fn check_secrets(refusals: &Refusals<'_>) {
    for name in secret_names(refusals.contract) {
        let at = pointer::child(SCHEMAS, &name);
        if let Some(node) = refusals.contract.value().pointer(&at) {
            if name::camel(&name).is_none() {
                refuse_name(&at, &name, refusals);
            }
            check_secret(&at, node, refusals);
        }
    }
}

pub(crate) fn refuse_name(at: &str, name: &str, refusals: &Refusals<'_>) {
    refusals.refuse(
        at,
        format!("`{name}` cannot become the name of a type"),
        "choose a name that begins with a letter and is neither in the Rust prelude nor the name of another secret",
    );
}

pub(crate) fn check_inner(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let Use::Inline(node) = usage(node) else {
        return;
    };
    if is_secret(node) {
        refusals.refuse(
            at,
            "an inline secret is not supported",
            "move it to components.schemas and refer to it with `$ref`",
        );
        return;
    }
    check_schema(at, node, refusals);
}

fn check_schema(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let combined: Vec<_> = COMBINATIONS
        .into_iter()
        .filter(|keyword| node.get(keyword).is_some())
        .collect();
    match node.get("type").and_then(Value::as_str) {
        None => check_untyped(at, node, &combined, refusals),
        Some(kind) => {
            check_keywords(at, node, kind, refusals);
            match kind {
                _ if node.get("enum").is_some() => check_enum(at, node, kind, refusals),
                "object" => check_object(at, node, refusals),
                "array" => check_sizes(at, node, ["minItems", "maxItems"], refusals),
                "string" => check_string(at, node, refusals),
                "integer" => check_integer(at, node, refusals),
                "number" => check_number(at, node, refusals),
                _ => {}
            }
            if kind != "object"
                && let Some(keyword) = combined.first()
            {
                refusals.refuse(
                    &pointer::child(at, keyword),
                    format!("`{keyword}` is not supported for the type {kind}"),
                    "move `type` into each part",
                );
            }
        }
    }
    for keyword in ["allOf", "oneOf", "anyOf"] {
        let list = node.get(keyword).and_then(Value::as_array);
        if list.is_some_and(Vec::is_empty) {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` is empty"),
                "list its parts, or remove it",
            );
        }
    }
    if let Some(not) = node.get("not")
        && not != &Value::Object(serde_json::Map::new())
    {
        refusals.refuse(
            &pointer::child(at, "not"),
            "`not` is not supported",
            "describe the valid values instead; only `not: {}`, which allows no value, is supported",
        );
        return;
    }
    if let Some((at, list)) = union::alternatives(at, node) {
        check_union(&at, list, refusals);
    }
    for (at, child) in children(at, node) {
        check_inner(&at, child, refusals);
    }
    value::check_default(at, node, refusals);
}

fn check_untyped(at: &str, node: &Value, combined: &[&str], refusals: &Refusals<'_>) {
    let restriction = APPLIES
        .iter()
        .map(|(keyword, _)| *keyword)
        .chain(["enum", "format"])
        .find(|keyword| node.get(keyword).is_some());
    match (combined, restriction) {
        ([], None) => {}
        ([], Some(_)) => refusals.refuse(at, "the schema has no type", "add `type`"),
        ([_, second, ..], _) => refusals.refuse(
            &pointer::child(at, second),
            format!("`{second}` together with `{}` needs a `type`", combined[0]),
            "add `type: object`, or nest one in the other",
        ),
        ([keyword], Some(restriction)) => refusals.refuse(
            &pointer::child(at, restriction),
            format!("`{restriction}` together with `{keyword}` needs a `type`"),
            format!("add `type`: dropshot would omit `{restriction}`"),
        ),
        (["allOf"], None) => check_all_of(at, node, refusals),
        ([_], None) => {}
    }
}

fn check_keywords(at: &str, node: &Value, kind: &str, refusals: &Refusals<'_>) {
    for (keyword, kinds) in APPLIES {
        if node.get(keyword).is_some() && !kinds.contains(&kind) {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` does not apply to the type {kind}"),
                "remove it",
            );
        }
    }
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str)
        && let Err(error) = regress::Regex::new(pattern)
    {
        refusals.refuse(
            &pointer::child(at, "pattern"),
            format!("`{pattern}` is not a regular expression: {error}"),
            "write an ECMA-262 regular expression",
        );
    }
    if let Some(format) = node.get("format").and_then(Value::as_str)
        && ["boolean", "array", "object"].contains(&kind)
    {
        refusals.refuse(
            &pointer::child(at, "format"),
            format!("the format `{format}` of the type {kind} is not supported"),
            "remove it",
        );
    }
}

fn check_secret(at: &str, node: &Value, refusals: &Refusals<'_>) {
    if node.get("type").and_then(Value::as_str) != Some("string") {
        refusals.refuse(at, "a secret must be a string", "write `type: string`");
        return;
    }
    check_keywords(at, node, "string", refusals);
    check_sizes(at, node, ["minLength", "maxLength"], refusals);
    for keyword in [
        "enum", "default", "nullable", "allOf", "oneOf", "anyOf", "not",
    ] {
        if node.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` of a secret is not supported"),
                "remove it",
            );
        }
    }
    if let Some(format) = scalar::native(node) {
        refusals.refuse(
            &pointer::child(at, "format"),
            format!("the format `{format}` of a secret is not supported"),
            "remove it",
        );
    }
}

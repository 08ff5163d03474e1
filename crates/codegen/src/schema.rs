//! Which schemas the generator takes.
//!
//! typify, which makes the types, takes more than it enforces: it leaves out bounds it has no type for, reads a missing type
//! as "anything", and gives names of its own to what has none, which may be the name of another schema. Where it meets what it did not
//! expect it panics. So everything is checked here before: a schema that passes has a type that accepts exactly what the
//! schema does (formats that only describe, such as `hostname`, apart: JSON Schema does not make them binding).
//!
//! The rule that keeps names honest: what needs a type of its own (an object, an enumeration, a bounded string, a secret) has to be a
//! component, and is referred to by `$ref` everywhere else.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::{contract::is_secret, name, pointer, refusal::Refusals};

/// Where the component schemas stand.
pub(crate) const SCHEMAS: &str = "/components/schemas";

const NAME_IT: &str = "give it a name under components.schemas and $ref it";

const NAMED_WELL: &str = "begin it with a letter, and choose no name that every Rust program has";

/// A node that is a reference to a component schema, or a schema without a name.
pub(crate) enum Use<'a> {
    /// The name of the component.
    Named(&'a str),
    Inline(&'a Value),
}

/// How a schema is used at a node. References were checked when the contract was surveyed.
pub(crate) fn usage(node: &Value) -> Use<'_> {
    match node
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.rsplit('/').next())
    {
        Some(name) => Use::Named(name),
        None => Use::Inline(node),
    }
}

/// Checks every component schema.
pub(crate) fn check(refusals: &Refusals<'_>) {
    let Some(schemas) = refusals.contract.value().pointer(SCHEMAS) else {
        return;
    };
    let mut types = HashSet::new();
    for (at, name, node) in pointer::members(SCHEMAS, schemas) {
        let type_name = name::camel(name);
        if let Some(type_name) = &type_name
            && !types.insert(type_name.clone())
        {
            refusals.refuse(
                &at,
                format!("two schemas become the type `{type_name}`"),
                "choose another name",
            );
        }
        if type_name.is_none() {
            refusals.refuse(
                &at,
                format!("`{name}` cannot become the name of a type"),
                NAMED_WELL,
            );
        }
        match usage(node) {
            Use::Named(_) => refusals.refuse(
                &at,
                "a component schema that is only a reference",
                "refer to what it names directly",
            ),
            Use::Inline(node) => check_component(&at, node, refusals),
        }
    }
}

/// Checks the component schemas that are secrets, and only those.
pub(crate) fn check_secrets(refusals: &Refusals<'_>) {
    for name in refusals.contract.secrets() {
        let at = pointer::child(SCHEMAS, &name);
        if let Some(node) = refusals.contract.value().pointer(&at) {
            if name::camel(&name).is_none() {
                refusals.refuse(
                    &at,
                    format!("`{name}` cannot become the name of a type"),
                    NAMED_WELL,
                );
            }
            check_component(&at, node, refusals);
        }
    }
}

fn check_component(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let Some(kind) = check_keywords(at, node, refusals) else {
        return;
    };
    check_text(at, node, refusals);
    if is_secret(node) {
        check_secret(at, node, kind, refusals);
        return;
    }
    match kind {
        "object" => check_object(at, node, refusals),
        "array" => check_array(at, node, refusals),
        "string" if node.get("enum").is_some() => check_enum(at, node, refusals),
        "string" => check_string(at, node, refusals),
        _ => {}
    }
}

/// Checks a schema inside another, or in a parameter or a header: a reference, or something that needs no name.
pub(crate) fn check_inner(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let Use::Inline(node) = usage(node) else {
        return;
    };
    let Some(kind) = check_keywords(at, node, refusals) else {
        return;
    };
    check_text(at, node, refusals);
    let needs_name = if is_secret(node) {
        Some("a secret without a name")
    } else if kind == "object" {
        Some("an object without a name")
    } else if node.get("enum").is_some() {
        Some("an enumeration without a name")
    } else if ["minLength", "maxLength", "pattern"]
        .iter()
        .any(|key| node.get(key).is_some())
    {
        Some("a bounded string without a name")
    } else if node.get("title").is_some() {
        Some("a schema with a title and without a name")
    } else {
        None
    };
    match needs_name {
        Some(what) => refusals.refuse(at, what, NAME_IT),
        None if kind == "array" => check_array(at, node, refusals),
        None => {}
    }
}

/// Checks that the type is given, and that each keyword applies to it. Gives the type.
fn check_keywords<'a>(at: &str, node: &'a Value, refusals: &Refusals<'_>) -> Option<&'a str> {
    let Some(kind) = node.get("type").and_then(Value::as_str) else {
        refusals.refuse(at, "a schema without a type", "write its `type`");
        return None;
    };
    for (keyword, applies_to) in [
        ("minLength", "string"),
        ("maxLength", "string"),
        ("pattern", "string"),
        ("required", "object"),
        ("properties", "object"),
        ("additionalProperties", "object"),
        ("items", "array"),
    ] {
        if node.get(keyword).is_some() && kind != applies_to {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` says nothing about the type {kind}"),
                "remove it",
            );
        }
    }
    if node.get("enum").is_some() && kind != "string" {
        refusals.refuse(
            &pointer::child(at, "enum"),
            format!("an enumeration of the type {kind} is not supported"),
            "make it a string, or check it in the handler",
        );
    }
    if let Some(format) = node.get("format").and_then(Value::as_str) {
        check_format(at, kind, format, refusals);
    }
    Some(kind)
}

fn check_format(at: &str, kind: &str, format: &str, refusals: &Refusals<'_>) {
    let supported = match kind {
        "string" => !["uuid", "byte", "binary"].contains(&format),
        "integer" => integer(format).is_some(),
        "number" => ["float", "double"].contains(&format),
        _ => false,
    };
    if !supported {
        refusals.refuse(
            &pointer::child(at, "format"),
            format!("the format `{format}` of the type {kind} is not supported"),
            match kind {
                "integer" => "leave it out, or write int32 or int64",
                "number" => "leave it out, or write float or double",
                _ => "leave it out",
            },
        );
    }
}

/// Formats that typify turns into types of their own, which know nothing of bounds.
fn string_type(format: &str) -> Option<TokenStream> {
    Some(match format {
        "date-time" => quote!(::chrono::DateTime<::chrono::Utc>),
        "date" => quote!(::chrono::NaiveDate),
        "ip" => quote!(::std::net::IpAddr),
        "ipv4" => quote!(::std::net::Ipv4Addr),
        "ipv6" => quote!(::std::net::Ipv6Addr),
        _ => return None,
    })
}

fn integer(format: &str) -> Option<TokenStream> {
    Some(match format {
        "int8" => quote!(i8),
        "uint8" => quote!(u8),
        "int16" => quote!(i16),
        "uint16" => quote!(u16),
        "int32" => quote!(i32),
        "uint32" => quote!(u32),
        "int64" => quote!(i64),
        "uint64" => quote!(u64),
        _ => return None,
    })
}

/// The Rust type of a value that is no object and no array, as typify has it, given the path of the module of types. `None` if it is an
/// array, or was refused.
pub(crate) fn scalar(node: &Value, types: &TokenStream) -> Option<TokenStream> {
    let node = match usage(node) {
        Use::Named(name) => {
            let name = name::camel(name)?;
            return Some(quote!(#types::#name));
        }
        Use::Inline(node) => node,
    };
    let format = node
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match node.get("type")?.as_str()? {
        "string" => Some(string_type(format).unwrap_or(quote!(String))),
        "integer" => Some(integer(format).unwrap_or(quote!(i64))),
        "number" if format == "float" => Some(quote!(f32)),
        "number" => Some(quote!(f64)),
        "boolean" => Some(quote!(bool)),
        _ => None,
    }
}

fn check_secret(at: &str, node: &Value, kind: &str, refusals: &Refusals<'_>) {
    if kind != "string" {
        refusals.refuse(at, "a secret that is no string", "write `type: string`");
    }
    for keyword in ["enum", "pattern", "minLength", "maxLength"] {
        if node.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` of a secret is not supported"),
                "check it in the handler, where the answer can be the same as for a wrong secret",
            );
        }
    }
    let format = node
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or("password");
    if string_type(format).is_some() {
        refusals.refuse(
            &pointer::child(at, "format"),
            format!("the format `{format}` of a secret is not supported"),
            "leave it out",
        );
    }
}

fn check_string(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let length = |keyword| node.get(keyword).and_then(Value::as_u64);
    if let (Some(min), Some(max)) = (length("minLength"), length("maxLength"))
        && min > max
    {
        refusals.refuse(
            &pointer::child(at, "maxLength"),
            format!("no string is at least {min} and at most {max} characters long"),
            "swap them",
        );
    }
    let format = node
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if string_type(format).is_some() {
        for keyword in ["pattern", "minLength", "maxLength"] {
            if node.get(keyword).is_some() {
                refusals.refuse(
                    &pointer::child(at, keyword),
                    format!("`{keyword}` beside the format `{format}` would not be checked"),
                    "remove one of them",
                );
            }
        }
    }
}

fn check_enum(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let at_enum = pointer::child(at, "enum");
    let values = node.get("enum").unwrap_or(&Value::Null);
    let (mut seen, mut variants) = (HashSet::new(), HashSet::new());
    if values.as_array().is_some_and(Vec::is_empty) {
        refusals.refuse(&at_enum, "an enumeration of nothing", "list its values");
    }
    for (at, value) in pointer::items(&at_enum, values) {
        match value.as_str() {
            None => refusals.refuse(&at, "a value that is no string", "quote it"),
            Some(value) if !seen.insert(value) => {
                refusals.refuse(&at, format!("`{value}` stands twice"), "keep one of them");
            }
            Some(value) if !variants.insert(name::as_variant(value)) => refusals.refuse(
                &at,
                format!("`{value}` and another value become the same variant"),
                "choose values that differ in letters or digits",
            ),
            Some(_) => {}
        }
    }
    for keyword in ["pattern", "minLength", "maxLength"] {
        if node.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` beside `enum` would not be checked"),
                "remove it: the values say it all",
            );
        }
    }
}

fn check_array(at: &str, node: &Value, refusals: &Refusals<'_>) {
    match node.get("items") {
        Some(items) => check_inner(&pointer::child(at, "items"), items, refusals),
        None => refusals.refuse(at, "an array of anything", "say what it holds in `items`"),
    }
}

fn check_object(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let at_properties = pointer::child(at, "properties");
    let properties = node.get("properties").unwrap_or(&Value::Null);
    if properties.as_object().is_none_or(serde_json::Map::is_empty) {
        refusals.refuse(
            at,
            "an object without properties",
            "list them under `properties`",
        );
    }
    let mut fields = HashSet::new();
    for (at, name, property) in pointer::members(&at_properties, properties) {
        if !fields.insert(name::as_field(name)) {
            refusals.refuse(
                &at,
                format!("`{name}` and another property become the same field"),
                "choose names that differ in letters or digits",
            );
        }
        check_inner(&at, property, refusals);
    }
    match node.get("additionalProperties") {
        None | Some(Value::Bool(_)) => {}
        Some(_) => refusals.refuse(
            &pointer::child(at, "additionalProperties"),
            "additional properties with a schema are not supported",
            "write true or false",
        ),
    }
    let required = node.get("required").unwrap_or(&Value::Null);
    let mut seen = HashSet::new();
    for (at_name, name) in pointer::items(&pointer::child(at, "required"), required) {
        let Some(name) = name.as_str() else { continue };
        if properties.get(name).is_none() {
            refusals.refuse(
                &at_name,
                format!("`{name}` is required and no property"),
                "list it under `properties`",
            );
        } else if !seen.insert(name) {
            refusals.refuse(
                &at_name,
                format!("`{name}` stands twice"),
                "keep one of them",
            );
        }
    }
}

/// In which direction a schema travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Checks that no property is required which the direction takes away (OpenAPI 3.0.3, section 4.7.24, `readOnly` and `writeOnly`), in a
/// component and all that it holds.
pub(crate) fn check_direction(name: &str, direction: Direction, refusals: &Refusals<'_>) {
    let (keyword, lacking) = match direction {
        Direction::Request => ("readOnly", "requests lack it"),
        Direction::Response => ("writeOnly", "responses lack it"),
    };
    let mut names = vec![name];
    let mut next = 0;
    while let Some(name) = names.get(next).copied() {
        next += 1;
        let at = pointer::child(SCHEMAS, name);
        let Some(node) = refusals.contract.value().pointer(&at) else {
            continue;
        };
        names.extend(
            references(node)
                .into_iter()
                .filter(|new| !names.contains(new))
                .collect::<Vec<_>>(),
        );
        let required = node.get("required").unwrap_or(&Value::Null);
        for (at_name, property) in pointer::items(&pointer::child(&at, "required"), required) {
            let Some(property) = property.as_str() else {
                continue;
            };
            let at_property = pointer::child(&pointer::child(&at, "properties"), property);
            if refusals.contract.value().pointer(&at_property).is_some()
                && let Some((_, schema)) = refusals.resolve(&at_property)
                && schema.get(keyword) == Some(&Value::Bool(true))
            {
                refusals.refuse(
                    &at_name,
                    format!("`{property}` is required and `{keyword}`: {lacking}"),
                    "use one schema for requests and another for responses",
                );
            }
        }
    }
}

/// Checks that the description can be written as the docs of a type.
fn check_text(at: &str, node: &Value, refusals: &Refusals<'_>) {
    if let Some(text) = node.get("description").and_then(Value::as_str) {
        crate::doc::checked(&pointer::child(at, "description"), text, refusals);
    }
}

/// The names of the components that a schema refers to, each once, in the order of the schema.
pub(crate) fn references(node: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    collect(node, &mut names);
    names
}

fn collect<'a>(node: &'a Value, names: &mut Vec<&'a str>) {
    match usage(node) {
        Use::Named(name) => {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Use::Inline(node) => {
            let properties = node.get("properties").and_then(Value::as_object);
            let inner = properties
                .into_iter()
                .flat_map(|properties| properties.values());
            inner
                .chain(node.get("items"))
                .for_each(|node| collect(node, names));
        }
    }
}

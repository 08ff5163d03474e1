//! The check that a default is a valid value of its schema.
//!
//! Generated code uses defaults without checking them, so they are checked here, including bounds.

use serde_json::Value;

use openapi_contract::{Contract, pointer};

use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, Use, scalar, usage};

/// The maximum depth of schemas around a value; a deeper schema is recursive.
const MAX_DEPTH: usize = 64;

pub(crate) fn check_default(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let Some(default) = node.get("default") else {
        return;
    };
    if let Err(violation) = check_value(default, node, refusals.contract, 0) {
        refusals.refuse(
            &pointer::child(at, "default"),
            format!("the default does not match its schema: {violation}"),
            "change the default or the schema",
        );
    }
}

/// Checks a value against a schema; the error describes the violation.
fn check_value(
    value: &Value,
    node: &Value,
    contract: &Contract,
    depth: usize,
) -> Result<(), String> {
    if depth == MAX_DEPTH {
        return Err("the schema is recursive".to_owned());
    }
    let node = match usage(node) {
        Use::Inline(node) => node,
        Use::Named(name) => {
            let at = pointer::child(SCHEMAS, name);
            let node = contract.value().pointer(&at).unwrap_or(&Value::Null);
            return check_value(value, node, contract, depth + 1);
        }
    };
    if value.is_null() && node.get("nullable") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let each = |keyword: &str| {
        node.get(keyword)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        let listed = values.iter().any(|other| equals(value, other));
        return listed
            .then_some(())
            .ok_or_else(|| "it is not in `enum`".to_owned());
    }
    for part in each("allOf") {
        check_value(value, part, contract, depth + 1)?;
    }
    for keyword in ["oneOf", "anyOf"] {
        let mut list = each(keyword).peekable();
        if list.peek().is_some()
            && list.all(|part| check_value(value, part, contract, depth + 1).is_err())
        {
            return Err(format!("it matches no schema in `{keyword}`"));
        }
    }
    if node.get("not").is_some() {
        return Err("the schema allows no value".to_owned());
    }
    match node.get("type").and_then(Value::as_str) {
        Some("string") => string(value, node),
        Some("integer") => integer(value, node),
        Some("number") => number(value, node),
        Some("boolean") if !value.is_boolean() => Err("it is not a boolean".to_owned()),
        Some("array") => array(value, node, contract, depth),
        Some("object") => object(value, node, contract, depth),
        _ => Ok(()),
    }
}

/// Compares values; numbers are equal if their values are, such as `1` and `1.0`.
fn equals(one: &Value, other: &Value) -> bool {
    one == other || one.is_number() && one.as_f64() == other.as_f64()
}

fn size(count: usize, node: &Value, [min, max]: [&str; 2], unit: &str) -> Result<(), String> {
    let count = count as u64;
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    if bound(min).is_some_and(|min| count < min) || bound(max).is_some_and(|max| count > max) {
        return Err(format!("the number of {unit} is {count}"));
    }
    Ok(())
}

fn string(value: &Value, node: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Err("it is not a string".to_owned());
    };
    size(
        text.chars().count(),
        node,
        ["minLength", "maxLength"],
        "characters",
    )?;
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str)
        && let Ok(regex) = regress::Regex::new(pattern)
        && regex.find(text).is_none()
    {
        return Err("it does not match the pattern".to_owned());
    }
    let format = scalar::native(node).unwrap_or_default();
    let is_valid = match format {
        "uuid" => text.parse::<uuid::Uuid>().is_ok(),
        "date" => text.parse::<chrono::NaiveDate>().is_ok(),
        "date-time" => text.parse::<chrono::DateTime<chrono::Utc>>().is_ok(),
        "ip" => text.parse::<std::net::IpAddr>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    };
    is_valid
        .then_some(())
        .ok_or_else(|| format!("it does not have the format {format}"))
}

fn integer(value: &Value, node: &Value) -> Result<(), String> {
    let Some(number) = scalar::as_integer(value).filter(|_| !value.is_f64()) else {
        return Err("it is not an integer".to_owned());
    };
    let integer = scalar::integer(node);
    let (min, max) = scalar::range(node);
    let step = node.get("multipleOf").and_then(scalar::as_integer);
    if number < min.unwrap_or(integer.min).max(integer.min)
        || number > max.unwrap_or(integer.max).min(integer.max)
        || step.is_some_and(|step| step > 0 && number % step != 0)
    {
        return Err("it is out of bounds".to_owned());
    }
    Ok(())
}

fn number(value: &Value, node: &Value) -> Result<(), String> {
    let Some(number) = value.as_f64() else {
        return Err("it is not a number".to_owned());
    };
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_f64);
    let is_exclusive = |keyword: &str| node.get(keyword) == Some(&Value::Bool(true));
    let below = bound("minimum")
        .is_some_and(|min| number < min || number == min && is_exclusive("exclusiveMinimum"));
    let above = bound("maximum")
        .is_some_and(|max| number > max || number == max && is_exclusive("exclusiveMaximum"));
    let between = bound("multipleOf").is_some_and(|step| {
        let times = number / step;
        (times - times.round()).abs() > 1e-9 * times.abs().max(1.0)
    });
    if below || above || between {
        return Err("it is out of bounds".to_owned());
    }
    Ok(())
}

fn array(value: &Value, node: &Value, contract: &Contract, depth: usize) -> Result<(), String> {
    let Some(items) = value.as_array() else {
        return Err("it is not an array".to_owned());
    };
    size(items.len(), node, ["minItems", "maxItems"], "items")?;
    let is_set = node.get("uniqueItems") == Some(&Value::Bool(true));
    for (index, item) in items.iter().enumerate() {
        if is_set && items[..index].contains(item) {
            return Err("two items are equal".to_owned());
        }
        if let Some(schema) = node.get("items") {
            check_value(item, schema, contract, depth + 1)
                .map_err(|violation| format!("item {index}: {violation}"))?;
        }
    }
    Ok(())
}

fn object(value: &Value, node: &Value, contract: &Contract, depth: usize) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Err("it is not an object".to_owned());
    };
    size(
        members.len(),
        node,
        ["minProperties", "maxProperties"],
        "properties",
    )?;
    let required = node.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("`{name}` is missing"));
        }
    }
    let additional = node.get("additionalProperties");
    for (name, value) in members {
        let property = node.get("properties").and_then(|all| all.get(name));
        match (property, additional) {
            (Some(schema), _) | (None, Some(schema @ Value::Object(_))) => {
                check_value(value, schema, contract, depth + 1)
                    .map_err(|violation| format!("`{name}`: {violation}"))?;
            }
            (None, Some(Value::Bool(false))) => {
                return Err(format!("the property `{name}` is not defined"));
            }
            _ => {}
        }
    }
    Ok(())
}

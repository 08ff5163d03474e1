//! Checks of bounds and enumerations.

use serde_json::Value;

use super::APPLIES;
use openapi_contract::pointer;

use crate::base::refusal::Refusals;
use crate::schema::scalar;

pub(super) fn check_string(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_sizes(at, node, ["minLength", "maxLength"], "string", refusals);
    let Some(format) = scalar::native(node) else {
        return;
    };
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

pub(super) fn check_sizes(
    at: &str,
    node: &Value,
    [min, max]: [&str; 2],
    what: &str,
    refusals: &Refusals<'_>,
) {
    let size = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    if let (Some(least), Some(greatest)) = (size(min), size(max))
        && least > greatest
    {
        refusals.refuse(
            &pointer::child(at, max),
            format!("no {what} has at least {least} and at most {greatest}"),
            "swap them",
        );
    }
}

fn check_exclusive(at: &str, node: &Value, refusals: &Refusals<'_>) {
    for (exclusive, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if node.get(exclusive) == Some(&Value::Bool(true)) && node.get(bound).is_none() {
            refusals.refuse(
                &pointer::child(at, exclusive),
                format!("`{exclusive}` without `{bound}`"),
                format!("add `{bound}`: in OpenAPI 3.0 this one is a flag"),
            );
        }
    }
}

pub(super) fn check_integer(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_exclusive(at, node, refusals);
    for keyword in ["minimum", "maximum", "multipleOf"] {
        let Some(bound) = node.get(keyword) else {
            continue;
        };
        let at = pointer::child(at, keyword);
        match scalar::whole(bound) {
            None => refusals.refuse(
                &at,
                format!("{bound} bounds whole numbers"),
                "write a whole number",
            ),
            Some(bound) if !survives(bound) => refusals.refuse(
                &at,
                format!("dropshot does not keep the number {bound}"),
                "write one below 9007199254740993, or leave it out",
            ),
            Some(bound) if keyword == "multipleOf" && bound < 1 => {
                refusals.refuse(
                    &at,
                    "nothing is a multiple of that",
                    "write a number above 0",
                );
            }
            Some(_) => {}
        }
    }
    let integer = scalar::integer(node);
    let (min, max) = scalar::range(node);
    let (least, greatest) = (min.unwrap_or(integer.min), max.unwrap_or(integer.max));
    if least > greatest || least > integer.max || greatest < integer.min {
        let keyword = if max.is_some() { "maximum" } else { "minimum" };
        refusals.refuse(
            &pointer::child(at, keyword),
            format!("no whole number lies between {least} and {greatest}"),
            "write bounds that leave something",
        );
    }
}

/// Returns whether dropshot 0.18 (`schema_util.rs`) preserves a bound: it becomes an `f64`, then `i64`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "this is what dropshot does"
)]
fn survives(bound: i128) -> bool {
    i128::from(bound as f64 as i64) == bound
}

pub(super) fn check_number(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_exclusive(at, node, refusals);
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_f64);
    if bound("multipleOf").is_some_and(|step| step <= 0.0) {
        refusals.refuse(
            &pointer::child(at, "multipleOf"),
            "nothing is a multiple of that",
            "write a number above 0",
        );
    }
    if let (Some(min), Some(max)) = (bound("minimum"), bound("maximum")) {
        let is_shut = ["exclusiveMinimum", "exclusiveMaximum"]
            .iter()
            .any(|keyword| node.get(keyword) == Some(&Value::Bool(true)));
        if min > max || min >= max && is_shut {
            refusals.refuse(
                &pointer::child(at, "maximum"),
                format!("no number lies between {min} and {max}"),
                "write bounds that leave something",
            );
        }
    }
}

pub(super) fn check_enum(at: &str, node: &Value, kind: &str, refusals: &Refusals<'_>) {
    let at_enum = pointer::child(at, "enum");
    let values = node.get("enum").and_then(Value::as_array);
    let values = values.map(Vec::as_slice).unwrap_or_default();
    if ["object", "array"].contains(&kind) {
        refusals.refuse(
            &at_enum,
            format!("an enumeration of the type {kind} is not supported"),
            "check it in the handler",
        );
        return;
    }
    if values.is_empty() {
        refusals.refuse(&at_enum, "an enumeration of nothing", "list its values");
    }
    let mut seen = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let at = pointer::child(&at_enum, index);
        let fits = value.is_null()
            || match kind {
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                _ => value.is_number(),
            };
        if !fits {
            let (what, help) = match kind {
                "string" => ("no string", "quote it"),
                "boolean" => ("neither true nor false", "remove the quotes"),
                "integer" => (
                    "no whole number of 64 bits with a sign",
                    "write one that is",
                ),
                _ => ("no number", "remove the quotes"),
            };
            refusals.refuse(&at, format!("a value that is {what}"), help);
        } else if seen.contains(&value) {
            let shown = value.as_str().map_or(value.to_string(), str::to_owned);
            refusals.refuse(&at, format!("`{shown}` stands twice"), "keep one of them");
        }
        seen.push(value);
    }
    for (keyword, kinds) in APPLIES {
        // An unsigned format implies a `minimum` of zero.
        let is_implied = keyword == "minimum" && node.get(keyword) == Some(&0.into());
        if kinds.contains(&kind) && node.get(keyword).is_some() && !is_implied {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` beside `enum` would not be checked"),
                "remove it: the values say it all",
            );
        }
    }
}

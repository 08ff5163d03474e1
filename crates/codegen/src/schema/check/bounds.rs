use serde_json::Value;

use super::APPLIES;
use openapi_contract::pointer;

use crate::base::refusal::Refusals;
use crate::schema::scalar;

pub(super) fn check_string(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_sizes(at, node, ["minLength", "maxLength"], refusals);
    let Some(format) = scalar::native(node) else {
        return;
    };
    for keyword in ["pattern", "minLength", "maxLength"] {
        if node.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` would not be checked with the format `{format}`"),
                "remove one of them",
            );
        }
    }
}

pub(super) fn check_sizes(at: &str, node: &Value, [min, max]: [&str; 2], refusals: &Refusals<'_>) {
    let size = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    if let (Some(lower), Some(upper)) = (size(min), size(max))
        && lower > upper
    {
        refusals.refuse(
            &pointer::child(at, max),
            format!("`{min}` {lower} is greater than `{max}` {upper}"),
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
                format!("`{exclusive}` needs `{bound}`"),
                format!("add `{bound}`: in OpenAPI 3.0, `{exclusive}` is a boolean"),
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
        match scalar::as_integer(bound) {
            None => refusals.refuse(
                &at,
                format!("`{keyword}` of an integer must be an integer, not {bound}"),
                "write an integer",
            ),
            Some(bound) if !is_preserved(bound) => refusals.refuse(
                &at,
                format!("dropshot would change the number {bound}"),
                "write a number below 9007199254740993, or remove it",
            ),
            Some(bound) if keyword == "multipleOf" && bound < 1 => {
                refusals.refuse(
                    &at,
                    "`multipleOf` must be greater than 0",
                    "write a positive number",
                );
            }
            Some(_) => {}
        }
    }
    let integer = scalar::integer(node);
    let (min, max) = scalar::range(node);
    let (lower, upper) = (min.unwrap_or(integer.min), max.unwrap_or(integer.max));
    if lower > upper || lower > integer.max || upper < integer.min {
        let keyword = if max.is_some() { "maximum" } else { "minimum" };
        refusals.refuse(
            &pointer::child(at, keyword),
            format!("the bounds {lower} and {upper} exclude every integer"),
            "write bounds that allow a value",
        );
    }
}

/// Returns whether dropshot 0.18 (`schema_util.rs`) preserves a bound: it becomes an `f64`, then `i64`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "dropshot converts bounds in this way"
)]
fn is_preserved(bound: i128) -> bool {
    i128::from(bound as f64 as i64) == bound
}

pub(super) fn check_number(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_exclusive(at, node, refusals);
    let bound = |keyword: &str| node.get(keyword).and_then(Value::as_f64);
    if bound("multipleOf").is_some_and(|step| step <= 0.0) {
        refusals.refuse(
            &pointer::child(at, "multipleOf"),
            "`multipleOf` must be greater than 0",
            "write a positive number",
        );
    }
    if let (Some(min), Some(max)) = (bound("minimum"), bound("maximum")) {
        let is_exclusive = ["exclusiveMinimum", "exclusiveMaximum"]
            .iter()
            .any(|keyword| node.get(keyword) == Some(&Value::Bool(true)));
        if min > max || min >= max && is_exclusive {
            refusals.refuse(
                &pointer::child(at, "maximum"),
                format!("the bounds {min} and {max} exclude every number"),
                "write bounds that allow a value",
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
        refusals.refuse(&at_enum, "the enumeration is empty", "list its values");
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
            let (expected, help) = match kind {
                "string" => ("a string", "quote it"),
                "boolean" => ("a boolean", "remove the quotes"),
                "integer" => ("a signed 64-bit integer", "write one"),
                _ => ("a number", "remove the quotes"),
            };
            refusals.refuse(&at, format!("the value is not {expected}"), help);
        } else if seen.contains(&value) {
            let shown = value.as_str().map_or(value.to_string(), str::to_owned);
            refusals.refuse(
                &at,
                format!("`{shown}` is listed twice"),
                "remove one of them",
            );
        }
        seen.push(value);
    }
    for (keyword, kinds) in APPLIES {
        // An unsigned format implies a `minimum` of zero.
        let is_implied = keyword == "minimum" && node.get(keyword) == Some(&0.into());
        if kinds.contains(&kind) && node.get(keyword).is_some() && !is_implied {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` would not be checked with `enum`"),
                "remove it: `enum` lists the values",
            );
        }
    }
}

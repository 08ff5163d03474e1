//! Bounds that typify does not check.
//!
//! typify checks the length and the pattern of strings and the values of enumerations. A schema with any other bound
//! becomes a newtype that only `TryFrom` creates, even during deserialization.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::schema::scalar::{self, Integer};

/// The maximum length of an array that serde reads into `[T; N]`.
const MAX_ARRAY: u64 = 32;

#[derive(Clone)]
pub(crate) struct Bounds {
    /// Expressions on `value` that are true if a bound is broken, each with its error message.
    violations: Vec<(TokenStream, String)>,
}

impl Bounds {
    pub(crate) fn checks(&self) -> TokenStream {
        let checks = self.violations.iter().map(|(is_violated, message)| {
            quote! {
                if #is_violated {
                    return Err(#message.into());
                }
            }
        });
        quote!(#(#checks)*)
    }
}

/// Returns the bounds that neither the Rust type nor typify enforces; `None` if there are none.
pub(crate) fn bounds(node: &Value) -> Option<Bounds> {
    let mut violations = Vec::new();
    match node.get("type").and_then(Value::as_str) {
        _ if node.get("enum").is_some() => boolean(node, &mut violations),
        Some("integer") => integer(node, &mut violations),
        Some("number") => number(node, &mut violations),
        Some("array") => {
            if !is_fixed(node) {
                size(node, ["minItems", "maxItems"], "items", &mut violations);
            }
            if node.get("uniqueItems") == Some(&Value::Bool(true)) {
                violations.push((
                    quote!(!::dropshot_codegen_runtime::are_distinct(&value)),
                    "two items are equal".to_owned(),
                ));
            }
        }
        Some("object") => size(
            node,
            ["minProperties", "maxProperties"],
            "properties",
            &mut violations,
        ),
        _ => {}
    }
    (!violations.is_empty()).then_some(Bounds { violations })
}

/// Returns whether an array becomes a Rust array, because its length is fixed and short enough.
pub(crate) fn is_fixed(node: &Value) -> bool {
    let length = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    length("minItems") == length("maxItems")
        && length("minItems").is_some_and(|length| (1..=MAX_ARRAY).contains(&length))
        && node.get("uniqueItems") != Some(&Value::Bool(true))
}

/// Adds the bound of a boolean with a single valid value.
fn boolean(node: &Value, violations: &mut Vec<(TokenStream, String)>) {
    if node.get("type").and_then(Value::as_str) != Some("boolean") {
        return;
    }
    let listed = |value| {
        let values = node.get("enum").and_then(Value::as_array);
        values.is_some_and(|values| values.contains(&Value::Bool(value)))
    };
    match (listed(true), listed(false)) {
        (true, false) => violations.push((quote!(!value), "not true".to_owned())),
        (false, true) => violations.push((quote!(value), "not false".to_owned())),
        (true, true) | (false, false) => {}
    }
}

fn integer(node: &Value, violations: &mut Vec<(TokenStream, String)>) {
    let integer = scalar::integer(node);
    let (min, max) = scalar::range(node);
    let (.., non_zero) = scalar::integer_type(node);
    if non_zero {
        return;
    }
    if let Some(min) = min.filter(|min| *min > integer.min) {
        let literal = Literal::i128_unsuffixed(min);
        violations.push((quote!(value < #literal), format!("less than {min}")));
    }
    if let Some(max) = max.filter(|max| *max < integer.max) {
        let literal = Literal::i128_unsuffixed(max);
        violations.push((quote!(value > #literal), format!("greater than {max}")));
    }
    if let Some(step) = node.get("multipleOf").and_then(scalar::as_integer) {
        violations.extend(multiple(&integer, step));
    }
}

fn multiple(integer: &Integer, step: i128) -> Option<(TokenStream, String)> {
    let literal = Literal::i128_unsuffixed(step);
    let message = format!("not a multiple of {step}");
    if step == 1 {
        None
    } else if step > integer.max {
        // Zero is the only multiple that the type can represent.
        Some((quote!(value != 0), message))
    } else if integer.is_signed() {
        Some((quote!(value % #literal != 0), message))
    } else {
        Some((quote!(!value.is_multiple_of(#literal)), message))
    }
}

fn number(node: &Value, violations: &mut Vec<(TokenStream, String)>) {
    let value = if scalar::is_single(node) {
        quote!(f64::from(value))
    } else {
        quote!(value)
    };
    for (
        keyword,
        exclusive_keyword,
        [inclusive, exclusive],
        [inclusive_message, exclusive_message],
    ) in [
        (
            "minimum",
            "exclusiveMinimum",
            [quote!(<), quote!(<=)],
            ["less than", "not greater than"],
        ),
        (
            "maximum",
            "exclusiveMaximum",
            [quote!(>), quote!(>=)],
            ["greater than", "not less than"],
        ),
    ] {
        let Some(bound) = node.get(keyword).and_then(Value::as_f64) else {
            continue;
        };
        let (operator, message) = if node.get(exclusive_keyword) == Some(&Value::Bool(true)) {
            (exclusive, exclusive_message)
        } else {
            (inclusive, inclusive_message)
        };
        let literal = Literal::f64_unsuffixed(bound);
        violations.push((
            quote!(#value #operator #literal),
            format!("{message} {bound}"),
        ));
    }
    if let Some(step) = node.get("multipleOf").and_then(Value::as_f64) {
        // A tolerance is needed, because binary floats only approximate decimal fractions such as 0.1.
        let literal = Literal::f64_unsuffixed(step);
        let times = quote!((#value / #literal));
        violations.push((
            quote!((#times - #times.round()).abs() > 1e-9 * #times.abs().max(1.0)),
            format!("not a multiple of {step}"),
        ));
    }
}

fn size(
    node: &Value,
    [min, max]: [&str; 2],
    unit: &str,
    violations: &mut Vec<(TokenStream, String)>,
) {
    let count = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    match count(min) {
        None | Some(0) => {}
        Some(1) => violations.push((quote!(value.is_empty()), format!("no {unit}"))),
        Some(min) => {
            let literal = Literal::u64_unsuffixed(min);
            violations.push((
                quote!(value.len() < #literal),
                format!("fewer than {min} {unit}"),
            ));
        }
    }
    match count(max) {
        None => {}
        Some(0) => violations.push((quote!(!value.is_empty()), format!("more than 0 {unit}"))),
        Some(max) => {
            let literal = Literal::u64_unsuffixed(max);
            violations.push((
                quote!(value.len() > #literal),
                format!("more than {max} {unit}"),
            ));
        }
    }
}

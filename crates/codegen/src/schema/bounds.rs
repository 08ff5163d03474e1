//! Bounds that typify does not check.
//!
//! typify checks the length and the pattern of strings and the values of enumerations. A schema with any other bound
//! becomes a newtype that is created by `TryFrom`, also when it is read.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::schema::scalar::{self, Integer};

/// The maximum length of an array that serde reads into `[T; N]`.
const MAX_ARRAY: u64 = 32;

#[derive(Clone)]
pub(crate) struct Bounds {
    /// Expressions on `value` that are true if a bound is broken, each with its error message.
    faults: Vec<(TokenStream, String)>,
}

impl Bounds {
    pub(crate) fn checks(&self) -> TokenStream {
        let checks = self.faults.iter().map(|(fault, words)| {
            quote! {
                if #fault {
                    return Err(#words.into());
                }
            }
        });
        quote!(#(#checks)*)
    }
}

/// Returns the bounds that neither the Rust type nor typify enforces; `None` if there are none.
pub(crate) fn bounds(node: &Value) -> Option<Bounds> {
    let mut faults = Vec::new();
    match node.get("type").and_then(Value::as_str) {
        _ if node.get("enum").is_some() => flag(node, &mut faults),
        Some("integer") => integer(node, &mut faults),
        Some("number") => number(node, &mut faults),
        Some("array") => {
            if !is_fixed(node) {
                size(node, ["minItems", "maxItems"], "items", &mut faults);
            }
            if node.get("uniqueItems") == Some(&Value::Bool(true)) {
                faults.push((
                    quote!(!::dropshot_codegen_runtime::distinct(&value)),
                    "an item stands twice".to_owned(),
                ));
            }
        }
        Some("object") => size(
            node,
            ["minProperties", "maxProperties"],
            "properties",
            &mut faults,
        ),
        _ => {}
    }
    (!faults.is_empty()).then_some(Bounds { faults })
}

/// Returns whether an array becomes a Rust array, because its length is fixed and short enough.
pub(crate) fn is_fixed(node: &Value) -> bool {
    let length = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    length("minItems") == length("maxItems")
        && length("minItems").is_some_and(|length| (1..=MAX_ARRAY).contains(&length))
        && node.get("uniqueItems") != Some(&Value::Bool(true))
}

/// Adds the bound of a boolean with a single valid value.
fn flag(node: &Value, faults: &mut Vec<(TokenStream, String)>) {
    if node.get("type").and_then(Value::as_str) != Some("boolean") {
        return;
    }
    let listed = |flag| {
        let values = node.get("enum").and_then(Value::as_array);
        values.is_some_and(|values| values.contains(&Value::Bool(flag)))
    };
    match (listed(true), listed(false)) {
        (true, false) => faults.push((quote!(!value), "not true".to_owned())),
        (false, true) => faults.push((quote!(value), "not false".to_owned())),
        (true, true) | (false, false) => {}
    }
}

fn integer(node: &Value, faults: &mut Vec<(TokenStream, String)>) {
    let integer = scalar::integer(node);
    let (min, max) = scalar::range(node);
    let (.., non_zero) = scalar::integer_type(node);
    if non_zero {
        return;
    }
    if let Some(min) = min.filter(|min| *min > integer.min) {
        let literal = Literal::i128_unsuffixed(min);
        faults.push((quote!(value < #literal), format!("less than {min}")));
    }
    if let Some(max) = max.filter(|max| *max < integer.max) {
        let literal = Literal::i128_unsuffixed(max);
        faults.push((quote!(value > #literal), format!("greater than {max}")));
    }
    if let Some(step) = node.get("multipleOf").and_then(scalar::whole) {
        faults.extend(multiple(&integer, step));
    }
}

fn multiple(integer: &Integer, step: i128) -> Option<(TokenStream, String)> {
    let literal = Literal::i128_unsuffixed(step);
    let words = format!("not a multiple of {step}");
    if step == 1 {
        None
    } else if step > integer.max {
        // Zero is the only multiple that the type can represent.
        Some((quote!(value != 0), words))
    } else if integer.is_signed() {
        Some((quote!(value % #literal != 0), words))
    } else {
        Some((quote!(!value.is_multiple_of(#literal)), words))
    }
}

fn number(node: &Value, faults: &mut Vec<(TokenStream, String)>) {
    let value = if scalar::is_single(node) {
        quote!(f64::from(value))
    } else {
        quote!(value)
    };
    for (keyword, exclusive, [inner, outer], [inner_words, outer_words]) in [
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
        let (operator, words) = if node.get(exclusive) == Some(&Value::Bool(true)) {
            (outer, outer_words)
        } else {
            (inner, inner_words)
        };
        let literal = Literal::f64_unsuffixed(bound);
        faults.push((
            quote!(#value #operator #literal),
            format!("{words} {bound}"),
        ));
    }
    if let Some(step) = node.get("multipleOf").and_then(Value::as_f64) {
        // A tolerance is needed, because binary floats only approximate decimal fractions such as 0.1.
        let literal = Literal::f64_unsuffixed(step);
        let times = quote!((#value / #literal));
        faults.push((
            quote!((#times - #times.round()).abs() > 1e-9 * #times.abs().max(1.0)),
            format!("not a multiple of {step}"),
        ));
    }
}

fn size(node: &Value, [min, max]: [&str; 2], what: &str, faults: &mut Vec<(TokenStream, String)>) {
    let count = |keyword: &str| node.get(keyword).and_then(Value::as_u64);
    match count(min) {
        None | Some(0) => {}
        Some(1) => faults.push((quote!(value.is_empty()), format!("no {what}"))),
        Some(min) => {
            let literal = Literal::u64_unsuffixed(min);
            faults.push((
                quote!(value.len() < #literal),
                format!("fewer than {min} {what}"),
            ));
        }
    }
    match count(max) {
        None => {}
        Some(0) => faults.push((
            quote!(!value.is_empty()),
            format!("{what} where none belong"),
        )),
        Some(max) => {
            let literal = Literal::u64_unsuffixed(max);
            faults.push((
                quote!(value.len() > #literal),
                format!("more than {max} {what}"),
            ));
        }
    }
}

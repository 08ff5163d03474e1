//! What a parameter is where it is left out.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::{doc::Doc, pointer, refusal::Refusals};

/// The default of the schema at a pointer, if it has one. One that is no value of the schema is reported.
pub(crate) fn of(at: &str, refusals: &Refusals<'_>) -> Option<Value> {
    let (at, schema) = refusals.resolve(at)?;
    let value = schema.get("default")?;
    if value.is_null() {
        return None;
    }
    if !fits(&at, value, refusals) {
        refusals.refuse(
            &pointer::child(&at, "default"),
            format!("{value} is no value of this schema, or cannot be told to be one"),
            "correct it, or say in the description what is assumed",
        );
    }
    Some(value.clone())
}

/// Whether a value is certainly one of the schema at a pointer.
fn fits(at: &str, value: &Value, refusals: &Refusals<'_>) -> bool {
    let Ok((at, schema)) = refusals.contract.resolve(at) else {
        return false;
    };
    let within = |keyword| {
        let at_list = pointer::child(&at, keyword);
        let list = schema.get(keyword)?.as_array()?;
        let items = (0..list.len()).map(|index| pointer::child(&at_list, index));
        Some(
            items
                .map(|at| fits(&at, value, refusals))
                .collect::<Vec<_>>(),
        )
    };
    if let Some(all) = within("allOf") {
        return all.iter().all(|fits| *fits);
    }
    if let Some(alternatives) = within("oneOf").or_else(|| within("anyOf")) {
        return alternatives.contains(&true);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.contains(value);
    }
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let holds = |size: f64, [least, most]: [&'static str; 2]| {
        bound(least).is_none_or(|least| least <= size)
            && bound(most).is_none_or(|most| size <= most)
    };
    let format = schema.get("format").and_then(Value::as_str);
    match (schema.get("type").and_then(Value::as_str), value) {
        (Some("boolean"), Value::Bool(_)) => true,
        (Some("string"), Value::String(text)) => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            format.is_none()
                && schema.get("pattern").is_none()
                && holds(length.into(), ["minLength", "maxLength"])
        }
        (Some("integer" | "number"), Value::Number(number)) => {
            let whole = number.is_i64() || number.is_u64();
            let number = number.as_f64().unwrap_or(f64::NAN);
            (whole || schema.get("type") == Some(&Value::from("number")))
                && range(format).is_none_or(|(least, most)| least <= number && number <= most)
                && schema.get("multipleOf").is_none()
                && schema.get("exclusiveMinimum").is_none()
                && schema.get("exclusiveMaximum").is_none()
                && holds(number, ["minimum", "maximum"])
        }
        _ => false,
    }
}

/// The least and the greatest number of a format.
fn range(format: Option<&str>) -> Option<(f64, f64)> {
    let format = format?;
    let (signed, bits) = match format.strip_prefix("uint") {
        Some(bits) => (false, bits),
        None => (true, format.strip_prefix("int")?),
    };
    // One less than the width: it can be 64.
    let half = 2_f64.powi(bits.parse::<i32>().ok()? - 1);
    Some(if signed {
        (-half, half - 1.0)
    } else {
        (0.0, 2.0 * half - 1.0)
    })
}

/// The function that gives the default of a parameter of that name and type.
pub(crate) fn function(
    name: &Ident,
    parameter: &str,
    ty: &TokenStream,
    value: &Value,
) -> TokenStream {
    let doc = Doc::line(&format!("What `{parameter}` is where it is left out.")).outer();
    let plain = ty.to_string();
    let body = match value {
        Value::Bool(value) if plain == "bool" => quote!(#value),
        Value::String(text) if plain == "String" => quote!(#text.to_owned()),
        Value::Number(number) if !plain.contains("::") => {
            number.to_string().parse().unwrap_or_default()
        }
        _ => {
            let json = value.to_string();
            quote!(::serde_json::from_str(#json).expect("it was checked when this was generated"))
        }
    };
    quote! {
        #doc
        fn #name() -> #ty {
            #body
        }
    }
}

//! Recognizes schema keywords in the syntax of OpenAPI 3.1, and suggests that of 3.0.

use serde_json::Value;

/// Suggests how to write a keyword in OpenAPI 3.0 if only 3.1 allows its value.
pub(crate) fn in_3_0(keyword: &str, value: &Value) -> Option<String> {
    match keyword {
        "type" if value.is_array() || value == "null" => Some(types(value)),
        "exclusiveMinimum" if value.is_number() => Some(format!(
            "write `minimum: {value}` and `exclusiveMinimum: true`"
        )),
        "exclusiveMaximum" if value.is_number() => Some(format!(
            "write `maximum: {value}` and `exclusiveMaximum: true`"
        )),
        "const" => Some("write an `enum` with only this value".to_owned()),
        "examples" => Some("write one `example`".to_owned()),
        _ => None,
    }
}

fn types(value: &Value) -> String {
    let types = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let others: Vec<&str> = types
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| *name != "null")
        .collect();
    let is_nullable = others.len() < types.len();
    match others[..] {
        [] => "write a type and `nullable: true`".to_owned(),
        [only] if is_nullable => format!("write `type: {only}` and `nullable: true`"),
        [only] => format!("write `type: {only}`"),
        _ if is_nullable => {
            "write `oneOf` with a schema for each type, and `nullable: true` in one".to_owned()
        }
        _ => "write `oneOf` with a schema for each type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keyword_of_openapi_3_1_has_a_suggestion_for_3_0() {
        let written = [
            ("type", json!(["string", "null"])),
            ("exclusiveMinimum", json!(0)),
            ("exclusiveMaximum", json!(1.5)),
            ("const", json!("a")),
            ("examples", json!(["a"])),
        ]
        .map(|(keyword, value)| in_3_0(keyword, &value).expect("a suggestion"));
        insta::assert_snapshot!(written.join("\n"), @"
        write `type: string` and `nullable: true`
        write `minimum: 0` and `exclusiveMinimum: true`
        write `maximum: 1.5` and `exclusiveMaximum: true`
        write an `enum` with only this value
        write one `example`
        ");
    }

    #[test]
    fn keyword_of_openapi_3_0_has_no_suggestion() {
        assert_eq!(in_3_0("type", &json!("string")), None);
        assert_eq!(in_3_0("exclusiveMinimum", &json!(true)), None);
    }
}

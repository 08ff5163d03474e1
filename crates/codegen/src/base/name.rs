//! Conversion of the contract's names to Rust names.

use std::{cell::RefCell, collections::HashMap};

use heck::{ToLowerCamelCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

use crate::base::refusal::Refusals;

/// Converts `getLoginStatus` to `get_login_status`; `None` if the result is not a Rust name.
pub(crate) fn snake(name: &str) -> Option<Ident> {
    ident(&name.to_snake_case())
}

/// Names the method of an operation; `None` if the id has no character that is valid in a name.
///
/// `getLoginStatus` → `get_login_status`, `move` → `move_`, `2fa` → `_2fa`.
pub(crate) fn method(operation_id: &str) -> Option<Ident> {
    let name = operation_id.to_snake_case();
    ident(&name)
        .or_else(|| ident(&format!("{name}_")))
        .or_else(|| ident(&format!("_{name}")).filter(|name| name != "_"))
}

/// Returns the prefix of an operation's type names, which may equal a name of the prelude.
pub(crate) fn camel_part(operation_id: &str) -> Option<Ident> {
    let name = operation_id.to_upper_camel_case();
    ident(&name)
        .or_else(|| ident(&format!("{name}_")))
        .or_else(|| ident(&format!("_{name}")).filter(|name| name != "_"))
}

/// Derives an `operationId` for an operation without one: `GET /users/{id}/roles` → `getUsersRoles`.
pub(crate) fn suggest_operation_id(method: &str, path: &str) -> String {
    let words = path.split('/').filter(|part| !part.starts_with('{'));
    format!("{method} {}", words.collect::<Vec<_>>().join(" ")).to_lower_camel_case()
}

/// Names that generated code, including typify's, uses without a path; types must not shadow them.
const PRELUDE: [&str; 13] = [
    "Box", "Default", "Drop", "Err", "From", "Into", "None", "Ok", "Option", "Result", "Some",
    "String", "Vec",
];

/// Converts `getLoginStatus` to `GetLoginStatus`; `None` if it is not a name or is in the prelude.
pub(crate) fn camel(name: &str) -> Option<Ident> {
    let name = name.to_upper_camel_case();
    ident(&name).filter(|_| !PRELUDE.contains(&name.as_str()))
}

/// Returns the key of a schema for typify, from which typify derives a usable type name.
pub(crate) fn type_key(name: &str) -> String {
    let type_name = sanitize(name, "X", str::to_upper_camel_case);
    // `Self` is the only keyword in upper camel case.
    if PRELUDE.contains(&type_name.as_str()) || type_name == "Self" {
        format!("{name}Type")
    } else {
        name.to_owned()
    }
}

pub(crate) fn type_of_key(key: &str) -> Option<Ident> {
    ident(&sanitize(key, "X", str::to_upper_camel_case))
}

pub(crate) fn type_name(name: &str) -> Option<Ident> {
    type_of_key(&type_key(name))
}

/// The maximum length of a name: rustdoc uses it in file names, which are limited to 255 bytes.
const MAX_LENGTH: usize = 100;

pub(crate) fn ident(name: &str) -> Option<Ident> {
    (name.is_ascii() && name.len() <= MAX_LENGTH && syn::parse_str::<Ident>(name).is_ok())
        .then(|| Ident::new(name, Span::call_site()))
}

/// Returns typify's field name for a property, without the `_` after a keyword.
///
/// Two names never differ only in that `_`.
pub(crate) fn as_field(name: &str) -> String {
    sanitize(name, "x", str::to_snake_case)
}

/// Returns typify's variant name for a value, without the `_` after a keyword.
pub(crate) fn as_variant(value: &str) -> String {
    sanitize(value, "X", str::to_upper_camel_case)
}

/// Returns the variant name that typify 0.8 uses (`type_entry.rs`) if [`as_variant`] is ambiguous.
pub(crate) fn as_careful_variant(value: &str) -> String {
    let escaped = value.replace(|c| c == '_' || !unicode_ident::is_xid_continue(c), "X");
    sanitize(&escaped, "X", str::to_upper_camel_case)
}

/// Sanitizes a name as `sanitize` of typify 0.8 does (`util.rs`).
fn sanitize(name: &str, prefix: &str, to_case: fn(&str) -> String) -> String {
    let cased = match name {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        _ => {
            let no_quotes = name.replace('\'', "");
            to_case(&no_quotes.replace(|c| !unicode_ident::is_xid_continue(c), "-"))
        }
    };
    if cased.starts_with(unicode_ident::is_xid_start) {
        cased
    } else {
        format!("{prefix}{cased}")
    }
}

#[derive(Default)]
pub(crate) struct Names(RefCell<HashMap<String, String>>);

impl Names {
    /// Reserves a name for the item of the node at a pointer; reports a name that is taken already.
    pub(crate) fn claim(&self, name: &Ident, pointer: &str, refusals: &Refusals<'_>) {
        let previous = self
            .0
            .borrow_mut()
            .insert(name.to_string(), pointer.to_owned());
        if let Some(first) = previous {
            refusals.refuse(
                pointer,
                format!("the Rust name `{name}` is already used by {first}"),
                "rename one of them",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_in_camel_case_changes_only_its_case() {
        assert_eq!(
            snake("getLoginStatus").unwrap().to_string(),
            "get_login_status"
        );
        assert_eq!(
            camel("getLoginStatus").unwrap().to_string(),
            "GetLoginStatus"
        );
        assert_eq!(camel("PBX Login").unwrap().to_string(), "PbxLogin");
    }

    #[test]
    fn names_that_typify_merges_are_equal() {
        for (one, other) in [
            ("foo_bar", "fooBar"),
            ("1", "x1"),
            ("", "-"),
            ("a\u{bd}", "a-"),
            ("it's", "its"),
            ("type", "type_"),
        ] {
            assert_eq!(as_field(one), as_field(other));
            assert_eq!(as_variant(one), as_variant(other));
        }
        assert_eq!(
            (as_field("+1"), as_variant("-1")),
            ("plus1".to_owned(), "minus1".to_owned())
        );
        for (one, other) in [("+1", "-1"), ("1", "-1"), ("gr\u{f6}\u{df}e", "grosse")] {
            assert_ne!(as_field(one), as_field(other));
            assert_ne!(as_variant(one), as_variant(other));
        }
    }

    #[test]
    fn keyword_or_invalid_name_returns_none() {
        for name in ["type", "self", "", "-", "1st", "größe", "a b)"] {
            assert_eq!(ident(name), None, "{name}");
        }
        assert_eq!(snake("Type"), None);
        assert!(ident(&"a".repeat(100)).is_some());
        assert_eq!(ident(&"a".repeat(101)), None);
        assert_eq!(camel("ok"), None);
        assert_eq!(camel("self"), None);
    }
}

//! Schemas of the contract, returned unchanged.

/// Implements `JsonSchema` for a generated type with the contract's own schema.
///
/// `contract_schema!(Type, "name", [referenced types], "JSON Schema")`. With `inline` before the type, the schema is
/// written at each use instead of being referred to by name.
#[macro_export]
macro_rules! contract_schema {
    (inline $($rest:tt)*) => {
        $crate::contract_schema!(@impl {
            fn is_referenceable() -> bool {
                false
            }
        } $($rest)*);
    };
    (@impl { $($items:tt)* } $type:ident, $name:literal, [$($referenced:ty),*], $json:literal) => {
        impl $crate::private::schemars::JsonSchema for $type {
            $($items)*

            fn schema_name() -> String {
                $name.to_owned()
            }

            fn json_schema(
                generator: &mut $crate::private::schemars::r#gen::SchemaGenerator,
            ) -> $crate::private::schemars::schema::Schema {
                let _ = &generator;
                $(generator.subschema_for::<$referenced>();)*
                $crate::schema::schema($json)
            }
        }
    };
    ($type:ident, $($rest:tt)*) => {
        $crate::contract_schema!(@impl {} $type, $($rest)*);
    };
}

/// Reads a schema that the generator wrote.
///
/// # Panics
/// Panics if the text is not a schema, which the generator prevents.
pub fn schema(json: &str) -> schemars::schema::Schema {
    serde_json::from_str(json).expect("the schema was valid when it was generated")
}

//! Components that dropshot's `ResultsPage` replaces.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use openapi_contract::pointer;

use crate::schema::SCHEMAS;

/// Returns the components that equal dropshot's `ResultsPage`, each with the component of its items.
///
/// See dropshot 0.18, `pagination.rs`. A component that another schema contains is not replaced: the type that contains
/// it would need `Clone`, which `ResultsPage` does not implement.
pub(super) fn pages(contract: &Value) -> BTreeMap<String, String> {
    let schemas = contract.pointer(SCHEMAS).unwrap_or(&Value::Null);
    let mut pages: BTreeMap<_, _> = pointer::members(SCHEMAS, schemas)
        .filter_map(|(_, name, schema)| {
            let item = name.strip_suffix("ResultsPage")?;
            (*schema == page_of(item)).then(|| (name.clone(), item.to_owned()))
        })
        .collect();
    if !pages.is_empty() {
        retain_bodies(contract, "", &mut pages);
    }
    pages
}

fn page_of(item: &str) -> Value {
    json!({
        "description": "A single page of results",
        "type": "object",
        "properties": {
            "items": {
                "description": "list of items on this page of results",
                "type": "array",
                "items": { "$ref": format!("#{SCHEMAS}/{item}") },
            },
            "next_page": {
                "nullable": true,
                "description": "token used to fetch the next page of results (if any)",
                "type": "string",
            },
        },
        "required": ["items"],
    })
}

/// Removes the pages that are not bodies; `above` is the key of the node.
fn retain_bodies(node: &Value, above: &str, pages: &mut BTreeMap<String, String>) {
    match node {
        Value::Object(members) => {
            for (key, value) in members {
                if key == "$ref"
                    && above != "schema"
                    && let Some(target) = value.as_str()
                    && let Some((_, name)) = target.rsplit_once('/')
                {
                    pages.remove(name);
                }
                retain_bodies(value, key, pages);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| retain_bodies(item, "", pages)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(schema: Value) -> Value {
        json!({
            "paths": { "/": { "get": { "responses": { "200": { "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/ThingResultsPage" }
            } } } } } } },
            "components": { "schemas": {
                "ThingResultsPage": page_of("Thing"),
                "WordResultsPage": page_of("Thing"),
                "Other": schema,
            } },
        })
    }

    #[test]
    fn page_is_detected_by_name_and_schema() {
        let pages = pages(&contract(json!({ "type": "string" })));
        assert_eq!(
            pages,
            BTreeMap::from([("ThingResultsPage".to_owned(), "Thing".to_owned())])
        );
    }

    #[test]
    fn page_in_another_schema_has_a_generated_type() {
        let reference = json!({ "$ref": "#/components/schemas/ThingResultsPage" });
        for schema in [
            json!({ "type": "array", "items": reference }),
            json!({ "allOf": [reference] }),
            json!({ "type": "object", "properties": { "page": reference } }),
        ] {
            assert_eq!(pages(&contract(schema)), BTreeMap::new());
        }
    }

    #[test]
    fn page_schema_equals_schema_of_results_page() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Thing {
            name: String,
        }
        type Page = dropshot::ResultsPage<Thing>;
        let settings = schemars::r#gen::SchemaSettings::openapi3();
        let schema = <Page as schemars::JsonSchema>::json_schema(&mut settings.into_generator());
        assert_eq!(serde_json::to_value(schema).unwrap(), page_of("Thing"));
    }
}

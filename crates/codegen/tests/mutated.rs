//! The generator returns code or findings for any mutated contract, and never panics.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;

use dropshot_codegen::{
    Contract, Document, Settings, Supported, generate, generate_supported, secret_types,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const FIXTURES: [&str; 17] = [
    "bodies",
    "bounds",
    "channels",
    "composed",
    "credentials",
    "docs",
    "errors",
    "freeform",
    "minimal",
    "objects",
    "pagination",
    "parameters",
    "queries",
    "responses",
    "schemas",
    "security",
    "unions",
];

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    Contract::parse(name, &fs::read_to_string(path).unwrap())
        .unwrap()
        .value()
        .clone()
}

#[derive(Clone, Debug)]
enum Mutation {
    Delete,
    Replace(Value),
    /// Replaces the node by a copy of another node.
    Graft(prop::sample::Index),
    Insert(&'static str, Value),
    Rename(&'static str),
}

const WORDS: [&str; 67] = [
    "",
    "$ref",
    "*/*",
    "-",
    "101",
    "302",
    "4XX",
    "additionalProperties",
    "allOf",
    "anyOf",
    "array",
    "boolean",
    "components",
    "content",
    "cookie",
    "date-time",
    "default",
    "description",
    "discriminator",
    "enum",
    "Error",
    "example",
    "exclusiveMinimum",
    "format",
    "header",
    "in",
    "integer",
    "items",
    "maximum",
    "maxLength",
    "minimum",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "name",
    "not",
    "nullable",
    "number",
    "object",
    "oneOf",
    "option",
    "password",
    "path",
    "pattern",
    "properties",
    "query",
    "readOnly",
    "required",
    "schema",
    "schemas",
    "self",
    "Self",
    "string",
    "title",
    "type",
    "uint8",
    "uniqueItems",
    "uuid",
    "x-dropshot-pagination",
    "x-dropshot-websocket",
    "x-request-body-max-bytes",
    "x-rust-type",
    "x-secret",
    "x-streaming",
    "x-wildcard",
    "{a}",
];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WORDS[..])
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        word().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        (-1..5i32).prop_map(Value::from),
        word().prop_map(|word| json!([{ "type": word }, { "type": "string", "enum": [word] }])),
        "\\PC{0,12}".prop_map(Value::from),
        word().prop_map(|word| json!({ "type": word })),
        word().prop_map(|word| json!([word, word])),
        prop::sample::select(vec![
            "Thing", "Error", "Tree", "Pin", "Missing", "Colour", "Trouble"
        ])
        .prop_map(|name| json!({ "$ref": format!("#/components/schemas/{name}") })),
    ]
}

fn mutation() -> impl Strategy<Value = (prop::sample::Index, Mutation)> {
    let mutation = prop_oneof![
        Just(Mutation::Delete),
        value().prop_map(Mutation::Replace),
        any::<prop::sample::Index>().prop_map(Mutation::Graft),
        (word(), value()).prop_map(|(key, value)| Mutation::Insert(key, value)),
        word().prop_map(Mutation::Rename),
    ];
    (any::<prop::sample::Index>(), mutation)
}

fn pointers(node: &Value, at: String, all: &mut Vec<String>) {
    match node {
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    all.push(at);
}

fn mutate(document: &mut Value, at: &prop::sample::Index, mutation: Mutation) {
    let mut all = Vec::new();
    pointers(document, String::new(), &mut all);
    let pointer = all[at.index(all.len())].clone();
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    let graft = match &mutation {
        Mutation::Graft(other) => document.pointer(&all[other.index(all.len())]).cloned(),
        _ => None,
    };
    match mutation {
        Mutation::Delete => match document.pointer_mut(parent).unwrap() {
            Value::Object(members) => {
                members.shift_remove(&key);
            }
            Value::Array(items) => {
                items.remove(key.parse().unwrap());
            }
            _ => {}
        },
        Mutation::Replace(value) => *document.pointer_mut(&pointer).unwrap() = value,
        Mutation::Graft(_) => {
            if let Some(graft) = graft {
                *document.pointer_mut(&pointer).unwrap() = graft;
            }
        }
        Mutation::Insert(new, value) => match document.pointer_mut(&pointer).unwrap() {
            Value::Object(members) => {
                members.insert(new.to_owned(), value);
            }
            Value::Array(items) => items.push(value),
            _ => {}
        },
        Mutation::Rename(new) => {
            if let Some(members) = document.pointer_mut(parent).and_then(Value::as_object_mut)
                && let Some(value) = members.shift_remove(&key)
            {
                members.insert(new.to_owned(), value);
            }
        }
    }
}

/// Checks that the supported part alone gives the same code, and every operation is counted once.
fn run_supported(document: &Document) {
    let operations = document.operations().len();
    match generate_supported(document, &Settings::default()) {
        Ok(Supported {
            code,
            contract: rest,
            report,
        }) => {
            assert_eq!(generate(&rest, &Settings::default()).unwrap(), code);
            assert_eq!(report.generated, rest.operations().len());
            assert_eq!(report.generated + report.refused.len(), operations);
        }
        Err(report) => {
            assert!(!report.elsewhere.is_empty());
            assert_eq!((report.operations, report.generated), (operations, 0));
        }
    }
}

/// Checks that the outcome is valid Rust, or findings with locations in the text.
fn run(text: &str) {
    let outcome = Contract::parse("mutated.json", text).and_then(|contract| {
        // Schemas that would make typify panic must be found earlier.
        let _ = secret_types(&contract);
        generate(&contract, &Settings::default())
    });
    match outcome {
        Ok(code) => {
            syn::parse_file(&code).unwrap();
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            let lines = text.lines().count().max(1);
            for finding in findings {
                assert!(
                    (1..=lines + 1).contains(&finding.location.line),
                    "{finding}"
                );
                assert!(
                    !finding.to_string().contains("typify panicked"),
                    "{finding}"
                );
                assert!(!finding.to_string().contains("report this"), "{finding}");
                assert_eq!(finding.to_string().lines().count(), 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_contract_returns_code_or_findings(
        name in prop::sample::select(&FIXTURES[..]),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let mut document = fixture(name);
        for (at, mutation) in mutations {
            mutate(&mut document, &at, mutation);
        }
        run(&serde_json::to_string_pretty(&document).unwrap());
    }

    #[test]
    fn corrupted_text_returns_code_or_findings(
        name in prop::sample::select(&FIXTURES[..]),
        start in any::<prop::sample::Index>(),
        length in 0..40usize,
        replacement in "[ \n\t:{}\\[\\]&*!|>'\"%@`#,?a-z0-9\u{feff}\u{e4}-]{0,6}",
    ) {
        let path = format!("{}/tests/fixtures/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text: Vec<char> = fs::read_to_string(path).unwrap().chars().collect();
        let start = start.index(text.len());
        let end = (start + length).min(text.len());
        let corrupted: String =
            text[..start].iter().copied().chain(replacement.chars()).chain(text[end..].iter().copied()).collect();
        run(&corrupted);
    }
}

proptest! {
    // Each case runs the generator several times.
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn supported_part_of_mutated_contract_is_generated(
        name in prop::sample::select(&FIXTURES[..]),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut document = fixture(name);
        for (at, mutation) in mutations {
            mutate(&mut document, &at, mutation);
        }
        if let Ok(document) = Document::parse("mutated.json", &document.to_string()) {
            run_supported(&document);
        }
    }
}

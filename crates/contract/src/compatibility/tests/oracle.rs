//! Uses the crate `drift` as an oracle: the rules must find every change that it considers breaking.

use std::panic;

use drift::ChangeClass;

use super::*;

/// Returns the changes that drift considers breaking or cannot handle; `None` if it fails.
fn drift(text: &str) -> Option<Vec<String>> {
    let (old, new) = (contract(BASE), contract(text));
    let changes = panic::catch_unwind(|| drift::compare(old.value(), new.value()))
        .ok()?
        .ok()?;
    let breaking = changes
        .into_iter()
        .flat_map(|change| change.changes)
        .filter(|change| match change.class {
            ChangeClass::BackwardIncompatible
            | ChangeClass::Incompatible
            | ChangeClass::Unhandled => true,
            ChangeClass::ForwardIncompatible | ChangeClass::Trivial => false,
        });
    Some(breaking.map(|change| change.message).collect())
}

#[test]
fn changes_that_drift_calls_breaking_are_reported() {
    for (from, to) in [
        (
            "operationId: clear",
            "operationId: clear\n      parameters: [{ name: a, in: query, required: true, schema: { type: string } }]",
        ),
        (
            "name: wide, in: query,",
            "name: wide, in: query, required: true,",
        ),
        (
            "        - { name: wide, in: query, schema: { type: boolean, default: false } }\n",
            "",
        ),
        (
            "    delete:\n      operationId: clear\n      tags: [thing]\n      summary: Remove all\n      responses:\n        '204': { description: Gone. }\n",
            "",
        ),
        (
            "'201': { description: Added. }",
            "'202': { description: Added. }",
        ),
        (
            "      summary: Remove all\n",
            "      summary: Remove all\n      requestBody: { required: true, content: { text/plain: { schema: { type: string } } } }\n",
        ),
        ("owner: { type: string }", "owner: { type: integer }"),
        ("maxLength: 9 # of a name", "maxLength: 8"),
        (
            "required: [name] # of a new thing",
            "required: [name, size]",
        ),
        ("enum: [big, small]", "enum: [big]"),
        (
            "additionalProperties: { type: string }",
            "additionalProperties: false",
        ),
        (
            "items: { $ref: '#/components/schemas/Part' }",
            "items: { type: string }",
        ),
        ("        secret: { type: string, format: password }\n", ""),
        (
            "oneOf: [{ $ref: '#/components/schemas/Round' }, {",
            "oneOf: [{",
        ),
    ] {
        let theirs = drift(&changed(from, to)).expect("drift can compare them");
        assert!(!theirs.is_empty(), "drift passes {from} => {to}");
        assert!(
            !found(from, to).is_empty(),
            "only drift finds {from} => {to}: {theirs:?}"
        );
    }
}

/// Shows the defects that prevent the use of drift; if this test fails, reconsider using it.
#[test]
fn drift_still_misses_required_findings() {
    let quiet = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let content = drift(&changed(
        "          application/xml: { schema: { type: string } }\n",
        "",
    ));
    panic::set_hook(quiet);
    assert_eq!(content, None, "it panics if a content type is removed");

    for (from, to) in [
        ("            X-More: { schema: { type: string } }\n", ""),
        ("security: [{ key: [] }, {", "security: [{"),
        ("nullable: false", "nullable: true"),
    ] {
        assert_eq!(drift(&changed(from, to)), Some(vec![]), "it misses {to}");
    }
    let added = drift(&changed(
        "code: { type: string, writeOnly: true }",
        "more: { type: string }\n        code: { type: string, writeOnly: true }",
    ));
    assert_eq!(
        added,
        Some(vec!["object properties changed".to_owned()]),
        "it reports an addition"
    );
}

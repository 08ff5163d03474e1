use super::*;

fn listed(schema: &str) -> String {
    let text = format!(
        "
openapi: 3.0.3
info: {{ title: t, version: 1.0.0 }}
paths: {{}}
components:
  schemas:
    Subject: {schema}
    Inner: {{ type: object, required: [a], properties: {{ a: {{ type: integer, minimum: 2 }} }} }}
"
    );
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    let values = Values::of(&contract);
    let at = "/components/schemas/Subject";
    let Some(sample) = values.sample(at) else {
        return "nothing can be made".to_owned();
    };
    let schema = contract.value().pointer(at).expect("it exists");
    let mut lines = vec![format!("made: {sample}")];
    for probe in values.probes(at, &sample) {
        let value = probe.value.expect("the value is valid");
        let fits = if values.is_valid(schema, &value) {
            "fits"
        } else {
            "    "
        };
        lines.push(format!("{fits} {}: {value}", probe.name));
    }
    lines.join("\n")
}

#[test]
fn string_is_probed_around_its_length_bounds() {
    insta::assert_snapshot!(listed("{ type: string, minLength: 2, maxLength: 4 }"), @r#"
    made: "aa"
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
         of 1 characters: "a"
    fits of 2 characters: "aa"
    fits of 3 characters: "aaa"
    fits of 4 characters: "aaaa"
         of 5 characters: "aaaaa"
    "#);
}

#[test]
fn pattern_is_probed_with_near_misses() {
    insta::assert_snapshot!(listed("{ type: string, pattern: '^[0-9A-F]{4}$', example: 12AB }"), @r#"
    made: "12AB"
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
    fits that is "12AB": "12AB"
         that is "12ab": "12ab"
         that is "2AB": "2AB"
         that is "112AB": "112AB"
         that is "a2AB": "a2AB"
         that is "Z2AB": "Z2AB"
    fits that is "92AB": "92AB"
         that is "_2AB": "_2AB"
         that is "-2AB": "-2AB"
         that is "'2AB": "'2AB"
         that is ".2AB": ".2AB"
         that is " 2AB": " 2AB"
         that is "/2AB": "/2AB"
         that is "é2AB": "é2AB"
         that is "\02AB": "\u00002AB"
         that is "ａ2AB": "ａ2AB"
         that is "1AB": "1AB"
         that is "122AB": "122AB"
         that is "1aAB": "1aAB"
         that is "1ZAB": "1ZAB"
    fits that is "19AB": "19AB"
         that is "1_AB": "1_AB"
         that is "1-AB": "1-AB"
         that is "1'AB": "1'AB"
         that is "1.AB": "1.AB"
         that is "1 AB": "1 AB"
         that is "1/AB": "1/AB"
         that is "1éAB": "1éAB"
         that is "1\0AB": "1\u0000AB"
         that is "1ａAB": "1ａAB"
         that is "12A": "12A"
         that is "12ABB": "12ABB"
         that is "12Aa": "12Aa"
         that is "12AZ": "12AZ"
    fits that is "12A9": "12A9"
         that is "12A_": "12A_"
         that is "12A-": "12A-"
         that is "12A'": "12A'"
         that is "12A.": "12A."
         that is "12A ": "12A "
         that is "12A/": "12A/"
         that is "12Aé": "12Aé"
         that is "12A\0": "12A\u0000"
         that is "12Aａ": "12Aａ"
         that is "12AB\n": "12AB\n"
         that is "\n12AB": "\n12AB"
         that is "12AB 12AB": "12AB 12AB"
    "#);
}

#[test]
fn number_is_probed_around_its_bounds_and_those_of_its_format() {
    insta::assert_snapshot!(listed("{ type: integer, format: uint8, maximum: 10 }"), @r#"
    made: 10
         that is null: null
    fits that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
         that is -1: -1
    fits that is 0: 0
    fits that is 1: 1
         that is 254: 254
         that is 255: 255
         that is 256: 256
    fits that is 9: 9
    fits that is 10: 10
         that is 11: 11
    "#);
    insta::assert_snapshot!(listed("{ type: number, minimum: 0.5, exclusiveMinimum: true }"), @r#"
    made: 2
         that is null: null
    fits that is a number: 1
    fits that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
         that is -0.5: -0.5
         that is 0.5: 0.5
    fits that is 1.5: 1.5
    "#);
}

#[test]
fn enum_is_probed_with_its_values_and_similar_strings() {
    insta::assert_snapshot!(listed("{ type: string, enum: [on, off] }"), @r#"
    made: "on"
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
    fits that is "on": "on"
    fits that is "off": "off"
         that is "onx": "onx"
         that is "ON": "ON"
    "#);
}

#[test]
fn array_is_probed_around_its_length_bounds_and_with_invalid_items() {
    insta::assert_snapshot!(listed("{ type: array, minItems: 1, maxItems: 2, items: { type: boolean } }"), @r#"
    made: [true]
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
         of 0 items: []
    fits of 1 items: [true]
    fits of 2 items: [true,true]
         of 3 items: [true,true,true]
         with an item that is null: [null]
         with an item that is a number: [1]
         with an item that is a fraction: [1.5]
    fits with an item that is true: [true]
         with an item that is a string: ["x"]
         with an item that is an array: [[]]
         with an item that is an object: [{}]
    "#);
}

#[test]
fn nested_fields_are_probed() {
    insta::assert_snapshot!(listed("{ type: object, additionalProperties: false, properties: { inner: { $ref: '#/components/schemas/Inner' } } }"), @r#"
    made: {"inner":{"a":2}}
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
    fits that is an object: {}
         with an unlisted field: {"inner":{"a":2},"verify-lists-no-such-field":1}
         that is an array of its values in written order: [{"a":2}]
         that is an array of its values in order of names: [{"a":2}]
    fits without `inner`: {}
         with `inner` that is null: {"inner":null}
         with `inner` that is a number: {"inner":1}
         with `inner` that is a fraction: {"inner":1.5}
         with `inner` that is true: {"inner":true}
         with `inner` that is a string: {"inner":"x"}
         with `inner` that is an array: {"inner":[]}
         with `inner` that is an object: {"inner":{}}
    fits with `inner` with an unlisted field: {"inner":{"a":2,"verify-lists-no-such-field":1}}
         with `inner` that is an array of its values in written order: {"inner":[2]}
         with `inner` that is an array of its values in order of names: {"inner":[2]}
         without `inner.a`: {"inner":{}}
         with `inner.a` that is null: {"inner":{"a":null}}
         with `inner.a` that is a number: {"inner":{"a":1}}
         with `inner.a` that is a fraction: {"inner":{"a":1.5}}
         with `inner.a` that is true: {"inner":{"a":true}}
         with `inner.a` that is a string: {"inner":{"a":"x"}}
         with `inner.a` that is an array: {"inner":{"a":[]}}
         with `inner.a` that is an object: {"inner":{"a":{}}}
         with `inner.a` that is 1: {"inner":{"a":1}}
    fits with `inner.a` that is 2: {"inner":{"a":2}}
    fits with `inner.a` that is 3: {"inner":{"a":3}}
    "#);
}

#[test]
fn format_with_a_generated_type_is_enforced_and_others_are_not() {
    insta::assert_snapshot!(listed("{ type: string, format: uuid }"), @r#"
    made: "6f1a7a04-3b0e-4f5e-9f0e-1c2d3e4f5a6b"
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
         that is a string: "x"
         that is an array: []
         that is an object: {}
         in the wrong format: "x"
    "#);
    insta::assert_snapshot!(listed("{ type: string, format: email }"), @r#"
    made: "a"
         that is null: null
         that is a number: 1
         that is a fraction: 1.5
         that is true: true
    fits that is a string: "x"
         that is an array: []
         that is an object: {}
    fits in the wrong format: "x"
    "#);
}

#[test]
fn resized_string_changes_in_its_middle() {
    assert_eq!(resized("abc", 5), "abbbc");
    assert_eq!(resized("abcde", 3), "abe");
    assert_eq!(resized("abc", 0), "");
    assert_eq!(resized("", 2), "xx");
}

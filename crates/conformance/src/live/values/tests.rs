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
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    let values = Values::of(&contract);
    let at = "/components/schemas/Subject";
    let Some(sample) = values.sample(at) else {
        return "nothing can be made".to_owned();
    };
    let schema = contract.value().pointer(at).expect("it is there");
    let mut lines = vec![format!("made: {sample}")];
    for probe in values.probes(at, &sample) {
        let value = probe.value.expect("a value");
        let fits = if values.fits(schema, &value) {
            "fits"
        } else {
            "    "
        };
        lines.push(format!("{fits} {}: {value}", probe.name));
    }
    lines.join("\n")
}

#[test]
fn a_text_is_tried_around_its_lengths() {
    insta::assert_snapshot!(listed("{ type: string, minLength: 2, maxLength: 4 }"), @r#"
    made: "aa"
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
         of 1 characters: "a"
    fits of 2 characters: "aa"
    fits of 3 characters: "aaa"
    fits of 4 characters: "aaaa"
         of 5 characters: "aaaaa"
    "#);
}

#[test]
fn a_pattern_is_tried_with_texts_that_nearly_fit() {
    insta::assert_snapshot!(listed("{ type: string, pattern: '^[0-9A-F]{4}$', example: 12AB }"), @r#"
    made: "12AB"
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
    fits "12AB": "12AB"
         "12ab": "12ab"
         "2AB": "2AB"
         "112AB": "112AB"
         "a2AB": "a2AB"
         "Z2AB": "Z2AB"
    fits "92AB": "92AB"
         "_2AB": "_2AB"
         "-2AB": "-2AB"
         "'2AB": "'2AB"
         ".2AB": ".2AB"
         " 2AB": " 2AB"
         "/2AB": "/2AB"
         "é2AB": "é2AB"
         "\02AB": "\u00002AB"
         "ａ2AB": "ａ2AB"
         "1AB": "1AB"
         "122AB": "122AB"
         "1aAB": "1aAB"
         "1ZAB": "1ZAB"
    fits "19AB": "19AB"
         "1_AB": "1_AB"
         "1-AB": "1-AB"
         "1'AB": "1'AB"
         "1.AB": "1.AB"
         "1 AB": "1 AB"
         "1/AB": "1/AB"
         "1éAB": "1éAB"
         "1\0AB": "1\u0000AB"
         "1ａAB": "1ａAB"
         "12A": "12A"
         "12ABB": "12ABB"
         "12Aa": "12Aa"
         "12AZ": "12AZ"
    fits "12A9": "12A9"
         "12A_": "12A_"
         "12A-": "12A-"
         "12A'": "12A'"
         "12A.": "12A."
         "12A ": "12A "
         "12A/": "12A/"
         "12Aé": "12Aé"
         "12A\0": "12A\u0000"
         "12Aａ": "12Aａ"
         "12AB\n": "12AB\n"
         "\n12AB": "\n12AB"
         "12AB 12AB": "12AB 12AB"
    "#);
}

#[test]
fn numbers_are_tried_around_their_bounds_and_those_of_their_format() {
    insta::assert_snapshot!(listed("{ type: integer, format: uint8, maximum: 10 }"), @r#"
    made: 10
         null: null
    fits a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
         -1: -1
    fits 0: 0
    fits 1: 1
         254: 254
         255: 255
         256: 256
    fits 9: 9
    fits 10: 10
         11: 11
    "#);
    insta::assert_snapshot!(listed("{ type: number, minimum: 0.5, exclusiveMinimum: true }"), @r#"
    made: 2
         null: null
    fits a number: 1
    fits a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
         -0.5: -0.5
         0.5: 0.5
    fits 1.5: 1.5
    "#);
}

#[test]
fn each_word_of_a_list_is_tried_and_those_that_look_like_one() {
    insta::assert_snapshot!(listed("{ type: string, enum: [on, off] }"), @r#"
    made: "on"
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
    fits "on": "on"
    fits "off": "off"
         "onx": "onx"
         "ON": "ON"
    "#);
}

#[test]
fn lists_are_tried_around_their_lengths_and_with_items_that_do_not_fit() {
    insta::assert_snapshot!(listed("{ type: array, minItems: 1, maxItems: 2, items: { type: boolean } }"), @r#"
    made: [true]
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
         of 0 items: []
    fits of 1 items: [true]
    fits of 2 items: [true,true]
         of 3 items: [true,true,true]
         with an item null: [null]
         with an item a number: [1]
         with an item a fraction: [1.5]
    fits with an item true: [true]
         with an item a text: ["x"]
         with an item a list: [[]]
         with an item an object: [{}]
    "#);
}

#[test]
fn fields_are_tried_within_fields() {
    insta::assert_snapshot!(listed("{ type: object, additionalProperties: false, properties: { inner: { $ref: '#/components/schemas/Inner' } } }"), @r#"
    made: {"inner":{"a":2}}
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
    fits an object: {}
         with a field that is not listed: {"inner":{"a":2},"verify-lists-no-such-field":1}
         that is a list of its fields as they are written: [{"a":2}]
         that is a list of its fields by name: [{"a":2}]
    fits with inner left out: {}
         with inner null: {"inner":null}
         with inner a number: {"inner":1}
         with inner a fraction: {"inner":1.5}
         with inner true: {"inner":true}
         with inner a text: {"inner":"x"}
         with inner a list: {"inner":[]}
         with inner an object: {"inner":{}}
    fits with inner.a field that is not listed: {"inner":{"a":2,"verify-lists-no-such-field":1}}
         with inner that is a list of its fields as they are written: {"inner":[2]}
         with inner that is a list of its fields by name: {"inner":[2]}
         with inner.a left out: {"inner":{}}
         with inner.a null: {"inner":{"a":null}}
         with inner.a a number: {"inner":{"a":1}}
         with inner.a a fraction: {"inner":{"a":1.5}}
         with inner.a true: {"inner":{"a":true}}
         with inner.a a text: {"inner":{"a":"x"}}
         with inner.a a list: {"inner":{"a":[]}}
         with inner.a an object: {"inner":{"a":{}}}
         with inner.a 1: {"inner":{"a":1}}
    fits with inner.a 2: {"inner":{"a":2}}
    fits with inner.a 3: {"inner":{"a":3}}
    "#);
}

#[test]
fn a_format_that_types_are_made_of_is_tried_and_others_are_not() {
    insta::assert_snapshot!(listed("{ type: string, format: uuid }"), @r#"
    made: "6f1a7a04-3b0e-4f5e-9f0e-1c2d3e4f5a6b"
         null: null
         a number: 1
         a fraction: 1.5
         true: true
         a text: "x"
         a list: []
         an object: {}
         of another format: "x"
    "#);
    insta::assert_snapshot!(listed("{ type: string, format: email }"), @r#"
    made: "a"
         null: null
         a number: 1
         a fraction: 1.5
         true: true
    fits a text: "x"
         a list: []
         an object: {}
    fits of another format: "x"
    "#);
}

#[test]
fn a_text_is_made_longer_and_shorter_in_its_middle() {
    assert_eq!(resized("abc", 5), "abbbc");
    assert_eq!(resized("abcde", 3), "abe");
    assert_eq!(resized("abc", 0), "");
    assert_eq!(resized("", 2), "xx");
}

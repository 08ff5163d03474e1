use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::fixtures::{
    composed::types as composed,
    objects::types::{All, AllSettings, Colour, Extra, Maybe, OptionType},
};

fn minimal() -> Value {
    json!({ "type": 1, "required_null": null })
}

/// Deserializes a minimal object with one more property; shows the serialized value or the error.
fn read(property: &str, values: &[&str]) -> String {
    values
        .iter()
        .map(|value| {
            let mut object = minimal();
            object[property] = serde_json::from_str(value).unwrap();
            match serde_json::from_value::<All>(object) {
                Ok(all) => match serde_json::to_value(&all).unwrap().get(property) {
                    Some(written) => format!("{value} is {written}"),
                    None => format!("{value} is omitted"),
                },
                Err(error) => format!("{value}: {error}"),
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn null_is_accepted_only_if_nullable() {
    for property in [
        "optional_null",
        "required_null",
        "null_reference",
        "null_choice",
        "null_list",
        "anything",
        "maybe",
        "nothing",
    ] {
        assert!(!read(property, &["null"]).contains(':'), "{property}");
    }
    for property in [
        "fooBar", "foo", "inner", "list", "map", "free", "empty", "count", "colour", "settings",
        "code",
    ] {
        assert!(
            read(property, &["null"]).starts_with("null: invalid type: null"),
            "{property}"
        );
    }
    assert_snapshot!(serde_json::from_str::<All>(r#"{"type":1}"#).unwrap_err(), @"missing field `required_null` at line 1 column 10");
}

#[test]
fn properties_with_the_same_rust_name_are_distinguished() {
    let mut object = minimal();
    object["fooBar"] = "one".into();
    object["foo_bar"] = "two".into();
    object["foo-bar"] = 3.into();
    let all: All = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(
        (
            all.foo_bar.as_deref(),
            all.foo_bar_2.as_deref(),
            all.foo_bar_3
        ),
        (Some("one"), Some("two"), 3)
    );
    let written = serde_json::to_value(&all).unwrap();
    for name in ["fooBar", "foo_bar", "foo-bar"] {
        assert_eq!(written[name], object[name], "{name}");
    }
    let option = json!({ "self": "a", "Self": "b" });
    let read: OptionType = serde_json::from_value(option.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), option);
}

#[test]
fn additional_properties_are_kept_refused_or_ignored() {
    let extra = json!({ "extra": "a", "b": 1 });
    let read_extra: Extra = serde_json::from_value(extra.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read_extra).unwrap(), extra);
    assert!(serde_json::from_value::<Extra>(json!({ "extra": "a", "b": "c" })).is_err());
    assert_snapshot!(read("closed", &["{}", r#"{"a":1}"#]), @r#"
    {} is {}
    {"a":1}: unknown field `a`, there are no fields
    "#);
    assert_snapshot!(read("empty", &["{}", r#"{"a":1}"#]), @r#"
    {} is {}
    {"a":1} is {"a":1}
    "#);
    assert_snapshot!(read("inner", &[r#"{"deep":{"deepest":"a"},"more":1}"#, r#"{"deep":{"more":1}}"#, "{}"]), @r#"
    {"deep":{"deepest":"a"},"more":1} is {"deep":{"deepest":"a"}}
    {"deep":{"more":1}}: unknown field `more`, expected `deepest`
    {}: missing field `deep`
    "#);
    assert_snapshot!(read("map", &[r#"{"a":"00000000-0000-0000-0000-000000000000"}"#, r#"{"a":"b"}"#]), @r#"
    {"a":"00000000-0000-0000-0000-000000000000"} is {"a":"00000000-0000-0000-0000-000000000000"}
    {"a":"b"}: UUID parsing failed: invalid length: found 1
    "#);
}

#[test]
fn absent_properties_get_defaults() {
    let all: All = serde_json::from_value(minimal()).unwrap();
    let written = serde_json::to_value(&all).unwrap();
    assert_snapshot!(written, @r#"{"colour":"green","count":3,"foo-bar":7,"nothing":null,"required_null":null,"settings":{"any":{"a":[1]},"level":4,"name":"none","on":true,"ratio":0.5,"tags":["a","b"]},"type":1}"#);
    assert_eq!(Colour::default(), Colour::Red);
    assert_eq!(
        serde_json::to_value(AllSettings::default()).unwrap(),
        written["settings"]
    );
}

#[test]
fn nullable_component_accepts_null() {
    let maybe: Maybe = serde_json::from_str("null").unwrap();
    assert!(maybe.is_none());
    let maybe: Maybe = serde_json::from_str(r#"{"name":"n"}"#).unwrap();
    assert_eq!(serde_json::to_string(&maybe).unwrap(), r#"{"name":"n"}"#);
}

#[test]
fn composed_object_contains_all_parts() {
    let read = |json: &str| match serde_json::from_str::<composed::Employee>(json) {
        Ok(employee) => serde_json::to_value(employee).unwrap().to_string(),
        Err(error) => error.to_string(),
    };
    assert_snapshot!(read(r#"{"name":"n","age":30,"number":7,"person":"p"}"#), @r#"{"number":7,"person":"p","age":30,"name":"n"}"#);
    assert_snapshot!(read(r#"{"number":7}"#), @"missing field `name` at line 1 column 12");
    assert_snapshot!(read(r#"{"name":"n","number":0}"#), @"invalid value: integer `0`, expected a nonzero u32 at line 1 column 22");
    assert_snapshot!(read(r#"{"name":"n","age":151,"number":7}"#), @"greater than 150 at line 1 column 33");
    let event = json!({ "at": "2026-03-01T08:30:00Z", "kind": "ended", "code": 3 });
    let read_event: composed::Event = serde_json::from_value(event.clone()).unwrap();
    assert!(matches!(
        read_event.variant,
        composed::EventVariant::Ended(3)
    ));
    assert_eq!(serde_json::to_value(read_event).unwrap(), event);
    let read = serde_json::from_value::<composed::Event>(json!({ "at": "2026-03-01T08:30:00Z" }));
    assert!(read.is_err());
}

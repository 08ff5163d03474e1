use insta::assert_snapshot;

use crate::fixtures::unions::types::{
    Adjacent, All, External, Internal, NameOrId, Never, Scale, Setting,
};

/// Deserializes an object with one property; shows for each value whether this succeeds, or the error.
fn read(property: &str, values: &[&str]) -> String {
    values
        .iter()
        .map(|value| {
            let json = format!(r#"{{"{property}":{value}}}"#);
            match serde_json::from_str::<All>(&json) {
                Ok(all) => {
                    let written = serde_json::to_value(&all).unwrap();
                    let same: serde_json::Value = serde_json::from_str(&json).unwrap();
                    assert_eq!(written, same, "{property}");
                    format!("{value} is read")
                }
                Err(error) => format!(
                    "{value}: {}",
                    error
                        .to_string()
                        .split(" at line")
                        .next()
                        .unwrap_or_default()
                ),
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn externally_tagged_enum_is_read_and_written() {
    assert_snapshot!(read("external", &[r#""plain""#, r#""another""#, r#"{"one":"127.0.0.1"}"#, r#"{"several":{"kind":"x","note":"n"}}"#, r#"{"pair":[1,2]}"#, r#""one""#, r#"{"several":{"kind":"y"}}"#, r#"{"one":"127.0.0.1","pair":[1,2]}"#, r#"{"pair":[1]}"#]), @r#"
    "plain" is read
    "another" is read
    {"one":"127.0.0.1"} is read
    {"several":{"kind":"x","note":"n"}} is read
    {"pair":[1,2]} is read
    "one": invalid type: unit variant, expected newtype variant
    {"several":{"kind":"y"}}: unknown variant `y`, expected `x`
    {"one":"127.0.0.1","pair":[1,2]}: expected value
    {"pair":[1]}: invalid length 1, expected an array of length 2
    "#);
    assert!(matches!(
        serde_json::from_str(r#"{"several":{"kind":"x"}}"#).unwrap(),
        External::Several { note: None, .. }
    ));
}

#[test]
fn adjacently_tagged_enum_is_read_and_written() {
    assert_snapshot!(read("adjacent", &[r#"{"type":"none"}"#, r#"{"type":"number","value":1.5}"#, r#"{"type":"object","value":{"name":"abc"}}"#, r#"{"type":"object","value":{"name":"abcd"}}"#, r#"{"type":"number"}"#, r#"{"type":"other"}"#]), @r#"
    {"type":"none"} is read
    {"type":"number","value":1.5} is read
    {"type":"object","value":{"name":"abc"}} is read
    {"type":"object","value":{"name":"abcd"}}: longer than 3 characters
    {"type":"number"}: missing field `value`
    {"type":"other"}: unknown variant `other`, expected one of `none`, `number`, `object`
    "#);
    assert!(matches!(
        serde_json::from_str(r#"{"type":"number","value":1}"#).unwrap(),
        Adjacent::Number(1.0)
    ));
}

#[test]
fn internally_tagged_enum_is_read_and_written() {
    assert_snapshot!(read("internal", &[r#"{"state":"running"}"#, r#"{"state":"stopped","code":3,"reason":"asked"}"#, r#"{"state":"stopped"}"#, r#"{"state":"stopped","code":3,"reason":null}"#, r#"{"code":3}"#]), @r#"
    {"state":"running"} is read
    {"state":"stopped","code":3,"reason":"asked"} is read
    {"state":"stopped"}: missing field `code`
    {"state":"stopped","code":3,"reason":null}: invalid type: null, expected string or map
    {"code":3}: missing field `state`
    "#);
    assert!(matches!(
        serde_json::from_str(r#"{"state":"stopped","code":3}"#).unwrap(),
        Internal::Stopped {
            code: 3,
            reason: None
        }
    ));
}

#[test]
fn untagged_enum_uses_first_alternative_that_fits() {
    assert_snapshot!(read("untagged", &[r#""00000000-0000-0000-0000-000000000000""#, r#""name""#, r#""Name""#]), @r#"
    "00000000-0000-0000-0000-000000000000" is read
    "name" is read
    "Name": data did not match any variant of untagged enum NameOrId
    "#);
    assert_snapshot!(read("address", &[r#""127.0.0.1""#, r#""::1""#, r#""localhost""#]), @r#"
    "127.0.0.1" is read
    "::1" is read
    "localhost": data did not match any variant of untagged enum Address
    "#);
    assert_snapshot!(read("any", &[r#"{"name":"n"}"#, "{}", r#"{"other":1}"#, r#"["a"]"#, r#""b""#, r#""c""#, "4", "5"]), @r#"
    {"name":"n"} is read
    {} is read
    {"other":1}: data did not match any variant of untagged enum Setting
    ["a"] is read
    "b" is read
    "c": data did not match any variant of untagged enum Setting
    4: data did not match any variant of untagged enum Setting
    5 is read
    "#);
    assert_snapshot!(read("inline", &["1", "true", "null", "1.5"]), @"
    1 is read
    true is read
    null: data did not match any variant of untagged enum AllInline
    1.5: data did not match any variant of untagged enum AllInline
    ");
    let setting = serde_json::from_str(r#"{"name":"n"}"#).unwrap();
    assert!(matches!(setting, Setting::Named(_)), "{setting:?}");
    assert_eq!("name".parse::<NameOrId>().unwrap().to_string(), "name");
}

#[test]
fn unions_of_one_or_no_alternative_have_types() {
    assert_snapshot!(read("only", &[r#"{"type":"instance","value":{"name":"n"}}"#, r#"{"type":"other","value":{"name":"n"}}"#]), @r#"
    {"type":"instance","value":{"name":"n"}} is read
    {"type":"other","value":{"name":"n"}}: unknown variant `other`, expected `instance`
    "#);
    assert_snapshot!(read("nonce", &[r#""abc""#, "1"]), @r#"
    "abc" is read
    1: invalid type: integer `1`, expected a string
    "#);
    assert_snapshot!(read("maybe", &["null", r#"{"x":1}"#, "{}"]), @r#"
    null is read
    {"x":1} is read
    {}: missing field `x`
    "#);
    assert!(serde_json::from_str::<Never>("null").is_err());
    assert_snapshot!(read("pet", &[r#"{"kind":"cat"}"#, r#"{"kind":"dog","name":"n"}"#, r#"{"kind":"cow"}"#]), @r#"
    {"kind":"cat"} is read
    {"kind":"dog","name":"n"} is read
    {"kind":"cow"}: data did not match any variant of untagged enum Pet
    "#);
}

#[test]
fn variant_refuses_additional_properties_as_its_schema_does() {
    assert_snapshot!(read("mixed", &[r#"{"shut":{"a":"x"}}"#, r#"{"shut":{"b":"x"}}"#]), @r#"
    {"shut":{"a":"x"}} is read
    {"shut":{"b":"x"}}: unknown field `b`, expected `a`
    "#);
    let open = r#"{"open":{"a":"x","b":"y"}}"#;
    assert!(serde_json::from_str::<crate::fixtures::unions::types::Mixed>(open).is_ok());
}

#[test]
fn values_with_the_same_rust_name_are_distinguished() {
    let words = ["<", "<=", ">", "A_b", "Ab", "+1", "-1"];
    for word in words {
        let scale: Scale = word.parse().unwrap();
        assert_eq!(scale.to_string(), word);
        let json = serde_json::to_string(&scale).unwrap();
        assert_eq!(json, format!("\"{word}\""));
        assert_eq!(serde_json::from_str::<Scale>(&json).unwrap(), scale);
    }
    assert!("X".parse::<Scale>().is_err());
}

//! Values at their bounds and just beyond them.

use insta::assert_snapshot;

use crate::fixtures::bounds::types::{All, AllLevel, AllPercent, Pin, Port};

/// Deserializes an object with one property; shows the serialized value, or the error, for each value.
fn read(property: &str, values: &[&str]) -> String {
    values
        .iter()
        .map(|value| {
            let json = format!(r#"{{"{property}":{value}}}"#);
            match serde_json::from_str::<All>(&json) {
                Ok(all) => {
                    let written = serde_json::to_value(&all).unwrap();
                    format!("{value} is {}", written[property])
                }
                Err(error) => format!("{value}: {}", plain(&error.to_string())),
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn plain(error: &str) -> &str {
    error.split(" at line").next().unwrap_or_default()
}

#[test]
fn integer_out_of_bounds_is_refused() {
    assert_snapshot!(read("percent", &["-1", "0", "100", "101", "1.0", "\"1\""]), @r#"
    -1: invalid value: integer `-1`, expected u64
    0 is 0
    100 is 100
    101: greater than 100
    1.0: invalid type: floating point `1.0`, expected u64
    "1": invalid type: string "1", expected u64
    "#);
    assert_snapshot!(read("below", &["9", "10"]), @"
    9 is 9
    10: greater than 9
    ");
    assert_snapshot!(read("above", &["-10", "-9"]), @"
    -10: less than -9
    -9 is -9
    ");
    assert_snapshot!(read("narrow", &["0", "1", "127", "128"]), @"
    0: less than 1
    1 is 1
    127 is 127
    128: invalid value: integer `128`, expected i8
    ");
    assert_snapshot!(read("port", &["1023", "1024", "65535", "65536"]), @"
    1023: less than 1024
    1024 is 1024
    65535 is 65535
    65536: invalid value: integer `65536`, expected u16
    ");
}

#[test]
fn bound_that_rust_type_enforces_is_checked_by_serde() {
    assert_snapshot!(read("days", &["0", "1", "255", "256"]), @"
    0: invalid value: integer `0`, expected a nonzero u8
    1 is 1
    255 is 255
    256: invalid value: integer `256`, expected a nonzero u8
    ");
    assert_snapshot!(read("limit", &["0", "1", "4294967295", "4294967296"]), @"
    0: invalid value: integer `0`, expected a nonzero u32
    1 is 1
    4294967295 is 4294967295
    4294967296: invalid value: integer `4294967296`, expected a nonzero u32
    ");
    assert_snapshot!(read("size", &["-1", "0", "4294967296"]), @"
    -1: invalid value: integer `-1`, expected u64
    0 is 0
    4294967296 is 4294967296
    ");
    assert_snapshot!(read("offset", &["-4294967296"]), @"-4294967296 is -4294967296");
    assert_snapshot!(read("large", &["18446744073709551615", "18446744073709551616"]), @"
    18446744073709551615 is 18446744073709551615
    18446744073709551616: invalid type: floating point `1.8446744073709552e+19`, expected u64
    ");
}

#[test]
fn number_that_is_not_a_multiple_is_refused() {
    assert_snapshot!(read("even", &["-2", "-1", "0", "1", "2"]), @"
    -2 is -2
    -1: not a multiple of 2
    0 is 0
    1: not a multiple of 2
    2 is 2
    ");
    assert_snapshot!(read("dozen", &["0", "11", "12", "24"]), @"
    0 is 0
    11: not a multiple of 12
    12 is 12
    24 is 24
    ");
    assert_snapshot!(read("tiny", &["0", "1"]), @"
    0 is 0
    1: not a multiple of 300
    ");
    assert_snapshot!(read("cents", &["0", "0.01", "0.29", "19.99", "0.005"]), @"
    0 is 0.0
    0.01 is 0.01
    0.29 is 0.29
    19.99 is 19.99
    0.005: not a multiple of 0.01
    ");
}

#[test]
fn float_out_of_bounds_is_refused() {
    assert_snapshot!(read("ratio", &["-0.1", "0", "0.999", "1"]), @"
    -0.1: less than 0
    0 is 0.0
    0.999 is 0.999
    1: not less than 1
    ");
    assert_snapshot!(read("degrees", &["-273.2", "-273", "1e30"]), @"
    -273.2: less than -273.15
    -273 is -273.0
    1e30 is 1.0000000150474662e+30
    ");
    assert_snapshot!(read("factor", &["0.5", "1", "0.75"]), @"
    0.5 is 0.5
    1 is 1.0
    0.75: invalid value
    ");
    assert_snapshot!(read("block", &["512", "513"]), @"
    512 is 512
    513: invalid value
    ");
}

#[test]
fn array_of_wrong_size_is_refused() {
    assert_snapshot!(read("some", &["[]", r#"["a"]"#]), @r#"
    []: no items
    ["a"] is ["a"]
    "#);
    assert_snapshot!(read("few", &[r#"["a"]"#, r#"["a","b"]"#, r#"["a","b","c"]"#, r#"["a","b","c","d"]"#]), @r#"
    ["a"]: fewer than 2 items
    ["a","b"] is ["a","b"]
    ["a","b","c"] is ["a","b","c"]
    ["a","b","c","d"]: more than 3 items
    "#);
    assert_snapshot!(read("none", &["[]", r#"["a"]"#]), @r#"
    [] is []
    ["a"]: more than 0 items
    "#);
    assert_snapshot!(read("triple", &["[1,2]", "[1,2,3]", "[1,2,3,4]"]), @"
    [1,2]: invalid length 2, expected an array of length 3
    [1,2,3] is [1,2,3]
    [1,2,3,4]: trailing characters
    ");
    assert_snapshot!(read("nested", &["[[1,9],[]]", "[[1,2,3]]", "[[10]]"]), @"
    [[1,9],[]] is [[1,9],[]]
    [[1,2,3]]: more than 2 items
    [[10]]: greater than 9
    ");
    let digest = |length: usize| format!("[{}]", vec!["0"; length].join(","));
    assert_eq!(
        read("digest", &[&digest(64)]),
        format!("{0} is {0}", digest(64))
    );
    assert!(read("digest", &[&digest(63)]).ends_with("fewer than 64 items"));
    assert!(read("digest", &[&digest(65)]).ends_with("more than 64 items"));
}

#[test]
fn array_with_equal_items_is_refused_if_unique() {
    assert_snapshot!(read("set", &["[]", r#"[{"name":"a"},{"name":"b"}]"#, r#"[{"name":"a"},{},{"name":"a"}]"#]), @r#"
    [] is []
    [{"name":"a"},{"name":"b"}] is [{"name":"a"},{"name":"b"}]
    [{"name":"a"},{},{"name":"a"}]: two items are equal
    "#);
    assert_snapshot!(read("anything", &[r#"[1,"1",[1],{"a":1,"b":2}]"#, "[null,null]", r#"[{"a":1,"b":2},{"b":2,"a":1}]"#]), @r#"
    [1,"1",[1],{"a":1,"b":2}] is [1,"1",[1],{"a":1,"b":2}]
    [null,null]: two items are equal
    [{"a":1,"b":2},{"b":2,"a":1}]: two items are equal
    "#);
}

#[test]
fn map_of_wrong_size_or_with_invalid_value_is_refused() {
    assert_snapshot!(read("labels", &["{}", r#"{"a":"x"}"#, r#"{"a":"x","b":"y"}"#, r#"{"a":"x","b":"y","c":"z"}"#, r#"{"a":"xyz"}"#]), @r#"
    {}: no properties
    {"a":"x"} is {"a":"x"}
    {"a":"x","b":"y"} is {"a":"x","b":"y"}
    {"a":"x","b":"y","c":"z"}: more than 2 properties
    {"a":"xyz"}: longer than 2 characters
    "#);
}

#[test]
fn boolean_with_one_valid_value_refuses_the_other() {
    assert_snapshot!(read("agreed", &["true", "false"]), @"
    true is true
    false: not true
    ");
    assert_snapshot!(read("denied", &["true", "false"]), @"
    true: not false
    false is false
    ");
}

#[test]
fn bounds_are_checked_in_nullable_and_alternative_schemas() {
    assert_snapshot!(read("maybe", &["null", "4", "5"]), @"
    null is null
    4: less than 5
    5 is 5
    ");
    assert_snapshot!(read("either", &["99", "100", "true"]), @"
    99: data did not match any variant of untagged enum AllEither
    100 is 100
    true is true
    ");
}

#[test]
fn string_out_of_bounds_is_refused() {
    assert_snapshot!(read("text", &[r#""""#, r#""long""#]), @r#"
    "" is ""
    "long" is "long"
    "#);
    assert_snapshot!(read("short", &[r#""""#, r#""a""#, r#""ab""#, r#""abc""#, r#""b""#]), @r#"
    "": shorter than 1 characters
    "a" is "a"
    "ab" is "ab"
    "abc": longer than 2 characters
    "b": doesn't match pattern "^a"
    "#);
}

#[test]
fn error_of_secret_out_of_bounds_does_not_repeat_it() {
    let errors =
        ["471", "4711", "471147", "4711471", "47a1"].map(|pin| {
            match serde_json::from_str::<Pin>(&format!("\"{pin}\"")) {
                Ok(secret) => format!("{pin} is {secret:?}"),
                Err(error) => format!("{}: {error}", pin.len()),
            }
        });
    assert_snapshot!(errors.join("\n"), @r#"
    3: shorter than 4 characters
    4711 is Pin
    471147 is Pin
    7: longer than 6 characters
    4: doesn't match pattern "^[0-9]+$"
    "#);
}

#[test]
fn bounded_number_is_only_created_within_bounds() {
    let port = Port::try_from(1024).unwrap();
    assert_eq!((*port, u16::from(port)), (1024, 1024));
    assert_eq!(port.to_string(), "1024");
    assert_eq!("1024".parse::<Port>().unwrap(), port);
    assert_snapshot!(Port::try_from(80).unwrap_err(), @"less than 1024");
    assert_snapshot!("80".parse::<Port>().unwrap_err(), @"less than 1024");
    assert_snapshot!("http".parse::<Port>().unwrap_err(), @"invalid digit found in string");
    assert_snapshot!(AllPercent::try_from("101").unwrap_err(), @"greater than 100");
}

#[test]
fn absent_property_gets_bounded_default() {
    let all: All = serde_json::from_str("{}").unwrap();
    assert_eq!(all.level, AllLevel::try_from(3).unwrap());
}

use insta::assert_snapshot;

use crate::fixtures::{credentials, credentials_secrets, minimal, schemas};

#[test]
fn error_of_invalid_secret_does_not_repeat_it() {
    let secrets = [
        "4711",
        "-4711",
        "47.11",
        "1e4711",
        "true",
        "null",
        "[4711]",
        "{\"4711\":1}",
        "\"47",
    ];
    let errors: Vec<_> = secrets
        .iter()
        .map(|json| {
            let body = format!(r#"{{"name":"gold","pin":{json}}}"#);
            match serde_json::from_str::<credentials::types::Treasure>(&body) {
                Ok(treasure) => format!("{json} is read as {treasure:?}"),
                Err(error) => format!("{json}: {error}"),
            }
        })
        .collect();
    assert_snapshot!(errors.join("\n"), @r#"
    4711: invalid type, expected a string at line 1 column 25
    -4711: invalid type, expected a string at line 1 column 26
    47.11: invalid type, expected a string at line 1 column 26
    1e4711: number out of range at line 1 column 27
    true: invalid type, expected a string at line 1 column 25
    null: invalid type: null, expected a string at line 1 column 25
    [4711]: invalid type: sequence, expected a string at line 1 column 22
    {"4711":1}: invalid type: map, expected a string at line 1 column 22
    "47: EOF while parsing a string at line 1 column 25
    "#);
}

#[test]
fn secret_is_serialized_as_its_text() {
    let secret: credentials_secrets::Pin = serde_json::from_str(r#""12\n34""#).unwrap();
    assert_eq!(secret.expose(), "12\n34");
    assert_eq!(format!("{secret:?} {secret:#?}"), "Pin Pin");
    assert_eq!(
        serde_json::to_string(&secret.clone()).unwrap(),
        r#""12\n34""#
    );
    let word = credentials_secrets::CodeWord::from("xyzzy".to_owned());
    assert_eq!(word.expose(), "xyzzy");
}

#[test]
fn optional_property_may_be_absent_but_not_null() {
    let read = |json: &str| match serde_json::from_str::<schemas::types::Everything>(json) {
        Ok(everything) => serde_json::to_string(&everything).unwrap(),
        Err(error) => error.to_string(),
    };
    assert_snapshot!(read(r#"{"plain":"p","count":1,"bounded":"ab","type":"t"}"#), @r#"{"bounded":"ab","count":1,"plain":"p","type":"t"}"#);
    assert_snapshot!(read(r#"{"plain":"p","count":1,"bounded":null}"#), @"invalid type: null, expected a string at line 1 column 37");
    assert_snapshot!(read(r#"{"plain":"p","count":1,"more":1}"#), @"unknown field `more`, expected one of `address`, `big`, `bounded`, `camelCase`, `colour`, `count`, `day`, `exact`, `example`, `flag`, `host`, `list`, `matrix`, `moment`, `plain`, `ratio`, `single`, `small`, `tree`, `type` at line 1 column 29");
    assert_snapshot!(read(r#"{"plain":"p","count":1,"bounded":"abcd"}"#), @"longer than 3 characters at line 1 column 40");
    assert_snapshot!(read(r#"{"plain":"p","count":1,"bounded":"A1"}"#), @r#"doesn't match pattern "^[a-zß]+$" at line 1 column 38"#);
    assert_snapshot!(read(r#"{"plain":"p","count":1,"colour":"blue"}"#), @"unknown variant `blue`, expected one of `red`, `light-green`, `` at line 1 column 38");
}

#[test]
fn date_time_is_written_in_utc_without_empty_fraction() {
    let written = |moment: &str| {
        let json = format!(r#"{{"plain":"p","count":1,"moment":"{moment}"}}"#);
        let everything: schemas::types::Everything = serde_json::from_str(&json).unwrap();
        serde_json::to_value(everything).unwrap()["moment"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(written("2026-03-01T08:30:00Z"), "2026-03-01T08:30:00Z");
    assert_eq!(written("2026-03-01T09:30:00+01:00"), "2026-03-01T08:30:00Z");
    assert_eq!(
        written("2026-03-01T08:30:00.500Z"),
        "2026-03-01T08:30:00.500Z"
    );
}

#[test]
fn date_time_is_written_as_chrono_does() {
    let texts = [
        "2026-03-01T08:30:00Z",
        "2026-03-01T08:30:00.5Z",
        "2026-03-01T08:30:00.000001Z",
        "1969-12-31T23:59:59.000000001Z",
        "2016-12-31T23:59:60Z",
        "-0001-01-01T00:00:00Z",
        "+12026-03-01T08:30:00Z",
    ];
    for text in texts {
        let moment: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
        assert_eq!(
            serde_json::to_string(&minimal::types::Time(moment)).unwrap(),
            serde_json::to_string(&moment).unwrap(),
        );
    }
}

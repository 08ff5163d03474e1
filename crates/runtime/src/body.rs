//! A strict extractor of JSON bodies.
//!
//! dropshot's own [`TypedBody`] reads a body without a `Content-Type` as JSON, so a script on another site can send one
//! without a CORS preflight. Its messages repeat invalid values, which may be passwords. It reads an oversized body to
//! the end. [`JsonBody`] has the same OpenAPI documentation as `TypedBody` and differs only in what it refuses.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, Body, ClientErrorStatusCode, ExclusiveExtractor, ExtractorMetadata,
    HttpError, RequestContext, ServerContext, TypedBody,
};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refusal::{DropshotRefusals, Refusals};

/// The time limit for receiving a body, so that a slow client cannot keep a request open.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of bytes that are read and discarded from a body over the limit.
///
/// A client that is still writing then reads the response instead of a connection reset. After that the connection is
/// closed.
const MAX_DISCARDED_BYTES: usize = 8 * 1024 * 1024;

/// A JSON body that fits `T`; `R` shapes its refusals.
///
/// A body longer than the server's or the operation's `request_body_max_bytes` is refused with 413, a media type other
/// than `application/json` with 415, and a body that does not fit with 400. The message names the field and never
/// repeats a value. `into_inner` returns the refusal, so that a handler can authenticate the client first.
#[must_use = "a body that does not fit is refused by `into_inner`"]
pub struct JsonBody<T, R = DropshotRefusals>(Result<T, HttpError>, PhantomData<fn(R)>);

impl<T, R> JsonBody<T, R> {
    /// Returns the body, or the refusal if it does not fit.
    pub fn into_inner(self) -> Result<T, HttpError> {
        self.0
    }
}

impl<T: fmt::Debug, R> fmt::Debug for JsonBody<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonBody").field(&self.0).finish()
    }
}

#[async_trait]
impl<T, R> ExclusiveExtractor for JsonBody<T, R>
where
    T: JsonSchema + DeserializeOwned + Send + Sync + 'static,
    R: Refusals,
{
    async fn from_request<Context: ServerContext>(
        rqctx: &RequestContext<Context>,
        request: hyper::Request<Body>,
    ) -> Result<Self, HttpError> {
        let body = read_json(request, rqctx.request_body_max_bytes()).await;
        Ok(Self(body.map_err(R::shape), PhantomData))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        <TypedBody<T> as ExclusiveExtractor>::metadata(content_type)
    }
}

async fn read_json<T: JsonSchema + DeserializeOwned>(
    request: hyper::Request<Body>,
    limit: usize,
) -> Result<T, HttpError> {
    if !is_json(request.headers()) {
        return Err(HttpError::for_client_error(
            None,
            ClientErrorStatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported media type: send the header Content-Type: application/json".to_owned(),
        ));
    }
    let read = tokio::time::timeout(READ_TIMEOUT, read(request, limit));
    let bytes = read.await.unwrap_or_else(|_| {
        Err(bad_request(format!(
            "the body was not received within {} s",
            READ_TIMEOUT.as_secs()
        )))
    })?;
    parse(&bytes).map_err(bad_request)
}

fn bad_request(message: impl Into<String>) -> HttpError {
    HttpError::for_bad_request(None, message.into())
}

fn too_large(limit: usize) -> HttpError {
    HttpError::for_client_error(
        None,
        ClientErrorStatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is longer than {limit} bytes"),
    )
}

/// Returns whether exactly one header declares the body as `application/json`.
///
/// Parameters such as `charset` are ignored, because JSON is always UTF-8 (RFC 8259, section 8.1).
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn read(request: hyper::Request<Body>, limit: usize) -> Result<Vec<u8>, HttpError> {
    // A client that waits for `100 Continue` has not sent the body yet, and reads the response instead.
    let expects_continue = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if body.size_hint().lower() > limit as u64 {
        if !expects_continue {
            discard(&mut body, 0).await;
        }
        return Err(too_large(limit));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| bad_request("the body was not received completely"))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            let seen = bytes.len() + data.len();
            discard(&mut body, seen).await;
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

async fn discard(body: &mut Body, mut seen: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, |data| data.len());
        if seen > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

/// Reads `T` from JSON; the error is a message for the client that never repeats a value.
fn parse<T: DeserializeOwned + JsonSchema>(bytes: &[u8]) -> Result<T, String> {
    // This checks syntax and depth; the typed pass below skips unknown fields without checking their depth.
    let value = serde_json::from_slice::<Value>(bytes)
        .map_err(|error| format!("the body is not valid JSON: {error}"))?;
    // serde accepts an array of field values for a struct, at any depth; the contract does not.
    if let Some(path) = find_array_for_object::<T>(&value) {
        return Err(match path.as_str() {
            "" => "expected an object".to_owned(),
            path => format!("{path}: expected an object"),
        });
    }
    drop(value);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = expectation(error.inner());
        if path == "." {
            message
        } else {
            format!("{path}: {message}")
        }
    })
}

/// Returns the path of an array that should be an object; `oneOf` and `anyOf` are not searched.
fn find_array_for_object<T: JsonSchema>(body: &Value) -> Option<String> {
    // Most bodies contain no array and so need no schema.
    if !contains_array(body) {
        return None;
    }
    let root = serde_json::to_value(schemars::schema_for!(T)).ok()?;
    find_array(&root, &root["definitions"], body, "")
}

fn contains_array(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(fields) => fields.values().any(contains_array),
        _ => false,
    }
}

/// Returns the path of the first array that should be an object.
///
/// Terminates, because each step goes deeper, except along `$ref` and `allOf`, which have no cycles.
fn find_array(schema: &Value, definitions: &Value, value: &Value, path: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let (_, name) = reference.rsplit_once('/')?;
        return find_array(&definitions[name], definitions, value, path);
    }
    let here = match value {
        Value::Array(_) if schema["type"] == "object" => Some(path.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            find_array(
                &schema["items"],
                definitions,
                item,
                &format!("{path}[{index}]"),
            )
        }),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let declared = schema["properties"].get(name);
            let schema = declared.unwrap_or(&schema["additionalProperties"]);
            // Only names in the contract are shown, because a refusal never repeats what was sent.
            let name = declared.map_or("*", |_| name.as_str());
            let dot = if path.is_empty() { "" } else { "." };
            find_array(schema, definitions, field, &format!("{path}{dot}{name}"))
        }),
        _ => None,
    };
    let mut parts = schema["allOf"].as_array().into_iter().flatten();
    here.or_else(|| parts.find_map(|part| find_array(part, definitions, value, path)))
}

/// Returns the part of serde's message that describes what was expected, not what was found.
fn expectation(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let location = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&location).unwrap_or(&message);
    // In `invalid type: string "...", expected ...`, the string may itself contain `, expected `, so the last one
    // counts.
    if let Some((_, expected)) = message.rsplit_once(", expected ") {
        let expected = if expected.starts_with("struct ") {
            "an object"
        } else {
            expected
        };
        return format!("expected {expected}");
    }
    // These messages contain only field names and bounds of the contract.
    let safe = [
        "missing field ",
        "duplicate field ",
        "longer than ",
        "shorter than ",
        "doesn't match pattern ",
    ];
    if safe.iter().any(|start| message.starts_with(start)) {
        message.to_owned()
    } else {
        "is not valid".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Login {
        username: String,
        #[serde(default)]
        attempts: Option<u8>,
    }

    fn refused(body: &str) -> String {
        parse::<Login>(body.as_bytes()).expect_err("a body that does not fit")
    }

    #[test]
    fn body_that_fits_is_read_and_unknown_fields_are_ignored() {
        let body = br#"{"username": "alice", "shoe_size": [42]}"#;
        assert_eq!(
            parse::<Login>(body),
            Ok(Login {
                username: "alice".to_owned(),
                attempts: None
            })
        );
    }

    #[test]
    fn refusal_names_field_and_expectation() {
        assert_eq!(refused("{}"), "missing field `username`");
        assert_eq!(refused(r#"{"username": 7}"#), "username: expected a string");
        assert_eq!(
            refused(r#"{"username": "a", "attempts": 300}"#),
            "attempts: expected u8"
        );
        assert_eq!(
            refused(r#"{"username": "a", "username": "b"}"#),
            "duplicate field `username`"
        );
        assert_eq!(
            refused(r#""hunter2, expected nothing""#),
            "expected an object"
        );
        assert_eq!(refused(r#"["a", 7]"#), "expected an object");
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Phone {
        #[expect(dead_code, reason = "only deserialization is tested")]
        login: Login,
        #[serde(default)]
        #[expect(dead_code, reason = "only deserialization is tested")]
        others: Vec<Login>,
        #[serde(default)]
        #[expect(dead_code, reason = "only deserialization is tested")]
        by_name: BTreeMap<String, Login>,
    }

    #[test]
    fn array_instead_of_object_is_refused_at_any_depth() {
        let refused = |body: &str| parse::<Phone>(body.as_bytes()).err();
        let at = |path: &str| Some(format!("{path}: expected an object"));
        assert_eq!(refused(r#"{"login": ["a", 7]}"#), at("login"));
        assert_eq!(
            refused(r#"{"login": {"username": "a"}, "others": [{"username": "b"}, ["c", 7]]}"#),
            at("others[1]")
        );
        assert_eq!(
            refused(r#"{"login": {"username": "a"}, "by_name": {"secret": ["c", 7]}}"#),
            at("by_name.*")
        );
        assert_eq!(
            refused(
                r#"{"login": {"username": "a"}, "others": [{"username": "b"}], "more": [[1]]}"#
            ),
            None
        );
    }

    #[test]
    fn invalid_json_is_refused_with_its_location() {
        assert_eq!(
            refused(""),
            "the body is not valid JSON: EOF while parsing a value at line 1 column 0"
        );
        assert_eq!(
            refused(r#"{"username""#),
            "the body is not valid JSON: EOF while parsing an object at line 1 column 11"
        );
    }

    #[test]
    fn deep_nesting_is_refused_even_in_unknown_field() {
        let deep = format!(
            r#"{{"username": "a", "deep": {}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        assert!(
            refused(&deep).starts_with("the body is not valid JSON: recursion limit exceeded"),
            "{}",
            refused(&deep)
        );
    }

    proptest! {
        #[test]
        fn refusal_never_repeats_input(secret in "[a-z, ]{0,12}Zq9[a-z, ]{0,12}") {
            for body in [
                serde_json::json!(secret),
                serde_json::json!({ "username": { "password": secret } }),
                serde_json::json!({ "username": [secret] }),
                serde_json::json!({ "username": "a", "attempts": secret }),
            ] {
                prop_assert!(!refused(&body.to_string()).contains("Zq9"));
            }
        }
    }

    #[test]
    fn only_a_single_json_content_type_is_accepted() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
            }
            is_json(&headers)
        };
        assert!(with(&["application/json"]));
        assert!(with(&["Application/JSON ; charset=utf-8"]));
        assert!(!with(&[]));
        assert!(!with(&["application/json", "text/plain"]));
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json-patch+json",
            "application/jsonx",
        ] {
            assert!(!with(&[other]), "{other}");
        }
    }
}

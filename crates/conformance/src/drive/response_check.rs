//! Compares a response with the contract.
//!
//! The status must be listed, required headers must be present, values must be valid, and all other headers must be
//! listed or belong to the transport. A body must have a listed media type and match its schema without additional
//! fields. The service's required headers are checked in every response, listed or not.
//!
//! Problems never show values, because responses contain tokens.

use std::cell::RefCell;
use std::collections::BTreeSet;

use dropshot_codegen::{Contract, OperationRef};
use reqwest::header::{ALLOW, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use serde_json::Value;

use crate::report::Problem;
use openapi_contract::pointer::child;
use openapi_contract::schema::{Schemas, UnlistedFields};

use super::exchange::Response;

/// Headers that need not be listed, each with the reason.
///
/// The list may only shrink: a header that no response has is a problem.
const UNLISTED_HEADERS: [(&str, &str); 4] = [
    (
        "content-length",
        "belongs to HTTP itself (RFC 9110, section 8.6)",
    ),
    ("content-type", "is listed as the media type of the body"),
    ("date", "belongs to HTTP itself (RFC 9110, section 6.6.1)"),
    (
        "x-request-id",
        "is sent by dropshot, which numbers every request in its log",
    ),
];

/// The field of an error that a program evaluates.
///
/// A response in the contract declares its value with [`LISTED_CODE`].
const CODE_FIELD: &str = "error_code";
const LISTED_CODE: &str = "x-error-code";

/// How a server refuses requests that are not in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Any other spelling of a path is answered with 404, and a 405 lists the methods in `Allow`.
    ///
    /// RFC 9110, section 15.5.6.
    Strict,
    /// Like dropshot's own router: `//a` and `/a/` match `/a`, and a 405 has no `Allow`.
    Dropshot,
}

pub(crate) struct ResponseChecker<'c> {
    contract: &'c Contract,
    required_headers: &'c [(&'static str, &'static str)],
    routing: Routing,
    schemas: Schemas,
    used_exceptions: RefCell<BTreeSet<String>>,
}

impl<'c> ResponseChecker<'c> {
    pub(crate) fn new(
        contract: &'c Contract,
        required_headers: &'c [(&'static str, &'static str)],
        routing: Routing,
    ) -> Self {
        Self {
            contract,
            required_headers,
            routing,
            schemas: Schemas::for_responses(contract),
            used_exceptions: RefCell::default(),
        }
    }

    pub(crate) fn check_operation(
        &self,
        operation: &OperationRef,
        response: &Response,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let listed = child(&child(&operation.pointer, "responses"), response.status);
        let (pointer, declared) = match self.contract.resolve(&listed) {
            Ok(found) => found,
            Err(_) => {
                let responses = child(&operation.pointer, "responses");
                let message = format!(
                    "the server responded with {}, which is not listed",
                    response.status
                );
                problems.push(
                    self.problem(&responses, message)
                        .help(unlisted_status_help(response.status)),
                );
                self.check_common_headers(&operation.pointer, response, &[], &mut problems);
                return problems;
            }
        };
        let invalid = self.check_headers(&listed, &pointer, declared, response, &mut problems);
        self.check_common_headers(&listed, response, &invalid, &mut problems);
        self.check_body(&listed, &pointer, declared, response, &mut problems);
        self.check_error_code(&pointer, declared, response, &mut problems);
        problems
    }

    /// Returns the problems of a response to a request that is not in the contract.
    ///
    /// The response must be an error with the body of the listed errors. `allow` are the methods that a 405 must list;
    /// `bodyless` is set for HEAD.
    pub(crate) fn check_unlisted(
        &self,
        response: &Response,
        allow: Option<&[String]>,
        bodyless: bool,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_common_headers("/paths", response, &[], &mut problems);
        if let Some(allow) = allow.filter(|_| self.routing == Routing::Strict) {
            // RFC 9110, section 15.5.6: a 405 must list the allowed methods.
            let mut found: Vec<String> = response
                .headers
                .get_all(ALLOW)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(|method| method.trim().to_owned())
                .collect();
            found.sort();
            if found != allow {
                let problem = self.problem(
                    "/paths",
                    "the header `Allow` does not list the methods of the contract",
                );
                problems.push(
                    problem
                        .detail("contract", allow.join(", "))
                        .detail("server  ", or_nothing(&found.join(", "))),
                );
            }
        }
        self.check_error_code("/paths", &Value::Null, response, &mut problems);
        if !bodyless {
            match self.error_content() {
                Some((pointer, content)) => {
                    self.check_content(&pointer, &pointer, content, response, &mut problems)
                }
                None => problems
                    .push(self.problem("/paths", "no operation lists an error to compare with")),
            }
        }
        problems
    }

    pub(crate) fn unused_exceptions(&self) -> Vec<Problem> {
        let used_exceptions = self.used_exceptions.borrow();
        UNLISTED_HEADERS
            .iter()
            .filter(|(name, _)| !used_exceptions.contains(*name))
            .map(|(name, reason)| {
                Problem::new(format!(
                    "no response has the unlisted header `{name}` any more"
                ))
                .detail("excepted because it", *reason)
                .help("remove it from `UNLISTED_HEADERS` in dropshot-conformance")
            })
            .collect()
    }

    /// Returns the content of the first listed error; the generator ensures that all errors share it.
    fn error_content(&self) -> Option<(String, &Value)> {
        self.contract
            .operations()
            .into_iter()
            .find_map(|operation| {
                let responses = child(&operation.pointer, "responses");
                let statuses = self.contract.value().pointer(&responses)?.as_object()?;
                let status = statuses
                    .keys()
                    .find(|status| status.starts_with(['4', '5']))?;
                let (pointer, declared) = self.contract.resolve(&child(&responses, status)).ok()?;
                Some((child(&pointer, "content"), declared.get("content")?))
            })
    }

    /// Checks the headers that every response must have, except those in `invalid`.
    fn check_common_headers(
        &self,
        pointer: &str,
        response: &Response,
        invalid: &[String],
        problems: &mut Vec<Problem>,
    ) {
        let known = |header: &HeaderName| invalid.iter().any(|name| name == header.as_str());
        for (name, value) in self.required_headers {
            let sent: Vec<&[u8]> = response
                .headers
                .get_all(*name)
                .iter()
                .map(|value| value.as_bytes())
                .collect();
            if sent != [value.as_bytes()] && !invalid.iter().any(|invalid| invalid == name) {
                let header = format!("{}: {value}", title_case(name));
                let message = format!("the {} response lacks `{header}`", response.status);
                problems.push(self.problem(pointer, message).help(format!(
                    "every response of this service must have it: list {} under `headers` of each response of the contract, \
                     so that generated code sends it",
                    self.header_entry(&title_case(name), value)
                )));
            }
        }
        if response.status == 401
            && !response.headers.contains_key(WWW_AUTHENTICATE)
            && !known(&WWW_AUTHENTICATE)
        {
            // RFC 9110, section 15.5.2.
            problems.push(
                self.problem(pointer, "the 401 response lacks `WWW-Authenticate`")
                    .help(
                        "send the header and list it under `headers` of the response: every 401 names the scheme of a credential \
                         (RFC 9110, section 15.5.2)",
                    ),
            );
        }
    }

    /// Returns how to list a header with one value, by reference if a component has this value.
    fn header_entry(&self, name: &str, value: &str) -> String {
        let headers = self.contract.value().pointer("/components/headers");
        let mut components = headers.and_then(Value::as_object).into_iter().flatten();
        let values = Value::from(vec![value]);
        match components.find(|(_, header)| header.pointer("/schema/enum") == Some(&values)) {
            Some((component, _)) => {
                format!("`{name}: {{ $ref: '#/components/headers/{component}' }}`")
            }
            None => format!("`{name}` with the enum `{value}`"),
        }
    }

    /// Checks the headers and returns the wrong ones in lower case.
    fn check_headers(
        &self,
        listed: &str,
        pointer: &str,
        declared: &Value,
        response: &Response,
        problems: &mut Vec<Problem>,
    ) -> Vec<String> {
        let mut invalid = Vec::new();
        let at = child(pointer, "headers");
        let empty = serde_json::Map::new();
        let headers = declared
            .get("headers")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        for name in headers.keys() {
            let Ok((pointer, header)) = self.contract.resolve(&child(&at, name)) else {
                continue;
            };
            let mut sent = response.headers.get_all(name.as_str()).iter().peekable();
            if sent.peek().is_none() && header.get("required") == Some(&Value::Bool(true)) {
                let message = format!("the {} response lacks the header `{name}`", response.status);
                problems.push(self.problem(&child(&at, name), message));
                invalid.push(name.to_ascii_lowercase());
            }
            let schema = header.get("schema").unwrap_or(&Value::Null);
            for value in sent {
                let value = self.parse_header(
                    &child(&pointer, "schema"),
                    &String::from_utf8_lossy(value.as_bytes()),
                );
                for error in self
                    .schemas
                    .masked_errors(schema, UnlistedFields::Allowed, &value)
                {
                    let message = format!(
                        "the header `{name}` of the {} response is invalid: {error}",
                        response.status
                    );
                    problems.push(self.problem(&child(&at, name), message));
                    invalid.push(name.to_ascii_lowercase());
                }
            }
        }
        for name in response.headers.keys() {
            let known = headers
                .keys()
                .any(|listed| listed.eq_ignore_ascii_case(name.as_str()));
            if known {
                continue;
            }
            if UNLISTED_HEADERS
                .iter()
                .any(|(unlisted, _)| name == unlisted)
            {
                self.used_exceptions.borrow_mut().insert(name.to_string());
            } else {
                let message = format!(
                    "the {} response has an unlisted header `{name}`",
                    response.status
                );
                problems.push(
                    self.problem(listed, message)
                        .help("list it in the contract, or fix the server"),
                );
            }
        }
        invalid
    }

    /// Converts the text of a header to the type in its schema, if possible.
    fn parse_header(&self, schema: &str, text: &str) -> Value {
        let kind = self
            .contract
            .resolve(schema)
            .ok()
            .and_then(|(_, schema)| schema.get("type")?.as_str());
        let parsed = match kind {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
            _ => None,
        };
        parsed.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    fn check_body(
        &self,
        listed: &str,
        pointer: &str,
        declared: &Value,
        response: &Response,
        problems: &mut Vec<Problem>,
    ) {
        match declared.get("content") {
            Some(content) => self.check_content(
                listed,
                &child(pointer, "content"),
                content,
                response,
                problems,
            ),
            None => {
                let sent = if !response.body.is_empty() {
                    "a body"
                } else if response.headers.contains_key(CONTENT_TYPE) {
                    "a `Content-Type`"
                } else {
                    return;
                };
                let message = format!(
                    "the {} response has {sent}, but the contract lists none",
                    response.status
                );
                problems.push(self.problem(listed, message));
            }
        }
    }

    fn check_content(
        &self,
        listed: &str,
        pointer: &str,
        content: &Value,
        response: &Response,
        problems: &mut Vec<Problem>,
    ) {
        let declared = response
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = declared
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let Some(media_type) = content.get(&essence) else {
            let wanted: Vec<&str> = content
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            let problem = self.problem(
                listed,
                format!(
                    "the {} response has an unlisted media type",
                    response.status
                ),
            );
            problems.push(
                problem
                    .detail("contract", wanted.join(", "))
                    .detail("server  ", or_nothing(declared)),
            );
            return;
        };
        let Some(schema) = media_type.get("schema") else {
            return;
        };
        let body: Value = match serde_json::from_slice(&response.body) {
            Ok(body) => body,
            Err(error) => {
                // The errors of serde_json contain locations, not values.
                let message = format!(
                    "the body of the {} response is not valid JSON: {error}",
                    response.status
                );
                problems.push(self.problem(listed, message));
                return;
            }
        };
        for error in self
            .schemas
            .masked_errors(schema, UnlistedFields::Refused, &body)
        {
            let message = format!(
                "the body of the {} response is invalid: {error}",
                response.status
            );
            problems.push(self.problem(&child(&child(pointer, &essence), "schema"), message));
        }
    }

    /// Requires the error code that the response declares, or none.
    fn check_error_code(
        &self,
        pointer: &str,
        declared: &Value,
        response: &Response,
        problems: &mut Vec<Problem>,
    ) {
        if response.status < 400 {
            return;
        }
        let body = response.json();
        let sent = body.get(CODE_FIELD).and_then(Value::as_str);
        let listed = declared.get(LISTED_CODE).and_then(Value::as_str);
        if sent == listed {
            return;
        }
        let message = format!(
            "the {} response has the wrong `{CODE_FIELD}`",
            response.status
        );
        problems.push(
            self.problem(&child(pointer, LISTED_CODE), message)
                .detail("contract", or_nothing(listed.unwrap_or_default()))
                .detail("server  ", or_nothing(sent.unwrap_or_default()))
                .help(format!(
                    "declare it with `{LISTED_CODE}` of the response, or fix the server"
                )),
        );
    }

    fn problem(&self, pointer: &str, message: impl Into<String>) -> Problem {
        Problem::at(self.contract, pointer, message)
    }
}

fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut characters = word.chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(characters).collect::<String>()
    });
    words.collect::<Vec<_>>().join("-")
}

fn unlisted_status_help(status: u16) -> &'static str {
    match status {
        400 => {
            "list it, because invalid parameters and bodies are refused with 400; or fix the server"
        }
        401 => {
            "list it, because credentials are checked before parameters and body; or fix the server"
        }
        _ => "list it in the contract, or fix the server",
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "(nothing)" } else { text }
}

#[cfg(test)]
mod tests;

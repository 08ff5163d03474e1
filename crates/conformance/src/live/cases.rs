//! Generates requests from the contract that an operation must refuse or accept.
//!
//! A handler may still refuse a request that the contract allows, for example because of a wrong password. Every bound
//! of every field and parameter is tested at, below and above the bound; the contract's schemas decide which values are
//! valid.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::drive::Expect;
use crate::drive::exchange::Request;
use crate::report::Problem;
use openapi_contract::pointer::child;

use super::case::Case;
use super::parameters::Parameters;
use super::values::Values;

const OTHER_LIMIT: &str = "x-request-body-max-bytes";

pub(crate) struct Sample {
    /// The request; it has no credential.
    pub(crate) request: Request,
    pub(crate) parameters: Vec<(String, Value)>,
    pub(crate) body: Option<Value>,
}

/// Returns the cases for an operation; empty if it has neither parameters nor a body.
///
/// A value that cannot be generated, for example because there is no example, is a problem.
pub(crate) fn cases(
    contract: &Contract,
    operation: &OperationRef,
    limit: usize,
) -> Result<Vec<Case>, Problem> {
    let values = Values::of(contract);
    let parameters = Parameters::of(contract, operation, &values)?;
    let body = Body::of(&parameters, operation, &values, limit)?;
    let mut cases = parameters.cases(&values);
    if let Some(body) = body {
        for case in &mut cases {
            case.request = body.with_body(case.request.clone());
        }
        cases.extend(body.syntax_and_size_cases());
        cases.extend(body.media_type_cases());
        cases.extend(body.value_cases(&values));
    }
    Ok(cases)
}

pub(crate) fn sample(contract: &Contract, operation: &OperationRef) -> Result<Sample, Problem> {
    let values = Values::of(contract);
    let parameters = Parameters::of(contract, operation, &values)?;
    let body = Body::of(&parameters, operation, &values, 0)?;
    let request = parameters.request();
    Ok(Sample {
        request: match &body {
            Some(body) => body.with_body(request),
            None => request,
        },
        parameters: parameters
            .examples()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect(),
        body: body.map(|body| body.example),
    })
}

struct Body<'c> {
    /// A request with valid parameters and no body.
    request: Request,
    pointer: String,
    schema: &'c Value,
    example: Value,
    required: bool,
    limit: usize,
}

impl<'c> Body<'c> {
    fn of(
        parameters: &Parameters<'c>,
        operation: &OperationRef,
        values: &Values<'c>,
        limit: usize,
    ) -> Result<Option<Self>, Problem> {
        let contract = parameters.contract();
        let listed = child(&operation.pointer, "requestBody");
        if contract.value().pointer(&listed).is_none() {
            return Ok(None);
        }
        let to_problem = |finding| Problem::from_finding(finding, contract.text());
        let (body, node) = contract.resolve(&listed).map_err(to_problem)?;
        let schema = child(
            &child(&child(&body, "content"), "application/json"),
            "schema",
        );
        if contract.value().pointer(&schema).is_none() {
            return Ok(None);
        }
        contract.resolve(&schema).map_err(to_problem)?;
        let example = values.sample(&schema).ok_or_else(|| {
            Problem::at(
                contract,
                &schema,
                "no valid body can be generated from this schema",
            )
            .help("add a valid example")
        })?;
        Ok(values.resolve(&schema).map(|(pointer, schema)| Self {
            request: parameters.request(),
            pointer,
            schema,
            example,
            required: node.get("required") == Some(&Value::Bool(true)),
            limit: contract
                .value()
                .pointer(&child(&operation.pointer, OTHER_LIMIT))
                .and_then(Value::as_u64)
                .and_then(|limit| usize::try_from(limit).ok())
                .unwrap_or(limit),
        }))
    }

    fn with_body(&self, request: Request) -> Request {
        request.json(&self.example)
    }

    fn json_case(
        &self,
        name: impl Into<String>,
        expected: Expect,
        body: impl Into<Vec<u8>>,
    ) -> Case {
        self.case_with_media_type(name, Some("application/json"), expected, body)
    }

    fn case_with_media_type(
        &self,
        name: impl Into<String>,
        media_type: Option<&str>,
        expected: Expect,
        body: impl Into<Vec<u8>>,
    ) -> Case {
        Case {
            name: name.into(),
            request: self.request.clone().body(media_type, body),
            expected,
            field: None,
        }
    }

    fn syntax_and_size_cases(&self) -> Vec<Case> {
        let refused = Expect::Status(400);
        let example = self.example.to_string();
        let padded = |length: usize| {
            format!(
                "{example}{}",
                " ".repeat(length.saturating_sub(example.len()))
            )
        };
        let absent = if self.required {
            self.json_case("an empty body", refused, "")
        } else {
            self.case_with_media_type("no body", None, Expect::Accepted, "")
        };
        vec![
            absent,
            self.json_case("a truncated body", refused, &example[..example.len() - 1]),
            self.json_case("a body with trailing text", refused, format!("{example}x")),
            self.json_case(
                "a body that is not UTF-8",
                refused,
                [example.as_bytes(), b"\xff"].concat(),
            ),
            self.json_case("a deeply nested body", refused, "[".repeat(self.limit / 2)),
            self.json_case(
                "a body of the maximum size",
                Expect::Accepted,
                padded(self.limit),
            ),
            self.json_case(
                "a body one byte over the maximum size",
                Expect::Status(413),
                padded(self.limit + 1),
            ),
        ]
    }

    fn media_type_cases(&self) -> Vec<Case> {
        let body = self.example.to_string();
        let refused = Expect::Status(415);
        let declared = |name, media_type, expected| {
            self.case_with_media_type(name, media_type, expected, body.clone())
        };
        vec![
            declared("a body without a media type", None, refused),
            declared("a form", Some("application/x-www-form-urlencoded"), refused),
            declared(
                "a multipart form",
                Some("multipart/form-data; boundary=x"),
                refused,
            ),
            declared("plain text", Some("text/plain"), refused),
            declared(
                "JSON with its charset",
                Some("application/json; charset=utf-8"),
                Expect::Accepted,
            ),
        ]
    }

    fn value_cases(&self, values: &Values) -> Vec<Case> {
        let probes = values.probes(&self.pointer, &self.example);
        let cases = probes.into_iter().filter_map(|probe| {
            let value = probe.value?;
            let fits = values.is_valid(self.schema, &value);
            let expected = if fits {
                Expect::Accepted
            } else {
                Expect::Status(400)
            };
            Some(Case {
                field: probe.field,
                ..self.json_case(
                    format!("a body {}", probe.name),
                    expected,
                    value.to_string(),
                )
            })
        });
        cases.collect()
    }
}

#[cfg(test)]
mod tests;

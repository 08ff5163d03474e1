use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::drive::Expect;
use crate::drive::exchange::Request;
use crate::report::Problem;
use openapi_contract::pointer::child;

use super::case::Case;
use super::values::Values;

struct Parameter {
    name: String,
    location: ParameterLocation,
    required: bool,
    schema: String,
    example: Value,
}

/// The location of a parameter. Lints refuse parameters in cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterLocation {
    Path,
    Query,
    Header,
}

pub(crate) struct Parameters<'c> {
    contract: &'c Contract,
    operation: &'c OperationRef,
    all: Vec<Parameter>,
}

impl<'c> Parameters<'c> {
    /// Reads the parameters of an operation, including those of its path.
    ///
    /// A value that cannot be generated, or a broken reference, is a problem.
    pub(crate) fn of(
        contract: &'c Contract,
        operation: &'c OperationRef,
        values: &Values,
    ) -> Result<Self, Problem> {
        let mut all: Vec<Parameter> = Vec::new();
        let shared = child(&child("/paths", &operation.path), "parameters");
        for list in [shared, child(&operation.pointer, "parameters")] {
            let listed = contract.value().pointer(&list).and_then(Value::as_array);
            for index in 0..listed.map_or(0, Vec::len) {
                let at = format!("{list}/{index}");
                let (pointer, parameter) = contract
                    .resolve(&at)
                    .map_err(|finding| Problem::from_finding(finding, contract.text()))?;
                // Only the server can create a page token, and the first page needs none.
                if is_page_token(contract, operation, parameter) {
                    continue;
                }
                let Some(parameter) = read_parameter(contract, values, &pointer, parameter)? else {
                    continue;
                };
                // A parameter of the operation overrides one of the path.
                all.retain(|other| {
                    (&other.name, other.location) != (&parameter.name, parameter.location)
                });
                all.push(parameter);
            }
        }
        Ok(Self {
            contract,
            operation,
            all,
        })
    }

    pub(crate) fn request(&self) -> Request {
        self.request_with(None)
    }

    pub(crate) fn examples(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.all
            .iter()
            .map(|parameter| (parameter.name.as_str(), &parameter.example))
    }

    pub(crate) fn cases(&self, values: &Values) -> Vec<Case> {
        let mut cases = Vec::new();
        for parameter in &self.all {
            let name = &parameter.name;
            if parameter.location != ParameterLocation::Path {
                let expected = if parameter.required {
                    Expect::Status(400)
                } else {
                    Expect::Accepted
                };
                cases.push(Case {
                    name: format!("without the parameter `{name}`"),
                    request: self.request_with(Some((name, None))),
                    expected,
                    field: None,
                });
            }
            let Some((_, schema)) = values.resolve(&parameter.schema) else {
                continue;
            };
            for probe in values.probes(&parameter.schema, &parameter.example) {
                let Some(text) = probe.value.as_ref().and_then(text) else {
                    continue;
                };
                if !parameter.location.transmits(&text) {
                    continue;
                }
                // The schema decides how text is interpreted: `1` may be a number or a string.
                let is_valid = interpretations(&text)
                    .iter()
                    .any(|value| values.is_valid(schema, value));
                cases.push(Case {
                    name: format!("the parameter `{name}` {}", probe.name),
                    request: self.request_with(Some((name, Some(&text)))),
                    expected: if is_valid {
                        Expect::Accepted
                    } else {
                        Expect::Status(400)
                    },
                    // dropshot decides whether a refusal names the parameter.
                    field: None,
                });
            }
        }
        cases
    }

    /// Returns a request with valid parameters, one of which is replaced or omitted.
    fn request_with(&self, other: Option<(&str, Option<&str>)>) -> Request {
        let mut request = Request::new(&self.operation.method, &self.operation.path);
        for parameter in &self.all {
            let name = parameter.name.as_str();
            let sent = match other {
                Some((other, value)) if other == name => value.map(str::to_owned),
                _ => text(&parameter.example),
            };
            let Some(sent) = sent else { continue };
            request = match parameter.location {
                ParameterLocation::Path => request.path(name, &sent),
                ParameterLocation::Query => request.query(name, &sent),
                ParameterLocation::Header => request.header(name, sent),
            };
        }
        request
    }

    pub(crate) fn contract(&self) -> &'c Contract {
        self.contract
    }
}

fn is_page_token(contract: &Contract, operation: &OperationRef, parameter: &Value) -> bool {
    let paginated = child(&operation.pointer, "x-dropshot-pagination");
    contract.value().pointer(&paginated).is_some()
        && parameter.get("in") == Some(&Value::from("query"))
        && parameter.get("name") == Some(&Value::from("page_token"))
}

fn read_parameter(
    contract: &Contract,
    values: &Values,
    pointer: &str,
    parameter: &Value,
) -> Result<Option<Parameter>, Problem> {
    let word = |key: &str| {
        parameter
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let location = match word("in") {
        "path" => ParameterLocation::Path,
        "query" => ParameterLocation::Query,
        "header" => ParameterLocation::Header,
        _ => return Ok(None),
    };
    let schema = child(pointer, "schema");
    let given = parameter.get("example").cloned();
    let example = given.or_else(|| values.sample(&schema)).ok_or_else(|| {
        let message = format!(
            "no valid value can be generated for the parameter `{}`",
            word("name")
        );
        Problem::at(contract, &schema, message).help("add an example to its schema")
    })?;
    Ok(Some(Parameter {
        name: word("name").to_owned(),
        location,
        required: parameter.get("required") == Some(&Value::Bool(true)),
        schema,
        example,
    }))
}

impl ParameterLocation {
    /// Returns whether text is transmitted unchanged.
    fn transmits(self, text: &str) -> bool {
        match self {
            // An empty segment is another path; `.` and `..` are relative segments.
            ParameterLocation::Path => !matches!(text, "" | "." | ".."),
            ParameterLocation::Query => true,
            // RFC 9110, section 5.5: visible ASCII, with white space only inside.
            ParameterLocation::Header => {
                text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            }
        }
    }
}

/// Returns a value as text; `None` for lists and objects, which have several textual forms.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the values that text may represent: the string itself, and a number or boolean.
fn interpretations(text: &str) -> Vec<Value> {
    let scalar = serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.is_number() || value.is_boolean());
    [Some(Value::from(text)), scalar]
        .into_iter()
        .flatten()
        .collect()
}

pub(crate) fn fill_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            "x"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;

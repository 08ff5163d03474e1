//! Requests made from the parameters that an operation declares: one that fits them all, and for each parameter those
//! that it must refuse and those that it must read.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::drive::exchange::Request;
use crate::report::Problem;
use openapi_contract::pointer::child;

use super::case::{Case, Fate};
use super::values::Values;

/// A declared parameter, with a value that fits it.
struct Parameter {
    name: String,
    place: Place,
    required: bool,
    /// Where its schema is written.
    schema: String,
    example: Value,
}

/// Where a parameter is sent. Cookies are none: the contract check refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

/// The parameters of an operation.
pub(crate) struct Parameters<'c> {
    contract: &'c Contract,
    operation: &'c OperationRef,
    all: Vec<Parameter>,
}

impl<'c> Parameters<'c> {
    /// Reads the parameters of an operation and those that all operations of its path share.
    ///
    /// # Errors
    ///
    /// The contract does not say how to make a value, or a reference has no target.
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
                // What a token of a page holds is the server's business: no value can be made, and the first page needs none.
                if is_page_token(contract, operation, parameter) {
                    continue;
                }
                let Some(parameter) = read(contract, values, &pointer, parameter)? else {
                    continue;
                };
                // One of the operation itself takes the place of a shared one.
                all.retain(|other| {
                    (&other.name, other.place) != (&parameter.name, parameter.place)
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

    /// A request with every parameter at its example.
    pub(crate) fn request(&self) -> Request {
        self.with(None)
    }

    /// The examples by name, to be handed to the client.
    pub(crate) fn examples(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.all
            .iter()
            .map(|parameter| (parameter.name.as_str(), &parameter.example))
    }

    /// The cases of every parameter: left out, and what is made of its schema.
    pub(crate) fn cases(&self, values: &Values) -> Vec<Case> {
        let mut cases = Vec::new();
        for parameter in &self.all {
            let name = &parameter.name;
            if parameter.place != Place::Path {
                let fate = if parameter.required {
                    Fate::Refused(400)
                } else {
                    Fate::Read
                };
                cases.push(Case {
                    name: format!("the parameter {name} left out"),
                    request: self.with(Some((name, None))),
                    fate,
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
                if !parameter.place.carries(&text) {
                    continue;
                }
                // What a text is read as depends on the type that is wanted: `1` is a text too.
                let fits = readings(&text)
                    .iter()
                    .any(|value| values.fits(schema, value));
                cases.push(Case {
                    name: format!("the parameter {name} {}", probe.name),
                    request: self.with(Some((name, Some(&text)))),
                    fate: if fits { Fate::Read } else { Fate::Refused(400) },
                    // Whether a refusal names the parameter is dropshot's own business.
                    field: None,
                });
            }
        }
        cases
    }

    /// A request with every parameter at its example, but for one that is another text or left out.
    fn with(&self, other: Option<(&str, Option<&str>)>) -> Request {
        let mut request = Request::new(&self.operation.method, &self.operation.path);
        for parameter in &self.all {
            let name = parameter.name.as_str();
            let sent = match other {
                Some((other, value)) if other == name => value.map(str::to_owned),
                _ => text(&parameter.example),
            };
            let Some(sent) = sent else { continue };
            request = match parameter.place {
                Place::Path => request.path(name, &sent),
                Place::Query => request.query(name, &sent),
                Place::Header => request.header(name, sent),
            };
        }
        request
    }

    /// The contract that they were read from.
    pub(crate) fn contract(&self) -> &'c Contract {
        self.contract
    }
}

/// Whether a parameter of a paginated operation is the token of a further page.
fn is_page_token(contract: &Contract, operation: &OperationRef, parameter: &Value) -> bool {
    let paginated = child(&operation.pointer, "x-dropshot-pagination");
    contract.value().pointer(&paginated).is_some()
        && parameter.get("in") == Some(&Value::from("query"))
        && parameter.get("name") == Some(&Value::from("page_token"))
}

fn read(
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
    let place = match word("in") {
        "path" => Place::Path,
        "query" => Place::Query,
        "header" => Place::Header,
        _ => return Ok(None),
    };
    let schema = child(pointer, "schema");
    let given = parameter.get("example").cloned();
    let example = given.or_else(|| values.sample(&schema)).ok_or_else(|| {
        let message = format!("no value can be made for the parameter `{}`", word("name"));
        Problem::at(contract, &schema, message).help("give its schema an example")
    })?;
    Ok(Some(Parameter {
        name: word("name").to_owned(),
        place,
        required: parameter.get("required") == Some(&Value::Bool(true)),
        schema,
        example,
    }))
}

impl Place {
    /// Whether a text arrives there as it was sent.
    fn carries(self, text: &str) -> bool {
        match self {
            // An empty segment is another path, and these are taken for steps up and down.
            Place::Path => !matches!(text, "" | "." | ".."),
            Place::Query => true,
            // RFC 9110, section 5.5: visible ASCII, and white space inside only.
            Place::Header => {
                text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            }
        }
    }
}

/// Returns a value as the text of a parameter.
///
/// `None` for lists and objects, which have several text forms.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a text can be read as: itself, and a number or a truth value.
fn readings(text: &str) -> Vec<Value> {
    let scalar = serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.is_number() || value.is_boolean());
    [Some(Value::from(text)), scalar]
        .into_iter()
        .flatten()
        .collect()
}

/// A path with something in place of each parameter.
pub(crate) fn filled(path: &str) -> String {
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

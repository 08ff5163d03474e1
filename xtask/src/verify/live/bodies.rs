//! Request bodies made from the contract: for every operation that reads JSON, those that it must refuse and those that
//! it must read.
//!
//! A body that is read can still be refused for what it says, such as a wrong password; so "read" means that the answer
//! is none of the statuses by which a body is refused unread. Every bound of every field is asked at the bound and one
//! beyond.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::{Map, Value, json};

use crate::grammar::child;
use crate::report::Problem;
use crate::schema::{Objects, Schemas};

use super::exchange::Request;

/// The longest body that the server reads, in bytes.
const LIMIT: usize = 16 * 1024;

/// The statuses by which a body is refused unread.
pub(crate) const UNREAD: [u16; 3] = [400, 413, 415];

/// What must become of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is refused with this status.
    Refused(u16),
    /// It is read: the answer is none of [`UNREAD`].
    Read,
}

/// A body, with what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What it is, for people.
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
}

/// The cases for one operation: none, if it reads no JSON.
///
/// # Errors
///
/// The contract does not tell how to make a body, for example for want of an example.
pub(crate) fn cases(contract: &Contract, operation: &OperationRef) -> Result<Vec<Case>, Problem> {
    let Some(body) = Body::of(contract, operation)? else {
        return Ok(Vec::new());
    };
    let mut cases = body.not_json();
    cases.extend(body.media_types());
    if body.schema.get("properties").is_some() {
        cases.extend(body.fields()?);
    }
    Ok(cases)
}

/// A request to an operation with a body that it reads, if it reads any.
pub(crate) fn sample(contract: &Contract, operation: &OperationRef) -> Result<Request, Problem> {
    let request = Request::new(&operation.method, &filled(&operation.path));
    Ok(match Body::of(contract, operation)? {
        Some(body) => request.json(&body.example),
        None => request,
    })
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

/// The JSON body of an operation.
struct Body<'c> {
    contract: &'c Contract,
    schemas: Schemas,
    operation: &'c OperationRef,
    /// The schema, reference followed, and its place.
    pointer: String,
    schema: &'c Value,
    example: Value,
}

impl<'c> Body<'c> {
    fn of(contract: &'c Contract, operation: &'c OperationRef) -> Result<Option<Self>, Problem> {
        let listed = child(&operation.pointer, "requestBody");
        if contract.value().pointer(&listed).is_none() {
            return Ok(None);
        }
        let lost = |finding| Problem::from_finding(finding, contract.text());
        let (body, _) = contract.resolve(&listed).map_err(lost)?;
        let schema = child(
            &child(&child(&body, "content"), "application/json"),
            "schema",
        );
        if contract.value().pointer(&schema).is_none() {
            return Ok(None);
        }
        let (pointer, schema) = contract.resolve(&schema).map_err(lost)?;
        let Some(example) = schema.get("example").cloned() else {
            let message = "no body can be made from this schema";
            return Err(Problem::at(contract, &pointer, message).help("give it an example"));
        };
        Ok(Some(Self {
            contract,
            schemas: Schemas::of(contract),
            operation,
            pointer,
            schema,
            example,
        }))
    }

    fn request(&self) -> Request {
        Request::new(&self.operation.method, &filled(&self.operation.path))
    }

    fn json(&self, name: impl Into<String>, fate: Fate, body: impl Into<Vec<u8>>) -> Case {
        Case {
            name: name.into(),
            request: self.request().body(Some("application/json"), body),
            fate,
        }
    }

    fn not_json(&self) -> Vec<Case> {
        let refused = Fate::Refused(400);
        let example = self.example.to_string();
        let padded = |length: usize| {
            format!(
                "{example}{}",
                " ".repeat(length.saturating_sub(example.len()))
            )
        };
        vec![
            self.json("an empty body", refused, ""),
            self.json("a body that is cut", refused, &example[..example.len() - 1]),
            self.json("a body with more behind it", refused, format!("{example}x")),
            self.json(
                "a body that is no UTF-8",
                refused,
                [example.as_bytes(), b"\xff"].concat(),
            ),
            self.json(
                "a body of brackets within brackets",
                refused,
                "[".repeat(LIMIT / 2),
            ),
            self.json(
                "a body as long as the server reads",
                Fate::Read,
                padded(LIMIT),
            ),
            self.json(
                "a body one byte too long",
                Fate::Refused(413),
                padded(LIMIT + 1),
            ),
        ]
    }

    fn media_types(&self) -> Vec<Case> {
        let body = self.example.to_string();
        let declared = |name: &str, media_type: Option<&str>, fate| Case {
            name: name.to_owned(),
            request: self.request().body(media_type, body.clone()),
            fate,
        };
        let refused = Fate::Refused(415);
        vec![
            declared("a body of no type", None, refused),
            declared("a form", Some("application/x-www-form-urlencoded"), refused),
            declared(
                "a form of several parts",
                Some("multipart/form-data; boundary=x"),
                refused,
            ),
            declared("plain text", Some("text/plain"), refused),
            declared(
                "JSON with its charset",
                Some("application/json; charset=utf-8"),
                Fate::Read,
            ),
        ]
    }

    fn fields(&self) -> Result<Vec<Case>, Problem> {
        let mut cases = Vec::new();
        for (name, other) in [
            ("null", Value::Null),
            ("a list", json!([])),
            ("a text", json!("x")),
            ("a number", json!(1)),
        ] {
            cases.push(self.json(
                format!("{name} in place of the body"),
                Fate::Refused(400),
                other.to_string(),
            ));
        }
        if self.schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            cases.push(self.with(
                "verify-lists-no-such-field",
                Some(json!(1)),
                Fate::Read,
                "a field that is not listed",
            ));
        }

        let empty = Map::new();
        let properties = self
            .schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let required = self.schema.get("required").and_then(Value::as_array);
        for field in properties.keys() {
            let required = required.is_some_and(|names| names.iter().any(|name| name == field));
            let fate = if required {
                Fate::Refused(400)
            } else {
                Fate::Read
            };
            cases.push(self.with(field, None, fate, &format!("{field} left out")));
            cases.extend(self.field(field)?);
        }
        Ok(cases)
    }

    /// The cases of one field: other types, and each of its bounds.
    fn field(&self, field: &str) -> Result<Vec<Case>, Problem> {
        let at = child(&child(&self.pointer, "properties"), field);
        let (pointer, schema) = self
            .contract
            .resolve(&at)
            .map_err(|finding| Problem::from_finding(finding, self.contract.text()))?;
        let mut cases = Vec::new();

        let others = [
            ("null", Value::Null),
            ("a number", json!(1)),
            ("true", json!(true)),
            ("a text", json!("x")),
            ("a list", json!([])),
            ("an object", json!({})),
        ];
        for (name, other) in others {
            if self.typed(schema, &other) {
                continue;
            }
            cases.push(self.with(
                field,
                Some(other),
                Fate::Refused(400),
                &format!("{field} {name}"),
            ));
        }

        let bound = |key: &str| {
            schema
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|it| usize::try_from(it).ok())
        };
        let minimum = bound("minLength").unwrap_or(0);
        let maximum = bound("maxLength");
        let mut lengths = vec![];
        if minimum > 0 {
            lengths.extend([(minimum - 1, false), (minimum, true)]);
        }
        if let Some(maximum) = maximum {
            lengths.extend([(maximum, true), (maximum + 1, false)]);
        }
        for (length, fits) in lengths {
            let name = format!("{field} of {length} characters");
            let fate = if fits { Fate::Read } else { Fate::Refused(400) };
            let text = self.text(schema, length, fits).ok_or_else(|| {
                let message = format!("verify cannot make {name}");
                Problem::at(self.contract, &pointer, message)
                    .help("teach `FILLERS` in xtask/src/verify/live/bodies.rs a character that the pattern allows")
            })?;
            cases.push(self.with(field, Some(json!(text)), fate, &name));
        }

        if schema.get("pattern").is_some() {
            for text in PROBES {
                let fits = self.fits(schema, &json!(text));
                let fate = if fits { Fate::Read } else { Fate::Refused(400) };
                cases.push(self.with(field, Some(json!(text)), fate, &format!("{field} {text:?}")));
            }
        }
        // Whole numbers alone: nothing is "one beyond" a fraction.
        let (low, high) = match schema.get("format").and_then(Value::as_str) {
            Some("int32") => (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))),
            _ => (None, None),
        };
        let low = schema.get("minimum").and_then(Value::as_i64).or(low);
        let high = schema.get("maximum").and_then(Value::as_i64).or(high);
        let numbers = [
            low.map(|low| low.saturating_sub(1)),
            low,
            high,
            high.map(|high| high.saturating_add(1)),
        ];
        for number in numbers.into_iter().flatten() {
            let fate = if self.fits(schema, &json!(number)) {
                Fate::Read
            } else {
                Fate::Refused(400)
            };
            cases.push(self.with(
                field,
                Some(json!(number)),
                fate,
                &format!("{field} {number}"),
            ));
        }
        Ok(cases)
    }

    /// The example with one field changed, or left out.
    fn with(&self, field: &str, value: Option<Value>, fate: Fate, name: &str) -> Case {
        let mut body = self.example.clone();
        if let Some(fields) = body.as_object_mut() {
            match value {
                Some(value) => {
                    fields.insert(field.to_owned(), value);
                }
                None => {
                    fields.remove(field);
                }
            }
        }
        self.json(name, fate, body.to_string())
    }

    /// A text of that many characters, and, if it is to fit, one that the pattern allows.
    fn text(&self, schema: &Value, length: usize, fits: bool) -> Option<String> {
        FILLERS
            .iter()
            .map(|filler| filler.to_string().repeat(length))
            .find(|text| !fits || self.fits(schema, &json!(text)))
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        self.schemas.errors(schema, Objects::Open, value).is_empty()
    }

    /// Whether a value is of a type that the schema allows, whatever its bounds.
    fn typed(&self, schema: &Value, value: &Value) -> bool {
        match schema.get("type") {
            Some(kind) => {
                let schema = json!({ "type": kind, "nullable": schema.get("nullable") });
                self.fits(&schema, value)
            }
            None => self.fits(schema, value),
        }
    }
}

/// Characters to fill a text with, of which a pattern allows one or another.
const FILLERS: [char; 5] = ['a', 'A', '0', '-', '/'];

/// Texts of which a pattern allows some and forbids others; the server must agree on each.
const PROBES: [&str; 20] = [
    " ", "a b", "é", "a\n", "\na", ".", ".a", "a.", "a.b", "a..b", "a_b", "a-b", "a'b", "'a'",
    "Ab9", "a@b", "a/b", "a\u{0}b", "\u{ff41}", "<a>",
];

#[cfg(test)]
mod tests;

//! Parses YAML or JSON and records the location of each node.
//!
//! One parser reads both, because YAML 1.2 is a superset of JSON (YAML 1.2.2, section 1.2). The value is built from the
//! parser's events and not from its document tree, because that tree is built recursively: a deeply nested document
//! would overflow the stack. Here, the depth is limited.
//!
//! YAML without an equivalent in JSON is refused: custom tags, aliases, keys that are not scalars, infinities, several
//! documents. A key that is another scalar (`200:`) is read as text, as in other OpenAPI tools.

use std::collections::HashMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use crate::finding::Location;
use crate::pointer;

/// The deepest nesting of arrays and objects: the limit of `serde_json`. Real contracts stay under 30.
const MAX_DEPTH: usize = 128;

pub(crate) type Locations = HashMap<String, Location>;

#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) location: Location,
    /// The pointer to the node, as far as it is known.
    pub(crate) pointer: String,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

/// Parses a document.
///
/// # Errors
/// Returns only the first fault, because text after a syntax error cannot be interpreted reliably.
pub(crate) fn read(text: &str) -> Result<(Value, Locations), Fault> {
    let mut reader = Reader::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Fault {
            location: location(error.marker()),
            pointer: reader.pointer(),
            message: format!("not valid YAML: {}", error.info()),
            help: help(error.info()),
        })?;
        reader.read(event, span)?;
    }
    match reader.root {
        Some(root) => Ok((root, reader.locations)),
        None => Err(Fault {
            location: Location { line: 1, column: 1 },
            pointer: String::new(),
            message: "the document is empty".to_owned(),
            help: "write an OpenAPI 3.0 document",
        }),
    }
}

fn help(info: &str) -> &'static str {
    if info.contains("tabs") {
        "indent with spaces"
    } else if info.contains("did not find expected key") {
        "indent it like the adjacent keys"
    } else if info.contains("mapping values are not allowed") {
        "quote the text that contains the colon"
    } else {
        "correct the syntax"
    }
}

/// Converts a location: the parser counts lines from 1 and columns from 0.
fn location(marker: &Marker) -> Location {
    Location {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// An array or object that is not closed yet.
enum Open {
    Array(Vec<Value>),
    /// The members so far, and the key of the next value.
    Object(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Reader {
    locations: Locations,
    open_nodes: Vec<(String, Open)>,
    root: Option<Value>,
}

impl Reader {
    fn pointer(&self) -> String {
        match self.open_nodes.last() {
            None => String::new(),
            Some((parent, Open::Array(items))) => pointer::child(parent, items.len()),
            Some((parent, Open::Object(_, Some(key)))) => pointer::child(parent, key),
            Some((parent, Open::Object(_, None))) => parent.clone(),
        }
    }

    fn fault(&self, span: Span, message: impl Into<String>, help: &'static str) -> Fault {
        Fault {
            location: location(&span.start),
            pointer: self.pointer(),
            message: message.into(),
            help,
        }
    }

    fn read(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at_key = matches!(self.open_nodes.last(), Some((_, Open::Object(_, None))));
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => match self.root {
                None => Ok(()),
                Some(_) => Err(self.fault(
                    span,
                    "a second document begins here",
                    "write one document in each file",
                )),
            },
            Event::Alias(_) => Err(self.fault(
                span,
                "YAML aliases are not supported",
                "repeat the node, or move it to `components` and refer to it with `$ref`",
            )),
            Event::Scalar(text, _, _, tag) if at_key => match tag {
                None => self.begin_member(text.into_owned(), span),
                Some(_) => Err(self.fault(span, "a key with a YAML tag", "remove the tag")),
            },
            Event::SequenceStart(..) | Event::MappingStart(..) if at_key => Err(self.fault(
                span,
                "a key that is an array or an object",
                "write a string as the key",
            )),
            Event::Scalar(text, style, _, tag) => {
                let scalar = Scalar::parse_from_cow_and_metadata(text.clone(), style, tag.as_ref())
                    .filter(|_| tag.as_ref().is_none_or(|tag| tag.is_yaml_core_schema()));
                let value = match scalar {
                    None => {
                        return Err(self.fault(
                            span,
                            "a YAML tag that does not match its value",
                            "remove the tag; quote the value if it is a string",
                        ));
                    }
                    Some(scalar) => self.scalar(scalar, &text, style, span)?,
                };
                let pointer = self.pointer();
                self.record_location(&pointer, span);
                self.push(value);
                Ok(())
            }
            Event::SequenceStart(_, tag) => self.open(tag.is_some(), span, Open::Array(Vec::new())),
            Event::MappingStart(_, tag) => {
                self.open(tag.is_some(), span, Open::Object(Map::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                match self.open_nodes.pop() {
                    Some((_, Open::Array(items))) => self.push(Value::Array(items)),
                    Some((_, Open::Object(members, _))) => self.push(Value::Object(members)),
                    None => {}
                }
                Ok(())
            }
        }
    }

    fn open(&mut self, is_tagged: bool, span: Span, open: Open) -> Result<(), Fault> {
        if is_tagged {
            return Err(self.fault(span, "YAML tags are not supported here", "remove the tag"));
        }
        if self.open_nodes.len() == MAX_DEPTH {
            return Err(self.fault(
                span,
                format!("nested more than {MAX_DEPTH} levels deep"),
                "move the inner parts to `components` and refer to them with `$ref`",
            ));
        }
        let pointer = self.pointer();
        self.record_location(&pointer, span);
        self.open_nodes.push((pointer, open));
        Ok(())
    }

    fn begin_member(&mut self, key: String, span: Span) -> Result<(), Fault> {
        let Some((parent, Open::Object(members, next))) = self.open_nodes.last_mut() else {
            return Ok(());
        };
        let pointer = pointer::child(parent, &key);
        if members.contains_key(&key) {
            let first = self
                .locations
                .get(&pointer)
                .map_or(0, |location| location.line);
            return Err(Fault {
                location: location(&span.start),
                pointer,
                message: format!("duplicate key `{key}`, first on line {first}"),
                help: "remove one of them",
            });
        }
        *next = Some(key);
        self.record_location(&pointer, span);
        Ok(())
    }

    /// Records the first location of a node, so that a member of an object is located at its key.
    fn record_location(&mut self, pointer: &str, span: Span) {
        self.locations
            .entry(pointer.to_owned())
            .or_insert_with(|| location(&span.start));
    }

    fn push(&mut self, value: Value) {
        match self.open_nodes.last_mut() {
            Some((_, Open::Array(items))) => items.push(value),
            Some((_, Open::Object(members, key))) => {
                if let Some(key) = key.take() {
                    members.insert(key, value);
                }
            }
            None => self.root = Some(value),
        }
    }

    fn scalar(
        &self,
        scalar: Scalar<'_>,
        text: &str,
        style: ScalarStyle,
        span: Span,
    ) -> Result<Value, Fault> {
        match scalar {
            Scalar::Null => Ok(Value::Null),
            Scalar::Boolean(value) => Ok(Value::Bool(value)),
            Scalar::Integer(value) => Ok(Value::Number(value.into())),
            Scalar::String(value) => Ok(Value::String(value.into_owned())),
            // The parser returns an integer that overflows as a float, which would silently change the value.
            Scalar::FloatingPoint(_)
                if style == ScalarStyle::Plain
                    && text
                        .trim_start_matches(['+', '-'])
                        .bytes()
                        .all(|b| b.is_ascii_digit()) =>
            {
                // Numbers from 2^63 to 2^64 - 1 overflow the parser's `i64`, but fit into `u64`.
                text.parse::<u64>()
                    .map(|number| Value::Number(number.into()))
                    .map_err(|_| {
                        self.fault(
                            span,
                            format!("the integer {text} does not fit in 64 bits"),
                            "write a smaller one, or quote it if it is a string",
                        )
                    })
            }
            Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
                .map(Value::Number)
                .ok_or_else(|| {
                    self.fault(
                        span,
                        format!("{text} is not a JSON number"),
                        "write a finite number, or quote it if it is a string",
                    )
                }),
        }
    }
}

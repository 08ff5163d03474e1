//! OpenAPI 3.0.3 as tables: the members of each object and the types of their values.
//!
//! - [`Contract::parse`](crate::Contract::parse) uses them to find unknown and missing members and values of the wrong
//!   type.
//! - [`nodes`] lists every object of a document with its [`Kind`].
//! - [`Kind::member`] distinguishes objects, text for people and plain values.
//!
//! Source: <https://spec.openapis.org/oas/v3.0.3>, section 4.7 ("Schema").

use serde_json::Value;

mod nodes;
mod objects;

pub use nodes::{Node, nodes, nodes_within};

/// An object of the specification (OpenAPI 3.0.3, section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum Kind {
    OpenApi,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Components,
    Paths,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Encoding,
    Responses,
    Response,
    Callback,
    Example,
    Link,
    Header,
    Tag,
    Schema,
    Discriminator,
    Xml,
    SecurityScheme,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Any,
    String,
    /// Text for people.
    Prose,
    Boolean,
    Number,
    Natural,
    Word(&'static [&'static str]),
    List(&'static Type),
    /// An object with arbitrary keys.
    Map(&'static Type),
    /// A list of `components`; the characters of its keys are restricted (section 4.7.7).
    Named(&'static Type),
    Object(Kind),
    ObjectOrRef(Kind),
    SchemaOrBoolean,
}

/// A member with a fixed name ("Fixed Fields").
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) value: Type,
}

/// The members with keys that follow a pattern ("Patterned Fields").
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) matches: fn(&str) -> bool,
    pub(crate) value: Type,
    pub(crate) help: &'static str,
}

#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    pub(crate) pattern: Option<Pattern>,
    pub(crate) required: &'static [&'static str],
}

/// The content of a member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A value without further structure: a name, a number, an example, an extension.
    Plain,
    /// Text for people, in which white space has no meaning.
    Text,
    /// One object.
    One(Kind),
    /// A map from names to objects.
    Map(Kind),
    /// A list of objects.
    List(Kind),
}

impl Type {
    fn member(self) -> Member {
        match self {
            Type::Prose => Member::Text,
            Type::Object(kind) | Type::ObjectOrRef(kind) => Member::One(kind),
            Type::SchemaOrBoolean => Member::One(Kind::Schema),
            Type::Map(value) | Type::Named(value) => match value.member() {
                Member::One(kind) => Member::Map(kind),
                _ => Member::Plain,
            },
            Type::List(item) => match item.member() {
                Member::One(kind) => Member::List(kind),
                _ => Member::Plain,
            },
            Type::Any
            | Type::String
            | Type::Boolean
            | Type::Number
            | Type::Natural
            | Type::Word(_) => Member::Plain,
        }
    }
}

impl Kind {
    /// Returns the name in the specification, such as `Operation Object`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Returns the name with `a` or `an`.
    pub fn with_article(self) -> String {
        let name = self.name();
        let article = if name.starts_with(['A', 'E', 'I', 'O']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {name}")
    }

    /// Iterates over the members with fixed names, in the order of the specification.
    pub fn members(self) -> impl Iterator<Item = (&'static str, Member)> {
        let fields = self.spec().fields.iter();
        fields.map(|field| (field.name, field.value.member()))
    }

    /// Returns the content of the member `key`.
    pub fn member(self, key: &str) -> Member {
        self.value_of(key).map_or(Member::Plain, Type::member)
    }

    /// Returns the list under `components` for this kind, such as `schemas`, if there is one.
    pub fn section(self) -> Option<&'static str> {
        Kind::Components
            .members()
            .find(|(_, member)| *member == Member::Map(self))
            .map(|(section, _)| section)
    }

    pub(crate) fn value_of(self, key: &str) -> Option<Type> {
        let spec = self.spec();
        let field = spec.fields.iter().find(|field| field.name == key);
        field.map(|field| field.value).or_else(|| {
            let pattern = spec.pattern.as_ref()?;
            (pattern.matches)(key).then_some(pattern.value)
        })
    }

    pub(crate) fn required(self, value: &Value) -> Vec<&'static str> {
        let mut required = self.spec().required.to_vec();
        let of = value.get("type").and_then(Value::as_str);
        required.extend::<&[_]>(match (self, of) {
            // Sections 4.7.12.2 and 4.7.21.
            (Kind::Parameter | Kind::Header, _) if value.get("content").is_none() => &["schema"],
            // Section 4.7.27.1.
            (Kind::SecurityScheme, Some("apiKey")) => &["name", "in"],
            (Kind::SecurityScheme, Some("http")) => &["scheme"],
            (Kind::SecurityScheme, Some("oauth2")) => &["flows"],
            (Kind::SecurityScheme, Some("openIdConnect")) => &["openIdConnectUrl"],
            _ => &[],
        });
        required
    }
}

/// Returns whether a member of a path item is an operation, such as `get` or `post`.
pub fn is_method(key: &str) -> bool {
    Kind::PathItem.member(key) == Member::One(Kind::Operation)
}

/// Returns whether a key is valid in a Responses Object: `default`, a status, or a range such as `4XX`.
fn is_status(key: &str) -> bool {
    let range = ["1XX", "2XX", "3XX", "4XX", "5XX"].contains(&key);
    let code = key.len() == 3
        && key
            .parse()
            .is_ok_and(|code: u16| (100..600).contains(&code));
    key == "default" || range || code
}

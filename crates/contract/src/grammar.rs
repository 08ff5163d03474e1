//! OpenAPI 3.0.3 as a table: which members each object of the specification has, and what their values are.
//!
//! The table answers three questions. *Is a document OpenAPI?* [`Contract::parse`](crate::Contract::parse) finds unknown
//! members, values of the wrong type and missing members, each at its own place. *What is a node?* [`nodes`] lists every
//! object of a document with its [`Kind`], so that lints and generators visit schemas, responses and so on wherever they
//! are. *What does a member hold?* [`Kind::member`] separates objects from text for people and from plain values.
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

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Any,
    String,
    /// Text for people.
    Prose,
    Boolean,
    Number,
    Natural,
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Type),
    /// An object whose keys are free.
    Map(&'static Type),
    /// An object of `components`, whose keys are restricted (section 4.7.7).
    Named(&'static Type),
    Object(Kind),
    /// An object, or a reference to one.
    ObjectOrRef(Kind),
    SchemaOrBoolean,
}

/// A member that the specification names ("Fixed Fields").
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) value: Type,
}

/// The members whose keys follow a pattern ("Patterned Fields").
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) matches: fn(&str) -> bool,
    pub(crate) value: Type,
    /// What to write instead of a key that does not match.
    pub(crate) help: &'static str,
}

/// An object of the specification.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    pub(crate) pattern: Option<Pattern>,
    pub(crate) required: &'static [&'static str],
}

/// What a member of an object holds.
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
    /// The name in the specification, such as `Operation Object`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The name with `a` or `an`.
    pub fn with_article(self) -> String {
        let name = self.name();
        let article = if name.starts_with(['A', 'E', 'I', 'O']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {name}")
    }

    /// The members that the specification names, in its order.
    pub fn members(self) -> impl Iterator<Item = (&'static str, Member)> {
        let fields = self.spec().fields.iter();
        fields.map(|field| (field.name, field.value.member()))
    }

    /// What the member `key` of such an object holds.
    pub fn member(self, key: &str) -> Member {
        self.value_of(key).map_or(Member::Plain, Type::member)
    }

    /// The list of the Components Object that such objects are in, such as `schemas`; `None` for those that are in none.
    pub fn section(self) -> Option<&'static str> {
        Kind::Components
            .members()
            .find(|(_, member)| *member == Member::Map(self))
            .map(|(section, _)| section)
    }

    /// The type of the member `key`; `None` if the specification does not know it.
    pub(crate) fn value_of(self, key: &str) -> Option<Type> {
        let spec = self.spec();
        let field = spec.fields.iter().find(|field| field.name == key);
        field.map(|field| field.value).or_else(|| {
            let pattern = spec.pattern.as_ref()?;
            (pattern.matches)(key).then_some(pattern.value)
        })
    }

    /// The members that an object must have, given its others.
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

/// Whether a member of a path item is an operation: `get`, `post` and so on.
pub fn is_method(key: &str) -> bool {
    Kind::PathItem.member(key) == Member::One(Kind::Operation)
}

/// Whether a key of the Responses Object is allowed: `default`, a status, or a range such as `4XX`.
fn is_status(key: &str) -> bool {
    let range = ["1XX", "2XX", "3XX", "4XX", "5XX"].contains(&key);
    let code = key.len() == 3
        && key
            .parse()
            .is_ok_and(|code: u16| (100..600).contains(&code));
    key == "default" || range || code
}

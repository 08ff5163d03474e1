//! The tables, in the order of the specification.

use super::{Field, Kind, Pattern, Spec, Type};

impl Kind {
    pub(crate) fn spec(self) -> &'static Spec {
        match self {
            Kind::OpenApi => &OPENAPI,
            Kind::Info => &INFO,
            Kind::Contact => &CONTACT,
            Kind::License => &LICENSE,
            Kind::Server => &SERVER,
            Kind::ServerVariable => &SERVER_VARIABLE,
            Kind::Components => &COMPONENTS,
            Kind::Paths => &PATHS,
            Kind::PathItem => &PATH_ITEM,
            Kind::Operation => &OPERATION,
            Kind::ExternalDocs => &EXTERNAL_DOCS,
            Kind::Parameter => &PARAMETER,
            Kind::RequestBody => &REQUEST_BODY,
            Kind::MediaType => &MEDIA_TYPE,
            Kind::Encoding => &ENCODING,
            Kind::Responses => &RESPONSES,
            Kind::Response => &RESPONSE,
            Kind::Callback => &CALLBACK,
            Kind::Example => &EXAMPLE,
            Kind::Link => &LINK,
            Kind::Header => &HEADER,
            Kind::Tag => &TAG,
            Kind::Schema => &SCHEMA,
            Kind::Discriminator => &DISCRIMINATOR,
            Kind::Xml => &XML,
            Kind::SecurityScheme => &SECURITY_SCHEME,
        }
    }
}

const fn field(name: &'static str, value: Type) -> Field {
    Field { name, value }
}

static OPENAPI: Spec = Spec {
    name: "OpenAPI Object",
    fields: &[
        field("openapi", Type::String),
        field("info", Type::Object(Kind::Info)),
        field("servers", Type::List(&Type::Object(Kind::Server))),
        field("paths", Type::Object(Kind::Paths)),
        field("components", Type::Object(Kind::Components)),
        field(
            "security",
            Type::List(&Type::Map(&Type::List(&Type::String))),
        ),
        field("tags", Type::List(&Type::Object(Kind::Tag))),
        field("externalDocs", Type::Object(Kind::ExternalDocs)),
    ],
    pattern: None,
    required: &["openapi", "info", "paths"],
};

static INFO: Spec = Spec {
    name: "Info Object",
    fields: &[
        field("title", Type::Prose),
        field("description", Type::Prose),
        field("termsOfService", Type::String),
        field("contact", Type::Object(Kind::Contact)),
        field("license", Type::Object(Kind::License)),
        field("version", Type::String),
    ],
    pattern: None,
    required: &["title", "version"],
};

static CONTACT: Spec = Spec {
    name: "Contact Object",
    fields: &[
        field("name", Type::String),
        field("url", Type::String),
        field("email", Type::String),
    ],
    pattern: None,
    required: &[],
};

static LICENSE: Spec = Spec {
    name: "License Object",
    fields: &[field("name", Type::String), field("url", Type::String)],
    pattern: None,
    required: &["name"],
};

static SERVER: Spec = Spec {
    name: "Server Object",
    fields: &[
        field("url", Type::String),
        field("description", Type::Prose),
        field("variables", Type::Map(&Type::Object(Kind::ServerVariable))),
    ],
    pattern: None,
    required: &["url"],
};

static SERVER_VARIABLE: Spec = Spec {
    name: "Server Variable Object",
    fields: &[
        field("enum", Type::List(&Type::String)),
        field("default", Type::String),
        field("description", Type::Prose),
    ],
    pattern: None,
    required: &["default"],
};

static COMPONENTS: Spec = Spec {
    name: "Components Object",
    fields: &[
        field("schemas", Type::Named(&Type::ObjectOrRef(Kind::Schema))),
        field("responses", Type::Named(&Type::ObjectOrRef(Kind::Response))),
        field(
            "parameters",
            Type::Named(&Type::ObjectOrRef(Kind::Parameter)),
        ),
        field("examples", Type::Named(&Type::ObjectOrRef(Kind::Example))),
        field(
            "requestBodies",
            Type::Named(&Type::ObjectOrRef(Kind::RequestBody)),
        ),
        field("headers", Type::Named(&Type::ObjectOrRef(Kind::Header))),
        field(
            "securitySchemes",
            Type::Named(&Type::ObjectOrRef(Kind::SecurityScheme)),
        ),
        field("links", Type::Named(&Type::ObjectOrRef(Kind::Link))),
        field("callbacks", Type::Named(&Type::ObjectOrRef(Kind::Callback))),
    ],
    pattern: None,
    required: &[],
};

static PATHS: Spec = Spec {
    name: "Paths Object",
    fields: &[],
    pattern: Some(Pattern {
        matches: |key| key.starts_with('/'),
        value: Type::Object(Kind::PathItem),
        help: "begin the path with `/`",
    }),
    required: &[],
};

static PATH_ITEM: Spec = Spec {
    name: "Path Item Object",
    fields: &[
        field("$ref", Type::String),
        field("summary", Type::Prose),
        field("description", Type::Prose),
        field("get", Type::Object(Kind::Operation)),
        field("put", Type::Object(Kind::Operation)),
        field("post", Type::Object(Kind::Operation)),
        field("delete", Type::Object(Kind::Operation)),
        field("options", Type::Object(Kind::Operation)),
        field("head", Type::Object(Kind::Operation)),
        field("patch", Type::Object(Kind::Operation)),
        field("trace", Type::Object(Kind::Operation)),
        field("servers", Type::List(&Type::Object(Kind::Server))),
        field(
            "parameters",
            Type::List(&Type::ObjectOrRef(Kind::Parameter)),
        ),
    ],
    pattern: None,
    required: &[],
};

static OPERATION: Spec = Spec {
    name: "Operation Object",
    fields: &[
        field("tags", Type::List(&Type::String)),
        field("summary", Type::Prose),
        field("description", Type::Prose),
        field("externalDocs", Type::Object(Kind::ExternalDocs)),
        field("operationId", Type::String),
        field(
            "parameters",
            Type::List(&Type::ObjectOrRef(Kind::Parameter)),
        ),
        field("requestBody", Type::ObjectOrRef(Kind::RequestBody)),
        field("responses", Type::Object(Kind::Responses)),
        field("callbacks", Type::Map(&Type::ObjectOrRef(Kind::Callback))),
        field("deprecated", Type::Boolean),
        field(
            "security",
            Type::List(&Type::Map(&Type::List(&Type::String))),
        ),
        field("servers", Type::List(&Type::Object(Kind::Server))),
    ],
    pattern: None,
    required: &["responses"],
};

static EXTERNAL_DOCS: Spec = Spec {
    name: "External Documentation Object",
    fields: &[
        field("description", Type::Prose),
        field("url", Type::String),
    ],
    pattern: None,
    required: &["url"],
};

static PARAMETER: Spec = Spec {
    name: "Parameter Object",
    fields: &[
        field("name", Type::String),
        field("in", Type::Word(&["query", "header", "path", "cookie"])),
        field("description", Type::Prose),
        field("required", Type::Boolean),
        field("deprecated", Type::Boolean),
        field("allowEmptyValue", Type::Boolean),
        field("style", Type::String),
        field("explode", Type::Boolean),
        field("allowReserved", Type::Boolean),
        field("schema", Type::ObjectOrRef(Kind::Schema)),
        field("example", Type::Any),
        field("examples", Type::Map(&Type::ObjectOrRef(Kind::Example))),
        field("content", Type::Map(&Type::Object(Kind::MediaType))),
    ],
    pattern: None,
    required: &["name", "in"],
};

static REQUEST_BODY: Spec = Spec {
    name: "Request Body Object",
    fields: &[
        field("description", Type::Prose),
        field("content", Type::Map(&Type::Object(Kind::MediaType))),
        field("required", Type::Boolean),
    ],
    pattern: None,
    required: &["content"],
};

static MEDIA_TYPE: Spec = Spec {
    name: "Media Type Object",
    fields: &[
        field("schema", Type::ObjectOrRef(Kind::Schema)),
        field("example", Type::Any),
        field("examples", Type::Map(&Type::ObjectOrRef(Kind::Example))),
        field("encoding", Type::Map(&Type::Object(Kind::Encoding))),
    ],
    pattern: None,
    required: &[],
};

static ENCODING: Spec = Spec {
    name: "Encoding Object",
    fields: &[
        field("contentType", Type::String),
        field("headers", Type::Map(&Type::ObjectOrRef(Kind::Header))),
        field("style", Type::String),
        field("explode", Type::Boolean),
        field("allowReserved", Type::Boolean),
    ],
    pattern: None,
    required: &[],
};

static RESPONSES: Spec = Spec {
    name: "Responses Object",
    fields: &[],
    pattern: Some(Pattern {
        matches: super::is_status,
        value: Type::ObjectOrRef(Kind::Response),
        help: "write a status such as '200', a range such as 4XX, or default",
    }),
    required: &[],
};

static RESPONSE: Spec = Spec {
    name: "Response Object",
    fields: &[
        field("description", Type::Prose),
        field("headers", Type::Map(&Type::ObjectOrRef(Kind::Header))),
        field("content", Type::Map(&Type::Object(Kind::MediaType))),
        field("links", Type::Map(&Type::ObjectOrRef(Kind::Link))),
    ],
    pattern: None,
    required: &["description"],
};

static CALLBACK: Spec = Spec {
    name: "Callback Object",
    fields: &[],
    pattern: Some(Pattern {
        matches: |key| !key.starts_with("x-"),
        value: Type::Object(Kind::PathItem),
        help: "write a runtime expression",
    }),
    required: &[],
};

static EXAMPLE: Spec = Spec {
    name: "Example Object",
    fields: &[
        field("summary", Type::Prose),
        field("description", Type::Prose),
        field("value", Type::Any),
        field("externalValue", Type::String),
    ],
    pattern: None,
    required: &[],
};

static LINK: Spec = Spec {
    name: "Link Object",
    fields: &[
        field("operationRef", Type::String),
        field("operationId", Type::String),
        field("parameters", Type::Map(&Type::Any)),
        field("requestBody", Type::Any),
        field("description", Type::Prose),
        field("server", Type::Object(Kind::Server)),
    ],
    pattern: None,
    required: &[],
};

static HEADER: Spec = Spec {
    name: "Header Object",
    fields: &[
        field("description", Type::Prose),
        field("required", Type::Boolean),
        field("deprecated", Type::Boolean),
        field("style", Type::String),
        field("explode", Type::Boolean),
        field("schema", Type::ObjectOrRef(Kind::Schema)),
        field("example", Type::Any),
        field("examples", Type::Map(&Type::ObjectOrRef(Kind::Example))),
        field("content", Type::Map(&Type::Object(Kind::MediaType))),
    ],
    pattern: None,
    required: &[],
};

static TAG: Spec = Spec {
    name: "Tag Object",
    fields: &[
        field("name", Type::String),
        field("description", Type::Prose),
        field("externalDocs", Type::Object(Kind::ExternalDocs)),
    ],
    pattern: None,
    required: &["name"],
};

static SCHEMA: Spec = Spec {
    name: "Schema Object",
    fields: &[
        field("title", Type::Prose),
        field("multipleOf", Type::Number),
        field("maximum", Type::Number),
        field("exclusiveMaximum", Type::Boolean),
        field("minimum", Type::Number),
        field("exclusiveMinimum", Type::Boolean),
        field("maxLength", Type::Natural),
        field("minLength", Type::Natural),
        field("pattern", Type::String),
        field("maxItems", Type::Natural),
        field("minItems", Type::Natural),
        field("uniqueItems", Type::Boolean),
        field("maxProperties", Type::Natural),
        field("minProperties", Type::Natural),
        field("required", Type::List(&Type::String)),
        field("enum", Type::List(&Type::Any)),
        field(
            "type",
            Type::Word(&["string", "number", "integer", "object", "array", "boolean"]),
        ),
        field("allOf", Type::List(&Type::ObjectOrRef(Kind::Schema))),
        field("oneOf", Type::List(&Type::ObjectOrRef(Kind::Schema))),
        field("anyOf", Type::List(&Type::ObjectOrRef(Kind::Schema))),
        field("not", Type::ObjectOrRef(Kind::Schema)),
        field("items", Type::ObjectOrRef(Kind::Schema)),
        field("properties", Type::Map(&Type::ObjectOrRef(Kind::Schema))),
        field("additionalProperties", Type::SchemaOrBoolean),
        field("description", Type::Prose),
        field("format", Type::String),
        field("default", Type::Any),
        field("nullable", Type::Boolean),
        field("discriminator", Type::Object(Kind::Discriminator)),
        field("readOnly", Type::Boolean),
        field("writeOnly", Type::Boolean),
        field("xml", Type::Object(Kind::Xml)),
        field("externalDocs", Type::Object(Kind::ExternalDocs)),
        field("example", Type::Any),
        field("deprecated", Type::Boolean),
    ],
    pattern: None,
    required: &[],
};

static DISCRIMINATOR: Spec = Spec {
    name: "Discriminator Object",
    fields: &[
        field("propertyName", Type::String),
        field("mapping", Type::Map(&Type::String)),
    ],
    pattern: None,
    required: &["propertyName"],
};

static XML: Spec = Spec {
    name: "XML Object",
    fields: &[
        field("name", Type::String),
        field("namespace", Type::String),
        field("prefix", Type::String),
        field("attribute", Type::Boolean),
        field("wrapped", Type::Boolean),
    ],
    pattern: None,
    required: &[],
};

static SECURITY_SCHEME: Spec = Spec {
    name: "Security Scheme Object",
    fields: &[
        field(
            "type",
            Type::Word(&["apiKey", "http", "oauth2", "openIdConnect"]),
        ),
        field("description", Type::Prose),
        field("name", Type::String),
        field("in", Type::Word(&["query", "header", "cookie"])),
        field("scheme", Type::String),
        field("bearerFormat", Type::String),
        field("flows", Type::Map(&Type::Any)),
        field("openIdConnectUrl", Type::String),
    ],
    pattern: None,
    required: &["type"],
};

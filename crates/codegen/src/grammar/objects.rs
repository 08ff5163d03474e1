//! The tables themselves, in the order of the specification.

use super::{Field, Kind, Role, Spec};

const fn read(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        role: Role::Read,
    }
}

const fn refused(name: &'static str, kind: Kind, help: &'static str) -> Field {
    Field {
        name,
        kind,
        role: Role::Refused(help),
    }
}

static TEXTS: Kind = Kind::List(&Kind::Text);
pub(crate) static SCHEMA_OR_REF: Kind = Kind::ObjectOrRef(&SCHEMA);
static HEADERS: Kind = Kind::ObjectOrRef(&HEADER);
static EXAMPLES: Kind = Kind::ObjectOrRef(&EXAMPLE);
static CONTENT: Kind = Kind::Object(&MEDIA_TYPE);
static LINKS: Kind = Kind::ObjectOrRef(&LINK);
static CALLBACKS: Kind = Kind::Any;
static SERVERS: Kind = Kind::Object(&SERVER);
static REQUIREMENTS: Kind = Kind::Map(&TEXTS);

const NO_EXTERNAL_DOCS: &str = "put the address into the description";
const EXAMPLE_IN_SCHEMA: &str = "put the example into the schema";

pub(crate) static OPENAPI: Spec = Spec {
    name: "OpenAPI Object",
    fields: &[
        read("openapi", Kind::Text),
        read("info", Kind::Object(&INFO)),
        read("servers", Kind::List(&SERVERS)),
        read("paths", Kind::Paths(&Kind::Object(&PATH_ITEM))),
        read("components", Kind::Object(&COMPONENTS)),
        read("security", Kind::List(&REQUIREMENTS)),
        read("tags", Kind::List(&Kind::Object(&TAG))),
        refused(
            "externalDocs",
            Kind::Object(&EXTERNAL_DOCS),
            NO_EXTERNAL_DOCS,
        ),
    ],
    required: &["openapi", "info", "paths"],
};

static INFO: Spec = Spec {
    name: "Info Object",
    fields: &[
        read("title", Kind::Text),
        read("description", Kind::Text),
        read("termsOfService", Kind::Text),
        read("contact", Kind::Object(&CONTACT)),
        read("license", Kind::Object(&LICENSE)),
        read("version", Kind::Text),
    ],
    required: &["title", "version"],
};

static CONTACT: Spec = Spec {
    name: "Contact Object",
    fields: &[
        read("name", Kind::Text),
        read("url", Kind::Text),
        read("email", Kind::Text),
    ],
    required: &[],
};

static LICENSE: Spec = Spec {
    name: "License Object",
    fields: &[read("name", Kind::Text), read("url", Kind::Text)],
    required: &["name"],
};

static SERVER: Spec = Spec {
    name: "Server Object",
    fields: &[
        read("url", Kind::Text),
        read("description", Kind::Text),
        read("variables", Kind::Map(&Kind::Object(&SERVER_VARIABLE))),
    ],
    required: &["url"],
};

static SERVER_VARIABLE: Spec = Spec {
    name: "Server Variable Object",
    fields: &[
        read("enum", Kind::List(&Kind::Text)),
        read("default", Kind::Text),
        read("description", Kind::Text),
    ],
    required: &["default"],
};

static COMPONENTS: Spec = Spec {
    name: "Components Object",
    fields: &[
        read("schemas", Kind::Named(&SCHEMA_OR_REF)),
        read("responses", Kind::Named(&Kind::ObjectOrRef(&RESPONSE))),
        read("parameters", Kind::Named(&Kind::ObjectOrRef(&PARAMETER))),
        refused("examples", Kind::Named(&EXAMPLES), EXAMPLE_IN_SCHEMA),
        read(
            "requestBodies",
            Kind::Named(&Kind::ObjectOrRef(&REQUEST_BODY)),
        ),
        read("headers", Kind::Named(&HEADERS)),
        read(
            "securitySchemes",
            Kind::Named(&Kind::ObjectOrRef(&SECURITY_SCHEME)),
        ),
        refused(
            "links",
            Kind::Named(&LINKS),
            "remove it: links are not generated",
        ),
        refused(
            "callbacks",
            Kind::Named(&CALLBACKS),
            "remove it: callbacks are not generated",
        ),
    ],
    required: &[],
};

static PATH_ITEM: Spec = Spec {
    name: "Path Item Object",
    fields: &[
        refused("$ref", Kind::Text, "write the path item out here"),
        refused("summary", Kind::Text, "write it on each operation"),
        refused("description", Kind::Text, "write it on each operation"),
        read("get", Kind::Object(&OPERATION)),
        read("put", Kind::Object(&OPERATION)),
        read("post", Kind::Object(&OPERATION)),
        read("delete", Kind::Object(&OPERATION)),
        read("options", Kind::Object(&OPERATION)),
        read("head", Kind::Object(&OPERATION)),
        read("patch", Kind::Object(&OPERATION)),
        refused(
            "trace",
            Kind::Object(&OPERATION),
            "use another method: dropshot has no TRACE",
        ),
        refused(
            "servers",
            Kind::List(&SERVERS),
            "write servers at the top of the document",
        ),
        read("parameters", Kind::List(&Kind::ObjectOrRef(&PARAMETER))),
    ],
    required: &[],
};

static OPERATION: Spec = Spec {
    name: "Operation Object",
    fields: &[
        read("tags", Kind::List(&Kind::Text)),
        read("summary", Kind::Text),
        read("description", Kind::Text),
        refused(
            "externalDocs",
            Kind::Object(&EXTERNAL_DOCS),
            NO_EXTERNAL_DOCS,
        ),
        read("operationId", Kind::Text),
        read("parameters", Kind::List(&Kind::ObjectOrRef(&PARAMETER))),
        read("requestBody", Kind::ObjectOrRef(&REQUEST_BODY)),
        read("responses", Kind::Statuses(&Kind::ObjectOrRef(&RESPONSE))),
        refused(
            "callbacks",
            Kind::Map(&CALLBACKS),
            "remove it: callbacks are not generated",
        ),
        read("deprecated", Kind::Flag),
        read("security", Kind::List(&REQUIREMENTS)),
        refused(
            "servers",
            Kind::List(&SERVERS),
            "write servers at the top of the document",
        ),
    ],
    required: &["responses"],
};

static EXTERNAL_DOCS: Spec = Spec {
    name: "External Documentation Object",
    fields: &[read("description", Kind::Text), read("url", Kind::Text)],
    required: &["url"],
};

static PARAMETER: Spec = Spec {
    name: "Parameter Object",
    fields: &[
        read("name", Kind::Text),
        read("in", Kind::Word(&["query", "header", "path", "cookie"])),
        read("description", Kind::Text),
        read("required", Kind::Flag),
        refused(
            "deprecated",
            Kind::Flag,
            "say it in the description: dropshot cannot mark it",
        ),
        refused(
            "allowEmptyValue",
            Kind::Flag,
            "remove it: OpenAPI itself advises against it",
        ),
        read("style", Kind::Text),
        read("explode", Kind::Flag),
        refused(
            "allowReserved",
            Kind::Flag,
            "remove it: dropshot decodes every value",
        ),
        read("schema", Kind::ObjectOrRef(&SCHEMA)),
        refused("example", Kind::Any, EXAMPLE_IN_SCHEMA),
        refused("examples", Kind::Map(&EXAMPLES), EXAMPLE_IN_SCHEMA),
        refused(
            "content",
            Kind::Map(&CONTENT),
            "give the parameter a schema",
        ),
    ],
    required: &["name", "in"],
};

static REQUEST_BODY: Spec = Spec {
    name: "Request Body Object",
    fields: &[
        refused(
            "description",
            Kind::Text,
            "put it into the description of the schema",
        ),
        read("content", Kind::Map(&CONTENT)),
        read("required", Kind::Flag),
    ],
    required: &["content"],
};

static MEDIA_TYPE: Spec = Spec {
    name: "Media Type Object",
    fields: &[
        read("schema", Kind::ObjectOrRef(&SCHEMA)),
        refused("example", Kind::Any, EXAMPLE_IN_SCHEMA),
        refused("examples", Kind::Map(&EXAMPLES), EXAMPLE_IN_SCHEMA),
        refused(
            "encoding",
            Kind::Map(&Kind::Any),
            "remove it: forms are not generated",
        ),
    ],
    required: &[],
};

static RESPONSE: Spec = Spec {
    name: "Response Object",
    fields: &[
        read("description", Kind::Text),
        read("headers", Kind::Map(&HEADERS)),
        read("content", Kind::Map(&CONTENT)),
        refused(
            "links",
            Kind::Map(&LINKS),
            "remove it: links are not generated",
        ),
    ],
    required: &["description"],
};

static EXAMPLE: Spec = Spec {
    name: "Example Object",
    fields: &[
        read("summary", Kind::Text),
        read("description", Kind::Text),
        read("value", Kind::Any),
        read("externalValue", Kind::Text),
    ],
    required: &[],
};

static LINK: Spec = Spec {
    name: "Link Object",
    fields: &[
        read("operationRef", Kind::Text),
        read("operationId", Kind::Text),
        read("parameters", Kind::Map(&Kind::Any)),
        read("requestBody", Kind::Any),
        read("description", Kind::Text),
        read("server", Kind::Object(&SERVER)),
    ],
    required: &[],
};

static HEADER: Spec = Spec {
    name: "Header Object",
    fields: &[
        read("description", Kind::Text),
        read("required", Kind::Flag),
        refused(
            "deprecated",
            Kind::Flag,
            "say it in the description: dropshot cannot mark it",
        ),
        read("style", Kind::Text),
        read("explode", Kind::Flag),
        read("schema", Kind::ObjectOrRef(&SCHEMA)),
        refused("example", Kind::Any, EXAMPLE_IN_SCHEMA),
        refused("examples", Kind::Map(&EXAMPLES), EXAMPLE_IN_SCHEMA),
        refused("content", Kind::Map(&CONTENT), "give the header a schema"),
    ],
    required: &[],
};

static TAG: Spec = Spec {
    name: "Tag Object",
    fields: &[
        read("name", Kind::Text),
        read("description", Kind::Text),
        read("externalDocs", Kind::Object(&EXTERNAL_DOCS)),
    ],
    required: &["name"],
};

static SCHEMA: Spec = Spec {
    name: "Schema Object",
    fields: &[
        read("title", Kind::Text),
        read("multipleOf", Kind::Number),
        read("maximum", Kind::Number),
        read("exclusiveMaximum", Kind::Flag),
        read("minimum", Kind::Number),
        read("exclusiveMinimum", Kind::Flag),
        read("maxLength", Kind::Natural),
        read("minLength", Kind::Natural),
        read("pattern", Kind::Text),
        read("maxItems", Kind::Natural),
        read("minItems", Kind::Natural),
        read("uniqueItems", Kind::Flag),
        read("maxProperties", Kind::Natural),
        read("minProperties", Kind::Natural),
        read("required", Kind::List(&Kind::Text)),
        read("enum", Kind::List(&Kind::Any)),
        read(
            "type",
            Kind::Word(&["string", "number", "integer", "object", "array", "boolean"]),
        ),
        read("allOf", Kind::List(&SCHEMA_OR_REF)),
        read("oneOf", Kind::List(&SCHEMA_OR_REF)),
        read("anyOf", Kind::List(&SCHEMA_OR_REF)),
        read("not", Kind::ObjectOrRef(&SCHEMA)),
        read("items", Kind::ObjectOrRef(&SCHEMA)),
        read("properties", Kind::Map(&SCHEMA_OR_REF)),
        read("additionalProperties", Kind::SchemaOrFlag),
        read("description", Kind::Text),
        read("format", Kind::Text),
        read("default", Kind::Any),
        read("nullable", Kind::Flag),
        read("discriminator", Kind::Object(&DISCRIMINATOR)),
        read("readOnly", Kind::Flag),
        read("writeOnly", Kind::Flag),
        refused(
            "xml",
            Kind::Object(&XML),
            "remove it: only JSON is generated",
        ),
        refused(
            "externalDocs",
            Kind::Object(&EXTERNAL_DOCS),
            NO_EXTERNAL_DOCS,
        ),
        read("example", Kind::Any),
        read("deprecated", Kind::Flag),
    ],
    required: &[],
};

static DISCRIMINATOR: Spec = Spec {
    name: "Discriminator Object",
    fields: &[
        read("propertyName", Kind::Text),
        read("mapping", Kind::Map(&Kind::Text)),
    ],
    required: &["propertyName"],
};

static XML: Spec = Spec {
    name: "XML Object",
    fields: &[
        read("name", Kind::Text),
        read("namespace", Kind::Text),
        read("prefix", Kind::Text),
        read("attribute", Kind::Flag),
        read("wrapped", Kind::Flag),
    ],
    required: &[],
};

static SECURITY_SCHEME: Spec = Spec {
    name: "Security Scheme Object",
    fields: &[
        read(
            "type",
            Kind::Word(&["apiKey", "http", "oauth2", "openIdConnect"]),
        ),
        read("description", Kind::Text),
        read("name", Kind::Text),
        read("in", Kind::Word(&["query", "header", "cookie"])),
        read("scheme", Kind::Text),
        read("bearerFormat", Kind::Text),
        read("flows", Kind::Map(&Kind::Any)),
        read("openIdConnectUrl", Kind::Text),
    ],
    required: &["type"],
};

pub(crate) static REFERENCE: Spec = Spec {
    name: "Reference Object",
    fields: &[read("$ref", Kind::Text)],
    required: &["$ref"],
};

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::contract::Contract;
use crate::document::Document;
use crate::grammar::{self, Kind};
use crate::pointer::{self, child};

/// Documentation that neither a server nor a client uses. Documentation within schemas is kept.
const DOCUMENTATION: [(Kind, &str); 11] = [
    (Kind::OpenApi, "externalDocs"),
    (Kind::Components, "examples"),
    (Kind::Operation, "externalDocs"),
    (Kind::Parameter, "example"),
    (Kind::Parameter, "examples"),
    (Kind::MediaType, "example"),
    (Kind::MediaType, "examples"),
    (Kind::Header, "example"),
    (Kind::Header, "examples"),
    (Kind::Schema, "externalDocs"),
    (Kind::Schema, "xml"),
];

/// Media types whose parameters have no meaning in a contract.
///
/// JSON (RFC 8259, section 11), bytes and forms define no parameters. The boundary of a multipart body belongs to a
/// single message.
const WITHOUT_PARAMETERS: [&str; 4] = [
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
];

impl Contract {
    /// Returns the contract without `externalDocs`, `xml` and examples outside schemas.
    ///
    /// Media types get their plain names: `application/json; charset=utf-8` becomes `application/json`. The remaining
    /// nodes keep their locations.
    #[must_use]
    pub fn simplified(&self) -> Contract {
        let documentation = find_documentation(self);
        let mut document = self.without(&documentation);
        for content in media_type_maps(document.value()) {
            rename_media_types(&mut document, &content);
        }
        // A reference that is a path through the document, not the name of a component, may now be broken. In that
        // case, the contract is returned unchanged.
        Contract::try_from(document).unwrap_or_else(|_| self.clone())
    }
}

/// Returns a media type in lower case and without parameters if these have no meaning in a contract.
pub fn plain_media_type(media_type: &str) -> &str {
    let name = media_type.split(';').next().unwrap_or_default().trim();
    WITHOUT_PARAMETERS
        .into_iter()
        .find(|plain| plain.eq_ignore_ascii_case(name))
        .unwrap_or(media_type)
}

fn find_documentation(document: &Document) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in grammar::nodes(document.value()) {
        let members = DOCUMENTATION.iter().filter(|(kind, member)| {
            *kind == node.kind && node.reference().is_none() && node.value.get(member).is_some()
        });
        found.extend(members.map(|(_, member)| child(&node.pointer, member)));
    }
    found
}

fn media_type_maps(document: &Value) -> BTreeSet<String> {
    let media_types = grammar::nodes(document)
        .into_iter()
        .filter(|node| node.kind == Kind::MediaType);
    media_types
        .filter_map(|node| pointer::parent(&node.pointer).map(str::to_owned))
        .collect()
}

/// Renames media types to their plain names, unless the body already has that name.
fn rename_media_types(document: &mut Document, content: &str) {
    let Some(members) = document.value().pointer(content).and_then(Value::as_object) else {
        return;
    };
    let mut renamed = Map::new();
    let mut pairs = Vec::new();
    for (name, media) in members {
        let plain = plain_media_type(name);
        let plain = if members.contains_key(plain) || renamed.contains_key(plain) {
            name
        } else {
            pairs.push((child(content, name), child(content, plain)));
            plain
        };
        renamed.insert(plain.to_owned(), media.clone());
    }
    if !pairs.is_empty() {
        document.replace(content, Value::Object(renamed), &pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
openapi: 3.0.3
info: { title: a, version: 1.0.0 }
externalDocs: { url: b }
tags: [{ name: t, externalDocs: { url: c } }]
paths:
  /a:
    put:
      externalDocs: { url: d }
      parameters:
        - { name: p, in: query, example: 1, examples: { one: { value: 1 } }, schema: { type: integer } }
      requestBody:
        content:
          Application/JSON ;charset=utf-8: { schema: { type: string, xml: { name: x }, example: e }, example: f }
          application/json: { schema: { type: integer } }
      responses:
        '200':
          description: a
          headers: { X-A: { example: 1, schema: { type: integer, externalDocs: { url: g } } } }
          content:
            text/plain; charset=latin1: { schema: { type: string } }
            'application/json; charset=utf-8': { examples: { e: { $ref: '#/components/examples/E' } }, schema: { type: string } }
components:
  examples: { E: { value: 1 } }
";

    const SIMPLE: &str = "\
openapi: 3.0.3
info: { title: a, version: 1.0.0 }
tags: [{ name: t, externalDocs: { url: c } }]
paths:
  /a:
    put:
      parameters:
        - { name: p, in: query, schema: { type: integer } }
      requestBody:
        content:
          Application/JSON ;charset=utf-8: { schema: { type: string, example: e } }
          application/json: { schema: { type: integer } }
      responses:
        '200':
          description: a
          headers: { X-A: { schema: { type: integer } } }
          content:
            text/plain; charset=latin1: { schema: { type: string } }
            application/json: { schema: { type: string } }
components: {}
";

    #[test]
    fn simplified_contract_has_no_documentation_and_plain_media_types() {
        let contract = Contract::parse("a.yaml", TEXT).expect("the contract is valid");
        let simplified = contract.simplified();
        let plain = Contract::parse("b.yaml", SIMPLE).expect("the contract is valid");
        assert_eq!(simplified.value(), plain.value());
        let at = "/paths/~1a/put/responses/200/content/application~1json";
        assert_eq!(simplified.locate(at).line, 21);
        assert_eq!(simplified.locate(&child(at, "schema")).line, 21);
        assert_eq!(simplified.locate("/info").line, 2);
    }

    #[test]
    fn contract_with_a_reference_to_a_renamed_node_is_unchanged() {
        let text = TEXT.replace(
            "schema: { type: integer } }\n      responses",
            "schema: { $ref: '#/paths/~1a/put/responses/200/content/application~1json; charset=utf-8/schema' } }\n      responses",
        );
        assert_ne!(text, TEXT);
        let contract = Contract::parse("a.yaml", &text).expect("the contract is valid");
        assert_eq!(contract.simplified().value(), contract.value());
    }

    #[test]
    fn media_type_keeps_meaningful_parameters() {
        for (written, plain) in [
            ("application/json; charset=utf-8", "application/json"),
            ("APPLICATION/JSON", "application/json"),
            ("multipart/form-data;boundary=x", "multipart/form-data"),
            ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("application/problem+json", "application/problem+json"),
            ("application/*", "application/*"),
        ] {
            assert_eq!(plain_media_type(written), plain);
        }
    }
}

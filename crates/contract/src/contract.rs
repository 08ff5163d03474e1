//! A contract: a document that is OpenAPI 3.0 throughout.

use std::ops::Deref;

use crate::document::Document;
use crate::finding::Finding;
use crate::{pointer, validate};

/// A document that is OpenAPI 3.0 throughout. It dereferences to its [`Document`].
#[derive(Clone, Debug)]
pub struct Contract {
    document: Document,
    openapi: openapiv3::OpenAPI,
}

impl Contract {
    /// Parses an OpenAPI 3.0 document, in YAML or JSON.
    ///
    /// `name` is what findings call the file, such as `openapi.yaml`.
    ///
    /// # Errors
    /// Everything that keeps the text from being an OpenAPI 3.0 document, each with its place: broken syntax, a key that occurs
    /// twice, YAML that has no equivalent in JSON, another version of OpenAPI, a member that OpenAPI does not know or whose value
    /// has the wrong type.
    pub fn parse(name: &str, text: &str) -> Result<Contract, Vec<Finding>> {
        let document = Document::parse(name, text).map_err(|finding| vec![finding])?;
        Contract::try_from(document)
    }

    /// The document as `openapiv3` models it.
    pub fn openapi(&self) -> &openapiv3::OpenAPI {
        &self.openapi
    }
}

impl TryFrom<Document> for Contract {
    /// What is not OpenAPI, in the order of the document.
    type Error = Vec<Finding>;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let mut findings = validate::validate(&document);
        if !findings.is_empty() {
            Finding::sort(&mut findings);
            return Err(findings);
        }
        let openapi = model(&document).map_err(|finding| vec![finding])?;
        Ok(Contract { document, openapi })
    }
}

impl Deref for Contract {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.document
    }
}

fn model(document: &Document) -> Result<openapiv3::OpenAPI, Finding> {
    serde_path_to_error::deserialize(document.value()).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |parent, segment| {
            match segment {
                serde_path_to_error::Segment::Seq { index } => pointer::child(&parent, index),
                serde_path_to_error::Segment::Map { key } => pointer::child(&parent, key),
                // A variant is not a step in the document; nor is what the path does not know.
                serde_path_to_error::Segment::Enum { .. }
                | serde_path_to_error::Segment::Unknown => parent,
            }
        });
        document.finding(
            &pointer,
            format!("not OpenAPI 3.0: {}", error.inner()),
            "write it as the OpenAPI 3.0.3 specification has it",
        )
    })
}

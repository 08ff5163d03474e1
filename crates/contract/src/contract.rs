use std::ops::Deref;

use crate::document::Document;
use crate::finding::Finding;
use crate::{pointer, validate};

/// A valid OpenAPI 3.0 document; dereferences to [`Document`].
#[derive(Clone, Debug)]
pub struct Contract {
    document: Document,
    openapi: openapiv3::OpenAPI,
}

impl Contract {
    /// Parses an OpenAPI 3.0 document in YAML or JSON.
    ///
    /// `name` is the file name that findings show, such as `openapi.yaml`.
    ///
    /// # Errors
    /// Returns every reason why the text is not an OpenAPI 3.0 document: invalid syntax, a duplicate key, YAML without
    /// an equivalent in JSON, another version of OpenAPI, an unknown member, a value of the wrong type.
    pub fn parse(name: &str, text: &str) -> Result<Contract, Vec<Finding>> {
        let document = Document::parse(name, text).map_err(|finding| vec![finding])?;
        Contract::try_from(document)
    }

    /// Returns the document as `openapiv3` models it.
    pub fn openapi(&self) -> &openapiv3::OpenAPI {
        &self.openapi
    }
}

impl TryFrom<Document> for Contract {
    /// The violations of OpenAPI 3.0, in document order.
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
                // A variant is not a step in the document; an unknown segment has no pointer.
                serde_path_to_error::Segment::Enum { .. }
                | serde_path_to_error::Segment::Unknown => parent,
            }
        });
        document.finding(
            &pointer,
            format!("not valid OpenAPI 3.0: {}", error.inner()),
            "follow the OpenAPI 3.0.3 specification",
        )
    })
}

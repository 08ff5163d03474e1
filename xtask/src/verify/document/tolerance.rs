//! What dropshot cannot say: the only ways in which its document may differ from the contract.
//!
//! The list may only shrink. A test shows that each of them is still needed against a document that dropshot emitted,
//! and `cargo xtask verify` fails on everything that none of them forgives.

use std::collections::BTreeMap;

use crate::meaning::Meaning;

/// The component that dropshot (0.18, `error.rs`, `HttpErrorResponseBody`) names its error body.
const DROPSHOT_ERROR: &str = "Error";

/// A way in which the documents may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// dropshot documents errors as the two ranges `4XX` and `5XX`; the contract lists statuses one by one. Each listed
    /// status is compared with the range that it is in. That the server really answers it, the live check shows.
    ErrorRanges,
    /// dropshot describes every error as `Error`; the contract describes each status.
    ErrorDescriptions,
    /// dropshot cannot document headers of errors. The live check holds every answer against those of the contract.
    ErrorHeaders,
    /// dropshot cannot document which code an error carries (`x-error-code`). The live check compares it.
    ErrorCodes,
    /// dropshot knows no security. The live check asks each secured operation without and with a wrong credential.
    Security,
    /// dropshot knows no servers.
    Servers,
    /// dropshot writes everything but schemas and its own error response in place; what refers to a component has been
    /// compared where it is used.
    ComponentsInPlace,
    /// dropshot's error body brings its own texts and no example. Its structure is compared like any other.
    ErrorTexts,
}

impl Tolerance {
    /// All of them.
    pub(crate) const ALL: &[Tolerance] = &[
        Tolerance::ErrorRanges,
        Tolerance::ErrorDescriptions,
        Tolerance::ErrorHeaders,
        Tolerance::ErrorCodes,
        Tolerance::Security,
        Tolerance::Servers,
        Tolerance::ComponentsInPlace,
        Tolerance::ErrorTexts,
    ];

    /// Takes out of both documents what this one forgives, and nothing else.
    pub(crate) fn forgive(self, contract: &mut Meaning, server: &mut Meaning) {
        match self {
            Tolerance::ErrorRanges => {
                let mut listed: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
                contract.each_operation(|path, method, operation| {
                    let statuses = operation.at(&["responses"]).and_then(Meaning::members);
                    let statuses = statuses
                        .into_iter()
                        .flatten()
                        .map(|(status, _)| status.clone());
                    listed.insert(
                        (path.to_owned(), method.to_owned()),
                        statuses.filter(|it| is_error(it)).collect(),
                    );
                });
                server.each_operation(|path, method, operation| {
                    let listed = listed.get(&(path.to_owned(), method.to_owned()));
                    let Some(responses) = operation.at(&["responses"]).and_then(Meaning::members)
                    else {
                        return;
                    };
                    for range in ["4XX", "5XX"] {
                        let Some(response) = responses.remove(range) else {
                            continue;
                        };
                        for status in listed
                            .into_iter()
                            .flatten()
                            .filter(|status| status[..1] == range[..1])
                        {
                            responses
                                .entry(status.clone())
                                .or_insert_with(|| response.clone());
                        }
                    }
                });
                // It is there for those ranges, and only a contract that lists no error has none of that name.
                if contract
                    .at(&["components", "schemas", DROPSHOT_ERROR])
                    .is_none()
                    && let Some(schemas) = server.at(&["components", "schemas"])
                {
                    schemas.remove(DROPSHOT_ERROR);
                }
            }
            Tolerance::ErrorDescriptions => {
                each_error(contract, |response| response.remove("description"));
                each_error(server, |response| response.remove("description"));
            }
            // From the contract alone: should dropshot come to document them, this would be found.
            Tolerance::ErrorHeaders => each_error(contract, |response| {
                if let Some(headers) = response.at(&["headers"]).and_then(Meaning::members) {
                    headers.clear();
                }
            }),
            Tolerance::ErrorCodes => {
                each_error(contract, |response| response.remove("x-error-code"));
            }
            Tolerance::Security => {
                contract.remove("security");
                contract.each_operation(|_, _, operation| operation.remove("security"));
                if let Some(components) = contract.at(&["components"]) {
                    components.remove("securitySchemes");
                }
            }
            Tolerance::Servers => contract.remove("servers"),
            Tolerance::ComponentsInPlace => {
                for document in [contract, server] {
                    for kind in [
                        "responses",
                        "headers",
                        "parameters",
                        "requestBodies",
                        "examples",
                    ] {
                        if let Some(components) = document.at(&["components"]) {
                            components.remove(kind);
                        }
                    }
                }
            }
            Tolerance::ErrorTexts => {
                for document in [contract, server] {
                    if let Some(schema) = document.at(&["components", "schemas", DROPSHOT_ERROR]) {
                        remove_texts(schema);
                        for property in schema
                            .at(&["properties"])
                            .and_then(Meaning::members)
                            .into_iter()
                            .flatten()
                        {
                            remove_texts(property.1);
                        }
                    }
                }
            }
        }
    }
}

fn remove_texts(schema: &mut Meaning) {
    for key in ["title", "description", "example"] {
        schema.remove(key);
    }
}

/// Whether a key of the responses is a status, or a range of them, of an error.
fn is_error(status: &str) -> bool {
    matches!(status.as_bytes(), [b'4' | b'5', _, _])
}

fn each_error(document: &mut Meaning, mut change: impl FnMut(&mut Meaning)) {
    document.each_operation(|_, _, operation| {
        for (status, response) in operation
            .at(&["responses"])
            .and_then(Meaning::members)
            .into_iter()
            .flatten()
        {
            if is_error(status) {
                change(response);
            }
        }
    });
}

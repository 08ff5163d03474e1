//! The limits of dropshot's documents: the only tolerated differences from the contract.
//!
//! The list may only shrink. A test shows that each tolerance is still needed for an emitted document.

use std::collections::{BTreeMap, BTreeSet};

use openapi_contract::meaning::Meaning;

/// The component of dropshot's error body (dropshot 0.18, `error.rs`, `HttpErrorResponseBody`).
const DROPSHOT_ERROR: &str = "Error";

/// A tolerated difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// dropshot documents errors as the ranges `4XX` and `5XX`; the contract lists each status.
    ///
    /// Each status is compared with its range; the check *live* must reach it.
    ErrorRanges,
    /// dropshot describes every error as `Error`; the contract describes each status.
    ErrorDescriptions,
    /// dropshot cannot document headers of errors; the check *live* compares them.
    ErrorHeaders,
    /// dropshot cannot document error codes (`x-error-code`); the check *live* compares them.
    ErrorCodes,
    /// dropshot does not document security; the check *live* sends invalid credentials.
    Security,
    /// dropshot does not document servers.
    Servers,
    /// dropshot inlines components other than schemas and its error response; each use is compared.
    InlinedComponents,
    /// dropshot's error body has its own descriptions and no example; its structure is compared.
    ErrorTexts,
    /// dropshot documents neither `x-request-body-max-bytes` nor `x-streaming`.
    BodyExtensions,
    /// dropshot adds titles to inline schemas of bodies (0.18, `schema_util.rs`).
    BodyTitles,
    /// dropshot documents every body as required (0.18, `api_description.rs`).
    OptionalBodies,
    /// dropshot documents content other than JSON as `*/*`, without headers; the check *live* compares it.
    OtherContent,
    /// dropshot omits wildcard paths (`x-wildcard`).
    Wildcards,
}

impl Tolerance {
    /// All tolerances.
    pub const ALL: &[Tolerance] = &[
        Tolerance::ErrorRanges,
        Tolerance::ErrorDescriptions,
        Tolerance::ErrorHeaders,
        Tolerance::ErrorCodes,
        Tolerance::Security,
        Tolerance::Servers,
        Tolerance::InlinedComponents,
        Tolerance::ErrorTexts,
        Tolerance::BodyExtensions,
        Tolerance::BodyTitles,
        Tolerance::OptionalBodies,
        Tolerance::OtherContent,
        Tolerance::Wildcards,
    ];

    /// Removes this difference from both documents.
    pub fn apply(self, contract: &mut Meaning, server: &mut Meaning) {
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
                // dropshot adds this schema for the ranges; a contract that lists errors declares one with this name.
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
            // Removed only from the contract, so that a dropshot version that documents headers is noticed.
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
            Tolerance::InlinedComponents => {
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
            Tolerance::BodyExtensions => remove_body_extensions(contract),
            Tolerance::BodyTitles => remove_titles(contract, server),
            Tolerance::OptionalBodies => remove_optional(contract, server),
            Tolerance::OtherContent => remove_other_content(contract, server),
            Tolerance::Wildcards => remove_wildcards(contract),
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

fn remove_body_extensions(contract: &mut Meaning) {
    contract.each_operation(|_, _, operation| {
        operation.remove("x-request-body-max-bytes");
        let content = operation.at(&["requestBody", "content"]);
        for (_, media) in content.and_then(Meaning::members).into_iter().flatten() {
            media.remove("x-streaming");
        }
    });
}

fn remove_titles(contract: &mut Meaning, server: &mut Meaning) {
    let mut untitled = BTreeSet::new();
    each_body(contract, |at, schema| {
        if schema.get("title").is_none() {
            untitled.insert(at);
        }
    });
    each_body(server, |at, schema| {
        if untitled.contains(&at) {
            schema.remove("title");
        }
    });
}

/// Calls `change` with path, method, status (empty for the request) and schema of each JSON body.
fn each_body(
    document: &mut Meaning,
    mut change: impl FnMut((String, String, String), &mut Meaning),
) {
    const SCHEMA: [&str; 3] = ["content", "application/json", "schema"];
    document.each_operation(|path, method, operation| {
        let at = |status: &str| (path.to_owned(), method.to_owned(), status.to_owned());
        if let Some(schema) = operation
            .at(&["requestBody"])
            .and_then(|body| body.at(&SCHEMA))
        {
            change(at(""), schema);
        }
        let responses = operation.at(&["responses"]).and_then(Meaning::members);
        for (status, response) in responses.into_iter().flatten() {
            if let Some(schema) = response.at(&SCHEMA) {
                change(at(status), schema);
            }
        }
    });
}

fn remove_optional(contract: &mut Meaning, server: &mut Meaning) {
    let mut optional = BTreeSet::new();
    contract.each_operation(|path, method, operation| {
        if let Some(body) = operation.at(&["requestBody"])
            && body.get("required").map(Meaning::to_value) == Some(false.into())
        {
            body.remove("required");
            optional.insert((path.to_owned(), method.to_owned()));
        }
    });
    server.each_operation(|path, method, operation| {
        if optional.contains(&(path.to_owned(), method.to_owned()))
            && let Some(body) = operation.at(&["requestBody"])
        {
            body.remove("required");
        }
    });
}

fn remove_other_content(contract: &mut Meaning, server: &mut Meaning) {
    const ANY: &str = "*/*";
    let mut other = BTreeSet::new();
    contract.each_operation(|path, method, operation| {
        for (status, response) in operation
            .at(&["responses"])
            .and_then(Meaning::members)
            .into_iter()
            .flatten()
        {
            let media = response
                .get("content")
                .and_then(|content| content.entries().next())
                .map(|(media, _)| media.clone());
            let Some(media) = media.filter(|media| media != "application/json") else {
                continue;
            };
            if let Some(headers) = response.at(&["headers"]).and_then(Meaning::members) {
                headers.clear();
            }
            if media != ANY {
                response.remove("content");
                other.insert((path.to_owned(), method.to_owned(), status.clone()));
            }
        }
    });
    server.each_operation(|path, method, operation| {
        for (status, response) in operation
            .at(&["responses"])
            .and_then(Meaning::members)
            .into_iter()
            .flatten()
        {
            let at = (path.to_owned(), method.to_owned(), status.clone());
            let is_any = response
                .get("content")
                .is_some_and(|content| content.get(ANY).is_some());
            if is_any && other.contains(&at) {
                response.remove("content");
            }
        }
    });
}

fn remove_wildcards(contract: &mut Meaning) {
    let Some(paths) = contract.at(&["paths"]).and_then(Meaning::members) else {
        return;
    };
    for item in paths.values_mut() {
        if let Some(operations) = item.members() {
            operations.retain(|_, operation| {
                let parameters = operation.get("parameters");
                !parameters.is_some_and(|parameters| {
                    parameters
                        .entries()
                        .any(|(_, parameter)| parameter.get("x-wildcard").is_some())
                })
            });
        }
    }
    paths.retain(|_, item| item.entries().next().is_some());
}

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

//! Generation of a client from a contract with [progenitor](https://docs.rs/progenitor).
//!
//! The file is a module of the service's client crate. The contract's secrets become newtypes in a module `secret` of
//! the same file, so that a derived `Debug` of a wire type does not reveal them.
//!
//! progenitor panics on unsupported constructs and has no source locations. Known limits are explained ([`explain`]);
//! any other panic is caught ([`panics`]), and the operation or schema that causes it is found by generating smaller
//! and smaller parts of the contract.

use openapiv3::{OpenAPI, PathItem, ReferenceOr};
use proc_macro2::TokenStream;
use progenitor_impl::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TagStyle};
use quote::quote;

use crate::{Contract, Finding};

mod explain;
mod panics;

/// Lints that progenitor's output may violate. Not every client does, so `expect` could fail.
const HEAD_LINTS: &str = r#"#![allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "progenitor determines this file"
)]
"#;

/// The settings of client generation; each has a default.
///
/// ```
/// let settings = dropshot_codegen::ClientSettings::default()
///     .with_command("cargo xtask generate")
///     .with_credential("crate::session::Credential");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    source: Option<String>,
    command: Option<String>,
    module: Option<String>,
    credential: Option<String>,
}

impl ClientSettings {
    /// Sets the contract's name in the first line of the code; by default its name when parsed.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the command that regenerates the code, for its first line; by default there is none.
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Sets the path of the generated module; by default `crate::generated`.
    pub fn with_module(mut self, module: impl Into<String>) -> Self {
        self.module = Some(module.into());
        self
    }

    /// Sets the path of the type that each client carries, such as a credential.
    ///
    /// `progenitor_client::ClientHooks` must be implemented for it, or the client does not compile. Each request and
    /// response passes through these hooks, which can add the credential. By default, a client carries nothing and
    /// hooks are optional.
    pub fn with_credential(mut self, path: impl Into<String>) -> Self {
        self.credential = Some(path.into());
        self
    }

    fn module(&self) -> &str {
        self.module.as_deref().unwrap_or("crate::generated")
    }
}

/// Generates the Rust source of a client.
///
/// # Errors
/// Returns a finding for each construct that progenitor does not support, at its operation or schema.
pub fn generate_client(
    contract: &Contract,
    settings: &ClientSettings,
) -> Result<String, Vec<Finding>> {
    let secrets = crate::secret_types(contract)?;
    let names = crate::secret_names(contract);
    let run = Run {
        settings,
        secrets: &names,
    };
    let explained = explain::findings(contract);
    let tokens = match run.progenitor(contract.openapi()) {
        Ok(tokens) if explained.is_empty() => tokens,
        Ok(_) => return Err(explained.into_iter().flat_map(|(_, it)| it).collect()),
        Err(message) => {
            let mut findings = run.find_causes(contract, &message);
            // A panic message adds nothing to an explained finding.
            let known = |pointer: &str| explained.iter().any(|(operation, _)| operation == pointer);
            findings.retain(|finding| !known(&finding.pointer));
            return Err(explained
                .iter()
                .flat_map(|(_, it)| it.clone())
                .chain(findings)
                .collect());
        }
    };
    let at_document = |message: String| {
        vec![contract.finding("", message, "report this as a bug in dropshot-codegen")]
    };

    let client = syn::parse2::<syn::File>(tokens)
        .map_err(|error| at_document(format!("progenitor's output is not valid Rust: {error}")))?;
    let secret = (!names.is_empty())
        .then(|| syn::parse_str::<syn::File>(&secrets))
        .transpose()
        .map_err(|error| at_document(format!("the secret types are not valid Rust: {error}")))?
        .map(|file| {
            let items = file.items;
            quote! {
                /// The secrets of the contract: `Debug` does not reveal them, and their memory is wiped on drop.
                pub mod secret { #(#items)* }
            }
        });
    let items = client.items;
    let file = syn::parse2::<syn::File>(quote! { #(#items)* #secret })
        .map_err(|error| at_document(format!("the generated client is not valid Rust: {error}")))?;

    let code = progenitor_impl::space_out_items(prettyplease::unparse(&file)).map_err(|error| {
        at_document(format!("the generated client cannot be formatted: {error}"))
    })?;
    let info = &contract.openapi().info;
    let source = settings.source.as_deref().unwrap_or(contract.name());
    let run = match &settings.command {
        Some(command) => format!("change the contract and run `{command}`"),
        None => "change the contract".to_owned(),
    };
    Ok(format!(
        "// @generated by progenitor from {source}. Do not edit: {run}.\n\
         //! The client of the API \"{}\", version {}.\n\n{HEAD_LINTS}\n{}",
        info.title, info.version, code,
    ))
}

struct Run<'a> {
    settings: &'a ClientSettings,
    secrets: &'a [String],
}

impl Run<'_> {
    fn progenitor(&self, openapi: &OpenAPI) -> Result<TokenStream, String> {
        let mut settings = GenerationSettings::new();
        settings
            .with_interface(InterfaceStyle::Positional)
            .with_tag(TagStyle::Merged);
        if let Some(path) = &self.settings.credential {
            let path = path
                .parse::<TokenStream>()
                .map_err(|error| format!("`{path}` is not a valid path: {error}"))?;
            settings
                .with_inner_type(path)
                .with_hooks(HooksMode::Expected);
        }
        let module = self.settings.module();
        for name in self.secrets {
            // The path is absolute, since progenitor writes it both at the top and inside `mod types`.
            settings.with_replacement(
                name,
                format!("{module}::secret::{name}"),
                std::iter::empty(),
            );
        }
        panics::catch(|| Generator::new(&settings).generate_tokens(openapi))?
            .map_err(|error| error.to_string())
    }

    /// Finds the operations, or else the schemas, that fail on their own.
    fn find_causes(&self, contract: &Contract, message: &str) -> Vec<Finding> {
        let help = "progenitor cannot generate a client from this; write it differently";
        let openapi = contract.openapi();

        let mut without_paths = openapi.clone();
        without_paths.paths.paths.clear();
        if let Err(message) = self.progenitor(&without_paths) {
            let of_schemas: Vec<Finding> = openapi
                .components
                .iter()
                .flat_map(|components| components.schemas.keys())
                .filter_map(|name| {
                    let mut alone = without_paths.clone();
                    alone
                        .components
                        .as_mut()?
                        .schemas
                        .retain(|other, _| other == name);
                    let message = self.progenitor(&alone).err()?;
                    // A schema with references always fails on its own, so its failure proves nothing.
                    let pointer = format!("/components/schemas/{name}");
                    (!message.contains("#/components/schemas/"))
                        .then(|| contract.finding(&pointer, message, help))
                })
                .collect();
            return if of_schemas.is_empty() {
                vec![contract.finding("/components/schemas", message, help)]
            } else {
                of_schemas
            };
        }

        let of_operations: Vec<Finding> = contract
            .operations()
            .into_iter()
            .filter_map(|operation| {
                let mut alone = openapi.clone();
                alone.paths.paths.retain(|path, _| *path == operation.path);
                if let Some(ReferenceOr::Item(item)) = alone.paths.paths.get_mut(&operation.path) {
                    keep_only(item, &operation.method);
                }
                let message = self.progenitor(&alone).err()?;
                Some(contract.finding(&operation.pointer, message, help))
            })
            .collect();
        if of_operations.is_empty() {
            vec![contract.finding("/paths", message.to_owned(), help)]
        } else {
            of_operations
        }
    }
}

fn keep_only(item: &mut PathItem, method: &str) {
    let slots = [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("OPTIONS", &mut item.options),
        ("HEAD", &mut item.head),
        ("PATCH", &mut item.patch),
        ("TRACE", &mut item.trace),
    ];
    for (name, slot) in slots {
        if name != method {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests;

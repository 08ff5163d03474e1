//! Parameters as arguments of a method: one struct for each location, as dropshot's extractors require.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::base::doc::Doc;
use crate::base::{extension, name};
use crate::operation::parameter::{Location, Parameter, check_path, read_lists};
use crate::operation::scope::Scope;
use crate::operation::{default, member, pagination};

#[derive(Default)]
pub(crate) struct Parameters {
    pub(crate) arguments: Vec<(Ident, TokenStream)>,
    pub(crate) items: TokenStream,
    /// The path in the syntax of dropshot's router.
    pub(crate) path: String,
    pub(crate) is_wildcard: bool,
}

/// Reads the parameters of an operation from the lists of its path item and its own.
///
/// Each list has its pointer. An operation's parameter replaces one of the path item with the same name and location.
/// `pagination` is the extension of that name.
pub(crate) fn parameters(
    path: &str,
    lists: [(&str, Option<&Value>); 2],
    pagination: Option<&Value>,
    scope: &Scope<'_>,
) -> Parameters {
    let all = read_lists(lists, scope);
    check_path(path, &all, scope.refusals);
    let mut parameters = Parameters {
        path: path.to_owned(),
        ..Parameters::default()
    };
    for wildcard in all.iter().filter(|parameter| parameter.is_wildcard) {
        let name = &wildcard.name;
        parameters.path = parameters
            .path
            .replace(&format!("{{{name}}}"), &format!("{{{name}:.*}}"));
        parameters.is_wildcard = true;
    }
    for location in [Location::Path, Location::Query, Location::Header] {
        let here: Vec<_> = all
            .iter()
            .filter(|parameter| parameter.location == location)
            .collect();
        let extension = pagination.filter(|_| location == Location::Query);
        let ty = match extension.map(|extension| (extension, pagination::scan(extension, &here))) {
            None => parameter_struct(location, &here, None, &mut parameters.items, scope),
            Some((extension, None)) => parameter_struct(
                location,
                &here,
                Some(extension),
                &mut parameters.items,
                scope,
            ),
            Some((extension, Some(paging))) => {
                let ty = pagination_params(&paging, &mut parameters.items, scope);
                Some(if paging.is_described {
                    ty
                } else {
                    let items = &mut parameters.items;
                    with_contract_schema(&ty, &here, extension, items, scope)
                })
            }
        };
        let Some(ty) = ty else { continue };
        let extractor = format_ident!("{}", location.extractor());
        parameters.arguments.push((
            format_ident!("{}", location.argument()),
            quote!(::dropshot::#extractor<#ty>),
        ));
    }
    parameters
}

fn parameter_struct(
    location: Location,
    parameters: &[&Parameter],
    pagination: Option<&Value>,
    items: &mut TokenStream,
    scope: &Scope<'_>,
) -> Option<TokenStream> {
    let first = parameters.first()?;
    let name = format_ident!("{}{}", scope.base, location.extractor());
    scope.names.claim(&name, &first.pointer, scope.refusals);
    let doc = Doc::single_line(&format!(
        "The {} parameters of `{}`.",
        location.argument(),
        scope.operation_id
    ));
    let extension = pagination.map(|value| (extension::PAGINATION_SENTINEL, value));
    let members: Vec<_> = parameters.iter().map(|p| (*p, p.required)).collect();
    items.extend(struct_of(&name, &doc, &members, extension, scope));
    Some(quote!(#name))
}

fn pagination_params(
    scan: &pagination::Scan<'_>,
    items: &mut TokenStream,
    scope: &Scope<'_>,
) -> TokenStream {
    let selector = pagination::selector();
    let Some(first) = scan.parameters.first() else {
        return quote!(::dropshot::PaginationParams<::dropshot::EmptyScanParams, #selector>);
    };
    let name = format_ident!("{}Scan", scope.base);
    scope.names.claim(&name, &first.pointer, scope.refusals);
    let doc = Doc::single_line(&format!(
        "The parameters that select the first page of `{}`.",
        scope.operation_id
    ));
    let members: Vec<_> = scan
        .parameters
        .iter()
        .map(|p| (*p, scan.required.contains(&p.name.as_str())))
        .collect();
    items.extend(struct_of(&name, &doc, &members, None, scope));
    quote!(::dropshot::PaginationParams<#name, #selector>)
}

fn with_contract_schema(
    ty: &TokenStream,
    parameters: &[&Parameter],
    extension: &Value,
    items: &mut TokenStream,
    scope: &Scope<'_>,
) -> TokenStream {
    let name = format_ident!("{}Query", scope.base);
    if let Some(first) = parameters.first() {
        scope.names.claim(&name, &first.pointer, scope.refusals);
    }
    let doc = Doc::single_line(&format!(
        "The query parameters of `{}`, as dropshot's pagination reads them.",
        scope.operation_id
    ))
    .outer();
    let members = parameters
        .iter()
        .map(|p| (p.name.as_str(), &p.schema, p.required));
    let extension = Some((extension::PAGINATION_SENTINEL, extension));
    let json_schema = member::json_schema(&name, members, extension, scope);
    items.extend(quote! {
        #doc
        #[derive(Debug, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct #name(pub #ty);

        #json_schema
    });
    quote!(#name)
}

fn struct_of(
    name: &Ident,
    doc: &Doc,
    parameters: &[(&Parameter, bool)],
    extension: Option<(&str, &Value)>,
    scope: &Scope<'_>,
) -> TokenStream {
    let doc = doc.outer();
    let mut defaults = TokenStream::new();
    let mut fields = Vec::new();
    for (parameter, required) in parameters {
        let Parameter {
            name: key,
            field,
            doc,
            ty,
            ..
        } = parameter;
        let default = parameter.default.as_ref().filter(|_| !required);
        let mut attributes = Vec::new();
        if field != key {
            attributes.push(quote!(rename = #key));
        }
        if let Some(value) = default {
            let function = format_ident!("{}_{field}", name::as_field(&name.to_string()));
            let path = function.to_string();
            attributes.push(quote!(default = #path));
            defaults.extend(default::function(&function, key, ty, value));
        }
        let ty = if *required || default.is_some() {
            quote!(#ty)
        } else {
            quote!(Option<#ty>)
        };
        let doc = doc.outer();
        let serde = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
        fields.push(quote!(#doc #serde pub #field: #ty));
    }
    let members = parameters
        .iter()
        .map(|(p, required)| (p.name.as_str(), &p.schema, *required));
    let json_schema = member::json_schema(name, members, extension, scope);
    quote! {
        #doc
        #[derive(Clone, Debug, ::serde::Deserialize)]
        pub struct #name {
            #(#fields,)*
        }

        #defaults

        #json_schema
    }
}

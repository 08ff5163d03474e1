//! Parameters in the path, the query and the headers.
//!
//! Those of one place become one struct, as dropshot's extractors want it. Each is a string, a number or a flag: dropshot reads nothing
//! else, but for the rest of a path, which it takes apart into its segments. Cookie parameters are refused: a cookie that is a credential
//! is a security scheme.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Value, json};

use crate::{
    default,
    doc::Doc,
    header::{described, is_token, json_schema},
    name,
    operation::Scope,
    pagination, path, pointer,
    refusal::Refusals,
    schema::is_secret,
    types::Holder,
};

/// The extension of a path parameter that stands for the rest of the path.
const WILDCARD: &str = "x-wildcard";

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    /// The extractor of dropshot, and how structs for it are named.
    fn extractor(self) -> &'static str {
        match self {
            Place::Path => "Path",
            Place::Query => "Query",
            Place::Header => "Header",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        }
    }

    /// The style that a value has unless the contract says otherwise, and whether its items stand apart (OpenAPI 3.0.3, section
    /// 4.7.12.2).
    fn default_style(self) -> (&'static str, bool) {
        match self {
            Place::Query => ("form", true),
            Place::Path | Place::Header => ("simple", false),
        }
    }
}

/// A parameter of an operation.
pub(crate) struct Parameter {
    /// Where the operation or its path lists it.
    pub(crate) pointer: String,
    pub(crate) place: Place,
    pub(crate) name: String,
    field: Ident,
    doc: Doc,
    pub(crate) required: bool,
    ty: TokenStream,
    /// The schema, with the description, as dropshot takes it apart again.
    pub(crate) schema: Value,
    /// What it is where it is left out.
    default: Option<Value>,
    pub(crate) is_wildcard: bool,
}

/// What the parameters of an operation become.
#[derive(Default)]
pub(crate) struct Parameters {
    /// The arguments of the method: name and type.
    pub(crate) arguments: Vec<(Ident, TokenStream)>,
    /// The structs they hold.
    pub(crate) items: TokenStream,
    /// The path as dropshot's router takes it.
    pub(crate) path: String,
    /// Whether it matches paths of any length.
    pub(crate) is_wildcard: bool,
}

/// Reads the parameters of an operation; `lists` are those of the path item and of the operation, each with its pointer. The operation's
/// replace the path item's of the same name and place. `pagination` is the extension of that name.
pub(crate) fn parameters(
    path: &str,
    lists: [(&str, Option<&Value>); 2],
    pagination: Option<&Value>,
    scope: &Scope<'_>,
) -> Parameters {
    let all = listed(lists, scope);
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
    for place in [Place::Path, Place::Query, Place::Header] {
        let here: Vec<_> = all
            .iter()
            .filter(|parameter| parameter.place == place)
            .collect();
        let marked = pagination.filter(|_| place == Place::Query);
        let held = match marked.map(|extension| (extension, pagination::scan(extension, &here))) {
            None => own_struct(place, &here, None, &mut parameters.items, scope),
            Some((extension, None)) => {
                own_struct(place, &here, Some(extension), &mut parameters.items, scope)
            }
            Some((_, Some(scan))) => Some(paginated(&scan, &mut parameters.items, scope)),
        };
        let Some(held) = held else { continue };
        let extractor = format_ident!("{}", place.extractor());
        parameters.arguments.push((
            format_ident!("{}", place.argument()),
            quote!(::dropshot::#extractor<#held>),
        ));
    }
    parameters
}

/// The struct of the parameters in one place, if there are any; marked with the extension of a paginated operation, if it is one.
fn own_struct(
    place: Place,
    parameters: &[&Parameter],
    pagination: Option<&Value>,
    items: &mut TokenStream,
    scope: &Scope<'_>,
) -> Option<TokenStream> {
    let first = parameters.first()?;
    let name = format_ident!("{}{}", scope.base, place.extractor());
    scope.names.claim(&name, &first.pointer, scope.refusals);
    let doc = Doc::line(&format!(
        "The {} parameters of `{}`.",
        place.argument(),
        scope.operation_id
    ));
    let extension = pagination.map(|value| (pagination::SENTINEL, value));
    let members: Vec<_> = parameters.iter().map(|p| (*p, p.required)).collect();
    items.extend(struct_of(&name, &doc, &members, extension, scope));
    Some(quote!(#name))
}

/// Dropshot's own type of the parameters of a paginated operation.
fn paginated(
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
    let doc = Doc::line(&format!(
        "What selects the first page of `{}`.",
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

/// The parameters of all lists. Those of a later list replace those of an earlier one.
fn listed(lists: [(&str, Option<&Value>); 2], scope: &Scope<'_>) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = Vec::new();
    for (at_list, list) in lists {
        let mut own: Vec<Parameter> = Vec::new();
        for (at, _) in pointer::items(at_list, list.unwrap_or(&Value::Null)) {
            let Some(parameter) = parameter(&at, scope) else {
                continue;
            };
            let same = |other: &Parameter| {
                other.place == parameter.place
                    && (other.name == parameter.name || other.field == parameter.field)
            };
            if own.iter().any(same) {
                scope.refusals.refuse(
                    &at,
                    format!("two parameters named `{}`", parameter.name),
                    "keep one of them: case and punctuation do not tell them apart",
                );
            }
            all.retain(|other| !same(other));
            own.push(parameter);
        }
        all.extend(own);
    }
    all
}

fn parameter(at: &str, scope: &Scope<'_>) -> Option<Parameter> {
    let refusals = scope.refusals;
    let (at_parameter, node) = refusals.resolve(at)?;
    let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
    let place = match node.get("in").and_then(Value::as_str) {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        _ => {
            refusals.refuse(
                at,
                "a cookie as a parameter is not supported",
                "make it a security scheme, `type: apiKey` with `in: cookie`",
            );
            return None;
        }
    };
    if place == Place::Header && !is_token(name) {
        refusals.refuse(
            at,
            format!("`{name}` is no name of a header"),
            "name it with letters, digits and `-` (RFC 9110, section 5.6.2)",
        );
    }
    let required = node.get("required") == Some(&Value::Bool(true));
    if place == Place::Path && !required {
        refusals.refuse(
            at,
            "a path parameter that is not required",
            "write `required: true`",
        );
    }
    let (style, explode) = place.default_style();
    check_style(&at_parameter, node, style, explode, refusals);
    let field = field(&at_parameter, name, refusals)?;
    let at_schema = pointer::child(&at_parameter, "schema");
    // Without one there is `content`, which is refused where fields are.
    let schema = node.get("schema")?;
    let is_wildcard = node.get(WILDCARD) == Some(&Value::Bool(true));
    let ty = if is_wildcard {
        check_wildcard(&at_parameter, place, schema, refusals);
        quote!(Vec<String>)
    } else {
        let (at_resolved, resolved) = refusals.resolve(&at_schema)?;
        if is_secret(resolved) {
            refusals.refuse(
                &at_schema,
                "a secret as a parameter",
                "send it in the body, or make it a security scheme: addresses end up in logs",
            );
        } else if kind(&at_resolved, resolved, refusals).is_none() {
            refusals.refuse(
                &at_schema,
                "a parameter that is no string, number or flag",
                "use several parameters, or a body",
            );
            return None;
        }
        let suffix = format!("-{name}");
        without_null(scope.type_of(&at_schema, &suffix, Holder::Member)?)
    };
    let description = node.get("description").and_then(Value::as_str);
    Some(Parameter {
        pointer: at.to_owned(),
        place,
        name: name.to_owned(),
        field,
        doc: match description {
            Some(text) => Doc::text(text),
            None => Doc::line(&format!("The parameter `{name}`.")),
        },
        required,
        ty,
        schema: described(schema, description),
        default: default::of(&at_schema, refusals),
        is_wildcard,
    })
}

/// Checks what stands for the rest of a path: dropshot gives its segments (dropshot 0.18, `router.rs`).
fn check_wildcard(at: &str, place: Place, schema: &Value, refusals: &Refusals<'_>) {
    let segments = json!({ "type": "array", "items": { "type": "string" } });
    if place != Place::Path || *schema != segments {
        refusals.refuse(
            &pointer::child(at, WILDCARD),
            format!("`{WILDCARD}` of what is no list of segments"),
            "write `in: path` and `schema: { type: array, items: { type: string } }`",
        );
    }
}

/// The name of the field for a parameter or a header: in snake case, with `_` after what is a keyword.
pub(crate) fn field(at: &str, name: &str, refusals: &Refusals<'_>) -> Option<Ident> {
    let field = name::as_field(name);
    let ident = name::ident(&field).or_else(|| name::ident(&format!("{field}_")));
    if ident.is_none() {
        refusals.refuse(
            at,
            format!("`{name}` cannot become the name of a field"),
            "choose another name, with ASCII letters and at most 100 characters",
        );
    }
    ident
}

/// Checks that a style, where one is given, is the default, which alone dropshot reads.
pub(crate) fn check_style(
    at: &str,
    node: &Value,
    style: &str,
    explode: bool,
    refusals: &Refusals<'_>,
) {
    for (key, default) in [("style", json!(style)), ("explode", json!(explode))] {
        if node.get(key).is_some_and(|given| *given != default) {
            refusals.refuse(
                &pointer::child(at, key),
                format!("`{key}` is something else than {default}"),
                "remove it: dropshot reads the default style alone",
            );
        }
    }
}

/// The type of a schema that text can stand for, with references and alternatives followed; `None` if it is none of string, integer, number
/// and boolean, or several of them: dropshot gives alternatives the text itself.
pub(crate) fn kind<'a>(at: &str, schema: &'a Value, refusals: &Refusals<'a>) -> Option<&'a str> {
    kind_within(at, schema, &mut Vec::new(), refusals)
}

fn kind_within<'a>(
    at: &str,
    schema: &'a Value,
    above: &mut Vec<String>,
    refusals: &Refusals<'a>,
) -> Option<&'a str> {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        return ["string", "integer", "number", "boolean"]
            .contains(&kind)
            .then_some(kind);
    }
    if above.iter().any(|other| other == at) {
        return None;
    }
    above.push(at.to_owned());
    let mut kinds = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|keyword| {
        let at_list = pointer::child(at, keyword);
        let list = schema.get(keyword).unwrap_or(&Value::Null);
        (0..list.as_array().map_or(0, Vec::len)).map(move |index| pointer::child(&at_list, index))
    });
    let mut first = None;
    let all = kinds.all(|at| {
        let kind = refusals
            .contract
            .resolve(&at)
            .ok()
            .and_then(|(at, schema)| kind_within(&at, schema, above, refusals));
        let same = kind.is_some() && (first.is_none() || first == kind);
        first = kind;
        same
    });
    above.pop();
    // Of several types only the text would fit.
    first.filter(|_| all)
}

/// A type without the `Option` that stands for `null`: there is no `null` in text.
pub(crate) fn without_null(ty: TokenStream) -> TokenStream {
    let inner = match syn::parse2::<syn::Type>(ty.clone()) {
        Ok(syn::Type::Path(path)) => path.path.segments.last().and_then(|last| {
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let inner = arguments.args.first().filter(|_| last.ident == "Option")?;
            Some(quote!(#inner))
        }),
        _ => None,
    };
    inner.unwrap_or(ty)
}

/// Checks that the path names exactly the path parameters.
fn check_path(path: &str, parameters: &[Parameter], refusals: &Refusals<'_>) {
    let at = pointer::child("/paths", path);
    let in_path: Vec<_> = path::variables(path).collect();
    let given: Vec<_> = parameters
        .iter()
        .filter(|p| p.place == Place::Path)
        .collect();
    for parameter in &given {
        if !in_path.contains(&parameter.name.as_str()) {
            refusals.refuse(
                &parameter.pointer,
                format!("the path has no `{{{}}}`", parameter.name),
                "write it into the path, or make it a query parameter",
            );
        }
        if parameter.is_wildcard && !path.ends_with(&format!("{{{}}}", parameter.name)) {
            refusals.refuse(
                &parameter.pointer,
                format!("`{WILDCARD}` of a parameter that is not the end of the path"),
                "let the path end with it",
            );
        }
    }
    for variable in in_path {
        if !given.iter().any(|parameter| parameter.name == variable) {
            refusals.refuse(
                &at,
                format!("the path parameter `{variable}` is not described"),
                "describe it under `parameters` with `in: path`",
            );
        }
    }
}

/// A struct of parameters, each with whether it has to be there.
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
        let held = if *required || default.is_some() {
            quote!(#ty)
        } else {
            quote!(Option<#ty>)
        };
        let doc = doc.outer();
        let serde = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
        fields.push(quote!(#doc #serde pub #field: #held));
    }
    let members = parameters
        .iter()
        .map(|(p, required)| (p.name.as_str(), &p.schema, *required));
    let json_schema = json_schema(name, members, extension, scope);
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

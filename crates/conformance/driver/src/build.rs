//! Generates the calls of a generated client, so that a new operation needs no change of the driver.
//!
//! The methods are read from the client's source. Argument types are inferred, so the driver does not name the
//! contract's types.

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, GenericArgument, ImplItem, Item, Pat, PathArguments, ReturnType, Type};

/// Writes the function `call` to `calls.rs` in `OUT_DIR`, from a build script.
///
/// `client` is the path of the generated client, relative to the driver's package. The file must be included where
/// `Client` is in scope.
///
/// # Panics
/// Panics if the client cannot be read or the file cannot be written.
pub fn write_calls(client: &str) {
    println!("cargo::rerun-if-changed={client}");
    let source = fs::read_to_string(client).unwrap_or_else(|error| panic!("{client}: {error}"));
    let calls = generate_calls(&source).unwrap_or_else(|error| panic!("{client}: {error}"));
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("calls.rs");
    fs::write(&path, calls).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn generate_calls(client: &str) -> syn::Result<String> {
    let client = syn::parse_file(client)?;
    let arms = methods(&client)
        .map(match_arm)
        .collect::<syn::Result<Vec<TokenStream>>>()?;
    let calls: syn::File = syn::parse_quote! {
        /// Calls the method that a request names.
        async fn call(
            client: &Client,
            request: &::dropshot_conformance_driver::Request,
        ) -> ::std::result::Result<
            ::dropshot_conformance_driver::Outcome,
            ::dropshot_conformance_driver::CallError,
        > {
            use ::dropshot_conformance_driver::{CallError, Target, empty, json, outcome};
            let arguments = &request.arguments;
            let Target::Method(method) = &request.target else {
                return Err(CallError::unknown(&request.target));
            };
            match method.as_str() {
                #(#arms)*
                _ => Err(CallError::unknown(&request.target)),
            }
        }
    };
    Ok(prettyplease::unparse(&calls))
}

/// Returns the public asynchronous methods of `Client`, which progenitor generates for operations.
fn methods(file: &syn::File) -> impl Iterator<Item = &syn::ImplItemFn> {
    file.items
        .iter()
        .filter_map(|item| match item {
            Item::Impl(block) if is_named(&block.self_ty, "Client") => Some(&block.items),
            _ => None,
        })
        .flatten()
        .filter_map(|item| match item {
            ImplItem::Fn(method) => Some(method),
            _ => None,
        })
        .filter(|method| {
            matches!(method.vis, syn::Visibility::Public(_)) && method.sig.asyncness.is_some()
        })
}

fn match_arm(method: &syn::ImplItemFn) -> syn::Result<TokenStream> {
    let name = &method.sig.ident;
    let word = name.to_string();
    let mut arguments = Vec::new();
    for input in &method.sig.inputs {
        if let FnArg::Typed(argument) = input {
            let Pat::Ident(pattern) = &*argument.pat else {
                let message = format!("an argument of `{word}` has no name");
                return Err(syn::Error::new_spanned(argument, message));
            };
            arguments.push(read_argument(&pattern.ident.to_string(), &argument.ty));
        }
    }
    let (success, error) = body_types(&method.sig.output);
    let (success, error) = (describe(success), describe(error));
    Ok(quote! {
        #word => Ok(outcome(client.#name(#(#arguments),*).await, #success, #error)),
    })
}

fn read_argument(name: &str, kind: &Type) -> TokenStream {
    match kind {
        Type::Reference(reference) if is_named(&reference.elem, "str") => {
            quote!(&arguments.read::<String>(#name)?)
        }
        Type::Reference(_) => quote!(&arguments.read(#name)?),
        kind => match argument(kind, "Option") {
            Some(Type::Reference(reference)) if is_named(&reference.elem, "str") => {
                quote!(arguments.read::<Option<String>>(#name)?.as_deref())
            }
            Some(Type::Reference(_)) => quote!(arguments.read::<Option<_>>(#name)?.as_ref()),
            // A body of bytes: `B: Into<reqwest::Body>`.
            None if is_named(kind, "B") => quote!(arguments.read::<String>(#name)?),
            _ => quote!(arguments.read(#name)?),
        },
    }
}

fn body_types(output: &ReturnType) -> (Option<&Type>, Option<&Type>) {
    let ReturnType::Type(_, result) = output else {
        return (None, None);
    };
    let both = arguments(result, "Result");
    let of = |index: usize, name| argument(both.get(index)?, name);
    (of(0, "ResponseValue"), of(1, "Error"))
}

/// Returns the function that describes a body: as JSON, unless it is empty or a stream.
fn describe(kind: Option<&Type>) -> syn::Ident {
    let empty = |kind: &Type| matches!(kind, Type::Tuple(tuple) if tuple.elems.is_empty());
    let unread = kind.is_none_or(|kind| {
        empty(kind) || is_named(kind, "ByteStream") || is_named(kind, "Upgraded")
    });
    if unread {
        format_ident!("empty")
    } else {
        format_ident!("json")
    }
}

fn is_named(kind: &Type, name: &str) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn argument<'t>(kind: &'t Type, name: &str) -> Option<&'t Type> {
    arguments(kind, name).first().copied()
}

fn arguments<'t>(kind: &'t Type, name: &str) -> Vec<&'t Type> {
    let Type::Path(path) = kind else {
        return Vec::new();
    };
    let Some(last) = path.path.segments.last().filter(|last| last.ident == name) else {
        return Vec::new();
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_is_called_with_its_arguments() {
        let client = "
            impl Client {
                pub fn new(base: &str) -> Self {}
                pub async fn list_notes<'a>(&'a self, limit: Option<NonZeroU32>, page_token: Option<&'a str>)
                    -> Result<ResponseValue<Page>, Error<types::Error>> {}
                pub async fn delete_note<'a>(&'a self, id: &'a types::NoteId) -> Result<ResponseValue<()>, Error<types::Error>> {}
                pub async fn upload<'a, B: Into<reqwest::Body>>(&'a self, name: &'a str, tag: Option<&'a types::Tag>, body: B)
                    -> Result<ResponseValue<ByteStream>, Error<()>> {}
                async fn private(&self) {}
            }
        ";
        let calls = generate_calls(client).expect("the text parses");
        let (_, arms) = calls
            .split_once("match method.as_str() ")
            .expect("the code has a match");
        insta::assert_snapshot!(arms);
    }

    #[test]
    fn argument_without_a_name_is_an_error() {
        let client = "impl Client { pub async fn show(&self, (a, b): (u8, u8)) {} }";
        let error = generate_calls(client).expect_err("an argument has no name");
        assert_eq!(error.to_string(), "an argument of `show` has no name");
    }
}

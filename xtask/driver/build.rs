//! Writes the calls of the generated client, one a method, so that a new operation is driven without anybody's doing.
//!
//! The methods are read from the client's source. How an argument is passed follows from its type; the type itself is left
//! to inference, so that nothing here knows the types of the contract.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, GenericArgument, ImplItem, Item, Pat, PathArguments, ReturnType, Type};

/// The generated client, relative to this crate.
const CLIENT: &str = "../../crates/client/src/generated.rs";

fn main() {
    println!("cargo::rerun-if-changed={CLIENT}");
    let source = fs::read_to_string(CLIENT).unwrap_or_else(|error| panic!("{CLIENT}: {error}"));
    let file = syn::parse_file(&source).unwrap_or_else(|error| panic!("{CLIENT}: {error}"));
    let arms: Vec<TokenStream> = methods(&file).map(arm).collect();
    let calls: syn::File = syn::parse_quote! {
        /// Calls the operation whose method has this name.
        pub(crate) async fn call(
            client: &Client,
            method: &str,
            arguments: &Arguments,
        ) -> Result<Outcome, Unsaid> {
            match method {
                #(#arms)*
                _ => Err(Unsaid::NoMethod),
            }
        }
    };
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("calls.rs");
    fs::write(&path, prettyplease::unparse(&calls))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The public asynchronous methods of `Client`: in progenitor's positional style these are the operations.
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

/// The arm of the `match` that calls one method.
fn arm(method: &syn::ImplItemFn) -> TokenStream {
    let name = &method.sig.ident;
    let word = name.to_string();
    let arguments = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(argument) => {
            let Pat::Ident(pattern) = &*argument.pat else {
                panic!("{CLIENT}: an argument of `{word}` has no name");
            };
            Some(passed(&pattern.ident.to_string(), &argument.ty))
        }
    });
    let (success, error) = answers(&method.sig.output);
    let (success, error) = (shown(success), shown(error));
    quote! {
        #word => Ok(outcome(client.#name(#(#arguments),*).await, #success, #error)),
    }
}

/// How an argument of this type is read from a call.
fn passed(name: &str, kind: &Type) -> TokenStream {
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

/// The types of the body of a success and of an error: `Result<ResponseValue<S>, Error<E>>`.
fn answers(output: &ReturnType) -> (Option<&Type>, Option<&Type>) {
    let ReturnType::Type(_, result) = output else {
        return (None, None);
    };
    let both = arguments(result, "Result");
    let of = |index: usize, name| argument(both.get(index)?, name);
    (of(0, "ResponseValue"), of(1, "Error"))
}

/// The function that shows a body of this type: as JSON, unless it is none or a stream.
fn shown(kind: Option<&Type>) -> syn::Ident {
    let empty = |kind: &Type| matches!(kind, Type::Tuple(tuple) if tuple.elems.is_empty());
    let unread = kind.is_none_or(|kind| {
        empty(kind) || is_named(kind, "ByteStream") || is_named(kind, "Upgraded")
    });
    if unread {
        format_ident!("nothing")
    } else {
        format_ident!("json")
    }
}

/// Whether the last segment of a type's path is this name.
fn is_named(kind: &Type, name: &str) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// The first type argument of a type of this name.
fn argument<'t>(kind: &'t Type, name: &str) -> Option<&'t Type> {
    arguments(kind, name).first().copied()
}

/// The type arguments of a type of this name.
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

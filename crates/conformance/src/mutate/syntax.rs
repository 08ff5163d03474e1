use std::ops::Range;
use std::str::FromStr as _;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

/// Replaces the tokens `from` in the item `within`, where they must occur exactly once.
pub(super) fn replace(text: &str, within: &str, from: &str, to: &str) -> Result<String, String> {
    let file =
        syn::parse_file(text).map_err(|error| format!("the file is not valid Rust: {error}"))?;
    let mut items = Items {
        name: within,
        found: Vec::new(),
    };
    items.visit_file(&file);
    if items.found.is_empty() {
        return Err(format!("the file has no item `{within}`"));
    }
    let wanted = TokenStream::from_str(from).map_err(|error| format!("`{from}`: {error}"))?;
    let wanted = flatten(wanted);
    let tokens: Vec<_> = items.found.into_iter().map(flatten).collect();
    let matches: Vec<_> = tokens
        .iter()
        .flat_map(|item| item.windows(wanted.len().max(1)))
        .filter(|window| texts(window).eq(texts(&wanted)))
        .collect();
    let [window] = matches[..] else {
        let count = matches.len();
        return Err(format!(
            "`{from}` occurs {count} times in `{within}` instead of once"
        ));
    };
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return Err("no tokens are replaced".to_owned());
    };
    let (before, after) = (&text[..first.range.start], &text[last.range.end..]);
    Ok(format!("{before}{to}{after}"))
}

#[derive(Debug)]
struct Token {
    text: String,
    range: Range<usize>,
}

fn texts(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().map(|token| token.text.as_str())
}

/// Flattens token trees; delimiters become tokens.
fn flatten(tokens: TokenStream) -> Vec<Token> {
    let mut flat = Vec::new();
    let token = |text: String, span: Span| Token {
        text,
        range: span.byte_range(),
    };
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let delimiters = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ["(", ")"],
                    proc_macro2::Delimiter::Brace => ["{", "}"],
                    proc_macro2::Delimiter::Bracket => ["[", "]"],
                    proc_macro2::Delimiter::None => ["", ""],
                };
                flat.push(token(delimiters[0].to_owned(), group.span_open()));
                flat.extend(flatten(group.stream()));
                flat.push(token(delimiters[1].to_owned(), group.span_close()));
            }
            tree => flat.push(token(tree.to_string(), tree.span())),
        }
    }
    flat
}

struct Items<'n> {
    name: &'n str,
    found: Vec<TokenStream>,
}

impl Items<'_> {
    fn take(&mut self, name: &syn::Ident, item: &impl ToTokens) {
        if name == self.name {
            self.found.push(item.to_token_stream());
        }
    }
}

impl<'a> Visit<'a> for Items<'_> {
    fn visit_item(&mut self, item: &'a syn::Item) {
        match item {
            // Tests may repeat names.
            syn::Item::Mod(module) if module.ident == "tests" => return,
            syn::Item::Const(it) => self.take(&it.ident, it),
            syn::Item::Enum(it) => self.take(&it.ident, it),
            syn::Item::Fn(it) => self.take(&it.sig.ident, it),
            syn::Item::Static(it) => self.take(&it.ident, it),
            syn::Item::Struct(it) => self.take(&it.ident, it),
            syn::Item::Trait(it) => self.take(&it.ident, it),
            syn::Item::Macro(it) => match &it.ident {
                Some(name) => self.take(name, it),
                None => {
                    let path = it.mac.path.segments.last();
                    if path.is_some_and(|it| format!("{}!", it.ident) == self.name) {
                        self.found.push(it.to_token_stream());
                    }
                }
            },
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.take(&item.sig.ident, item);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.take(&item.ident, item);
        visit::visit_impl_item_const(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        self.take(&item.sig.ident, item);
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
const NAME: &str = \"ä\"; // a comment
struct S;
impl S {
    /// Adds `é`.
    fn add(&self) -> u8 {
        1 /* one */ + 1
    }
    fn double(&self) -> u8 { 1 + 1 + (1 + 1) }
}
table! { 1 => add; }
mod tests {
    const NAME: u8 = 1;
}
";

    #[test]
    fn tokens_are_replaced_regardless_of_formatting() {
        for (within, from, to, expected) in [
            (
                "NAME",
                "\"ä\"",
                "\"b\"",
                "const NAME: &str = \"b\"; // a comment",
            ),
            ("add", "1+1", "2", "        2\n"),
            ("table!", "1 => add", "2 => add", "table! { 2 => add; }"),
            ("double", "(1 + 1)", "2", "{ 1 + 1 + 2 }"),
        ] {
            let text = replace(FILE, within, from, to).expect("the edit applies");
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn tokens_that_do_not_occur_exactly_once_are_an_error() {
        let why =
            |within, from| replace(FILE, within, from, "").expect_err("the edit does not apply");
        assert_eq!(
            why("double", "1 + 1"),
            "`1 + 1` occurs 2 times in `double` instead of once"
        );
        assert_eq!(
            why("add", "2"),
            "`2` occurs 0 times in `add` instead of once"
        );
        assert_eq!(why("sub", "1"), "the file has no item `sub`");
        assert_eq!(why("add", ""), "`` occurs 0 times in `add` instead of once");
        assert_eq!(
            replace("fn", "a", "b", "").expect_err("it is not Rust"),
            "the file is not valid Rust: unexpected end of input, expected identifier"
        );
    }
}

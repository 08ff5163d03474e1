//! Descriptions of the contract as doc comments.
//!
//! The docs of a trait method are more than comments: dropshot makes the operation's summary and description from them again
//! (dropshot_endpoint 0.18, `doc.rs`). The first line that is not blank becomes the summary. Of the rest, lines are joined by a space,
//! blank lines part paragraphs, and after a line that ends in `-` nothing is put between: so no line may be broken there.
//! [`Doc::new`] keeps to that. What dropshot does not read is free ([`Doc::text`]).
//!
//! rustdoc takes a block of code without a language for Rust, and runs it as a test; no block must look like one.

#[cfg(test)]
mod tests;
mod wrap;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use wrap::{Fence, Wrapping};

use openapi_contract::{OperationRef, pointer};

use crate::base::refusal::Refusals;

/// The lines of a doc comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc(Vec<String>);

impl Doc {
    /// A text that dropshot reads, wrapped. It comes back but for white space; a block of code comes back as one line, so it stands in
    /// one.
    ///
    /// # Errors
    /// What in the text would not come back.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let mut wrapping = Wrapping::default();
        let mut sources = text.trim().lines();
        while let Some(source) = sources.next() {
            if source.trim().is_empty() {
                if wrapping.ends_in_hyphen() {
                    return Err("a paragraph of a description that ends in `-`");
                }
                wrapping.blank();
            } else if let Some(fence) = Fence::opening(source) {
                if fence.marks.starts_with('~') {
                    // In one line only backticks mark code.
                    return Err("a block of code between `~~~`");
                }
                let mut block = vec![source];
                for line in sources.by_ref() {
                    block.push(line);
                    if fence.is_closed_by(line) {
                        break;
                    }
                }
                wrapping.whole(&block.join(" "));
            } else {
                wrapping.line(source);
            }
        }
        Ok(Self(wrapping.lines))
    }

    /// A text that only rustdoc reads, wrapped. Line breaks in it stay where they are, and blocks of code blocks of code.
    pub(crate) fn text(text: &str) -> Self {
        let mut wrapping = Wrapping::default();
        let mut open: Option<Fence> = None;
        for source in text.trim().lines() {
            match (&open, Fence::opening(source)) {
                (Some(fence), _) if fence.is_closed_by(source) => {
                    wrapping.lines.push(fence.marks.clone());
                    open = None;
                }
                (Some(_), _) => wrapping.lines.push(source.trim_end().to_owned()),
                (None, Some(fence)) => {
                    // Whatever the language is: rustdoc knows one, and runs it.
                    wrapping.lines.push(format!("{}text", fence.marks));
                    open = Some(fence);
                }
                (None, None) if source.trim().is_empty() => wrapping.blank(),
                (None, None) => wrapping.line(source),
            }
        }
        wrapping.lines.extend(open.map(|fence| fence.marks));
        Self(wrapping.lines)
    }

    /// One line, whatever its width.
    pub(crate) fn line(text: &str) -> Self {
        Self(vec![text.trim().replace(char::is_whitespace, " ")])
    }

    /// This doc, a blank line, and another.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0.push(String::new());
        self.0.extend(other.0);
        self
    }

    /// This doc and, in the same paragraph, another.
    pub(crate) fn followed_by(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As attributes of the item that follows.
    pub(crate) fn outer(&self) -> TokenStream {
        let lines = self.lines();
        quote!(#(#[doc = #lines])*)
    }

    /// As parsed attributes.
    pub(crate) fn attributes(&self) -> Vec<syn::Attribute> {
        self.lines()
            .map(|line| syn::parse_quote!(#[doc = #line]))
            .collect()
    }

    /// As attributes of the file or module around.
    pub(crate) fn inner(&self) -> TokenStream {
        let lines = self.lines();
        quote!(#(#![doc = #lines])*)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!(" {line}")
            }
        })
    }
}

/// The docs of the trait.
pub(crate) fn of_trait(refusals: &Refusals<'_>) -> TokenStream {
    let doc = Doc::line("The operations of the API, one method each.");
    let document = refusals.contract.value();
    let has_silent = refusals.contract.operations().iter().any(|operation| {
        let node = document.pointer(&operation.pointer);
        node.is_some_and(|node| node.get("summary").is_none())
    });
    let doc = if has_silent {
        doc.then(Doc::text(
            "Dropshot takes the first line of a method's docs for the summary of its operation. Where the contract has none, the docs \
             are in a `concat!`, which dropshot does not read.",
        ))
    } else {
        doc
    };
    doc.outer()
}

/// The docs of the method of an operation, from which dropshot makes its summary and description.
pub(crate) fn of_operation(
    reference: &OperationRef,
    node: &Value,
    refusals: &Refusals<'_>,
) -> TokenStream {
    let at = reference.pointer.as_str();
    let text = |key| node.get(key).and_then(Value::as_str);
    match (text("summary"), text("description")) {
        (Some(summary), description) if !summary.trim().is_empty() => {
            let doc = Doc::line(summary);
            let description = description
                .map(|text| checked(&pointer::child(at, "description"), text, refusals))
                .filter(|description| !description.is_empty());
            match description {
                Some(description) => doc.then(description),
                None => doc,
            }
            .outer()
        }
        (None, None) => {
            // Every method needs docs, and dropshot would take plain ones for a summary.
            let text = format!("`{} {}`.", reference.method, reference.path);
            quote!(#[doc = concat!(#text)])
        }
        _ => {
            refusals.refuse(
                at,
                "an operation with an empty summary, or with a description and no summary",
                "add `summary`: dropshot takes the first line of the docs as one",
            );
            TokenStream::new()
        }
    }
}

/// A text of the contract, wrapped. What of it cannot be is reported.
fn checked(pointer: &str, text: &str, refusals: &Refusals<'_>) -> Doc {
    Doc::new(text).unwrap_or_else(|what| {
        refusals.refuse(
            pointer,
            format!("{what} would not come back out of the generated docs"),
            "write it in sentences",
        );
        Doc::default()
    })
}

/// A text up to the first full stop.
pub(crate) fn first_sentence(text: &str) -> &str {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    paragraph
        .split_once(". ")
        .map_or(paragraph, |(first, _)| &paragraph[..=first.len()])
}

/// Reports what no source of Rust may hold: characters that change the direction of text or are not to be seen.
pub(crate) fn check_characters(refusals: &Refusals<'_>) {
    check_node("", refusals.contract.value(), refusals);
}

fn check_node(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let hidden = |c: char| {
        // What rustc denies, so that nobody is shown other code than is compiled, and control characters but for white space.
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || c.is_control() && !c.is_whitespace()
    };
    match node {
        Value::String(text) => {
            if let Some(c) = text.chars().find(|c| hidden(*c)) {
                refusals.refuse(
                    at,
                    format!("the invisible character {}", c.escape_unicode()),
                    "remove it",
                );
            }
        }
        Value::Object(_) => {
            pointer::members(at, node).for_each(|(at, _, node)| check_node(&at, node, refusals));
        }
        Value::Array(_) => {
            pointer::items(at, node).for_each(|(at, node)| check_node(&at, node, refusals));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether rustdoc may warn about a text: about a link that leads nowhere, a tag, a bare address.
pub(crate) fn may_warn(text: &str) -> bool {
    text.contains(['[', '<']) || text.contains("://")
}

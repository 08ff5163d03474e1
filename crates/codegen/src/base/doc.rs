//! Doc comments from descriptions of the contract.
//!
//! dropshot reads the summary and description of an operation from the docs of its method (dropshot_endpoint 0.18,
//! `doc.rs`). The first nonblank line is the summary. The other lines are joined by spaces, and blank lines separate
//! paragraphs. No space is inserted after a line that ends in `-`, so no line may be broken there.
//! [`Doc::for_dropshot`] ensures this; [`Doc::for_rustdoc`] is for docs that dropshot does not read.
//!
//! rustdoc runs a code block without a language as a Rust test, so every block has a language.

#[cfg(test)]
mod tests;
mod wrap;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use wrap::{Fence, Wrapping};

use openapi_contract::{OperationRef, pointer};

use crate::base::refusal::Refusals;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc(Vec<String>);

impl Doc {
    /// Wraps text that dropshot reads, or returns the part of it that dropshot would change.
    ///
    /// dropshot joins the lines of a code block, so the block is written as one line.
    pub(crate) fn for_dropshot(text: &str) -> Result<Self, &'static str> {
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
                    // In a single line, only backticks mark code.
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

    /// Wraps text that only rustdoc reads, and keeps its line breaks and code blocks.
    pub(crate) fn for_rustdoc(text: &str) -> Self {
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
                    // `text` replaces any language, because rustdoc would run a block of Rust.
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

    pub(crate) fn single_line(text: &str) -> Self {
        Self(vec![text.trim().replace(char::is_whitespace, " ")])
    }

    pub(crate) fn append_paragraph(mut self, other: Self) -> Self {
        self.0.push(String::new());
        self.0.extend(other.0);
        self
    }

    pub(crate) fn append(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn outer(&self) -> TokenStream {
        let lines = self.lines();
        quote!(#(#[doc = #lines])*)
    }

    pub(crate) fn attributes(&self) -> Vec<syn::Attribute> {
        self.lines()
            .map(|line| syn::parse_quote!(#[doc = #line]))
            .collect()
    }

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

pub(crate) fn trait_docs(refusals: &Refusals<'_>) -> TokenStream {
    let doc = Doc::single_line("The operations of the API, one method each.");
    let document = refusals.contract.value();
    let lacks_summary = refusals.contract.operations().iter().any(|operation| {
        let node = document.pointer(&operation.pointer);
        node.is_some_and(|node| node.get("summary").is_none())
    });
    let doc = if lacks_summary {
        doc.append_paragraph(Doc::for_rustdoc(
            "dropshot uses the first line of a method's docs as the summary of its operation. If the contract has no summary, \
             the docs are in a `concat!`, which dropshot does not read.",
        ))
    } else {
        doc
    };
    doc.outer()
}

/// Returns the docs of a method, from which dropshot reads the operation's summary and description.
pub(crate) fn operation_docs(
    reference: &OperationRef,
    node: &Value,
    refusals: &Refusals<'_>,
) -> TokenStream {
    let at = reference.pointer.as_str();
    let text = |key| node.get(key).and_then(Value::as_str);
    match (text("summary"), text("description")) {
        (Some(summary), description) if !summary.trim().is_empty() => {
            let doc = Doc::single_line(summary);
            let description = description
                .map(|text| wrap_or_refuse(&pointer::child(at, "description"), text, refusals))
                .filter(|description| !description.is_empty());
            match description {
                Some(description) => doc.append_paragraph(description),
                None => doc,
            }
            .outer()
        }
        (None, None) => {
            // Every method needs docs. dropshot would use a plain doc comment as the summary, but does not read
            // `concat!`.
            let text = format!("`{} {}`.", reference.method, reference.path);
            quote!(#[doc = concat!(#text)])
        }
        _ => {
            refusals.refuse(
                at,
                "the operation has an empty summary, or a description without a summary",
                "add `summary`: dropshot uses the first line of the docs as the summary",
            );
            TokenStream::new()
        }
    }
}

fn wrap_or_refuse(pointer: &str, text: &str, refusals: &Refusals<'_>) -> Doc {
    Doc::for_dropshot(text).unwrap_or_else(|part| {
        refusals.refuse(
            pointer,
            format!("{part} would be changed by the generated docs"),
            "write it as plain sentences",
        );
        Doc::default()
    })
}

pub(crate) fn first_sentence(text: &str) -> &str {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    paragraph
        .split_once(". ")
        .map_or(paragraph, |(first, _)| &paragraph[..=first.len()])
}

/// Refuses invisible characters and those that change the direction of text.
pub(crate) fn check_characters(refusals: &Refusals<'_>) {
    check_node("", refusals.contract.value(), refusals);
}

fn check_node(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let hidden = |c: char| {
        // rustc denies characters that change the direction, because they can disguise code. White space is visible.
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || c.is_control() && !c.is_whitespace()
    };
    match node {
        Value::String(text) => {
            if let Some(c) = text.chars().find(|c| hidden(*c)) {
                refusals.refuse(
                    at,
                    format!(
                        "the invisible character {} is not supported",
                        c.escape_unicode()
                    ),
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

/// Returns whether rustdoc may warn about text because of a broken link, a tag or a bare address.
pub(crate) fn may_warn(text: &str) -> bool {
    text.contains(['[', '<']) || text.contains("://")
}

//! Descriptions of the contract as doc comments.
//!
//! The docs of a trait method are more than comments: dropshot makes the operation's summary and description from them again
//! (dropshot_endpoint 0.18, `doc.rs`). The first line that is not blank becomes the summary. Of the rest, lines are joined by a space,
//! blank lines part paragraphs, and after a line that ends in `-` nothing is put between: so no line may be broken there.

use proc_macro2::TokenStream;
use quote::quote;

use crate::refusal::Refusals;

/// The widest a line of text may be: 100 columns less the indentation of a method and `/// `.
const WIDTH: usize = 92;

/// The lines of a doc comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc(Vec<String>);

impl Doc {
    /// A text, wrapped. Line breaks in it stay where they are.
    ///
    /// # Errors
    /// What in the text would not come back out of dropshot, or would not be taken as text by rustdoc.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let mut lines: Vec<String> = Vec::new();
        for source in text.trim().lines() {
            if source.trim_start().starts_with("```") || source.trim_start().starts_with("~~~") {
                return Err("a description with a block of code");
            }
            let ends_in_hyphen = lines.last().is_some_and(|line| line.ends_with('-'));
            if source.trim().is_empty() {
                if ends_in_hyphen {
                    return Err("a paragraph of a description that ends in `-`");
                }
                if lines.last().is_some_and(|line| !line.is_empty()) {
                    lines.push(String::new());
                }
                continue;
            }
            // Dropshot would leave out the space between this line and the one before.
            let mut line = if ends_in_hyphen { lines.pop() } else { None }.unwrap_or_default();
            let indent = " ".repeat(marker(source));
            for word in source.split_whitespace() {
                let width = line.chars().count() + 1 + word.chars().count();
                let breaks = width > WIDTH && !line.ends_with('-') && !starts_block(word);
                if breaks && !line.trim().is_empty() {
                    lines.push(line);
                    line = format!("{indent}{word}");
                } else {
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.push_str(word);
                }
            }
            lines.push(line);
        }
        Ok(Self(lines))
    }

    /// One line, whatever its width.
    pub(crate) fn line(text: &str) -> Self {
        Self(vec![text.split_whitespace().collect::<Vec<_>>().join(" ")])
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

/// A text of the contract, wrapped. What of it cannot be is reported.
pub(crate) fn checked(pointer: &str, text: &str, refusals: &Refusals<'_>) -> Doc {
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

/// The width of the list marker that a line begins with, by which its continuation has to be indented.
fn marker(line: &str) -> usize {
    let line = line.trim_start();
    match line.split_once(' ') {
        Some((word, _)) if starts_item(word) => word.chars().count() + 1,
        _ => 0,
    }
}

fn starts_item(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']);
    let numbered = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    ["-", "*", "+"].contains(&word) || numbered
}

/// Whether Markdown would see something else than text in a word at the start of a line.
fn starts_block(word: &str) -> bool {
    starts_item(word) || word.starts_with(['#', '>', '|', '=']) || word.starts_with("---")
}

/// Whether rustdoc may warn about a text: about a link that leads nowhere, a tag, a bare address.
pub(crate) fn may_warn(text: &str) -> bool {
    text.contains(['[', '<']) || text.contains("://")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What dropshot makes of docs: a copy of the rule in dropshot_endpoint 0.18, `doc.rs`.
    fn extracted(doc: &Doc) -> (Option<String>, Option<String>) {
        let mut lines = doc
            .lines()
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>();
        lines.reverse();
        let mut next = || loop {
            match lines.pop() {
                Some(line) if line.is_empty() => {}
                other => return other,
            }
        };
        let summary = next();
        let first = next();
        let rest = lines.into_iter().rev();
        let description = first.map(|first| {
            rest.fold(first, |acc, line| {
                if acc.ends_with('-') || acc.ends_with('\n') || acc.is_empty() {
                    format!("{acc}{line}")
                } else if line.is_empty() {
                    format!("{acc}\n\n")
                } else {
                    format!("{acc} {line}")
                }
            })
            .trim_end()
            .to_owned()
        });
        (summary, description)
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn lines_are_wrapped_but_never_after_a_hyphen() {
        let text = format!("{} well- known {}", "word ".repeat(17), "word ".repeat(3));
        let doc = Doc::new(&text).unwrap();
        let widths: Vec<_> = doc.0.iter().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [96, 14]);
        assert!(doc.0[0].ends_with("well- known"));
    }

    #[test]
    fn no_line_begins_with_what_markdown_would_take_for_more_than_text() {
        for word in ["-", "*", "+", "1.", "12)", "#", ">", "|", "---"] {
            let text = format!("{}{word} more", "abcd ".repeat(18));
            let doc = Doc::new(&text).unwrap();
            assert!(doc.0.iter().all(|line| !line.starts_with(word)), "{doc:?}");
        }
    }

    #[test]
    fn items_of_lists_stay_items() {
        let doc = Doc::new(&format!("Roles:\n- {}end\n- short", "word ".repeat(20))).unwrap();
        assert_eq!(doc.0.len(), 4);
        assert!(doc.0[2].starts_with("  word"), "{doc:?}");
    }

    #[test]
    fn what_would_not_come_back_is_refused() {
        assert!(Doc::new("ends in -\n\nnext").is_err());
        assert!(Doc::new("a\n```\nlet x = 1;\n```").is_err());
    }

    proptest! {
        /// Up to white space, dropshot gives back what the contract says.
        #[test]
        fn dropshot_gives_summary_and_description_back(
            summary in "[a-zA-Z][a-z -]{0,120}[a-z.]",
            description in "[a-z]([a-z\u{e4}*+#>0-9. -]|\n|\n\n){0,400}[a-z.]",
        ) {
            if let Ok(text) = Doc::new(&description) {
                let doc = Doc::line(&summary).then(text);
                let (got_summary, got_description) = extracted(&doc);
                let got = (got_summary.unwrap(), got_description.unwrap_or_default());
                prop_assert_eq!(words(&got.0), words(&summary));
                prop_assert_eq!(words(&got.1), words(&description));
            }
        }
    }
}

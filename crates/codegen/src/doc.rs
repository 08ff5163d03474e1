//! Descriptions of the contract as doc comments.
//!
//! The docs of a trait method are more than comments: dropshot makes the operation's summary and description from them again
//! (dropshot_endpoint 0.18, `doc.rs`). The first line that is not blank becomes the summary. Of the rest, lines are joined by a space,
//! blank lines part paragraphs, and after a line that ends in `-` nothing is put between: so no line may be broken there.
//! [`Doc::new`] keeps to that. What dropshot does not read is free ([`Doc::text`]).
//!
//! rustdoc takes a block of code without a language for Rust, and runs it as a test; no block must look like one.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::{contract::OperationRef, pointer, refusal::Refusals};

/// The widest a line of text may be: 100 columns less the indentation of a method and `/// `.
const WIDTH: usize = 92;

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

/// The marks around a block of code (CommonMark 0.31, section 4.5).
struct Fence {
    marks: String,
}

impl Fence {
    fn opening(line: &str) -> Option<Self> {
        let line = line.trim_start();
        let mark = line
            .chars()
            .next()
            .filter(|mark| ['`', '~'].contains(mark))?;
        let marks: String = line.chars().take_while(|c| *c == mark).collect();
        // Backticks further on make it code within a line, which is how dropshot gives blocks back.
        let is_inline = mark == '`' && line[marks.len()..].contains('`');
        (marks.len() >= 3 && !is_inline).then_some(Self { marks })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.starts_with(&self.marks) && line.trim_start_matches(&self.marks[..1]).is_empty()
    }
}

/// Lines that are being wrapped.
#[derive(Default)]
struct Wrapping {
    lines: Vec<String>,
    /// By how much the text of the current item of a list is indented; 0 outside of lists.
    indent: usize,
}

impl Wrapping {
    fn ends_in_hyphen(&self) -> bool {
        self.lines.last().is_some_and(|line| line.ends_with('-'))
    }

    fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    /// Adds a line as it is, however wide.
    fn whole(&mut self, source: &str) {
        let words = words(source).join(" ");
        // Dropshot would leave out the space between this line and the one before.
        match self.lines.last_mut().filter(|line| line.ends_with('-')) {
            Some(line) => *line = format!("{line} {words}"),
            None => self.lines.push(words),
        }
    }

    /// Adds a line, wrapped.
    fn line(&mut self, source: &str) {
        let own = source.len() - source.trim_start().len();
        let after_blank = self.lines.last().is_none_or(String::is_empty);
        if own == 0 && after_blank {
            self.indent = 0;
        }
        let words = words(source);
        if words[0].starts_with("```") {
            // Code within a line, which would be a block if its end stood in another.
            return self.whole(source);
        }
        // Deeper would be a block of code.
        let own = own.min(self.indent);
        let start = if starts_item(&words[0]) && words.len() > 1 {
            self.indent = own + words[0].chars().count() + 1;
            own
        } else {
            self.indent
        };
        let mut line = match self.ends_in_hyphen() {
            true => self.lines.pop().unwrap_or_default(),
            false => " ".repeat(start),
        };
        for word in words {
            let width = line.chars().count() + 1 + word.chars().count();
            let breaks = width > WIDTH && !line.ends_with('-') && !starts_block(&word);
            let is_empty = line.trim().is_empty();
            if breaks && !is_empty {
                self.lines.push(line);
                line = format!("{}{word}", " ".repeat(self.indent));
            } else {
                if !is_empty {
                    line.push(' ');
                }
                line.push_str(&word);
            }
        }
        self.lines.push(line);
    }
}

/// The words of a text that is not blank. More than one space between words stays, and keeps them together.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut spaces = 0;
    for word in text.trim().split(char::is_whitespace) {
        match words.last_mut() {
            _ if word.is_empty() => spaces += 1,
            Some(last) if spaces > 0 => {
                last.push_str(&" ".repeat(spaces + 1));
                last.push_str(word);
                spaces = 0;
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn starts_item(word: &str) -> bool {
    let number = word.strip_suffix(['.', ')']);
    let numbered = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    ["-", "*", "+"].contains(&word) || numbered
}

/// Whether Markdown would see something else than text in a word at the start of a line.
fn starts_block(word: &str) -> bool {
    starts_item(word)
        || word.starts_with(['#', '>', '|', '='])
        || ["---", "```", "~~~"]
            .iter()
            .any(|marks| word.starts_with(marks))
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

    /// A text but for white space.
    fn plain(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn lines_are_wrapped_but_never_after_a_hyphen() {
        let text = format!("{}well- known {}", "word ".repeat(17), "word ".repeat(3));
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
        assert!(Doc::new("a\n~~~\nlet x = 1;\n~~~").is_err());
    }

    #[test]
    fn blocks_of_code_are_one_line_where_dropshot_reads_and_blocks_that_nobody_runs_elsewhere() {
        let text = "a\n```\nlet x = 1;\n\nlet y = 2;\n```\nb\n````sh\n$ ls -\n```\n````";
        let doc = Doc::new(text).unwrap();
        assert_eq!(
            doc.0,
            [
                "a",
                "``` let x = 1;  let y = 2; ```",
                "b",
                "````sh $ ls - ``` ````"
            ]
        );
        let (_, description) = extracted(&Doc::line("s").then(doc));
        assert_eq!(plain(&description.unwrap()), plain(text));
        assert_eq!(
            Doc::text(text).0,
            [
                "a",
                "```text",
                "let x = 1;",
                "",
                "let y = 2;",
                "```",
                "b",
                "````text",
                "$ ls -",
                "```",
                "````"
            ]
        );
        assert_eq!(
            Doc::text("```rust\nlet x = 1;").0,
            ["```text", "let x = 1;", "```"]
        );
        let inline = format!("``` {}``` b", "let x = 1; ".repeat(20));
        assert_eq!(Doc::text(&inline), Doc::new(&inline).unwrap());
        assert_eq!(Doc::text(&inline).0, [inline]);
    }

    #[test]
    fn spaces_between_words_come_back_one_by_one() {
        let doc = Doc::line("Two  spaces").then(Doc::new("one two   three\n\nfour").unwrap());
        let (summary, description) = extracted(&doc);
        assert_eq!(summary.unwrap(), "Two  spaces");
        assert_eq!(description.unwrap(), "one two   three\n\nfour");
    }

    #[test]
    fn what_belongs_to_an_item_is_indented_like_it_and_nothing_else_is() {
        let text = "Roles:\n- one\nlazy\n  * inner\n    more\n\n      still inner\n\n    no code";
        assert_eq!(
            Doc::text(text).0,
            [
                "Roles:",
                "- one",
                "  lazy",
                "  * inner",
                "    more",
                "",
                "    still inner",
                "",
                "    no code"
            ]
        );
        assert_eq!(Doc::text("a\n\n    no code").0, ["a", "", "no code"]);
    }

    proptest! {
        /// Up to white space, dropshot gives back what the contract says.
        #[test]
        fn dropshot_gives_summary_and_description_back(
            summary in "[a-zA-Z][a-z -]{0,120}[a-z.]",
            description in "[a-z]([a-z\u{e4}*+#>0-9.` -]|```|\n|\n\n){0,400}[a-z.]",
        ) {
            if let Ok(text) = Doc::new(&description) {
                let doc = Doc::line(&summary).then(text);
                let (got_summary, got_description) = extracted(&doc);
                let got = (got_summary.unwrap(), got_description.unwrap_or_default());
                prop_assert_eq!(plain(&got.0), plain(&summary));
                prop_assert_eq!(plain(&got.1), plain(&description));
            }
        }
    }
}

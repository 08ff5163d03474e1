//! Checks that dropshot returns docs unchanged and that rustdoc runs no code in them.

use proptest::prelude::*;

use super::*;

/// Returns dropshot's summary and description of docs: a copy of dropshot_endpoint 0.18, `doc.rs`.
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

fn plain(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn long_line_is_wrapped_but_not_after_hyphen() {
    let text = format!("{}well- known {}", "word ".repeat(17), "word ".repeat(3));
    let doc = Doc::for_dropshot(&text).unwrap();
    let widths: Vec<_> = doc.0.iter().map(|line| line.chars().count()).collect();
    assert_eq!(widths, [96, 14]);
    assert!(doc.0[0].ends_with("well- known"));
}

#[test]
fn wrapped_line_never_begins_with_markdown_syntax() {
    for word in ["-", "*", "+", "1.", "12)", "#", ">", "|", "---"] {
        let text = format!("{}{word} more", "abcd ".repeat(18));
        let doc = Doc::for_dropshot(&text).unwrap();
        assert!(doc.0.iter().all(|line| !line.starts_with(word)), "{doc:?}");
    }
}

#[test]
fn list_items_remain_items() {
    let doc = Doc::for_dropshot(&format!("Roles:\n- {}end\n- short", "word ".repeat(20))).unwrap();
    assert_eq!(doc.0.len(), 4);
    assert!(doc.0[2].starts_with("  word"), "{doc:?}");
}

#[test]
fn text_that_dropshot_would_change_is_refused() {
    assert!(Doc::for_dropshot("ends in -\n\nnext").is_err());
    assert!(Doc::for_dropshot("a\n~~~\nlet x = 1;\n~~~").is_err());
}

#[test]
fn code_block_is_one_line_for_dropshot_and_is_never_run() {
    let text = "a\n```\nlet x = 1;\n\nlet y = 2;\n```\nb\n````sh\n$ ls -\n```\n````";
    let doc = Doc::for_dropshot(text).unwrap();
    assert_eq!(
        doc.0,
        [
            "a",
            "``` let x = 1;  let y = 2; ```",
            "b",
            "````sh $ ls - ``` ````"
        ]
    );
    let (_, description) = extracted(&Doc::single_line("s").append_paragraph(doc));
    assert_eq!(plain(&description.unwrap()), plain(text));
    assert_eq!(
        Doc::for_rustdoc(text).0,
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
        Doc::for_rustdoc("```rust\nlet x = 1;").0,
        ["```text", "let x = 1;", "```"]
    );
    let inline = format!("``` {}``` b", "let x = 1; ".repeat(20));
    assert_eq!(
        Doc::for_rustdoc(&inline),
        Doc::for_dropshot(&inline).unwrap()
    );
    assert_eq!(Doc::for_rustdoc(&inline).0, [inline]);
}

#[test]
fn repeated_spaces_are_preserved() {
    let doc = Doc::single_line("Two  spaces")
        .append_paragraph(Doc::for_dropshot("one two   three\n\nfour").unwrap());
    let (summary, description) = extracted(&doc);
    assert_eq!(summary.unwrap(), "Two  spaces");
    assert_eq!(description.unwrap(), "one two   three\n\nfour");
}

#[test]
fn only_continuation_of_list_item_is_indented() {
    let text = "Roles:\n- one\nlazy\n  * inner\n    more\n\n      still inner\n\n    no code";
    assert_eq!(
        Doc::for_rustdoc(text).0,
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
    assert_eq!(Doc::for_rustdoc("a\n\n    no code").0, ["a", "", "no code"]);
}

proptest! {
    #[test]
    fn dropshot_returns_summary_and_description_unchanged(
        summary in "[a-zA-Z][a-z -]{0,120}[a-z.]",
        description in "[a-z]([a-z\u{e4}*+#>0-9.` -]|```|\n|\n\n){0,400}[a-z.]",
    ) {
        if let Ok(text) = Doc::for_dropshot(&description) {
            let doc = Doc::single_line(&summary).append_paragraph(text);
            let (got_summary, got_description) = extracted(&doc);
            let got = (got_summary.unwrap(), got_description.unwrap_or_default());
            prop_assert_eq!(plain(&got.0), plain(&summary));
            prop_assert_eq!(plain(&got.1), plain(&description));
        }
    }
}

//! That docs come back, and that nothing in them is run.

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

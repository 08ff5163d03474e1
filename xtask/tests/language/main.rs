//! Checks the language of the repository: words to avoid, first lines of docs, heads of modules, width of comments.
//!
//! `allowance.json` holds the allowed numbers, which may only decrease: `UPDATE_ALLOWANCE=1` lowers them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const ALLOWANCE: &str = "xtask/tests/language/allowance.json";

/// Words to avoid, each with what to write instead.
const AVOIDED: &[(&[&str], &str)] = &[
    (
        &["tell", "tells", "telling", "teller", "told"],
        "log, report, audit, return or record",
    ),
    (&["mend", "mends", "mended", "mending"], "fix or repair"),
    (&["beside"], "next to, besides or compared with"),
    (&["anew"], "again"),
    (
        &["stand", "stands", "stood", "standing"],
        "is, is stored or is in",
    ),
    (
        &["whom", "whoever", "nobody", "somebody"],
        "the user, the client, no one",
    ),
];

/// The maximum length of a doc comment's first line in characters, and of a module's head in lines.
const FIRST_LINE: usize = 100;
const MODULE_HEAD: usize = 15;

/// The maximum width of a comment in columns; rustfmt does not wrap comments.
const COMMENT_WIDTH: usize = 120;

/// Excludes generated files, and files that quote words to avoid on purpose.
fn is_exempt(path: &str) -> bool {
    let generated = [
        "generated.rs",
        ".snap",
        "Cargo.lock",
        "LICENSE",
        "common-passwords.txt",
    ];
    generated.iter().any(|end| path.ends_with(end))
        || path.contains("/fixtures/")
        || path.starts_with("xtask/tests/language/")
}

/// Returns the text files of the repository with their paths.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            let name = path
                .file_name()
                .expect("the name is valid")
                .to_string_lossy()
                .into_owned();
            let is_tool = name.starts_with('.') && ![".ci", ".github", ".cargo"].contains(&&*name);
            if is_tool || name == "target" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path
                .strip_prefix(ROOT)
                .expect("the path is below the root")
                .to_string_lossy();
            // Files that are not UTF-8, such as local databases and images, are skipped.
            if let (false, Ok(text)) = (is_exempt(&relative), fs::read_to_string(&path)) {
                texts.push((relative.into_owned(), text));
            }
        }
    }
    texts.sort();
    texts
}

/// Returns avoided words as `FILE:LINE: WORD`.
fn avoided_words(path: &str, text: &str) -> Vec<String> {
    let mut places = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.split(|letter: char| !letter.is_alphanumeric());
        for word in words.map(str::to_lowercase) {
            if let Some((_, instead)) = AVOIDED.iter().find(|(words, _)| words.contains(&&*word)) {
                places.push(format!("{path}:{}: `{word}`: write {instead}", index + 1));
            }
        }
    }
    places
}

/// Returns doc comments whose first paragraph is longer than one line or than [`FIRST_LINE`].
fn long_first_lines(path: &str, text: &str) -> Vec<String> {
    let mut places = Vec::new();
    let mut before = "";
    let mut lines = text.lines().map(str::trim_start).enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let begins = line.starts_with("/// ") && !before.starts_with("///");
        before = line;
        if !begins {
            continue;
        }
        let next = lines.peek().map_or("", |(_, next)| *next);
        let continues = next.starts_with("/// ") && !next.starts_with("/// -");
        if line.chars().count() - "/// ".len() > FIRST_LINE || continues {
            places.push(format!("{path}:{}", index + 1));
        }
    }
    places
}

fn long_heads(path: &str, text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .count();
    let place = (lines > MODULE_HEAD).then(|| format!("{path}: {lines} lines"));
    place.into_iter().collect()
}

fn wide_comments(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let wide = lines.filter(|(_, line)| {
        line.trim_start().starts_with("//") && line.chars().count() > COMMENT_WIDTH
    });
    wide.map(|(index, _)| format!("{path}:{}", index + 1))
        .collect()
}

/// A rule: its name in `allowance.json`, whether it is only for Rust, and how to find violations.
type Rule = (&'static str, bool, fn(&str, &str) -> Vec<String>);

const RULES: [Rule; 4] = [
    ("avoided words", false, avoided_words),
    ("long first lines of doc comments", true, long_first_lines),
    ("long module heads", true, long_heads),
    ("wide comments", true, wide_comments),
];

#[test]
fn language_stays_within_its_allowance() {
    let path = Path::new(ROOT).join(ALLOWANCE);
    let allowed: BTreeMap<String, usize> =
        serde_json::from_str(&fs::read_to_string(&path).expect("the file is readable"))
            .expect("the text is JSON");
    let texts = texts();
    assert!(texts.len() > 200, "{} texts are too few", texts.len());
    let mut counts = BTreeMap::new();
    let mut report = String::new();
    for (name, rust_only, places) in RULES {
        let rust = |path: &str| !rust_only || path.ends_with(".rs");
        let places: Vec<String> = texts
            .iter()
            .filter(|(path, _)| rust(path))
            .flat_map(|(path, text)| places(path, text))
            .collect();
        let allowed = allowed.get(name).copied().unwrap_or_default();
        if places.len() > allowed {
            let count = places.len();
            let places = places.join("\n  ");
            report += &format!("{name}: {count}, allowed are {allowed}\n  {places}\n");
        }
        counts.insert(name, places.len().min(allowed));
    }
    if std::env::var_os("UPDATE_ALLOWANCE").is_some() {
        let text = serde_json::to_string_pretty(&counts).expect("the text is JSON");
        fs::write(&path, text + "\n").expect("the file is writable");
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn violations_of_each_rule_are_reported() {
    let words = avoided_words("a", "fn tell_all() {}\n// Nobody understands a standard.\n");
    let found: Vec<_> = words.iter().map(|it| it.split(": write").next()).collect();
    assert_eq!(found, [Some("a:1: `tell`"), Some("a:2: `nobody`")]);

    let long = "x".repeat(FIRST_LINE + 1);
    let text = format!(
        "/// Short.\n///\n/// More text.\n/// {long}\nfn a() {{}}\n/// {long}\nfn b() {{}}\n/// Two\n/// lines.\n"
    );
    assert_eq!(long_first_lines("a", &text), ["a:6", "a:8"]);

    assert_eq!(long_heads("a", &"//! Line.\n".repeat(16)), ["a: 16 lines"]);
    assert_eq!(long_heads("a", &"//! Line.\n".repeat(15)), [""; 0]);

    let comment = |width: usize| format!("    // {}\n", "x".repeat(width - 7));
    let text = comment(COMMENT_WIDTH) + &comment(COMMENT_WIDTH + 1);
    assert_eq!(wide_comments("a", &text), ["a:2"]);
}

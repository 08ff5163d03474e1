//! Checks that files named in documents exist, and that xtask stays small.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the words between backticks that start with a folder of the workspace.
fn named_files(text: &str) -> BTreeSet<&str> {
    text.split('`')
        .filter(|word| {
            let folders = ["crates/", "xtask/", "examples/", "docs/", "deploy/"];
            let is_path = folders.iter().any(|folder| word.starts_with(folder));
            // `<noun>` and `{a,b}` are patterns for several files.
            is_path && !word.contains(['<', '{', '*', ' ', '\n'])
        })
        .collect()
}

fn linked_files(text: &str) -> BTreeSet<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

fn missing(page: &str) -> Vec<String> {
    let text = read(page);
    let folder = Path::new(ROOT).join(page);
    let folder = folder.parent().expect("a page is in a folder");
    let named = named_files(&text).into_iter();
    let named = named.filter(|file| !Path::new(ROOT).join(file).exists());
    let linked = linked_files(&text).into_iter();
    let linked = linked.filter(|file| !folder.join(file).exists());
    let files = named.chain(linked);
    files.map(|file| format!("{page} names {file}")).collect()
}

#[test]
fn files_named_in_documents_exist() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/changing-the-contract.md",
        "docs/ci.md",
        "docs/configuration.md",
        "docs/glossary.md",
        "docs/operations.md",
        "docs/postgresql.md",
        "docs/starting-a-project.md",
        "crates/conformance/README.md",
    ];
    let missing: Vec<String> = pages.into_iter().flat_map(missing).collect();
    assert!(missing.is_empty(), "no such file:\n{}", missing.join("\n"));
}

#[test]
fn modules_in_the_architecture_exist() {
    let text = read("ARCHITECTURE.md");
    let folder = Path::new(ROOT).join("crates/server/src");
    let modules: BTreeSet<&str> = text
        .split('`')
        .filter(|word| word.ends_with(".rs") && !word.contains(['<', ' ', '\n']))
        .filter(|word| !word.starts_with("crates/") && !word.starts_with("xtask/"))
        .collect();
    assert!(modules.len() > 40, "{modules:?}");
    let missing: Vec<&str> = modules
        .into_iter()
        .filter(|module| !folder.join(module).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "no such file in crates/server/src: {missing:?}"
    );
}

/// The maximum number of lines of tooling in xtask; further tooling belongs in the generic crates.
///
/// Tests do not count, and neither do scenarios, because each operation of the contract adds some.
const XTASK_LINES: usize = 2_730;

fn lines_of_tooling(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("the entry is readable").path());
    let counts = paths.map(|path| {
        let excluded = ["tests", "tests.rs", "scenarios", "scenarios.rs"];
        let is_excluded = excluded.iter().any(|name| path.ends_with(name));
        match path.extension() {
            _ if is_excluded => 0,
            Some(extension) if extension == "rs" => {
                let text = fs::read_to_string(&path).expect("the file is readable");
                let code = text.split("#[cfg(test)]\nmod tests {").next();
                code.expect("the text is not empty").lines().count()
            }
            _ if path.is_dir() => lines_of_tooling(&path),
            _ => 0,
        }
    });
    counts.sum()
}

#[test]
fn xtask_stays_thin() {
    let lines = lines_of_tooling(&Path::new(ROOT).join("xtask"));
    assert!(
        lines <= XTASK_LINES,
        "xtask has {lines} lines of tooling, over {XTASK_LINES}: move what other services can use to crates/conformance"
    );
}

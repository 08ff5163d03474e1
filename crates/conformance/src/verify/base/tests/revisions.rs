use std::fs;

use super::*;
use crate::testing::{CONTRACT_TEXT, workspace};

fn git(workspace: &Workspace, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(workspace.path(""))
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("git can be started");
    assert!(status.success(), "git {arguments:?}");
}

/// Creates a repository with the tags `without`, `broken` and `with`, named after their contract.
fn repository() -> (tempfile::TempDir, Workspace) {
    let (folder, workspace) = workspace(CONTRACT_TEXT);
    fs::remove_file(workspace.path("openapi.yaml")).expect("it is there");
    fs::write(workspace.path("README"), "").expect("there is room");
    git(&workspace, &["init"]);
    for (tag, text) in [
        ("without", None),
        ("broken", Some("openapi: 3.0.3\n")),
        ("with", Some(CONTRACT_TEXT)),
    ] {
        if let Some(text) = text {
            fs::write(workspace.path("openapi.yaml"), text).expect("there is room");
        }
        git(&workspace, &["add", "."]);
        git(&workspace, &["commit", "--message", tag]);
        git(&workspace, &["tag", tag]);
    }
    (folder, workspace)
}

fn error(workspace: &Workspace, revision: &str) -> String {
    format!(
        "{:#}",
        Base::read(workspace, revision)
            .err()
            .expect("it cannot be read")
    )
}

#[test]
fn the_contract_of_a_revision_is_read_whatever_stands_in_the_work_tree() {
    let (_folder, workspace) = repository();
    fs::write(workspace.path("openapi.yaml"), "").expect("there is room");
    let base = Base::read(&workspace, "with").expect("it is there");
    assert_eq!(base.contract.text(), CONTRACT_TEXT);
    assert_eq!(base.contract.name(), "with:openapi.yaml");
}

#[test]
fn a_revision_that_cannot_be_compared_with_is_an_error_that_says_what_to_do() {
    let (_folder, workspace) = repository();
    insta::assert_snapshot!(error(&workspace, "nowhere"), @"git knows no revision `nowhere` here; name a branch, a tag or a commit that `git log` shows (in CI, check out the whole history: `fetch-depth: 0`)");
    insta::assert_snapshot!(error(&workspace, "--help"), @"git knows no revision `--help` here; name a branch, a tag or a commit that `git log` shows (in CI, check out the whole history: `fetch-depth: 0`)");
    insta::assert_snapshot!(error(&workspace, "without"), @"the revision `without` has no openapi.yaml; name one that has: fatal: path 'openapi.yaml' exists on disk, but not in 'without'");
    insta::assert_snapshot!(error(&workspace, "broken"), @"openapi.yaml of `broken` cannot be compared with; name a revision where it parses: broken:openapi.yaml:1:1: this OpenAPI Object lacks `info` (at /); add `info`");
}

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
    fs::remove_file(workspace.path("openapi.yaml")).expect("it exists");
    fs::write(workspace.path("README"), "").expect("the temporary folder is writable");
    git(&workspace, &["init"]);
    for (tag, text) in [
        ("without", None),
        ("broken", Some("openapi: 3.0.3\n")),
        ("with", Some(CONTRACT_TEXT)),
    ] {
        if let Some(text) = text {
            fs::write(workspace.path("openapi.yaml"), text)
                .expect("the temporary folder is writable");
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
            .expect("the revision is invalid")
    )
}

#[test]
fn contract_of_a_revision_is_read_from_git() {
    let (_folder, workspace) = repository();
    fs::write(workspace.path("openapi.yaml"), "").expect("the temporary folder is writable");
    let base = Base::read(&workspace, "with").expect("it exists");
    assert_eq!(base.contract.text(), CONTRACT_TEXT);
    assert_eq!(base.contract.name(), "with:openapi.yaml");
}

#[test]
fn invalid_revision_is_an_error_with_help() {
    let (_folder, workspace) = repository();
    insta::assert_snapshot!(error(&workspace, "nowhere"), @"unknown git revision `nowhere`: expected a branch, a tag or a commit (in CI, check out the whole history with `fetch-depth: 0`)");
    insta::assert_snapshot!(error(&workspace, "--help"), @"unknown git revision `--help`: expected a branch, a tag or a commit (in CI, check out the whole history with `fetch-depth: 0`)");
    insta::assert_snapshot!(error(&workspace, "without"), @"the revision `without` has no openapi.yaml; choose a revision that has one: fatal: path 'openapi.yaml' exists on disk, but not in 'without'");
    insta::assert_snapshot!(error(&workspace, "broken"), @"openapi.yaml of `broken` is invalid; choose a revision with a valid contract: broken:openapi.yaml:1:1: this OpenAPI Object has no `info` (at /); add `info`");
}

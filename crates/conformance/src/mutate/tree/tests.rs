//! The copy in small: a work tree of two files.

use super::*;
use crate::testing::Things;

const MUTATION: Mutation = Mutation {
    name: "one",
    what: "one",
    file: "a.txt",
    from: "one",
    to: "1",
    then: Then::Verify,
    exit: 100,
    check: Check::Live,
    names: "one",
};

fn work_tree() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("there is room");
    let workspace = Workspace::at(folder.path(), "openapi.yaml");
    for (path, text) in [
        (".gitignore", "/target\n*.db\n"),
        ("a.txt", "one two two\n"),
        ("b/c.txt", "three\n"),
        ("pbx.db", "secret"),
    ] {
        put(&workspace.path(path), text.as_bytes()).expect("there is room");
    }
    git(folder.path(), &["init", "--quiet"]).expect("git is there");
    (folder, workspace)
}

fn read(tree: &Tree, path: &str) -> String {
    fs::read_to_string(tree.copy.path(path)).expect("it is there")
}

#[test]
fn the_copy_has_what_git_would_know_and_follows_the_work_tree() {
    let (_folder, workspace) = work_tree();
    let tree = Tree::copy(&workspace).expect("it can be copied");
    assert_eq!(read(&tree, "a.txt"), "one two two\n");
    assert_eq!(read(&tree, "b/c.txt"), "three\n");
    assert!(!tree.copy.path("pbx.db").exists(), "what is ignored stays");

    fs::remove_file(workspace.path("b/c.txt")).expect("it is there");
    put(&workspace.path("a.txt"), b"four\n").expect("there is room");
    let tree = Tree::copy(&workspace).expect("it can be copied");
    assert_eq!(read(&tree, "a.txt"), "four\n");
    assert!(!tree.copy.path("b/c.txt").exists());
}

#[test]
fn a_mutation_is_planted_in_the_copy_and_taken_back_by_the_next() {
    let (_folder, workspace) = work_tree();
    let mut tree = Tree::copy(&workspace).expect("it can be copied");
    let other = Mutation {
        file: "b/c.txt",
        from: "three",
        to: "3",
        ..MUTATION
    };
    let same = Mutation {
        from: "one two",
        to: "",
        ..MUTATION
    };
    for (mutation, a, c) in [
        (MUTATION, "1 two two\n", "three\n"),
        (same, " two\n", "three\n"),
        (other, "one two two\n", "3\n"),
    ] {
        assert_eq!(tree.plant(&Things, &mutation).expect("it runs"), Ok(()));
        assert_eq!(
            (
                read(&tree, "a.txt").as_str(),
                read(&tree, "b/c.txt").as_str()
            ),
            (a, c)
        );
    }
    tree.restore().expect("it runs");
    assert_eq!(read(&tree, "b/c.txt"), "three\n");
    let untouched = fs::read_to_string(workspace.path("a.txt")).expect("it is there");
    assert_eq!(untouched, "one two two\n");
}

#[test]
fn what_does_not_stand_there_once_cannot_be_planted() {
    let (_folder, workspace) = work_tree();
    let mut tree = Tree::copy(&workspace).expect("it can be copied");
    let mut why = |from, file| {
        let mutation = Mutation {
            from,
            file,
            ..MUTATION
        };
        tree.plant(&Things, &mutation)
            .expect("it runs")
            .expect_err("it does not apply")
    };
    insta::assert_snapshot!(why("two", "a.txt"), @"the mutation no longer applies: what it replaces stands 2 times in a.txt, not once; correct it in the list of mutations");
    insta::assert_snapshot!(why("three", "a.txt"), @"the mutation no longer applies: what it replaces stands 0 times in a.txt, not once; correct it in the list of mutations");
    assert!(why("one", "no.txt").starts_with("no.txt cannot be read: "));
    assert_eq!(read(&tree, "a.txt"), "one two two\n");
}

#[cfg(unix)]
#[test]
fn a_run_that_takes_too_long_is_killed() {
    let mut command = Command::new("sleep");
    command.arg("3600");
    let (status, _, _) = run(&mut command, Duration::ZERO).expect("it runs");
    assert_eq!(status.and_then(|status| status.code()), None);
}

#[cfg(unix)]
#[test]
fn what_a_run_started_is_killed_with_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));

    let mut command = Command::new("sh");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let script = r#"sleep 3600 > "$0" & wait"#;
    let mut child = command
        .args(["-c", script])
        .arg(&pipe)
        .spawn()
        .expect("sh is there");
    // Opened as soon as `sleep` has it open too; at its end as soon as `sleep` is gone.
    let mut reader = fs::File::open(&pipe).expect("it is there");
    kill(&mut child);
    assert_eq!(
        reader.read_to_end(&mut Vec::new()).expect("it can be read"),
        0
    );
}

use super::*;
use crate::testing::Things;

const fn mutant(file: &'static str, from: &'static str, to: &'static str) -> Mutant {
    Mutant::in_code("one", "one", (file, "ITEM"), from, to)
}

fn work_tree() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let workspace = Workspace::at(folder.path(), "openapi.yaml");
    for (path, text) in [
        (".gitignore", "/target\n*.db\n"),
        ("a.rs", "const ITEM: u8 = 1;\n"),
        ("b/c.rs", "const ITEM: u8 = 3;\n"),
        ("pbx.db", "secret"),
    ] {
        write_if_changed(&workspace.path(path), text.as_bytes())
            .expect("the temporary folder is writable");
    }
    git(folder.path(), &["init", "--quiet"]).expect("git is installed");
    (folder, workspace)
}

fn read(tree: &Tree, path: &str) -> String {
    fs::read_to_string(tree.copy.path(path)).expect("it exists")
}

#[test]
fn copy_contains_the_files_of_git_and_follows_the_work_tree() {
    let (_folder, workspace) = work_tree();
    let tree = Tree::copy(&workspace).expect("the copy succeeds");
    assert_eq!(read(&tree, "a.rs"), "const ITEM: u8 = 1;\n");
    assert_eq!(read(&tree, "b/c.rs"), "const ITEM: u8 = 3;\n");
    assert!(!tree.copy.path("pbx.db").exists(), "it is ignored");

    fs::remove_file(workspace.path("b/c.rs")).expect("it exists");
    write_if_changed(&workspace.path("a.rs"), b"// empty\n")
        .expect("the temporary folder is writable");
    let tree = Tree::copy(&workspace).expect("the copy succeeds");
    assert_eq!(read(&tree, "a.rs"), "// empty\n");
    assert!(!tree.copy.path("b/c.rs").exists());
}

#[test]
fn mutant_is_planted_in_the_copy_and_removed_before_the_next() {
    let (_folder, workspace) = work_tree();
    let mut tree = Tree::copy(&workspace).expect("the copy succeeds");
    for (mutant, a, c) in [
        (mutant("a.rs", "1", "2"), 2, 3),
        (mutant("a.rs", "1", "4"), 4, 3),
        (mutant("b/c.rs", "3", "5"), 1, 5),
    ] {
        assert_eq!(tree.plant(&Things, &mutant).expect("it runs"), Ok(()));
        assert_eq!(read(&tree, "a.rs"), format!("const ITEM: u8 = {a};\n"));
        assert_eq!(read(&tree, "b/c.rs"), format!("const ITEM: u8 = {c};\n"));
    }
    tree.restore().expect("it runs");
    assert_eq!(read(&tree, "b/c.rs"), "const ITEM: u8 = 3;\n");
    let untouched = fs::read_to_string(workspace.path("a.rs")).expect("it exists");
    assert_eq!(untouched, "const ITEM: u8 = 1;\n");
}

#[test]
fn mutant_that_does_not_apply_leaves_the_copy_unchanged() {
    let (_folder, workspace) = work_tree();
    let mut tree = Tree::copy(&workspace).expect("the copy succeeds");
    let mut why = |file, from| {
        let planted = tree.plant(&Things, &mutant(file, from, ""));
        planted
            .expect("it runs")
            .expect_err("the edit does not apply")
    };
    assert_eq!(
        why("a.rs", "7"),
        "`7` occurs 0 times in `ITEM` instead of once"
    );
    assert!(why("no.rs", "1").starts_with("no.rs cannot be read: "));
    assert_eq!(read(&tree, "a.rs"), "const ITEM: u8 = 1;\n");
}

#[cfg(unix)]
#[test]
fn run_over_the_time_limit_is_killed() {
    let mut command = Command::new("sleep");
    command.arg("3600");
    let (status, _, _) = run(&mut command, Duration::ZERO).expect("it runs");
    assert_eq!(status.and_then(|status| status.code()), None);
}

#[cfg(unix)]
#[test]
fn child_processes_of_a_killed_run_are_killed() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
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
        .expect("sh is installed");
    // Opening blocks until `sleep` has opened the pipe; reading blocks until `sleep` ends.
    let mut reader = fs::File::open(&pipe).expect("it exists");
    kill(&mut child);
    assert_eq!(
        reader
            .read_to_end(&mut Vec::new())
            .expect("the file is readable"),
        0
    );
}

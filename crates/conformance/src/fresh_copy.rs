//! A copy of the workspace with fresh generated files.
//!
//! A build with stale generated files proves nothing, so the checks build a copy with fresh files, below `target`. A
//! report without failures then means that running `generate` is sufficient.
//!
//! The copy is kept and only changed files are written, so that cargo rebuilds little. It shares the workspace's target
//! folder and its dependencies. Cargo identifies a package by name, version and path within the workspace, so the copy
//! has a different version; otherwise, cargo would confuse the two.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use toml_edit::{DocumentMut, TableLike};

use crate::generate::Artifact;
use crate::workspace::Workspace;

const COPY: &str = "target/verify/workspace";

const TARGET: &str = "target";

const MANIFEST: &str = "Cargo.toml";

const PATH_KEY: &str = "path";

/// Build metadata (Semantic Versioning 2.0.0, section 10) of versions in the copy.
const BUILD_METADATA: &str = "+generated";

/// Excludes build output, databases of local servers, and hidden folders except `.cargo`.
fn is_copied(name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    name == ".cargo" || !(name == TARGET || text.starts_with('.') || text.contains(".db"))
}

pub(crate) fn create(workspace: &Workspace, artifacts: &[Artifact]) -> Result<Workspace> {
    let root = workspace.cargo_root();
    let copy_root = root.join(COPY);
    let origin = std::path::absolute(root)
        .with_context(|| format!("cannot find the folder {}", root.display()))?;
    // The contract may be in a member of a larger workspace.
    let contract_root = workspace.path("");
    let member = contract_root.strip_prefix(root).unwrap_or(Path::new(""));
    let fresh: BTreeMap<PathBuf, &str> = artifacts
        .iter()
        .map(|artifact| (member.join(artifact.path), artifact.text.as_str()))
        .collect();
    let mut files = BTreeSet::new();
    list(root, Path::new(""), &mut files)?;
    files.extend(fresh.keys().cloned());
    for file in &files {
        let text = match fresh.get(file) {
            Some(text) => text.as_bytes().to_vec(),
            None => read(&root.join(file))?.unwrap_or_default(),
        };
        let text = if file == Path::new(MANIFEST) {
            add_build_metadata(&text)?
        } else {
            text
        };
        let text = if file.file_name() == Some(OsStr::new(MANIFEST)) {
            anchor_paths(text, &origin.join(file), &origin)
        } else {
            text
        };
        write(&copy_root.join(file), &text)?;
    }
    let mut old = BTreeSet::new();
    list(&copy_root, Path::new(""), &mut old)?;
    for file in old.difference(&files) {
        let path = copy_root.join(file);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    let copy = workspace.moved_to(copy_root.join(member));
    Ok(copy.with_target(root.join(TARGET)))
}

/// Adds [`BUILD_METADATA`] to the version in a manifest.
fn add_build_metadata(manifest: &[u8]) -> Result<Vec<u8>> {
    let manifest = String::from_utf8_lossy(manifest);
    // A package that is its own workspace has its version under [package].
    let section = ["[workspace.package]", "[package]"]
        .into_iter()
        .find(|section| manifest.lines().any(|line| line.trim_end() == *section));
    let mut within = false;
    let mut marked = false;
    let mut text = String::new();
    for line in manifest.split_inclusive('\n') {
        if line.starts_with('[') {
            within = Some(line.trim_end()) == section;
        }
        let version = line.trim_end().strip_suffix('"');
        match version.filter(|it| within && !marked && it.starts_with("version = \"")) {
            Some(version) => {
                marked = true;
                text.push_str(&format!("{version}{BUILD_METADATA}\"\n"));
            }
            None => text.push_str(line),
        }
    }
    ensure!(
        marked,
        "{MANIFEST} has no line `version = \"…\"` under [workspace.package]; add it"
    );
    Ok(text.into_bytes())
}

/// Makes relative paths that lead out of the workspace at `root` absolute.
///
/// A manifest that is not valid TOML stays unchanged, because cargo reports it.
fn anchor_paths(text: Vec<u8>, manifest: &Path, root: &Path) -> Vec<u8> {
    let parsed = String::from_utf8_lossy(&text).parse::<DocumentMut>();
    let (Ok(mut document), Some(folder)) = (parsed, manifest.parent()) else {
        return text;
    };
    if anchor_table(document.as_table_mut(), folder, root) {
        document.to_string().into_bytes()
    } else {
        text
    }
}

/// Makes paths in a table absolute; returns whether any was changed.
fn anchor_table(table: &mut dyn TableLike, folder: &Path, root: &Path) -> bool {
    let mut is_changed = false;
    for (key, item) in table.iter_mut() {
        if let Some(path) = item.as_str().filter(|_| key == PATH_KEY) {
            let target = resolve_dots(&folder.join(path));
            if Path::new(path).is_relative() && !target.starts_with(root) {
                *item = toml_edit::value(target.to_string_lossy().into_owned());
                is_changed = true;
            }
        } else if let Some(tables) = item.as_array_of_tables_mut() {
            for table in tables.iter_mut() {
                is_changed |= anchor_table(table, folder, root);
            }
        } else if let Some(table) = item.as_table_like_mut() {
            is_changed |= anchor_table(table, folder, root);
        }
    }
    is_changed
}

fn resolve_dots(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

fn list(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    let cannot = || format!("cannot read {}", path.display());
    for entry in fs::read_dir(&path).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let inner = folder.join(entry.file_name());
        // Links are followed, as cargo does.
        let kind = fs::metadata(root.join(&inner)).with_context(cannot)?;
        if !is_copied(&entry.file_name()) {
            continue;
        }
        if kind.is_dir() {
            list(root, &inner, files)?;
        } else {
            files.insert(inner);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes a file only if it changed: cargo compares modification times.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    if read(path)?.as_deref() == Some(text) {
        return Ok(());
    }
    let cannot = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    fs::write(path, text).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{API, CLIENT};

    const MANIFEST_TEXT: &str = "\
[workspace]
version = \"0\"
[workspace.package]
edition = \"2024\"
version = \"0.1.0\"
[workspace.dependencies]
version = \"1\"
";

    fn artifacts() -> [Artifact; 2] {
        [API, CLIENT].map(|path| Artifact {
            path,
            text: format!("// {path}\n"),
        })
    }

    fn put(workspace: &Workspace, file: &str, text: &str) {
        write(&workspace.path(file), text.as_bytes()).expect("the temporary folder is writable");
    }

    fn texts(workspace: &Workspace) -> Vec<(String, String)> {
        let mut files = BTreeSet::new();
        list(&workspace.path(""), Path::new(""), &mut files).expect("it exists");
        let text = |file: &PathBuf| {
            let text = fs::read_to_string(workspace.path("").join(file)).expect("it exists");
            (file.display().to_string(), text)
        };
        files.iter().map(text).collect()
    }

    #[test]
    fn copy_contains_the_workspace_with_fresh_files() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path(), "openapi.yaml");
        put(&workspace, "Cargo.toml", MANIFEST_TEXT);
        put(&workspace, API, "stale\n");
        put(&workspace, "crates/api/src/lib.rs", "mod generated;\n");
        put(&workspace, ".git/config", "of git\n");
        put(&workspace, ".cargo/config.toml", "of cargo\n");
        put(&workspace, "target/debug/built", "by cargo\n");
        put(&workspace, "pbx-login.db-wal", "of a server\n");
        let copy = create(&workspace, &artifacts()).expect("the temporary folder is writable");
        insta::assert_debug_snapshot!(texts(&copy), @r#"
        [
            (
                ".cargo/config.toml",
                "of cargo\n",
            ),
            (
                "Cargo.toml",
                "[workspace]\nversion = \"0\"\n[workspace.package]\nedition = \"2024\"\nversion = \"0.1.0+generated\"\n[workspace.dependencies]\nversion = \"1\"\n",
            ),
            (
                "crates/api/src/generated.rs",
                "// crates/api/src/generated.rs\n",
            ),
            (
                "crates/api/src/lib.rs",
                "mod generated;\n",
            ),
            (
                "crates/client/src/generated.rs",
                "// crates/client/src/generated.rs\n",
            ),
        ]
        "#);

        let time = |file: &str| {
            fs::metadata(copy.path(file))
                .and_then(|it| it.modified())
                .expect("it has one")
        };
        let before = time("Cargo.toml");
        fs::remove_file(workspace.path("crates/api/src/lib.rs")).expect("it exists");
        put(&workspace, ".cargo/config.toml", "changed\n");
        create(&workspace, &artifacts()).expect("the temporary folder is writable");
        assert!(!copy.path("crates/api/src/lib.rs").exists());
        let changed = fs::read_to_string(copy.path(".cargo/config.toml")).expect("it exists");
        assert_eq!(changed, "changed\n");
        assert_eq!(time("Cargo.toml"), before);
    }

    #[test]
    fn copy_of_a_member_contains_the_whole_workspace() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path().join("examples/things"), "openapi.yaml");
        let manifest = folder.path().join("Cargo.toml");
        write(&manifest, MANIFEST_TEXT.as_bytes()).expect("the temporary folder is writable");
        put(&workspace, API, "stale\n");
        let copy = create(&workspace, &artifacts()).expect("the temporary folder is writable");
        let copies = folder.path().join(COPY);
        assert_eq!(copy.path(""), copies.join("examples/things/"));
        let text = |path: PathBuf| fs::read_to_string(path).expect("it is copied");
        assert_eq!(text(copy.path(API)), format!("// {API}\n"));
        assert!(text(copies.join("Cargo.toml")).contains("0.1.0+generated"));
    }

    #[test]
    fn path_outside_the_workspace_is_absolute_in_the_copy() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path().join("things"), "openapi.yaml");
        put(
            &workspace,
            "Cargo.toml",
            r#"[workspace.package]
version = "0.1.0"
[workspace.dependencies]
runtime = { path = "../generic/runtime", default-features = false } # why
things-client = { path = "client" }
[patch.crates-io]
typify.path = "./../typify"
"#,
        );
        put(
            &workspace,
            "client/Cargo.toml",
            r#"[[bin]]
path = "../../bin.rs"
[dev-dependencies]
testing = { path = "../../testing" }
things = { path = "../server" }
[target.'cfg(unix)'.dependencies.unix]
path = "../../unix"
"#,
        );
        put(&workspace, "broken/Cargo.toml", "[\n");
        let copy = create(&workspace, &artifacts()).expect("the temporary folder is writable");
        let outside = folder.path().display().to_string();
        let text = |file: &str| {
            let text = fs::read_to_string(copy.path(file)).expect("it is copied");
            text.replace(&outside, "OUTSIDE")
        };
        insta::assert_snapshot!(text("Cargo.toml"), @r#"
        [workspace.package]
        version = "0.1.0+generated"
        [workspace.dependencies]
        runtime = { path = "OUTSIDE/generic/runtime", default-features = false } # why
        things-client = { path = "client" }
        [patch.crates-io]
        typify.path = "OUTSIDE/typify"
        "#);
        insta::assert_snapshot!(text("client/Cargo.toml"), @r#"
        [[bin]]
        path = "OUTSIDE/bin.rs"
        [dev-dependencies]
        testing = { path = "OUTSIDE/testing" }
        things = { path = "../server" }
        [target.'cfg(unix)'.dependencies.unix]
        path = "OUTSIDE/unix"
        "#);
        assert_eq!(text("broken/Cargo.toml"), "[\n");
    }

    #[test]
    fn manifest_without_version_is_an_error() {
        let error =
            add_build_metadata(b"[workspace.package]\n").expect_err("the version is missing");
        insta::assert_snapshot!(error, @r#"Cargo.toml has no line `version = "…"` under [workspace.package]; add it"#);
    }
}

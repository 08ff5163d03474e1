//! Checks that no modules of a crate import each other in a cycle, except parent and child.
//!
//! A module imports another if a path in a `use`, an expression, a type, a macro call or an attribute names an item
//! that the other defines. Re-exports are followed to the defining module. Code under `#[cfg(test)]` is ignored.

mod components;
mod graph;
mod modules;
mod references;
mod targets;

use graph::Graph;
use modules::ModuleTree;

#[test]
fn modules_of_every_crate_have_no_import_cycle() {
    let targets = targets::workspace_targets();
    assert!(targets.len() >= 6, "{targets:?}");
    let mut report = String::new();
    for target in &targets {
        for cycle in Graph::of(&ModuleTree::load(&target.root)).cycles() {
            report += &format!("{}: {cycle}", target.name);
        }
    }
    assert!(
        report.is_empty(),
        "import cycles between modules:\n{report}"
    );
}

/// Returns the cycles of a crate that consists of the given files.
fn cycles_of(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("the folder is readable");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("the file is in a folder"))
            .expect("the folder is readable");
        std::fs::write(path, text).expect("the file is readable");
    }
    let graph = Graph::of(&ModuleTree::load(&folder.path().join("lib.rs")));
    graph.cycles().iter().map(ToString::to_string).collect()
}

#[test]
fn cycle_of_two_files_is_reported_with_the_imported_names() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::{B, make as made}; pub struct A(B);"),
        ("b.rs", "pub struct B; pub fn make(a: crate::a::A) {}"),
        ("c.rs", "use crate::a::A;"),
    ]);
    insta::assert_snapshot!(cycles, @"
    2 modules
      a → b: B, make
      b → a: A
    ");
}

#[test]
fn cycle_through_nested_modules_is_reported() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; mod b; mod d;"),
        ("a/mod.rs", "pub mod deep;"),
        ("a/deep.rs", "fn f() { super::super::b::c::call(); }"),
        ("b.rs", "pub mod c;"),
        ("b/c.rs", "pub fn call() { crate::d::run() }"),
        ("d.rs", "pub fn run() { vec![crate::a::deep::X]; }"),
    ]);
    insta::assert_snapshot!(cycles, @"
    3 modules
      a::deep → b::c: call
      b::c → d: run
      d → a::deep: X
    ");
}

#[test]
fn parent_and_child_may_import_each_other() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; pub use a::A; pub struct Root;"),
        ("a.rs", "mod b; pub struct A(b::B); use crate::Root;"),
        ("a/b.rs", "pub struct B(Option<Box<super::A>>);"),
    ]);
    assert_eq!(cycles, "");
}

#[test]
fn re_exports_lead_to_the_module_that_defines_the_name() {
    // `store` re-exports from `model` and imports `app`; `app` needs only `model`.
    let cycles = cycles_of(&[
        ("lib.rs", "mod store; mod app; mod model;"),
        ("store.rs", "pub use crate::model::*; use crate::app::Rule;"),
        ("model.rs", "pub struct User;"),
        ("app.rs", "use crate::store::User; pub struct Rule(User);"),
    ]);
    assert_eq!(cycles, "");
}

#[test]
fn imported_module_counts_only_if_its_items_are_used() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b; pub fn f() { b::g() }"),
        ("b.rs", "pub fn g() { use crate::a::f as other; other(); }"),
    ]);
    insta::assert_snapshot!(cycles, @"
    2 modules
      a → b: g
      b → a: f
    ");
}

#[test]
fn test_code_and_quoted_code_do_not_count() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "use crate::b::B; pub struct A; #[cfg(all(test, unix))] mod tests;",
        ),
        (
            "b.rs",
            "pub struct B; #[cfg(test)] use crate::a::A; fn f() { quote!(crate::a::A) }
             impl B { #[cfg(test)] fn t() { crate::a::A; } }",
        ),
    ]);
    assert_eq!(cycles, "");
}

#[test]
fn attributes_and_macro_arguments_count() {
    let cycles = cycles_of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        (
            "a.rs",
            r#"pub struct A(#[serde(with = "crate::b::text")] u8);"#,
        ),
        ("b.rs", "pub fn text() { println!(\"{}\", crate::c::NAME) }"),
        (
            "c.rs",
            "pub const NAME: &str = \"\"; struct C(super::a::A);",
        ),
    ]);
    insta::assert_snapshot!(cycles, @"
    3 modules
      a → b: text
      b → c: NAME
      c → a: A
    ");
}

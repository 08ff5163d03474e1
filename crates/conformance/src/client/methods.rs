//! Checks that the generated client has a method for every operation, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Location};
use heck::ToSnakeCase as _;

use crate::generate::command;
use crate::harness::Harness;
use crate::report::{Check, Item, Problem, SourceLocation};
use crate::workspace::Workspace;

pub(crate) fn check<H: Harness>(
    harness: &H,
    contract: &Contract,
    workspace: &Workspace,
    file: &str,
) -> Result<Vec<Item>> {
    let path = workspace.path(file);
    let problems = match fs::read_to_string(&path) {
        Ok(text) => compare(contract, file, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            vec![Problem::new("the file does not exist")]
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let help = format!("run `{}`", command(harness));
    let problems = problems.into_iter().map(|it| it.help(&help)).collect();
    Ok(vec![Item::from_problems(Check::Client, file, problems)])
}

fn compare(contract: &Contract, file: &str, text: &str) -> Vec<Problem> {
    let methods = match methods(file, text) {
        Ok(methods) => methods,
        Err(problem) => return vec![problem],
    };
    let mut expected = BTreeSet::new();
    let mut problems = Vec::new();
    for operation in contract.operations() {
        let name = operation.id.as_deref().unwrap_or_default().to_snake_case();
        if !methods.contains_key(&name) {
            let message = format!(
                "{} {} has no method `{name}` in the client",
                operation.method, operation.path
            );
            problems.push(Problem::at(contract, &operation.pointer, message));
        }
        expected.insert(name);
    }
    for (name, location) in methods {
        if !expected.contains(&name) {
            let location = SourceLocation::in_text(file, text, location, None);
            problems.push(Problem {
                location: Some(Box::new(location)),
                ..Problem::new(format!("`{name}` is not an operation of the contract"))
            });
        }
    }
    problems
}

/// Returns the public asynchronous methods of `Client`, which progenitor generates for operations.
fn methods(file: &str, text: &str) -> Result<BTreeMap<String, Location>, Problem> {
    let parsed = syn::parse_file(text).map_err(|error| {
        let start = error.span().start();
        let location =
            SourceLocation::in_text(file, text, location(start.line, start.column), None);
        Problem {
            location: Some(Box::new(location)),
            ..Problem::new(format!("not valid Rust: {error}"))
        }
    })?;
    let mut methods = BTreeMap::new();
    for item in parsed.items {
        let syn::Item::Impl(block) = item else {
            continue;
        };
        let is_client =
            matches!(&*block.self_ty, syn::Type::Path(path) if path.path.is_ident("Client"));
        if !is_client {
            continue;
        }
        for item in block.items {
            let syn::ImplItem::Fn(method) = item else {
                continue;
            };
            let is_public = matches!(method.vis, syn::Visibility::Public(_));
            if is_public && method.sig.asyncness.is_some() {
                let start = method.sig.ident.span().start();
                methods.insert(
                    method.sig.ident.to_string(),
                    location(start.line, start.column),
                );
            }
        }
    }
    Ok(methods)
}

/// Converts a location: proc-macro2 counts columns from 0.
fn location(line: usize, column: usize) -> Location {
    Location {
        line,
        column: column + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::tests::plain;
    use crate::testing::{CLIENT, Things};

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /login:
    get:
      operationId: getLoginStatus
      responses: { '200': { description: ok } }
    post:
      operationId: login
      responses: { '200': { description: ok } }
";

    fn report(client: &str) -> String {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
        let (_folder, workspace) = crate::testing::workspace(CONTRACT);
        fs::write(workspace.path(CLIENT), client).expect("the temporary folder is writable");
        let items = check(&Things, &contract, &workspace, CLIENT).expect("it runs");
        plain(&Report { items })
    }

    #[test]
    fn client_with_a_method_for_each_operation_is_fresh() {
        let client = "impl Client { pub fn new() {} pub async fn get_login_status(&self) {} pub async fn login(&self) {} }
            impl Other { pub async fn elsewhere() {} } impl Trait for Client { async fn hook() {} }";
        insta::assert_snapshot!(report(client), @"
         fresh client    crates/client/src/generated.rs

        1 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn missing_and_extra_methods_fail() {
        let client = "impl Client {\n    pub async fn login(&self) {}\n    pub async fn log_out(&self) {}\n}\n";
        insta::assert_snapshot!(report(client), @"
        failed client    crates/client/src/generated.rs
                 openapi.yaml:6:5: GET /login has no method `get_login_status` in the client
                      6 |     get:
                        |     ^^^
                   at /paths/~1login/get
                   help: run `cargo xtask generate`
                 crates/client/src/generated.rs:3:18: `log_out` is not an operation of the contract
                      3 |     pub async fn log_out(&self) {}
                        |                  ^^^^^^^
                   help: run `cargo xtask generate`

        0 fresh, 0 stale, 1 failed
        next: fix the failures, then cargo xtask verify --only client
        ");
    }

    #[test]
    fn invalid_rust_fails_at_its_location() {
        insta::assert_snapshot!(report("impl Client {\n    pub async fn login(&self {}\n}\n"), @"
        failed client    crates/client/src/generated.rs
                 crates/client/src/generated.rs:3:1: not valid Rust: cannot parse string into token stream
                      3 | }
                        | ^
                   help: run `cargo xtask generate`

        0 fresh, 0 stale, 1 failed
        next: fix the failures, then cargo xtask verify --only client
        ");
    }
}

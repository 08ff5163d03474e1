//! Finds the SQL texts of a backend in its source files, for the tests of query plans.

use std::collections::BTreeMap;
use std::path::Path;

use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Token};

/// Queries of every backend that read a whole table or are composed at run time, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "attempt_maintenance::EXCESS_STREAK",
        "reads no more rows than the table may have, from the index of times",
    ),
    (
        "attempt_maintenance::EXCESS_ATTEMPT",
        "reads no more rows than the table may have, from the index of times",
    ),
    (
        "attempt_maintenance::TRIM_DAYS",
        "reads no more rows than the table may have, from the index of failures",
    ),
    (
        "attempt_maintenance::CLEAR_STREAKS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_ATTEMPTS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_ALLOWANCES",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_DAYS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::list_limited",
        "an administrator's list; an expression and a condition are inserted",
    ),
    (
        "audit::LIST",
        "an administrator's search, newest first, with a limit",
    ),
    (
        "audit::record_sessions",
        "ends the sessions of a user, a tenant or all; the condition is inserted",
    ),
    ("check::CHECKS", "an offline check reads everything"),
    ("check::WARNINGS", "an offline check reads everything"),
    ("role::LIST", "an administrator's list of all roles"),
    (
        "session_rows::end",
        "ends the sessions of a user, a tenant or all; the condition is inserted",
    ),
    (
        "session::list",
        "an administrator's list; the condition is inserted",
    ),
    ("tenant::LIST", "an administrator's list of all tenants"),
    ("user::LIST", "an administrator's list of all users"),
    (
        "user::HAS_SYSTEM_ADMIN",
        "stops at the first row of an index of system administrators",
    ),
];

/// The SQL texts of a source file, each with the constant or function that holds it.
#[derive(Default)]
struct SqlTexts {
    holder: String,
    /// Whether the visitor is in the arguments of a macro such as `format!`.
    in_macro: bool,
    found: Vec<(String, SqlText)>,
}

pub(super) enum SqlText {
    /// A complete statement.
    Whole(String),
    /// A part of a statement, which a macro such as `format!` completes.
    Part,
}

impl<'ast> Visit<'ast> for SqlTexts {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_const(&mut self, constant: &'ast syn::ItemConst) {
        self.holder = constant.ident.to_string();
        visit::visit_item_const(self, constant);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.holder = function.sig.ident.to_string();
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.holder = function.sig.ident.to_string();
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        // The arguments of `matches!` are not expressions.
        if let Ok(arguments) = arguments.parse2(call.tokens.clone()) {
            let mut texts = Self {
                holder: self.holder.clone(),
                in_macro: true,
                found: Vec::new(),
            };
            for argument in &arguments {
                texts.visit_expr(argument);
            }
            self.found.append(&mut texts.found);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        const STATEMENTS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        let text = literal.value();
        let mut words = text.split_whitespace();
        let is_keyword = words.next().is_some_and(|word| STATEMENTS.contains(&word));
        // A keyword alone is not a statement: `DELETE`, for example, is also a journal mode.
        if is_keyword && words.next().is_some() {
            let text = if self.in_macro {
                SqlText::Part
            } else {
                SqlText::Whole(text)
            };
            self.found.push((self.holder.clone(), text));
        }
    }
}

/// Returns the SQL texts of a backend, each with its file and its constant or function.
pub(super) fn sql_texts(backend: &str) -> Vec<(String, SqlText)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/store")
        .join(backend);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_file() && module != "tests" && module != "testing" {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let mut texts = SqlTexts::default();
            texts.visit_file(&file);
            files.insert(module, texts.found);
        }
    }
    let named = files.into_iter().flat_map(|(module, texts)| {
        let name = move |(holder, text)| (format!("{module}::{holder}"), text);
        texts.into_iter().map(name)
    });
    named.collect()
}

/// Asserts that the exceptions of a backend are those that were found, and those of every backend.
pub(super) fn assert_exceptions(mut found: Vec<String>, of_backend: &[(&str, &str)]) {
    found.sort();
    found.dedup();
    let listed = EXCEPTIONS.iter().chain(of_backend);
    let mut listed: Vec<_> = listed.map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(
        found, listed,
        "these queries read a whole table, or are composed at run time: name the text in a constant and add an index, or add \
         an exception with its reason"
    );
}

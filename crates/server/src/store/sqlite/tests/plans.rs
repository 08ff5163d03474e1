//! Query plans of all SQL texts of this backend, which a test finds in the source files.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Null;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Token};

use super::*;

/// Queries that read a whole table or are composed at run time: file and holder, reason.
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
    (
        "audit::sweep",
        "reads the oldest rows by primary key, with a limit",
    ),
    ("check::CHECKS", "an offline check reads everything"),
    ("check::WARNINGS", "an offline check reads everything"),
    ("open::read_schema", "reads the schema"),
    (
        "refusal_day::COUNT",
        "on a reader, only if refusals are deleted; the number of rows has a maximum",
    ),
    ("role::LIST", "an administrator's list of all roles"),
    (
        "session::end",
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

enum SqlText {
    Whole(String),
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
        // A keyword alone is not a statement: `DELETE` is also a journal mode.
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

fn sql_texts() -> Vec<(String, SqlText)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_file() && module != "tests" {
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

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nulls = std::iter::repeat_n(Null, plan.parameter_count());
    let steps = plan.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    steps.unwrap().map(Result::unwrap).collect()
}

fn is_full_scan(step: &str) -> bool {
    let of_no_table = ["SCAN CONSTANT ROW", "SCAN ("];
    step.starts_with("SCAN ") && !of_no_table.iter().any(|start| step.starts_with(start))
}

/// To update: `INSTA_UPDATE=always cargo test -p pbx-login-server --lib plans`; read the difference.
#[test]
fn every_query_uses_an_index_or_is_an_exception() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let mut plans = Vec::new();
    let mut exceptions = Vec::new();
    for (name, text) in sql_texts() {
        let plan = match &text {
            SqlText::Whole(sql) => {
                store.read(|connection| Ok::<_, StoreFailure>(plan(connection, sql)))
            }
            SqlText::Part => Ok(vec!["composed at run time".to_owned()]),
        };
        let plan = plan.unwrap();
        if matches!(text, SqlText::Part) || plan.iter().any(|step| is_full_scan(step)) {
            exceptions.push(name.clone());
        }
        if !plan.is_empty() {
            plans.push(format!("{name}: {}", plan.join(" / ")));
        }
    }
    insta::assert_snapshot!("query_plans", plans.join("\n"));
    exceptions.dedup();
    assert_eq!(
        exceptions,
        EXCEPTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "these queries read a whole table, or are composed at run time: name the text in a constant and add an index, or add \
         an exception with its reason"
    );
}

#[test]
fn cached_statement_is_parsed_once_for_all_values() {
    let scratch = scratch();
    let connection = open::open_writer(&scratch.path, IfMissing::Create).unwrap();
    for number in 0..10_u8 {
        let mut find = connection.prepare_cached(session::FIND).unwrap();
        assert!(!find.exists([[number; 32]]).unwrap());
        // https://sqlite.org/c3ref/c_stmtstatus_counter.html
        assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}

//! Changes of a contract, and what each breaks.
//!
//! `fixtures/base.yaml` is the earlier contract. A change is a text in it and what replaces it; the snapshots beside tell
//! for each what is found and whom it breaks, or that it passes.

use crate::report::Report;
use crate::report::tests::plain;

use super::*;

mod operations;
mod oracle;
mod revisions;
mod schemas;

const BASE: &str = include_str!("fixtures/base.yaml");

fn contract(text: &str) -> Contract {
    Contract::parse(CONTRACT, text).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}"))
}

fn base() -> Base {
    Base::parse("main", BASE).expect("a contract")
}

/// The contract in which `from`, which stands there once, became `to`.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "{from}");
    BASE.replace(from, to)
}

fn items(text: &str) -> Vec<Item> {
    check(&contract(text), &base())
}

fn report(text: &str) -> String {
    plain(&Report { items: items(text) })
}

/// What is found where `from` became `to`: a line a problem, with its place and whom it breaks.
fn found(from: &str, to: &str) -> Vec<String> {
    items(&changed(from, to))
        .into_iter()
        .flat_map(|item| match item.outcome {
            crate::report::Outcome::Fresh => Vec::new(),
            crate::report::Outcome::Stale(problems) | crate::report::Outcome::Failed(problems) => {
                problems
            }
        })
        .map(|problem| {
            let place = problem.place.expect("each has a place");
            let whom = problem.details.first().map(|(_, text)| text.as_str());
            format!(
                "{}:{} {} ({})",
                place.file,
                place.location.line,
                problem.message,
                whom.unwrap_or_default()
                    .split(':')
                    .next()
                    .unwrap_or_default()
            )
        })
        .collect()
}

/// A line for each change, and beneath it what is found.
fn table(changes: &[(&str, &str)]) -> String {
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = changes
        .iter()
        .map(|(from, to)| {
            let found = found(from, to);
            let found = if found.is_empty() {
                "\n    passes".to_owned()
            } else {
                found.iter().map(|line| format!("\n    {line}")).collect()
            };
            format!("{} => {}{found}", fold(from), fold(to))
        })
        .collect();
    lines.join("\n")
}

/// Asserts that each of the changes breaks somebody.
fn each_breaks(changes: &[(&str, &str)]) {
    for (from, to) in changes {
        assert!(!found(from, to).is_empty(), "{from} => {to} passes");
    }
}

/// Asserts that each of the changes breaks nobody.
fn each_passes(changes: &[(&str, &str)]) {
    for (from, to) in changes {
        let found = found(from, to);
        assert!(found.is_empty(), "{from} => {to}: {found:#?}");
    }
}

#[test]
fn an_unchanged_contract_breaks_nobody() {
    insta::assert_snapshot!(report(BASE), @"
     fresh compatibility DELETE /things clear
     fresh compatibility POST /things addThing
     fresh compatibility GET /things/{id} getThing
     fresh compatibility PUT /things/{id} putThing
     fresh compatibility version, servers

    5 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn a_break_is_shown_where_it_is_written_and_by_whom_it_is_seen() {
    let text = changed("maxLength: 9 # of a name", "maxLength: 8").replace(
        "        '404': { $ref: '#/components/responses/Refused' }\n",
        "",
    );
    insta::assert_snapshot!(report(&text), @"
     fresh compatibility DELETE /things clear
    failed compatibility POST /things addThing
             openapi.yaml:65:27: `maxLength` went from 9 to 8
                 65 |     Name: { type: string, maxLength: 8
                    |                           ^^^^^^^^^
               at /components/schemas/Name/maxLength
               breaks: clients that send: what they were allowed to send is no longer taken
               also in: PUT /things/{id} putThing
               help: take it back, or declare the break: raise `info.version` from 1.2.0 to 2.0.0, and say in CHANGELOG.md what clients have to do
    failed compatibility GET /things/{id} getThing
             main:openapi.yaml:25:9: the status 404 is gone
                 25 |         '404': { $ref: '#/components/responses/Refused' }
                    |         ^^^^^
               at /paths/~1things~1{id}/get/responses/404
               breaks: clients that read: what they rely on no longer comes
               help: take it back, or declare the break: raise `info.version` from 1.2.0 to 2.0.0, and say in CHANGELOG.md what clients have to do
     fresh compatibility PUT /things/{id} putThing
     fresh compatibility version, servers

    3 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only compatibility
    ");
}

#[test]
fn a_higher_major_version_declares_the_breaks() {
    let text = changed("maxLength: 9 # of a name", "maxLength: 8")
        .replace("version: 1.2.0", "version: 2.0.0");
    insta::assert_snapshot!(report(&text), @"
     fresh compatibility DELETE /things clear
     fresh compatibility POST /things addThing
     fresh compatibility GET /things/{id} getThing
     fresh compatibility PUT /things/{id} putThing
     fresh compatibility version, servers (1 breaking change, declared by the version)

    5 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    let minor = text.replace("version: 2.0.0", "version: 1.3.0");
    assert!(report(&minor).contains("went from 9 to 8"));
}

#[test]
fn a_version_that_goes_back_fails() {
    insta::assert_snapshot!(report(&changed("version: 1.2.0", "version: 1.1.9")), @"
     fresh compatibility DELETE /things clear
     fresh compatibility POST /things addThing
     fresh compatibility GET /things/{id} getThing
     fresh compatibility PUT /things/{id} putThing
    failed compatibility version, servers
             openapi.yaml:2:24: the version went back, from 1.2.0 to 1.1.9
                  2 | info: { title: Things, version: 1.1.9 }
                    |                        ^^^^^^^
               at /info/version
               help: write 1.2.0 or a higher one

    4 fresh, 0 stale, 1 failed
    next: mend what failed, then cargo xtask verify --only compatibility
    ");
}

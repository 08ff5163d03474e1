//! Tests of the compatibility rules.
//!
//! Each case replaces text in the earlier contract, `fixtures/base.yaml`. The snapshots list the findings of each case
//! and the clients that break.

use super::*;

mod operations;
mod oracle;
mod schemas;

const BASE: &str = include_str!("fixtures/base.yaml");

fn contract(text: &str) -> Contract {
    Contract::parse("openapi.yaml", text).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}"))
}

fn base() -> Contract {
    Contract::parse("main:openapi.yaml", BASE).expect("the contract is valid")
}

fn changed(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "{from}");
    BASE.replace(from, to)
}

/// Returns a line for each breaking change, with its location and the clients that break.
fn found(from: &str, to: &str) -> Vec<String> {
    compare(&base(), &contract(&changed(from, to)))
        .into_iter()
        .flat_map(|subject| subject.changes)
        .map(|found| {
            let Finding {
                file,
                location,
                message,
                ..
            } = found.finding;
            let clients = found.clients.unwrap_or_default();
            let clients = clients.split(':').next().unwrap_or_default();
            format!("{file}:{} {message} ({clients})", location.line)
        })
        .collect()
}

fn report(text: &str) -> String {
    let mut lines = Vec::new();
    for subject in compare(&base(), &contract(text)) {
        lines.push(subject.name);
        for found in subject.changes {
            lines.push(format!("  {}", found.finding));
            lines.extend(found.clients.map(|clients| format!("    breaks {clients}")));
            if !found.also_in.is_empty() {
                lines.push(format!("    also in {}", found.also_in.join(", ")));
            }
        }
    }
    lines.join("\n")
}

/// Returns a line for each case, followed by its findings.
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

fn each_breaks(changes: &[(&str, &str)]) {
    for (from, to) in changes {
        assert!(!found(from, to).is_empty(), "{from} => {to} passes");
    }
}

fn each_passes(changes: &[(&str, &str)]) {
    for (from, to) in changes {
        let found = found(from, to);
        assert!(found.is_empty(), "{from} => {to}: {found:#?}");
    }
}

#[test]
fn unchanged_contract_breaks_nothing() {
    insta::assert_snapshot!(report(BASE), @"
    DELETE /things clear
    POST /things addThing
    GET /things/{id} getThing
    PUT /things/{id} putThing
    version, servers
    ");
}

#[test]
fn breaking_change_is_located_and_lists_every_affected_operation() {
    let text = changed("maxLength: 9 # of a name", "maxLength: 8").replace(
        "        '404': { $ref: '#/components/responses/Refused' }\n",
        "",
    );
    insta::assert_snapshot!(report(&text), @"
    DELETE /things clear
    POST /things addThing
      openapi.yaml:65:27: `maxLength` changed from 9 to 8 (at /components/schemas/Name/maxLength); revert it, or declare the breaking change: raise `info.version` from 1.2.0 to 2.0.0, and explain in CHANGELOG.md what clients must do
        breaks clients that send requests: a request that was valid may be refused
        also in PUT /things/{id} putThing
    GET /things/{id} getThing
      main:openapi.yaml:25:9: the status 404 was removed (at /paths/~1things~1{id}/get/responses/404); revert it, or declare the breaking change: raise `info.version` from 1.2.0 to 2.0.0, and explain in CHANGELOG.md what clients must do
        breaks clients that read responses: a value that they rely on may be absent
    PUT /things/{id} putThing
    version, servers
    ");
}

#[test]
fn higher_major_version_declares_breaking_changes() {
    let text = changed("maxLength: 9 # of a name", "maxLength: 8")
        .replace("version: 1.2.0", "version: 2.0.0");
    insta::assert_snapshot!(report(&text), @"
    DELETE /things clear
    POST /things addThing
    GET /things/{id} getThing
    PUT /things/{id} putThing
    version, servers (1 breaking change, declared by the version)
    ");
    let minor = text.replace("version: 2.0.0", "version: 1.3.0");
    assert!(report(&minor).contains("changed from 9 to 8"));
}

#[test]
fn decreased_version_is_reported() {
    insta::assert_snapshot!(report(&changed("version: 1.2.0", "version: 1.1.9")), @"
    DELETE /things clear
    POST /things addThing
    GET /things/{id} getThing
    PUT /things/{id} putThing
    version, servers
      openapi.yaml:2:24: the version decreased from 1.2.0 to 1.1.9 (at /info/version); write 1.2.0 or higher
    ");
}

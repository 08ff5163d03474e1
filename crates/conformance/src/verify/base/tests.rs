use crate::report::Report;
use crate::report::tests::plain;

use super::*;

mod revisions;

const BASE: &str = include_str!("../../../../contract/src/compatibility/fixtures/base.yaml");

fn report(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("the contract is valid");
    let base = Base::parse("openapi.yaml", "main", BASE).expect("the contract is valid");
    plain(&Report {
        items: base.check(&contract),
    })
}

#[test]
fn breaking_change_is_shown_with_its_location_and_clients() {
    let text = BASE
        .replace("maxLength: 9 # of a name", "maxLength: 8")
        .replace(
            "        '404': { $ref: '#/components/responses/Refused' }\n",
            "",
        );
    insta::assert_snapshot!(report(&text), @"
     fresh compatibility DELETE /things clear
    failed compatibility POST /things addThing
             openapi.yaml:65:27: `maxLength` changed from 9 to 8
                 65 |     Name: { type: string, maxLength: 8
                    |                           ^^^^^^^^^
               at /components/schemas/Name/maxLength
               breaks: clients that send requests: a request that was valid may be refused
               also in: PUT /things/{id} putThing
               help: revert it, or declare the breaking change: raise `info.version` from 1.2.0 to 2.0.0, and explain in CHANGELOG.md what clients must do
    failed compatibility GET /things/{id} getThing
             main:openapi.yaml:25:9: the status 404 was removed
                 25 |         '404': { $ref: '#/components/responses/Refused' }
                    |         ^^^^^
               at /paths/~1things~1{id}/get/responses/404
               breaks: clients that read responses: a value that they rely on may be absent
               help: revert it, or declare the breaking change: raise `info.version` from 1.2.0 to 2.0.0, and explain in CHANGELOG.md what clients must do
     fresh compatibility PUT /things/{id} putThing
     fresh compatibility version, servers

    3 fresh, 0 stale, 2 failed
    next: fix the failures, then cargo xtask verify --only compatibility
    ");
}

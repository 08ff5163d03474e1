//! Records which statuses of a contract were reached.
//!
//! Every operation must return every status that it lists. A success must be reached with each listed security scheme
//! alone, or without a credential if none is required.

use std::collections::{BTreeSet, HashMap};

use dropshot_codegen::{Contract, OperationRef};

use crate::report::{Check, Item, Problem};
use openapi_contract::pointer::child;

const UNLISTED_SUBJECT: &str = "unlisted requests";

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    pub(crate) operation: String,
    pub(crate) status: u16,
    /// The security schemes of the credentials in the request.
    pub(crate) schemes: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Coverage {
    reached: BTreeSet<Reach>,
    problems: Vec<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    /// The pointer to the operation; empty if the problem concerns no operation.
    operation: String,
    problem: Problem,
    scenarios: Vec<String>,
}

impl Coverage {
    pub(crate) fn reach(&mut self, reach: Reach) {
        self.reached.insert(reach);
    }

    /// Records a problem; equal problems of several scenarios are merged.
    pub(crate) fn record(&mut self, operation: &str, problem: Problem, scenario: &str) {
        let same = |recorded: &&mut Recorded| {
            recorded.operation == operation && recorded.problem == problem
        };
        match self.problems.iter_mut().find(same) {
            Some(recorded) => {
                if !recorded
                    .scenarios
                    .iter()
                    .any(|scenarios| scenarios == scenario)
                {
                    recorded.scenarios.push(scenario.to_owned());
                }
            }
            None => self.problems.push(Recorded {
                operation: operation.to_owned(),
                problem,
                scenarios: vec![scenario.to_owned()],
            }),
        }
    }

    pub(crate) fn into_problems(self) -> Vec<(String, Problem)> {
        let with_scenarios = |recorded: Recorded| {
            (
                recorded.operation,
                recorded
                    .problem
                    .detail("when", summarize(&recorded.scenarios)),
            )
        };
        self.problems.into_iter().map(with_scenarios).collect()
    }

    pub(crate) fn items(self, contract: &Contract, scenarios: &str) -> Vec<Item> {
        let mut by_operation: HashMap<String, Vec<Problem>> = HashMap::new();
        for Recorded {
            operation,
            problem,
            scenarios,
        } in self.problems
        {
            by_operation
                .entry(operation)
                .or_default()
                .push(problem.detail("when", summarize(&scenarios)));
        }
        let mut items = Vec::new();
        for operation in contract.operations() {
            let mut problems = by_operation.remove(&operation.pointer).unwrap_or_default();
            let statuses = contract.statuses(&operation);
            for status in &statuses {
                problems.extend(find_gaps(
                    contract,
                    scenarios,
                    &operation,
                    status,
                    &self.reached,
                ));
            }
            let OperationRef {
                id, method, path, ..
            } = operation;
            let subject = format!(
                "{method} {path} {}: {}",
                id.unwrap_or_default(),
                statuses.join(" ")
            );
            items.push(Item::from_problems(Check::Live, subject, problems));
        }
        let unlisted = by_operation.remove("").unwrap_or_default();
        items.push(Item::from_problems(Check::Live, UNLISTED_SUBJECT, unlisted));
        items
    }
}

fn find_gaps(
    contract: &Contract,
    scenarios: &str,
    operation: &OperationRef,
    status: &str,
    reached: &BTreeSet<Reach>,
) -> Vec<Problem> {
    let id = operation.id.as_deref().unwrap_or_default();
    let pointer = child(&child(&operation.pointer, "responses"), status);
    let gap = |how: &str| {
        let message = format!("{id} {status} is listed but not reached{how}");
        let problem = Problem::at(contract, &pointer, message);
        // A lint reports ranges and explains how to correct them.
        if status.parse::<u16>().is_err() {
            return problem.help("list each status separately");
        }
        problem.help(format!(
            "add `Scenario::new(\"…\", \"{id}\", {status}, |drive, harness| …)` to {scenarios}, or remove the status from the contract"
        ))
    };
    let responses: Vec<&Reach> = reached
        .iter()
        .filter(|reach| reach.operation == id && reach.status.to_string() == status)
        .collect();
    if responses.is_empty() {
        return vec![gap("")];
    }
    if !status.starts_with('2') {
        return Vec::new();
    }
    let schemes = contract.security_schemes(&operation.pointer);
    if schemes.is_empty() {
        let is_open = responses.iter().any(|reach| reach.schemes.is_empty());
        return if is_open {
            Vec::new()
        } else {
            vec![gap(" without a credential")]
        };
    }
    schemes
        .iter()
        .filter(|(_, scheme)| {
            !responses
                .iter()
                .any(|reach| reach.schemes == [scheme.as_str()])
        })
        .map(|(_, scheme)| gap(&format!(" with `{scheme}` alone")))
        .collect()
}

fn summarize(scenarios: &[String]) -> String {
    const MAX_NAMED: usize = 3;
    let named = scenarios[..scenarios.len().min(MAX_NAMED)].join("; ");
    match scenarios.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::tests::plain;

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
security: [{ token: [] }, { cookie: [] }]
paths:
  /things:
    get:
      operationId: getThings
      responses: { '200': { description: a }, '401': { description: b } }
    post:
      operationId: makeThing
      security: []
      responses: { '201': { description: c } }
components:
  securitySchemes:
    token: { type: http, scheme: bearer }
    cookie: { type: apiKey, in: cookie, name: sid }
";

    fn report(reached: &[(&str, u16, &[&str])], problems: &[(&str, &str, &str)]) -> String {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
        let mut coverage = Coverage::default();
        for (operation, status, schemes) in reached {
            coverage.reach(Reach {
                operation: (*operation).to_owned(),
                status: *status,
                schemes: schemes.iter().map(|name| (*name).to_owned()).collect(),
            });
        }
        for (operation, message, scenario) in problems {
            coverage.record(operation, Problem::new(*message), scenario);
        }
        plain(&Report {
            items: coverage.items(&contract, SCENARIOS),
        })
    }

    const SCENARIOS: &str = "scenarios.rs";

    const EVERYTHING: &[(&str, u16, &[&str])] = &[
        ("getThings", 200, &["token"]),
        ("getThings", 200, &["cookie"]),
        ("getThings", 401, &[]),
        ("makeThing", 201, &[]),
    ];

    #[test]
    fn reached_statuses_are_fresh() {
        insta::assert_snapshot!(report(EVERYTHING, &[]), @"
         fresh live      GET /things getThings: 200 401
         fresh live      POST /things makeThing: 201
         fresh live      unlisted requests

        3 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn unreached_status_fails_and_names_the_scenarios_file() {
        let reached: Vec<_> = EVERYTHING
            .iter()
            .filter(|it| it.1 != 401)
            .copied()
            .collect();
        insta::assert_snapshot!(report(&reached, &[]), @r#"
        failed live      GET /things getThings: 200 401
                 openapi.yaml:9:47: getThings 401 is listed but not reached
                      9 |       responses: { '200': { description: a }, '401': { description: b } }
                        |                                               ^^^^^
                   at /paths/~1things/get/responses/401
                   help: add `Scenario::new("…", "getThings", 401, |drive, harness| …)` to scenarios.rs, or remove the status from the contract
         fresh live      POST /things makeThing: 201
         fresh live      unlisted requests

        2 fresh, 0 stale, 1 failed
        next: fix the failures, then cargo xtask verify --only live
        "#);
    }

    #[test]
    fn success_unreached_with_a_scheme_alone_fails() {
        let reached: &[(&str, u16, &[&str])] = &[
            ("getThings", 200, &["token"]),
            ("getThings", 200, &["token", "cookie"]),
            ("getThings", 401, &[]),
            ("makeThing", 201, &["token"]),
        ];
        insta::assert_snapshot!(report(reached, &[]), @r#"
        failed live      GET /things getThings: 200 401
                 openapi.yaml:9:20: getThings 200 is listed but not reached with `cookie` alone
                      9 |       responses: { '200': { description: a }, '401': { description: b } }
                        |                    ^^^^^
                   at /paths/~1things/get/responses/200
                   help: add `Scenario::new("…", "getThings", 200, |drive, harness| …)` to scenarios.rs, or remove the status from the contract
        failed live      POST /things makeThing: 201
                 openapi.yaml:13:20: makeThing 201 is listed but not reached without a credential
                     13 |       responses: { '201': { description: c } }
                        |                    ^^^^^
                   at /paths/~1things/post/responses/201
                   help: add `Scenario::new("…", "makeThing", 201, |drive, harness| …)` to scenarios.rs, or remove the status from the contract
         fresh live      unlisted requests

        1 fresh, 0 stale, 2 failed
        next: fix the failures, then cargo xtask verify --only live
        "#);
    }

    #[test]
    fn repeated_problem_is_reported_once_with_its_scenarios() {
        let get = "/paths/~1things/get";
        let problems = [
            (get, "it is late", "a"),
            (get, "it is late", "b"),
            (get, "it is late", "b"),
            (get, "it is wrong", "c"),
            ("", "it is late", "a"),
            (get, "it is late", "c"),
            (get, "it is late", "d"),
            (get, "it is late", "e"),
        ];
        insta::assert_snapshot!(report(EVERYTHING, &problems), @"
        failed live      GET /things getThings: 200 401
                 it is late
                   when: a; b; c; and 2 more
                 it is wrong
                   when: c
         fresh live      POST /things makeThing: 201
        failed live      unlisted requests
                 it is late
                   when: a

        1 fresh, 0 stale, 2 failed
        next: fix the failures, then cargo xtask verify --only live
        ");
    }
}

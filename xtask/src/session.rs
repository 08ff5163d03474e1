//! Checks `Session` and `SessionChecker`, the handwritten part of the client, against the server and canned responses.
//!
//! `crates/client/src/session.rs` and `error.rs` document the rules.

use std::fs;

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Location};
use dropshot_conformance::report::{Check, Item, Problem, SourceLocation};
use dropshot_conformance::{
    Call, ClientBench, Driver, Exchange, RecordingProxy, Request, Sender, Source,
};
use serde_json::{Value, json};

use crate::service::{Account, PbxLogin};

mod canned;

use canned::{Canned, canned, plain};

const SUBJECT: &str = "Session";
const SOURCE: &str = "crates/client/src/session.rs";

/// The tolerance when two readings of the remaining seconds are compared.
const MAX_SECONDS_APART: u64 = 5;

pub(crate) fn item(pbx: &PbxLogin, bench: &mut ClientBench) -> Result<Item> {
    let path = bench.workspace.path(SOURCE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let server = Sender::to(bench.server.to_owned()).context("cannot make an HTTP client")?;
    let mut check = SessionCheck {
        source: &text,
        proxy: RecordingProxy::open(Source::Server(server.clone()))?,
        server,
        driver: &mut *bench.driver,
        problems: Vec::new(),
    };
    check.lifecycle(bench.contract, pbx)?;
    check.refusals(pbx)?;
    for canned in canned() {
        check.canned(canned)?;
    }
    check.other_servers()?;
    Ok(Item::from_problems(Check::Client, SUBJECT, check.problems))
}

struct SessionCheck<'a> {
    source: &'a str,
    proxy: RecordingProxy,
    server: Sender,
    driver: &'a mut Driver,
    problems: Vec<Problem>,
}

impl SessionCheck<'_> {
    /// Checks a login, the status, a logout and the ended session against responses over plain HTTP.
    fn lifecycle(&mut self, contract: &Contract, pbx: &PbxLogin) -> Result<()> {
        let user = &pbx.user;
        let opened = self.run_step(None, "log_in", &credentials(user))?;
        let exchanges = self.proxy.take_exchanges();
        let cookie = exchanges
            .first()
            .and_then(|exchange| exchange.response.cookie("session"))
            .unwrap_or_default();
        let expected = json!({ "kind": "Ok", "token": cookie });
        self.compare(
            "log_in",
            "a login returns the token of the cookie `session`",
            &expected,
            &opened,
        );
        let path = path_of(contract, "login");
        self.check_request(
            "log_in",
            &exchanges,
            "POST",
            &path,
            None,
            Some(&credentials(user)),
        );

        let path = path_of(contract, "getLoginStatus");
        let asked = Request::new("GET", &path).bearer(&cookie);
        for step in ["status", "status_of_another"] {
            let Ok(plain) = self.server.send(&asked) else {
                break;
            };
            let mut expected = plain.json();
            let mut result = self.run_step(Some(&cookie), step, &json!({}))?;
            let exchanges = self.proxy.take_exchanges();
            // A second may have passed between the two requests.
            let (before, after) = (
                expected["expires_in"].as_u64(),
                result["expires_in"].as_u64(),
            );
            if let (Some(before), Some(after)) = (before, after)
                && before.abs_diff(after) <= MAX_SECONDS_APART
            {
                result["expires_in"] = expected["expires_in"].clone();
            }
            expected["kind"] = json!("Ok");
            self.compare(
                "status",
                "the client returns the status that the server sent",
                &expected,
                &result,
            );
            self.check_request("status", &exchanges, "GET", &path, Some(&cookie), None);
        }

        let path = path_of(contract, "showCurrentUser");
        let show_user = Request::new("GET", &path).bearer(&cookie);
        for step in ["user", "check"] {
            let Ok(plain) = self.server.send(&show_user) else {
                break;
            };
            let mut expected = plain.json();
            expected["kind"] = json!("Ok");
            let result = self.run_step(Some(&cookie), step, &json!({}))?;
            let exchanges = self.proxy.take_exchanges();
            self.compare(
                step,
                "the client returns the user that the server sent",
                &expected,
                &result,
            );
            self.check_request(step, &exchanges, "GET", &path, Some(&cookie), None);
        }

        let ended = self.run_step(Some(&cookie), "log_out", &json!({}))?;
        let exchanges = self.proxy.take_exchanges();
        self.compare(
            "log_out",
            "a logout succeeds",
            &json!({ "kind": "Ok" }),
            &ended,
        );
        self.check_request(
            "log_out",
            &exchanges,
            "POST",
            &path_of(contract, "logout"),
            Some(&cookie),
            None,
        );
        if let Ok(response) = self.server.send(&asked)
            && response.status != 401
        {
            self.record("log_out", "a session is live after its logout");
        }
        let expired = json!({ "kind": "Expired" });
        for step in ["status", "user", "log_out"] {
            let result = self.run_step(Some(&cookie), step, &json!({}))?;
            self.compare(
                step,
                "a session that has ended is `Expired`",
                &expired,
                &result,
            );
        }
        let no_session = json!({ "kind": "NoSession" });
        let result = self.run_step(Some(&cookie), "check", &json!({}))?;
        let rule = "the checker returns no user for a session that has ended";
        self.compare("check", rule, &no_session, &result);
        self.proxy.take_exchanges();
        let result = self.run_step(Some("no token"), "check", &json!({}))?;
        let rule = "the checker returns no user for a string that is not a token";
        self.compare("check", rule, &no_session, &result);
        if !self.proxy.take_exchanges().is_empty() {
            self.record("check", "a string that is not a token is sent");
        }
        Ok(())
    }

    /// Checks logins that the server refuses, and invalid logins, which must not be sent.
    fn refusals(&mut self, pbx: &PbxLogin) -> Result<()> {
        let user = &pbx.user;
        let wrong = Account {
            password: "wrong".to_owned(),
            ..user.clone()
        };
        let unknown = Account {
            username: "unknown".to_owned(),
            ..user.clone()
        };
        for account in [wrong, unknown] {
            let result = self.run_step(None, "log_in", &credentials(&account))?;
            let expected = json!({ "kind": "Refused" });
            self.compare("log_in", "a refused login is `Refused`", &expected, &result);
        }
        self.proxy.take_exchanges();
        let unnamed = Account {
            username: String::new(),
            ..user.clone()
        };
        let nowhere = Account {
            domain: Some(String::new()),
            ..user.clone()
        };
        for account in [unnamed, nowhere] {
            let result = self.run_step(None, "log_in", &credentials(&account))?;
            let expected = json!({ "kind": "InvalidInput" });
            self.compare(
                "log_in",
                "an invalid user name or domain is `InvalidInput`",
                &expected,
                &result,
            );
            if !self.proxy.take_exchanges().is_empty() {
                self.record(
                    "log_in",
                    "a login with an invalid user name or domain is sent",
                );
            }
        }
        Ok(())
    }

    fn canned(&mut self, canned: Canned) -> Result<()> {
        let Canned {
            name,
            step,
            response,
            result: expected,
        } = canned;
        self.proxy.set_source(Source::Canned(response));
        let arguments = json!({ "username": "alice", "password": "x" });
        let result = self.run_step(Some("T"), step, &arguments)?;
        self.compare(step, name, &expected, &result);
        if self.proxy.take_exchanges().len() != 1 {
            self.record(step, format!("{name}: expected exactly one request"));
        }
        Ok(())
    }

    /// Checks base URLs that are invalid, unreachable, or end with a slash.
    fn other_servers(&mut self) -> Result<()> {
        for (base, name, kind) in [
            (
                "nonsense",
                "an invalid base URL is `InvalidInput`",
                "InvalidInput",
            ),
            // Nothing listens on port 1.
            (
                "http://127.0.0.1:1",
                "a server that is down is `Unreachable`",
                "Unreachable",
            ),
        ] {
            let result = self
                .driver
                .call(base, Some("T"), &Call::Step("status"), &json!({}))?;
            self.compare("status", name, &json!({ "kind": kind }), &result);
        }
        // The paths of the contract start with a slash.
        self.proxy.set_source(Source::Canned(plain(204)));
        let base = format!("{}/", self.proxy.base());
        let result = self
            .driver
            .call(&base, Some("T"), &Call::Step("log_out"), &json!({}))?;
        let doubled = self
            .proxy
            .take_exchanges()
            .iter()
            .any(|exchange| exchange.request.path.starts_with("//"));
        if doubled || result["kind"] != "Ok" {
            self.record(
                "fn client(",
                "a base URL that ends with a slash is not accepted",
            );
        }
        Ok(())
    }

    fn run_step(&mut self, token: Option<&str>, step: &str, arguments: &Value) -> Result<Value> {
        self.driver
            .call(self.proxy.base(), token, &Call::Step(step), arguments)
    }

    fn check_request(
        &mut self,
        step: &str,
        exchanges: &[Exchange],
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) {
        let [Exchange { request, .. }] = exchanges else {
            self.record(step, "expected exactly one request");
            return;
        };
        if request.method != method || request.path != path {
            self.record(step, format!("the request is not {method} {path}"));
        }
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| name == "authorization");
        let expected = token.map(|token| format!("Bearer {token}"));
        if authorization.map(|(_, value)| value) != expected.as_ref() {
            self.record(
                "authorize",
                "the token is not sent as the contract requires",
            );
        }
        if body
            .is_some_and(|body| serde_json::from_slice(&request.body).ok().as_ref() != Some(body))
        {
            self.record(step, "the request does not contain the credentials");
        }
    }

    fn compare(&mut self, step: &str, rule: &str, expected: &Value, result: &Value) {
        if expected == result {
            return;
        }
        // Other values may contain tokens.
        let fields: Vec<&str> = expected
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| result.get(field) != Some(value) && *field != "kind")
            .map(|(field, _)| field.as_str())
            .collect();
        let kind = |value: &Value| {
            let word = value.get("kind").or_else(|| value.get("not_called"));
            word.and_then(Value::as_str).unwrap_or("nothing").to_owned()
        };
        let mut problem = self
            .problem(step, format!("violated rule: {rule}"))
            .detail("expected", kind(expected))
            .detail("result  ", kind(result));
        if kind(expected) == kind(result) {
            problem = problem.detail("differs ", fields.join(", "));
        }
        self.problems.push(problem);
    }

    fn record(&mut self, step: &str, message: impl Into<String>) {
        let problem = self.problem(step, message);
        self.problems.push(problem);
    }

    /// Creates a problem at the function that a step calls.
    fn problem(&self, step: &str, message: impl Into<String>) -> Problem {
        let name = match step {
            "log_in" | "status" | "user" | "log_out" | "authorize" => format!("fn {step}("),
            "status_of_another" => "fn with_token(".to_owned(),
            other => other.to_owned(),
        };
        let found = self
            .source
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(&name));
        let position = found.map_or(Location { line: 1, column: 1 }, |(line, text)| Location {
            line: line + 1,
            column: text.find(&name).unwrap_or(0) + 1,
        });
        Problem {
            location: Some(Box::new(SourceLocation::in_text(SOURCE, self.source, position, None))),
            ..Problem::new(message)
        }
        .help("fix this file or crates/client/src/error.rs; if the rule has changed, correct xtask/src/session.rs")
    }
}

fn credentials(account: &Account) -> Value {
    let mut body = json!({ "username": account.username, "password": account.password });
    if let Some(domain) = &account.domain {
        body["domain"] = json!(domain);
    }
    body
}

fn path_of(contract: &Contract, id: &str) -> String {
    let operations = contract.operations();
    let found = operations
        .into_iter()
        .find(|operation| operation.id.as_deref() == Some(id));
    found.map(|operation| operation.path).unwrap_or_default()
}

//! `Session`, the half of the client that is written by hand: a login's life, and what becomes of each answer.
//!
//! Each step is a row of a table: what answers, what is called, and the whole result. The rules are those that
//! `crates/client/src/session.rs` and `error.rs` document.

use std::fs;

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Location};
use serde_json::{Value, json};

use crate::report::{Check, Item, Place, Problem};
use crate::verify::live::exchange::{Request, Sender};
use crate::verify::live::stage::{Account, Stage};
use crate::workspace::Workspace;

use super::driver::{Call, Driver};
use super::tap::{Heard, Source, Tap};

mod canned;

use canned::{Canned, canned, plain};

/// What the report calls it, and where it is written.
const SUBJECT: &str = "Session";
const SOURCE: &str = "crates/client/src/session.rs";

/// How far two readings of the seconds that are left may lie apart.
const SECONDS: u64 = 5;

/// Takes a session through its life.
///
/// # Errors
///
/// The driver ends, no port can be listened on, or the client's source cannot be read.
pub(crate) fn item(
    contract: &Contract,
    workspace: &Workspace,
    stage: &Stage,
    driver: &mut Driver,
) -> Result<Item> {
    let path = workspace.path(SOURCE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let server = Sender::to(stage.server.url()).context("cannot make an HTTP client")?;
    let mut life = Life {
        source: &text,
        tap: Tap::open(Source::Server(server.clone()))?,
        server,
        driver,
        problems: Vec::new(),
    };
    life.lives(contract, stage)?;
    life.refusals(stage)?;
    for canned in canned() {
        life.canned(canned)?;
    }
    life.elsewhere()?;
    Ok(Item::judged(Check::Client, SUBJECT, life.problems))
}

struct Life<'a> {
    source: &'a str,
    tap: Tap,
    server: Sender,
    driver: &'a mut Driver,
    problems: Vec<Problem>,
}

impl Life<'_> {
    /// Logs in, asks, logs out, asks again; each side is compared with what the server says over plain HTTP.
    fn lives(&mut self, contract: &Contract, stage: &Stage) -> Result<()> {
        let user = &stage.world.user;
        let opened = self.step(None, "log_in", &credentials(user))?;
        let heard = self.tap.heard();
        let cookie = heard
            .first()
            .and_then(|heard| heard.answer.cookie("session"))
            .unwrap_or_default();
        let wanted = json!({ "kind": "Ok", "token": cookie });
        self.same(
            "log_in",
            "a login gives the token of the cookie `session`",
            &wanted,
            &opened,
        );
        let path = path_of(contract, "login");
        self.sends(
            "log_in",
            &heard,
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
            let mut wanted = plain.json();
            let mut told = self.step(Some(&cookie), step, &json!({}))?;
            let heard = self.tap.heard();
            // The seconds may have moved on in between.
            let (before, after) = (wanted["expires_in"].as_u64(), told["expires_in"].as_u64());
            if let (Some(before), Some(after)) = (before, after)
                && before.abs_diff(after) <= SECONDS
            {
                told["expires_in"] = wanted["expires_in"].clone();
            }
            wanted["kind"] = json!("Ok");
            self.same("status", "the status is the server's", &wanted, &told);
            self.sends("status", &heard, "GET", &path, Some(&cookie), None);
        }

        let ended = self.step(Some(&cookie), "log_out", &json!({}))?;
        let heard = self.tap.heard();
        self.same(
            "log_out",
            "a logout succeeds",
            &json!({ "kind": "Ok" }),
            &ended,
        );
        self.sends(
            "log_out",
            &heard,
            "POST",
            &path_of(contract, "logout"),
            Some(&cookie),
            None,
        );
        if let Ok(answer) = self.server.send(&asked)
            && answer.status != 401
        {
            self.wrong("log_out", "a session lives on after its logout");
        }
        let expired = json!({ "kind": "Expired" });
        for step in ["status", "log_out"] {
            let told = self.step(Some(&cookie), step, &json!({}))?;
            self.same(
                step,
                "a session that has ended is `Expired`",
                &expired,
                &told,
            );
        }
        Ok(())
    }

    /// What the server refuses, and what is not sent at all.
    fn refusals(&mut self, stage: &Stage) -> Result<()> {
        let user = &stage.world.user;
        let wrong = Account {
            password: "wrong".to_owned(),
            ..user.clone()
        };
        let nobody = Account {
            username: "nobody".to_owned(),
            ..user.clone()
        };
        for account in [wrong, nobody] {
            let told = self.step(None, "log_in", &credentials(&account))?;
            let wanted = json!({ "kind": "Refused" });
            self.same("log_in", "a refused login is `Refused`", &wanted, &told);
        }
        self.tap.heard();
        let unnamed = Account {
            username: String::new(),
            ..user.clone()
        };
        let nowhere = Account {
            domain: Some(String::new()),
            ..user.clone()
        };
        for account in [unnamed, nowhere] {
            let told = self.step(None, "log_in", &credentials(&account))?;
            let wanted = json!({ "kind": "InvalidInput" });
            self.same(
                "log_in",
                "what no account can be is `InvalidInput`",
                &wanted,
                &told,
            );
            if !self.tap.heard().is_empty() {
                self.wrong("log_in", "what no account can be is sent all the same");
            }
        }
        Ok(())
    }

    /// What becomes of an answer that no scenario gets from the server.
    fn canned(&mut self, canned: Canned) -> Result<()> {
        let Canned {
            name,
            step,
            answer,
            result,
        } = canned;
        self.tap.turn(Source::Canned(answer));
        let arguments = json!({ "username": "alice", "password": "x" });
        let told = self.step(Some("T"), step, &arguments)?;
        self.same(step, name, &result, &told);
        if self.tap.heard().len() != 1 {
            self.wrong(step, format!("{name}: not exactly one request is sent"));
        }
        Ok(())
    }

    /// Servers that are none.
    fn elsewhere(&mut self) -> Result<()> {
        for (base, name, kind) in [
            (
                "nonsense",
                "a base URL that is none is `InvalidInput`",
                "InvalidInput",
            ),
            // Port 1 of the machine itself: nobody listens there.
            (
                "http://127.0.0.1:1",
                "a server that is down is `Unreachable`",
                "Unreachable",
            ),
        ] {
            let told = self
                .driver
                .call(base, Some("T"), &Call::Session("status"), &json!({}))?;
            self.same("status", name, &json!({ "kind": kind }), &told);
        }
        // The paths of the contract start with a slash.
        self.tap.turn(Source::Canned(plain(204)));
        let base = format!("{}/", self.tap.base());
        let told = self
            .driver
            .call(&base, Some("T"), &Call::Session("log_out"), &json!({}))?;
        let doubled = self
            .tap
            .heard()
            .iter()
            .any(|heard| heard.request.path.starts_with("//"));
        if doubled || told["kind"] != "Ok" {
            self.wrong("fn client(", "a base URL that ends in a slash is not taken");
        }
        Ok(())
    }

    fn step(&mut self, token: Option<&str>, step: &str, arguments: &Value) -> Result<Value> {
        self.driver
            .call(self.tap.base(), token, &Call::Session(step), arguments)
    }

    fn sends(
        &mut self,
        step: &str,
        heard: &[Heard],
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) {
        let [Heard { request, .. }] = heard else {
            self.wrong(step, "not exactly one request is sent");
            return;
        };
        if request.method != method || request.path != path {
            self.wrong(
                step,
                format!("{method} {path} belongs, but another request is sent"),
            );
        }
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| name == "authorization");
        let wanted = token.map(|token| format!("Bearer {token}"));
        if authorization.map(|(_, value)| value) != wanted.as_ref() {
            self.wrong("authorize", "the token is not sent as the contract has it");
        }
        if body
            .is_some_and(|body| serde_json::from_slice(&request.body).ok().as_ref() != Some(body))
        {
            self.wrong(step, "the credentials are not sent as they were given");
        }
    }

    fn same(&mut self, step: &str, name: &str, wanted: &Value, told: &Value) {
        if wanted == told {
            return;
        }
        // Only kinds and names of fields: the rest holds tokens.
        let fields: Vec<&str> = wanted
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, value)| told.get(field) != Some(value) && *field != "kind")
            .map(|(field, _)| field.as_str())
            .collect();
        let kind = |value: &Value| {
            let word = value.get("kind").or_else(|| value.get("unsaid"));
            word.and_then(Value::as_str).unwrap_or("nothing").to_owned()
        };
        let mut problem = self
            .problem(step, format!("{name}: it is not so"))
            .detail("expected", kind(wanted))
            .detail("result  ", kind(told));
        if kind(wanted) == kind(told) {
            problem = problem.detail("differs ", fields.join(", "));
        }
        self.problems.push(problem);
    }

    fn wrong(&mut self, step: &str, message: impl Into<String>) {
        let problem = self.problem(step, message);
        self.problems.push(problem);
    }

    /// A problem at the function that takes a step.
    fn problem(&self, step: &str, message: impl Into<String>) -> Problem {
        let name = match step {
            "log_in" | "status" | "log_out" | "authorize" => format!("fn {step}("),
            "status_of_another" => "fn with_token(".to_owned(),
            other => other.to_owned(),
        };
        let found = self
            .source
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(&name));
        let location = found.map_or(Location { line: 1, column: 1 }, |(line, text)| Location {
            line: line + 1,
            column: text.find(&name).unwrap_or(0) + 1,
        });
        Problem {
            place: Some(Box::new(Place::in_text(SOURCE, self.source, location, None))),
            ..Problem::new(message)
        }
        .help("mend it or crates/client/src/error.rs; where the rule has changed, mend xtask/src/verify/client/session.rs")
    }
}

fn credentials(account: &Account) -> Value {
    let mut body = json!({ "username": account.username, "password": account.password });
    if let Some(domain) = &account.domain {
        body["domain"] = json!(domain);
    }
    body
}

/// The path of an operation, wherever the contract has it.
fn path_of(contract: &Contract, id: &str) -> String {
    let operations = contract.operations();
    let found = operations
        .into_iter()
        .find(|operation| operation.id.as_deref() == Some(id));
    found.map(|operation| operation.path).unwrap_or_default()
}

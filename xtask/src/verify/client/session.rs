//! `Session`, the half of the client that is written by hand: a login's life, and what becomes of each answer.
//!
//! Each step is a row of a table: what answers, what is called, and the whole result. The rules are those that
//! `crates/client/src/session.rs` and `error.rs` document.

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Location};
use serde_json::{Value, json};
use std::fs;

use crate::report::{Check, Item, Place, Problem};
use crate::verify::live::exchange::{Answer, Request, Sender};
use crate::verify::live::stage::{Account, Stage};
use crate::workspace::Workspace;

use super::driver::{Call, Driver};
use super::tap::{Heard, Source, Tap};

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

/// An answer that is given to a step, and the result that belongs to it.
struct Canned {
    name: &'static str,
    step: &'static str,
    answer: Answer,
    result: Value,
}

fn canned() -> Vec<Canned> {
    let kind = |kind: &str| json!({ "kind": kind });
    let row = |name, step, answer, result| Canned {
        name,
        step,
        answer,
        result,
    };
    let login = |cookies: &[&str]| {
        cookies.iter().fold(plain(200), |answer, cookie| {
            with(answer, "set-cookie", cookie)
        })
    };
    let status = |body: Value| Answer {
        body: body.to_string().into_bytes(),
        ..with(plain(200), "content-type", "application/json")
    };
    let waits = |status: u16| with(error(status), "retry-after", "7");
    let throttled = || json!({ "kind": "Throttled", "wait": 7 });
    let whole = || {
        json!({
            "access_token": "T", "expires_at": "2026-03-01T08:30:00Z", "expires_in": 9, "role": "Admin",
        })
    };
    let but = |field: &str, value: Value| {
        let mut body = whole();
        body[field] = value;
        status(body)
    };
    let token = || json!({ "kind": "Ok", "token": "A1" });
    vec![
        row(
            "a login without the cookie is `OffContract`",
            "log_in",
            login(&[]),
            kind("OffContract"),
        ),
        row(
            "a login with another cookie is `OffContract`",
            "log_in",
            login(&["sessionx=A1; Path=/"]),
            kind("OffContract"),
        ),
        row(
            "the cookie is found among others",
            "log_in",
            login(&["a=b; Path=/", "session=A1; Path=/"]),
            token(),
        ),
        row(
            "the cookie is found without attributes",
            "log_in",
            login(&["session=A1"]),
            token(),
        ),
        row(
            "a login that is refused for its form is `InvalidInput`",
            "log_in",
            error(400),
            kind("InvalidInput"),
        ),
        row(
            "a login that is too many is `Throttled`",
            "log_in",
            waits(429),
            throttled(),
        ),
        row(
            "a login that has to wait is `Throttled`",
            "log_in",
            waits(503),
            throttled(),
        ),
        row(
            "a wait of no length is `OffContract`",
            "log_in",
            error(429),
            kind("OffContract"),
        ),
        row(
            "a server that is down behind a proxy is `Unreachable`",
            "log_in",
            error(503),
            kind("Unreachable"),
        ),
        row(
            "a bad gateway is `Unreachable`",
            "status",
            error(502),
            kind("Unreachable"),
        ),
        row(
            "a gateway that waits in vain is `Unreachable`",
            "status",
            error(504),
            kind("Unreachable"),
        ),
        row(
            "an error of the server is `OffContract`",
            "status",
            error(500),
            kind("OffContract"),
        ),
        row(
            "a session that is not known is `Expired`",
            "status",
            error(401),
            kind("Expired"),
        ),
        row(
            "a redirect is not followed, and `OffContract`",
            "log_in",
            with(plain(307), "location", "/elsewhere"),
            kind("OffContract"),
        ),
        row(
            "a status that is no JSON is `OffContract`",
            "status",
            with(plain(200), "content-type", "application/json"),
            kind("OffContract"),
        ),
        row(
            "a status without its token is `OffContract`",
            "status",
            but("access_token", Value::Null),
            kind("OffContract"),
        ),
        row(
            "a status without its time is `OffContract`",
            "status",
            but("expires_at", Value::Null),
            kind("OffContract"),
        ),
        row(
            "a status without its seconds is `OffContract`",
            "status",
            but("expires_in", Value::Null),
            kind("OffContract"),
        ),
        row(
            "a status with seconds that have passed is `OffContract`",
            "status",
            but("expires_in", json!(-1)),
            kind("OffContract"),
        ),
        row(
            "a status without its role is `OffContract`",
            "status",
            but("role", Value::Null),
            kind("OffContract"),
        ),
        row(
            "a status tells all of its fields",
            "status",
            status(whole()),
            {
                let mut told = whole();
                told["kind"] = json!("Ok");
                told
            },
        ),
        row(
            "a logout of nothing is `Expired`",
            "log_out",
            error(401),
            kind("Expired"),
        ),
        row("a logout succeeds", "log_out", plain(204), kind("Ok")),
    ]
}

/// An answer without headers and body.
fn plain(status: u16) -> Answer {
    Answer {
        status,
        headers: Default::default(),
        body: Vec::new(),
    }
}

/// An error of the shape that the contract has for all of them.
fn error(status: u16) -> Answer {
    let body = json!({ "request_id": "1", "message": "no" });
    Answer {
        body: body.to_string().into_bytes(),
        ..with(plain(status), "content-type", "application/json")
    }
}

fn with(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    // The values above are all visible ASCII.
    if let Ok(value) = value.parse() {
        answer.headers.append(name, value);
    }
    answer
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

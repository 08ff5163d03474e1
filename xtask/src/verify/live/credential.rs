//! How a request carries a credential.

use dropshot_codegen::Contract;
use serde_json::Value;

use crate::report::Problem;
use openapi_contract::pointer::child;

use super::drive::Drive;
use super::exchange::Request;
use super::scenarios;
use super::stage::World;

/// The tokens of sessions, by how they stand.
pub(crate) struct Credentials {
    /// Of a session that lives.
    pub(crate) live: Option<String>,
    /// Of none: a live one with a character changed.
    pub(crate) unknown: Option<String>,
    /// Of a session whose time is over.
    pub(crate) expired: Option<String>,
    /// Of a session that was logged out.
    pub(crate) revoked: Option<String>,
}

impl Credentials {
    /// Opens the sessions; what cannot be opened is kept as a problem.
    pub(crate) fn gather(drive: &mut Drive, world: &World, expired: Option<String>) -> Self {
        drive.begin("sessions are opened");
        let live = scenarios::open(drive, &world.administrator).ok();
        let revoked = scenarios::open(drive, &world.user)
            .and_then(|token| {
                scenarios::logout(drive, |request| request.bearer(&token), 204)?;
                Ok(token)
            })
            .ok();
        Self {
            unknown: live.as_deref().map(scenarios::unknown),
            live,
            expired,
            revoked,
        }
    }
}

/// The way in which a security scheme has a credential sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// In `Authorization`, with the scheme `Bearer`.
    Bearer,
    /// In the cookie of this name.
    Cookie(String),
    /// In the header of this name.
    Header(String),
}

impl Carrier {
    /// The carrier of the security scheme of this name.
    ///
    /// # Errors
    ///
    /// It is not declared, or of a kind that verify cannot send.
    pub(crate) fn named(contract: &Contract, name: &str) -> Result<Self, Problem> {
        let (pointer, scheme) = contract
            .resolve(&child("/components/securitySchemes", name))
            .map_err(|finding| Problem::from_finding(finding, contract.text()))?;
        Self::of(scheme).ok_or_else(|| {
            let message = format!("verify cannot send a credential by `{name}`");
            Problem::at(contract, &pointer, message)
                .help("teach `Carrier` in xtask/src/verify/live/credential.rs how")
        })
    }

    fn of(scheme: &Value) -> Option<Self> {
        let word = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
        match (word("type"), word("scheme"), word("in")) {
            // RFC 9110, section 11.1: without regard to case.
            ("http", kind, _) if kind.eq_ignore_ascii_case("bearer") => Some(Carrier::Bearer),
            ("apiKey", _, "cookie") => Some(Carrier::Cookie(word("name").to_owned())),
            ("apiKey", _, "header") => Some(Carrier::Header(word("name").to_owned())),
            _ => None,
        }
    }

    /// The request with a credential.
    pub(crate) fn send(&self, request: Request, value: &str) -> Request {
        match self {
            Carrier::Bearer => request.bearer(value),
            Carrier::Cookie(name) => request.cookie(name, value),
            Carrier::Header(name) => request.header(name, value),
        }
    }

    /// Whether a request carries a credential in this way.
    fn carries(&self, request: &Request) -> bool {
        request.headers.iter().any(|(header, value)| match self {
            Carrier::Bearer => {
                header.eq_ignore_ascii_case("Authorization") && value.starts_with("Bearer ")
            }
            Carrier::Cookie(name) => {
                header.eq_ignore_ascii_case("Cookie")
                    && value
                        .split(';')
                        .filter_map(|pair| pair.trim().split_once('='))
                        .any(|(found, _)| found == name)
            }
            Carrier::Header(name) => header.eq_ignore_ascii_case(name),
        })
    }
}

/// The security schemes of a contract by which a request carries a credential.
pub(crate) fn carried(contract: &Contract, request: &Request) -> Vec<String> {
    let schemes = contract.value().pointer("/components/securitySchemes");
    schemes
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, scheme)| Carrier::of(scheme).is_some_and(|carrier| carrier.carries(request)))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths: {}
components:
  securitySchemes:
    token: { type: http, scheme: Bearer }
    cookie: { type: apiKey, in: cookie, name: sid }
    key: { type: apiKey, in: header, name: X-Key }
    query: { type: apiKey, in: query, name: key }
";

    #[test]
    fn each_scheme_is_seen_in_the_request_that_it_was_sent_by() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
        let request = || Request::new("GET", "/");
        for name in ["token", "cookie", "key"] {
            let carrier = Carrier::named(&contract, name).expect("it can be sent");
            assert_eq!(carried(&contract, &carrier.send(request(), "1")), [name]);
        }
        assert_eq!(
            carried(&contract, &request().cookie("other", "1")),
            Vec::<String>::new()
        );
        let two = request().header("cookie", "a=1; sid=2").bearer("3");
        assert_eq!(carried(&contract, &two), ["token", "cookie"]);
    }

    #[test]
    fn a_scheme_that_cannot_be_sent_is_a_problem_at_its_place() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
        let mut out = String::new();
        for name in ["query", "absent"] {
            Carrier::named(&contract, name)
                .expect_err("it cannot be sent")
                .render(&mut out);
        }
        insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
        openapi.yaml:10:5: verify cannot send a credential by `query`
            10 |     query: { type: apiKey, in: query, name: key }
               |     ^^^^^
          at /components/securitySchemes/query
          help: teach `Carrier` in xtask/src/verify/live/credential.rs how
        openapi.yaml:6:3: there is no such node
             6 |   securitySchemes:
               |   ^^^^^^^^^^^^^^^
          at /components/securitySchemes/absent
          help: name a node that exists
        ");
    }
}

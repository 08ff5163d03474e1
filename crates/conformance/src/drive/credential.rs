use dropshot_codegen::Contract;
use serde_json::Value;

use crate::report::Problem;
use openapi_contract::pointer::child;

use super::exchange::{Request, percent_decode};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Bearer,
    Cookie(String),
    Header(String),
    Query(String),
}

impl Carrier {
    /// Returns the carrier of a security scheme, or a problem if the scheme is undeclared or unsupported.
    pub(crate) fn named(contract: &Contract, name: &str) -> Result<Self, Problem> {
        let (pointer, scheme) = contract
            .resolve(&child("/components/securitySchemes", name))
            .map_err(|finding| Problem::from_finding(finding, contract.text()))?;
        Self::of(scheme).ok_or_else(|| {
            let message = format!("verify cannot send a credential of the scheme `{name}`");
            Problem::at(contract, &pointer, message)
                .help("use `type: apiKey`, or `type: http` with `scheme: bearer`")
        })
    }

    fn of(scheme: &Value) -> Option<Self> {
        let word = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
        match (word("type"), word("scheme"), word("in")) {
            // RFC 9110, section 11.1: scheme names are case-insensitive.
            ("http", kind, _) if kind.eq_ignore_ascii_case("bearer") => Some(Carrier::Bearer),
            ("apiKey", _, "cookie") => Some(Carrier::Cookie(word("name").to_owned())),
            ("apiKey", _, "header") => Some(Carrier::Header(word("name").to_owned())),
            ("apiKey", _, "query") => Some(Carrier::Query(word("name").to_owned())),
            _ => None,
        }
    }

    pub(crate) fn send(&self, request: Request, value: &str) -> Request {
        match self {
            Carrier::Bearer => request.bearer(value),
            Carrier::Cookie(name) => request.cookie(name, value),
            Carrier::Header(name) => request.header(name, value),
            Carrier::Query(name) => request.query(name, value),
        }
    }

    pub(crate) fn carried(&self, request: &Request) -> Option<String> {
        if let Carrier::Query(name) = self {
            let (_, query) = request.path.split_once('?')?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            return pairs
                .find(|(found, _)| percent_decode(found) == *name)
                .map(|(_, value)| percent_decode(value));
        }
        request
            .headers
            .iter()
            .find_map(|(header, value)| match self {
                Carrier::Bearer => header
                    .eq_ignore_ascii_case("Authorization")
                    .then(|| value.strip_prefix("Bearer ").map(str::to_owned))?,
                Carrier::Cookie(name) => {
                    if !header.eq_ignore_ascii_case("Cookie") {
                        return None;
                    }
                    let mut pairs = value
                        .split(';')
                        .filter_map(|pair| pair.trim().split_once('='));
                    pairs
                        .find(|(found, _)| found == name)
                        .map(|(_, value)| value.to_owned())
                }
                Carrier::Header(name) => header.eq_ignore_ascii_case(name).then(|| value.clone()),
                Carrier::Query(_) => None,
            })
    }

    pub(crate) fn is_in(&self, part: Part, name: &str) -> bool {
        match (self, part) {
            (Carrier::Bearer, Part::Header) => name.eq_ignore_ascii_case("Authorization"),
            (Carrier::Cookie(_), Part::Header) => name.eq_ignore_ascii_case("Cookie"),
            (Carrier::Header(own), Part::Header) => name.eq_ignore_ascii_case(own),
            (Carrier::Query(own), Part::Query) => name == own,
            (Carrier::Query(_), Part::Header) | (_, Part::Query) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    Query,
}

pub(crate) fn carried(contract: &Contract, request: &Request) -> Vec<String> {
    let schemes = contract.value().pointer("/components/securitySchemes");
    schemes
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, scheme)| {
            Carrier::of(scheme).is_some_and(|carrier| carrier.carried(request).is_some())
        })
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
    basic: { type: http, scheme: basic }
";

    #[test]
    fn credential_is_found_by_the_scheme_that_sent_it() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
        let request = || Request::new("GET", "/");
        for name in ["token", "cookie", "key", "query"] {
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
    fn unsupported_scheme_is_reported_at_its_location() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
        let mut out = String::new();
        for name in ["basic", "absent"] {
            Carrier::named(&contract, name)
                .expect_err("the scheme is unsupported")
                .render(&mut out);
        }
        insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
        openapi.yaml:11:5: verify cannot send a credential of the scheme `basic`
            11 |     basic: { type: http, scheme: basic }
               |     ^^^^^
          at /components/securitySchemes/basic
          help: use `type: apiKey`, or `type: http` with `scheme: bearer`
        openapi.yaml:6:3: the node does not exist
             6 |   securitySchemes:
               |   ^^^^^^^^^^^^^^^
          at /components/securitySchemes/absent
          help: refer to an existing node
        ");
    }
}

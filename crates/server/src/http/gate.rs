//! The gate in front of dropshot's router, which admits only HTTP/1.1 and the operations of the contract.
//!
//! dropshot answers 404 and 405 itself, and no handler can add a header to these responses, although a cache may store
//! a 404 (RFC 9111, section 4.2.2). Its router also accepts `/login/` and `//login` for `/login`. The only hook before
//! routing is the policy that determines the API version of a request. There is one version, so the policy here admits
//! the methods and paths of the contract, and refuses all others with the messages of dropshot and `Cache-Control`. It
//! refuses HTTP/2 before a body is read, because dropshot cannot limit the memory of HTTP/2 connections.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dropshot::{Body, DynamicVersionPolicy, HttpError, semver::Version};
use pbx_login_api::{OPERATIONS, refusal};
use slog::{KV as _, Logger};

use super::address;
use crate::context::Context;

#[derive(Debug)]
pub(super) struct Gate {
    version: Version,
    /// The methods of each path of the contract, in the form of the header `Allow`.
    allow: BTreeMap<&'static str, &'static str>,
    context: Arc<Context>,
}

impl Gate {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for operation in OPERATIONS {
            methods
                .entry(operation.path)
                .or_default()
                .push(operation.method);
        }
        // Leaked once per process: the refusal needs static header values.
        let allow = |methods: Vec<&str>| -> &'static str { methods.join(", ").leak() };
        Self {
            version: Version::new(1, 0, 0),
            allow: methods
                .into_iter()
                .map(|(path, methods)| (path, allow(methods)))
                .collect(),
            context,
        }
    }

    fn check_operation(&self, request: &hyper::Request<Body>) -> Result<(), HttpError> {
        let Some(template) = template(request.uri().path()) else {
            return Err(refusal::not_found());
        };
        match operation(request.method().as_str(), template) {
            Some(_) => Ok(()),
            None => Err(refusal::method_not_allowed(
                self.allow.get(template).copied().unwrap_or_default(),
            )),
        }
    }

    /// Records the address of a client behind a trusted proxy for the log.
    fn record_client(&self, request: &hyper::Request<Body>, log: &Logger) {
        let trusted = &self.context.trusted_proxies;
        if !trusted.is_empty()
            && let Some(client) = address::stated_address(request.headers(), trusted)
            && let Some(request_id) = logged_value(log, "req_id")
        {
            self.context.client_addresses.insert(request_id, client);
        }
    }
}

impl DynamicVersionPolicy for Gate {
    fn request_extract_version(
        &self,
        request: &hyper::Request<Body>,
        log: &Logger,
    ) -> Result<Version, HttpError> {
        self.record_client(request, log);
        let connections = &self.context.connections;
        if request.version() > http::Version::HTTP_11 {
            if let Some(peer) = logged_value(log, "remote_addr") {
                connections.record_http2(peer);
            }
            return Err(refusal::http_version_not_supported());
        }
        self.check_operation(request).inspect_err(|_| {
            // `delegate!` records admitted requests, and need not parse the address.
            if connections.has_waiting()
                && let Some(peer) = logged_value(log, "remote_addr")
            {
                connections.record_request(peer);
            }
        })?;
        Ok(self.version.clone())
    }
}

/// Returns a value of a request's logger.
///
/// dropshot passes the id of a request and its peer to a version policy in no other way.
fn logged_value<T: FromStr>(log: &Logger, key: &'static str) -> Option<T> {
    let mut value = LoggedValue { key, parsed: None };
    let statics = slog::record_static!(slog::Level::Info, "");
    let message = format_args!("");
    let record = slog::Record::new(&statics, &message, slog::BorrowedKV(&()));
    log.list().serialize(&record, &mut value).ok()?;
    value.parsed
}

struct LoggedValue<T> {
    key: &'static str,
    parsed: Option<T>,
}

impl<T: FromStr> slog::Serializer for LoggedValue<T> {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments<'_>) -> slog::Result {
        // Formatting takes longer than the rest.
        if AsRef::<str>::as_ref(&key) == self.key {
            self.parsed = value.to_string().parse().ok();
        }
        Ok(())
    }

    fn emit_str(&mut self, key: slog::Key, value: &str) -> slog::Result {
        if AsRef::<str>::as_ref(&key) == self.key {
            self.parsed = value.parse().ok();
        }
        Ok(())
    }
}

/// Returns the path template that a path matches: `/tenants/{domain}` for `/tenants/a.example`.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let mut templates = OPERATIONS.iter().map(|operation| operation.path);
    templates.find(|template| matches(template, path))
}

pub(crate) fn operation(method: &str, template: &str) -> Option<&'static str> {
    OPERATIONS
        .iter()
        .find(|operation| operation.method == method && operation.path == template)
        .map(|operation| operation.id)
}

/// Returns whether a path matches: `{name}` is one segment, `{name:.*}` is one or more at the end.
fn matches(template: &str, path: &str) -> bool {
    // Fast path: most requests have no parameters. A template also matches its own text.
    if template == path {
        return true;
    }
    if !template.contains('{') {
        return false;
    }
    let mut segments = path.split('/');
    template.split('/').all(|expected| match segments.next() {
        Some(segment) if expected.ends_with(":.*}") => {
            !segment.is_empty() && segments.by_ref().all(|segment| !segment.is_empty())
        }
        Some(segment) if expected.starts_with('{') => !segment.is_empty(),
        segment => segment == Some(expected),
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_method_and_path_find_their_operation() {
        assert_eq!(operation("POST", "/login"), Some("login"));
        assert_eq!(operation("GET", "/login"), Some("getLoginStatus"));
        assert_eq!(operation("POST", "/logout"), Some("logout"));
    }

    #[test]
    fn similar_path_or_method_finds_no_operation() {
        for path in [
            "/", "", "/login/", "//login", "/login/x", "/LOGIN", "/log%69n", "*",
        ] {
            assert_eq!(template(path), None, "{path}");
        }
        assert_eq!(template("/login"), Some("/login"));
        assert_eq!(operation("HEAD", "/login"), None);
        assert_eq!(operation("get", "/login"), None);
    }

    #[test]
    fn path_parameter_matches_one_segment_that_is_not_empty() {
        assert!(matches(
            "/tenants/{domain}/users",
            "/tenants/a.example/users"
        ));
        assert!(!matches("/tenants/{domain}/users", "/tenants//users"));
        assert!(!matches("/tenants/{domain}/users", "/tenants/a/b/users"));
        assert!(!matches("/tenants/{domain}", "/tenants"));
        assert!(matches("/files/{path:.*}", "/files/a"));
        assert!(matches("/files/{path:.*}", "/files/a/b/c"));
        assert!(!matches("/files/{path:.*}", "/files/"));
        assert!(!matches("/files/{path:.*}", "/files//a"));
        assert!(!matches("/files/{path:.*}", "/files/a/"));
    }
}

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::grammar::is_method;
use crate::meaning::Meaning;
use crate::pointer::child;

use super::walk::{Direction, Effect, KeyPair, Walk, clients, keys, members_by_name};

/// An operation as clients call it: the path without parameter names, and the method.
pub(super) type Route = (String, String);

pub(super) fn operations(document: &Meaning) -> BTreeMap<Route, (String, &Meaning)> {
    let mut found = BTreeMap::new();
    for (path, item) in document.get("paths").into_iter().flat_map(Meaning::entries) {
        for (method, operation) in item.entries() {
            if is_method(method) {
                let route = (remove_parameter_names(path), method.to_uppercase());
                found.insert(route, (path.clone(), operation));
            }
        }
    }
    found
}

fn remove_parameter_names(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.find('{') {
        Some(start) => format!("{}{{}}", &segment[..start]),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn parameter_names(path: &str) -> Vec<String> {
    path.split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name.trim_end_matches(":.*").to_owned())
        .collect()
}

impl<'a> Walk<'a> {
    pub(super) fn record_removed_operation(&mut self, old: &'a Meaning) {
        let pair = KeyPair {
            parents: (old, self.new.get("paths").unwrap_or(self.new)),
            old: Some(old),
            new: None,
        };
        self.record(
            clients::REMOVED,
            pair.before(),
            pair.after(),
            "the operation was removed",
        );
    }

    pub(super) fn compare_operation(&mut self, old: (&str, &'a Meaning), new: (&str, &'a Meaning)) {
        let ((old_path, old), (new_path, new)) = (old, new);
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            match key.as_str() {
                "summary" | "description" | "tags" | "externalDocs" | "deprecated" => {}
                key if key.starts_with("x-") => {}
                "operationId" if pair.is_same() => {}
                "operationId" => self.record(
                    clients::RENAMED,
                    pair.before(),
                    pair.after(),
                    format!("`operationId` {}", pair.description()),
                ),
                "parameters" => {
                    let by = |path: &str| {
                        let names = parameter_names(path);
                        move |key: &str| parameter_name(key, &names)
                    };
                    let ours = members_by_name(pair.old, by(old_path));
                    let theirs = members_by_name(pair.new, by(new_path));
                    self.compare_parameters((old, new), &ours, &theirs);
                }
                "requestBody" => self.compare_request_body(&pair),
                "responses" => self.compare_responses(&pair),
                "security" => self.compare_security(&pair),
                _ if pair.is_same() => {}
                key => self.record_unknown(key, &pair),
            }
        }
    }

    fn compare_parameters(
        &mut self,
        parents: (&'a Meaning, &'a Meaning),
        old: &BTreeMap<String, &'a Meaning>,
        new: &BTreeMap<String, &'a Meaning>,
    ) {
        for name in &key_set(old) | &key_set(new) {
            let pair = KeyPair {
                parents,
                old: old.get(&name).copied(),
                new: new.get(&name).copied(),
            };
            match (pair.old, pair.new) {
                (Some(ours), Some(theirs)) => {
                    self.compare_parameter(Direction::Request, ours, theirs)
                }
                (Some(_), None) => self.record(
                    clients::IGNORED,
                    pair.before(),
                    pair.after(),
                    format!("the parameter `{name}` was removed"),
                ),
                (None, Some(theirs)) if is_required(theirs) => self.record(
                    clients::REJECTED,
                    pair.before(),
                    pair.after(),
                    format!("the parameter `{name}` is new and required"),
                ),
                (None, _) => {}
            }
        }
    }

    fn compare_parameter(&mut self, direction: Direction, old: &'a Meaning, new: &'a Meaning) {
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            match (key.as_str(), pair.old, pair.new) {
                ("name" | "in" | "description" | "deprecated" | "example" | "examples", _, _) => {}
                (key, _, _) if key.starts_with("x-") => {}
                ("schema", Some(old), Some(new)) => self.compare_schema(direction, old, new),
                ("content", Some(_), Some(_)) => self.compare_content(direction, &pair),
                _ if pair.is_same() => {}
                ("required", _, _) => self.compare_required_flag(direction, &pair),
                ("allowEmptyValue", _, Some(new)) => {
                    let effect = if new.to_value() == json!(true) {
                        Effect::Widened
                    } else {
                        Effect::Narrowed
                    };
                    self.record_if_breaking(
                        direction,
                        effect,
                        &pair,
                        format!("`allowEmptyValue` {}", pair.description()),
                    );
                }
                ("style" | "explode" | "allowReserved" | "schema" | "content", _, _) => {
                    self.record_if_breaking(
                        direction,
                        Effect::Changed,
                        &pair,
                        format!("`{key}` {}", pair.description()),
                    );
                }
                (key, _, _) => self.record_unknown(key, &pair),
            }
        }
    }

    fn compare_required_flag(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let now = pair.new.is_some_and(|new| new.to_value() == json!(true));
        let (effect, message) = if now {
            (Effect::Narrowed, "it is now required")
        } else {
            (Effect::Widened, "it is no longer required")
        };
        match (direction, effect) {
            (Direction::Response, Effect::Widened) => {
                self.record(clients::MISSING, pair.before(), pair.after(), message);
            }
            _ => self.record_if_breaking(direction, effect, pair, message),
        }
    }

    fn compare_request_body(&mut self, pair: &KeyPair<'a>) {
        let (old, new) = match (pair.old, pair.new) {
            (Some(old), Some(new)) => (old, new),
            (Some(_), None) => {
                self.record(
                    clients::IGNORED,
                    pair.before(),
                    pair.after(),
                    "the request body was removed",
                );
                return;
            }
            (None, Some(new)) if is_required(new) => {
                self.record(
                    clients::REJECTED,
                    pair.before(),
                    pair.after(),
                    "a request body is now required",
                );
                return;
            }
            (None, _) => return,
        };
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            match key.as_str() {
                "description" => {}
                key if key.starts_with("x-") => {}
                "content" => self.compare_content(Direction::Request, &pair),
                _ if pair.is_same() => {}
                "required" => self.compare_required_flag(Direction::Request, &pair),
                key => self.record_unknown(key, &pair),
            }
        }
    }

    fn compare_content(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let old = members_by_name(pair.old, str::to_lowercase);
        let new = members_by_name(pair.new, str::to_lowercase);
        for name in &key_set(&old) | &key_set(&new) {
            let media = KeyPair {
                parents: (
                    pair.old.unwrap_or(pair.parents.0),
                    pair.new.unwrap_or(pair.parents.1),
                ),
                old: old.get(&name).copied(),
                new: new.get(&name).copied(),
            };
            match (media.old, media.new) {
                (Some(old), Some(new)) => self.compare_media_type(direction, old, new),
                (Some(_), None) => {
                    let clients = match direction {
                        Direction::Request => clients::REJECTED,
                        Direction::Response => clients::MISSING,
                    };
                    self.record(
                        clients,
                        media.before(),
                        media.after(),
                        format!("the content type `{name}` was removed"),
                    );
                }
                // Clients need not use an additional media type, but the first media type adds a body.
                (None, Some(_)) if old.is_empty() => self.record_if_breaking(
                    direction,
                    Effect::Widened,
                    &media,
                    format!("a `{name}` body was added where there was none"),
                ),
                (None, _) => {}
            }
        }
    }

    fn compare_media_type(&mut self, direction: Direction, old: &'a Meaning, new: &'a Meaning) {
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            match (key.as_str(), pair.old, pair.new) {
                ("example" | "examples", _, _) => {}
                (key, _, _) if key.starts_with("x-") => {}
                ("schema", Some(old), Some(new)) => self.compare_schema(direction, old, new),
                _ if pair.is_same() => {}
                ("schema", _, _) => {
                    let effect = Effect::of_constraint(pair.old, pair.new);
                    self.record_if_breaking(
                        direction,
                        effect,
                        &pair,
                        format!("`schema` {}", pair.description()),
                    );
                }
                ("encoding", _, _) => {
                    self.record_if_breaking(
                        direction,
                        Effect::Changed,
                        &pair,
                        format!("`encoding` {}", pair.description()),
                    );
                }
                (key, _, _) => self.record_unknown(key, &pair),
            }
        }
    }

    fn compare_responses(&mut self, pair: &KeyPair<'a>) {
        let (Some(old), Some(new)) = (pair.old, pair.new) else {
            return self.record_unknown("responses", pair);
        };
        let lists = |responses: &Meaning, status: &str| responses.get(status).is_some();
        for status in keys(old, new) {
            if status.starts_with("x-") {
                continue;
            }
            let (ours, theirs) = (response_for(old, &status), response_for(new, &status));
            let response = KeyPair {
                parents: (old, new),
                old: ours,
                new: theirs,
            };
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => self.compare_response(ours, theirs),
                (Some(_), None) => self.record(
                    clients::MISSING,
                    response.before_at(&child(&old.pointer, &status)),
                    response.after(),
                    format!("the status {status} was removed"),
                ),
                // Clients must handle unlisted errors, but an unlisted success changes the outcome.
                (None, Some(_)) if lists(new, &status) && !is_error(&status) => self.record(
                    clients::UNEXPECTED,
                    response.before(),
                    response.after(),
                    format!("the success status {status} is new"),
                ),
                (None, _) => {}
            }
        }
    }

    fn compare_response(&mut self, old: &'a Meaning, new: &'a Meaning) {
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            match key.as_str() {
                "description" => {}
                key if key.starts_with("x-") => {}
                "content" => self.compare_content(Direction::Response, &pair),
                "headers" => self.compare_headers(&pair),
                _ if pair.is_same() => {}
                key => self.record_unknown(key, &pair),
            }
        }
    }

    fn compare_headers(&mut self, pair: &KeyPair<'a>) {
        let theirs = members_by_name(pair.new, str::to_lowercase);
        let parents = (
            pair.old.unwrap_or(pair.parents.0),
            pair.new.unwrap_or(pair.parents.1),
        );
        for (name, ours) in pair.old.into_iter().flat_map(Meaning::entries) {
            let header = KeyPair {
                parents,
                old: Some(ours),
                new: theirs.get(&name.to_lowercase()).copied(),
            };
            match header.new {
                Some(theirs) => self.compare_parameter(Direction::Response, ours, theirs),
                None => self.record(
                    clients::MISSING,
                    header.before_at(&child(&parents.0.pointer, name)),
                    header.after(),
                    format!("the header `{name}` was removed"),
                ),
            }
        }
    }

    pub(super) fn compare_servers(&mut self) {
        let pair = KeyPair::of("servers", self.old, self.new);
        let urls = |node: Option<&Meaning>| -> Vec<Value> {
            match node.map(Meaning::to_value) {
                Some(Value::Array(servers)) => {
                    servers.iter().map(|server| server["url"].clone()).collect()
                }
                _ => vec![json!("/")],
            }
        };
        let (before, after) = (urls(pair.old), urls(pair.new));
        for url in before.iter().filter(|url| !after.contains(url)) {
            self.record(
                clients::REMOVED,
                pair.before(),
                pair.after(),
                format!("the server {url} was removed"),
            );
        }
    }
}

/// Returns the response for a status, its range or `default` (OpenAPI 3.0.3, section 4.7.16).
fn response_for<'a>(responses: &'a Meaning, status: &str) -> Option<&'a Meaning> {
    let range = status.get(..1).map(|first| format!("{first}XX"));
    responses
        .get(status)
        .or_else(|| responses.get(&range?))
        .or_else(|| responses.get("default"))
}

fn is_error(status: &str) -> bool {
    status == "default" || status.starts_with(['4', '5'])
}

fn is_required(node: &Meaning) -> bool {
    node.get("required")
        .is_some_and(|required| required.to_value() == json!(true))
}

/// Returns what identifies a parameter for clients: its position in the path, otherwise its name.
fn parameter_name(key: &str, names: &[String]) -> String {
    match key.split_once(' ') {
        Some(("path", name)) => match names.iter().position(|known| known == name) {
            Some(index) => format!("number {} of the path", index + 1),
            None => key.to_owned(),
        },
        Some(("header", name)) => format!("header {}", name.to_lowercase()),
        _ => key.to_owned(),
    }
}

fn key_set(map: &BTreeMap<String, &Meaning>) -> BTreeSet<String> {
    map.keys().cloned().collect()
}

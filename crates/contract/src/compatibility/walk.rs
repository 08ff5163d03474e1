//! Walks two contracts in parallel and collects the changes that break clients.
//!
//! A change that no rule covers, here or in [`super::schema`], counts as breaking.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::meaning::Meaning;
use crate::meaning::difference::Side;

/// The direction in which a value is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// Clients send it: the server must still accept every value that the earlier contract allows.
    Request,
    /// Clients read it: the server must not send a value that the earlier contract excludes.
    Response,
}

/// The effect of a change on the set of valid values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Values were removed, which breaks clients that send them.
    Narrowed,
    /// Values were added, which breaks clients that read them.
    Widened,
    /// Values were added and removed, or the effect is unknown; clients of both kinds break.
    Changed,
    /// The set is unchanged.
    Harmless,
}

impl Effect {
    pub(super) fn of_constraint<T>(before: Option<T>, after: Option<T>) -> Self {
        match (before, after) {
            (None, None) => Effect::Harmless,
            (None, Some(_)) => Effect::Narrowed,
            (Some(_), None) => Effect::Widened,
            (Some(_), Some(_)) => Effect::Changed,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The change, as a sentence without a full stop.
    pub(super) message: String,
    pub(super) clients: &'static str,
    pub(super) before: Side,
    pub(super) after: Side,
}

/// The clients that a change breaks, and why, in the words of the report.
pub(super) mod clients {
    pub(in super::super) const REJECTED: &str =
        "clients that send requests: a request that was valid may be refused";
    pub(in super::super) const UNEXPECTED: &str = "clients that read responses: a response may contain a value that their contract does not list";
    pub(in super::super) const MISSING: &str =
        "clients that read responses: a value that they rely on may be absent";
    pub(in super::super) const IGNORED: &str =
        "clients that send requests: the server ignores a value that they send";
    pub(in super::super) const REMOVED: &str = "clients that use it: it no longer exists";
    pub(in super::super) const RENAMED: &str =
        "programs built with a generated client: its method has a different name";
    pub(in super::super) const SECRET: &str =
        "programs built with a generated client: the type that hides a secret is added or removed";
    pub(in super::super) const UNKNOWN: &str =
        "possibly all clients: no rule states that this change is harmless";
}

pub(super) struct Walk<'a> {
    pub(super) old: &'a Meaning,
    pub(super) new: &'a Meaning,
    /// The pairs of schemas that were already compared, because schemas may be recursive.
    pub(super) seen: HashSet<(String, String, Direction)>,
    found: Vec<Change>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(old: &'a Meaning, new: &'a Meaning) -> Self {
        Self {
            old,
            new,
            seen: HashSet::new(),
            found: Vec::new(),
        }
    }

    /// Returns the changes found since the last call, and resets the walk for the next operation.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        self.seen.clear();
        std::mem::take(&mut self.found)
    }

    pub(super) fn record(
        &mut self,
        clients: &'static str,
        before: Side,
        after: Side,
        message: impl Into<String>,
    ) {
        let found = Change {
            message: message.into(),
            clients,
            before,
            after,
        };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// Records a change if its effect breaks clients in this direction.
    pub(super) fn record_if_breaking(
        &mut self,
        direction: Direction,
        effect: Effect,
        pair: &KeyPair<'_>,
        message: impl Into<String>,
    ) {
        let clients = match (effect, direction) {
            (Effect::Narrowed | Effect::Changed, Direction::Request) => clients::REJECTED,
            (Effect::Widened | Effect::Changed, Direction::Response) => clients::UNEXPECTED,
            (Effect::Widened, Direction::Request)
            | (Effect::Narrowed, Direction::Response)
            | (Effect::Harmless, Direction::Request | Direction::Response) => return,
        };
        self.record(clients, pair.before(), pair.after(), message);
    }

    pub(super) fn record_unknown(&mut self, key: &str, pair: &KeyPair<'_>) {
        self.record(
            clients::UNKNOWN,
            pair.before(),
            pair.after(),
            format!("`{key}` {}", pair.description()),
        );
    }
}

/// A key of two objects that are compared.
pub(super) struct KeyPair<'a> {
    pub(super) parents: (&'a Meaning, &'a Meaning),
    pub(super) old: Option<&'a Meaning>,
    pub(super) new: Option<&'a Meaning>,
}

impl<'a> KeyPair<'a> {
    pub(super) fn of(key: &str, old: &'a Meaning, new: &'a Meaning) -> Self {
        Self {
            parents: (old, new),
            old: old.get(key),
            new: new.get(key),
        }
    }

    pub(super) fn before(&self) -> Side {
        side(self.parents.0, self.old)
    }

    /// Like [`before`](Self::before), but located at `pointer`, such as that of a reference.
    pub(super) fn before_at(&self, pointer: &str) -> Side {
        Side {
            pointer: pointer.to_owned(),
            ..self.before()
        }
    }

    pub(super) fn after(&self) -> Side {
        side(self.parents.1, self.new)
    }

    pub(super) fn is_same(&self) -> bool {
        self.old.map(Meaning::to_value) == self.new.map(Meaning::to_value)
    }

    /// Describes the change in words that continue a sentence after the name of the key.
    pub(super) fn description(&self) -> String {
        match (self.old, self.new) {
            (None, _) => format!("is new: {}", self.after().preview()),
            (Some(_), None) => format!("was removed: it was {}", self.before().preview()),
            (Some(_), Some(_)) => format!(
                "changed from {} to {}",
                self.before().preview(),
                self.after().preview()
            ),
        }
    }

    pub(super) fn values(&self) -> (Option<Value>, Option<Value>) {
        (
            self.old.map(Meaning::to_value),
            self.new.map(Meaning::to_value),
        )
    }
}

fn side(parents: &Meaning, node: Option<&Meaning>) -> Side {
    Side {
        pointer: node.unwrap_or(parents).pointer.clone(),
        value: node.map(Meaning::to_value),
    }
}

pub(super) fn keys(old: &Meaning, new: &Meaning) -> BTreeSet<String> {
    let keys = |node: &Meaning| {
        node.entries()
            .map(|(key, _)| key.clone())
            .collect::<BTreeSet<_>>()
    };
    &keys(old) | &keys(new)
}

pub(super) fn members_by_name(
    node: Option<&Meaning>,
    name: impl Fn(&str) -> String,
) -> BTreeMap<String, &Meaning> {
    node.into_iter()
        .flat_map(Meaning::entries)
        .map(|(key, member)| (name(key), member))
        .collect()
}

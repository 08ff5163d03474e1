//! Walks two contracts in parallel and collects the changes that break clients.
//!
//! Every key in which they differ is judged by a rule here or in [`super::schema`]. A change for which there is no rule
//! counts as breaking: what is not understood must not pass.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::meaning::Meaning;
use crate::meaning::difference::Side;

/// Which way a value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Flow {
    /// Clients send it: what they may send today the server must take tomorrow.
    Sent,
    /// Clients read it: what they may receive tomorrow must be what the contract lists today.
    Read,
}

/// What a change does to the set of values that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Some that were allowed no longer are: breaks clients that send.
    Narrowed,
    /// Some are allowed that were not: breaks clients that read.
    Widened,
    /// Both, or unknown: breaks either.
    Changed,
    /// None: breaks no client.
    Harmless,
}

impl Effect {
    /// The effect of a constraint that came, went or became another.
    pub(super) fn of_constraint<T>(before: Option<T>, after: Option<T>) -> Self {
        match (before, after) {
            (None, None) => Effect::Harmless,
            (None, Some(_)) => Effect::Narrowed,
            (Some(_), None) => Effect::Widened,
            (Some(_), Some(_)) => Effect::Changed,
        }
    }
}

/// A change that breaks clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The change, in one sentence without a full stop.
    pub(super) message: String,
    /// Which clients it breaks, and why.
    pub(super) clients: &'static str,
    /// Its place and value before.
    pub(super) before: Side,
    /// Its place and value now.
    pub(super) after: Side,
}

/// The clients that a change breaks, and why: the words of the report.
pub(super) mod clients {
    pub(in super::super) const REFUSED: &str =
        "clients that send: what they were allowed to send is no longer taken";
    pub(in super::super) const UNTOLD: &str =
        "clients that read: they may receive what their contract does not list";
    pub(in super::super) const MISSED: &str =
        "clients that read: what they rely on no longer comes";
    pub(in super::super) const PASSED_OVER: &str =
        "clients that send: what they send there no longer does anything";
    pub(in super::super) const LOST: &str = "clients that call it: there is nothing any more";
    pub(in super::super) const RENAMED: &str =
        "programs built with a generated client: its method has another name";
    pub(in super::super) const SECRET: &str = "programs built with a generated client: the type that keeps a secret from being shown comes or goes";
    pub(in super::super) const UNKNOWN: &str =
        "possibly all clients: no rule says that this change is harmless";
}

/// A walk through two contracts.
pub(super) struct Walk<'a> {
    pub(super) old: &'a Meaning,
    pub(super) new: &'a Meaning,
    /// The pairs of schemas that were compared or are being so.
    pub(super) seen: HashSet<(String, String, Flow)>,
    /// The changes that were found since the last [`Walk::take`].
    found: Vec<Change>,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub(super) fn new(old: &'a Meaning, new: &'a Meaning) -> Self {
        Self {
            old,
            new,
            seen: HashSet::new(),
            found: Vec::new(),
        }
    }

    /// The changes that were found since the last time; the next operation starts empty.
    pub(super) fn take(&mut self) -> Vec<Change> {
        self.seen.clear();
        std::mem::take(&mut self.found)
    }

    /// Records a change.
    pub(super) fn breaks(
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

    /// Records a change of a value if it breaks the clients at its other end.
    pub(super) fn judge(
        &mut self,
        flow: Flow,
        effect: Effect,
        pair: &Pair<'_>,
        message: impl Into<String>,
    ) {
        let clients = match (effect, flow) {
            (Effect::Narrowed | Effect::Changed, Flow::Sent) => clients::REFUSED,
            (Effect::Widened | Effect::Changed, Flow::Read) => clients::UNTOLD,
            (Effect::Widened, Flow::Sent)
            | (Effect::Narrowed, Flow::Read)
            | (Effect::Harmless, Flow::Sent | Flow::Read) => return,
        };
        self.breaks(clients, pair.before(), pair.after(), message);
    }

    /// Records a change for which there is no rule.
    pub(super) fn unknown(&mut self, key: &str, pair: &Pair<'_>) {
        self.breaks(
            clients::UNKNOWN,
            pair.before(),
            pair.after(),
            format!("`{key}` {}", pair.went()),
        );
    }
}

/// One key of two objects that are compared.
pub(super) struct Pair<'a> {
    /// The objects around it.
    pub(super) around: (&'a Meaning, &'a Meaning),
    /// The value in the old one.
    pub(super) old: Option<&'a Meaning>,
    /// The value in the new one.
    pub(super) new: Option<&'a Meaning>,
}

impl<'a> Pair<'a> {
    /// The key `key` of two objects.
    pub(super) fn of(key: &str, old: &'a Meaning, new: &'a Meaning) -> Self {
        Self {
            around: (old, new),
            old: old.get(key),
            new: new.get(key),
        }
    }

    /// What the old contract has there.
    pub(super) fn before(&self) -> Side {
        side(self.around.0, self.old)
    }

    /// What the old contract has there, at the place where it refers to it.
    pub(super) fn before_at(&self, pointer: &str) -> Side {
        Side {
            pointer: pointer.to_owned(),
            ..self.before()
        }
    }

    /// What the new contract has there.
    pub(super) fn after(&self) -> Side {
        side(self.around.1, self.new)
    }

    /// Whether both have the same.
    pub(super) fn is_same(&self) -> bool {
        self.old.map(Meaning::to_value) == self.new.map(Meaning::to_value)
    }

    /// How it changed, in words that follow the name of the key.
    pub(super) fn went(&self) -> String {
        match (self.old, self.new) {
            (None, _) => format!("is new: {}", self.after().shown()),
            (Some(_), None) => format!("is gone: it was {}", self.before().shown()),
            (Some(_), Some(_)) => format!(
                "went from {} to {}",
                self.before().shown(),
                self.after().shown()
            ),
        }
    }

    /// The old and the new value.
    pub(super) fn values(&self) -> (Option<Value>, Option<Value>) {
        (
            self.old.map(Meaning::to_value),
            self.new.map(Meaning::to_value),
        )
    }
}

fn side(around: &Meaning, node: Option<&Meaning>) -> Side {
    Side {
        pointer: node.unwrap_or(around).pointer.clone(),
        value: node.map(Meaning::to_value),
    }
}

/// The keys of either object.
pub(super) fn keys(old: &Meaning, new: &Meaning) -> BTreeSet<String> {
    let keys = |node: &Meaning| {
        node.entries()
            .map(|(key, _)| key.clone())
            .collect::<BTreeSet<_>>()
    };
    &keys(old) | &keys(new)
}

/// The members of a map by another name, such as one without regard to case.
pub(super) fn renamed(
    node: Option<&Meaning>,
    name: impl Fn(&str) -> String,
) -> BTreeMap<String, &Meaning> {
    node.into_iter()
        .flat_map(Meaning::entries)
        .map(|(key, member)| (name(key), member))
        .collect()
}

//! The tables that are copied, with their columns.

/// A table that is copied.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Table {
    pub(in crate::store) name: &'static str,
    /// The unique expressions by which rows are sorted, so that both backends read them in the same order.
    pub(super) key: &'static str,
    pub(in crate::store) columns: &'static [Column],
}

/// The name and the type of a column.
type Column = (&'static str, Type);

/// The type of a column. SQLite stores a Boolean as an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Type {
    Integer,
    Boolean,
    Text,
    Bytes,
}

use Type::{Boolean, Bytes, Integer, Text};

/// Every table with data, each after those that it references.
///
/// The list excludes tables about the servers of one database: `schema_version`, `readiness`, `changes` and
/// `changes_deleted`.
pub(in crate::store) const TABLES: &[Table] = &[
    Table {
        name: "tenants",
        key: "id",
        columns: &[
            ("id", Integer),
            ("public_id", Bytes),
            ("domain", Text),
            ("domain_key", Text),
            ("enabled", Boolean),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "roles",
        key: "id",
        columns: &[
            ("id", Integer),
            ("tenant_id", Integer),
            ("name", Text),
            ("name_key", Text),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "users",
        key: "id",
        columns: &[
            ("id", Integer),
            ("public_id", Bytes),
            ("tenant_id", Integer),
            ("username", Text),
            ("username_key", Text),
            ("built_in_role", Text),
            ("custom_role_id", Integer),
            ("password_hash", Text),
            ("enabled", Boolean),
            ("created_at", Integer),
            ("password_weakness", Text),
        ],
    },
    Table {
        name: "sessions",
        key: "id",
        columns: &[
            ("id", Integer),
            ("token_hash", Bytes),
            ("user_id", Integer),
            ("created_at", Integer),
            ("expires_at", Integer),
        ],
    },
    Table {
        name: "attempts",
        key: "id",
        columns: &[
            ("id", Integer),
            ("account", Bytes),
            ("network", Bytes),
            ("at", Integer),
            ("failed", Boolean),
        ],
    },
    Table {
        name: "streaks",
        key: "account, network",
        columns: &[
            ("account", Bytes),
            ("network", Bytes),
            ("failures", Integer),
            ("last_at", Integer),
        ],
    },
    Table {
        name: "account_days",
        key: "account",
        columns: &[
            ("account", Bytes),
            ("failures", Integer),
            ("since", Integer),
            ("last_at", Integer),
        ],
    },
    Table {
        name: "known_networks",
        key: "user_id, network",
        columns: &[
            ("user_id", Integer),
            ("network", Bytes),
            ("seen_at", Integer),
        ],
    },
    Table {
        name: "allowance_attempts",
        key: "id",
        columns: &[
            ("id", Integer),
            ("user_id", Integer),
            ("network", Bytes),
            ("at", Integer),
        ],
    },
    Table {
        name: "audit",
        key: "id",
        columns: &[
            ("id", Integer),
            ("at", Integer),
            ("last_at", Integer),
            ("count", Integer),
            ("event", Text),
            ("cause", Text),
            ("refused", Boolean),
            ("bucket", Bytes),
            ("username", Text),
            ("username_key", Text),
            ("domain", Text),
            ("domain_key", Text),
            ("source", Text),
            ("address", Text),
            ("user_agent", Text),
            ("request_id", Text),
            ("detail", Text),
            ("operator", Text),
        ],
    },
    // The id of PostgreSQL is not copied: nothing refers to it, and SQLite has none.
    Table {
        name: "refusal_days",
        key: "day, event, cause, coalesce(username_key, ''), coalesce(domain_key, '')",
        columns: &[
            ("day", Integer),
            ("event", Text),
            ("cause", Text),
            ("username", Text),
            ("username_key", Text),
            ("domain", Text),
            ("domain_key", Text),
            ("count", Integer),
        ],
    },
];

impl Table {
    /// Returns whether the rows have ids that the database assigns and never uses again.
    pub(in crate::store) fn has_ids(&self) -> bool {
        self.key == "id"
    }

    pub(in crate::store) fn column_list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// Returns the statement that reads all rows in the order of their keys, in the SQL of both backends.
    pub(in crate::store) fn select(&self) -> String {
        let (columns, Self { name, key, .. }) = (self.column_list(), self);
        format!("SELECT {columns} FROM {name} ORDER BY {key}")
    }

    /// Returns the statement that counts the rows, in the SQL of both backends.
    pub(in crate::store) fn count(&self) -> String {
        format!("SELECT count(*) FROM {}", self.name)
    }
}

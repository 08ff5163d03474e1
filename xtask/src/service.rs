//! The accounts and the database of a scratch server.

use dropshot_conformance::scratch_secret;

use crate::postgres::ScratchDatabases;

pub(crate) const DATABASE: &str = "verify.db";

#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) domain: Option<String>,
    pub(crate) role: String,
}

impl Account {
    pub(crate) fn with_username(&self, username: &str) -> Self {
        Self {
            username: username.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn with_password(&self, password: &str) -> Self {
        Self {
            password: password.to_owned(),
            ..self.clone()
        }
    }
}

pub(crate) struct PbxLogin {
    /// The administrator that the server creates at its first start.
    pub(crate) administrator: Account,
    /// A user of a tenant.
    pub(crate) user: Account,
    /// A user of another tenant with the same name, but another password and role.
    pub(crate) namesake: Account,
    /// The PostgreSQL server of the databases; `None` if they are SQLite files.
    pub(crate) postgres: Option<ScratchDatabases>,
}

impl PbxLogin {
    pub(crate) fn new(postgres: Option<ScratchDatabases>) -> Self {
        let account = |username: &str, domain: Option<&str>, role: &str| Account {
            username: username.to_owned(),
            password: scratch_secret(),
            domain: domain.map(str::to_owned),
            role: role.to_owned(),
        };
        Self {
            administrator: account("admin", None, "SystemAdmin"),
            user: account("alice", Some("verify.example.com"), "StandardUser"),
            namesake: account("alice", Some("other.example.com"), "QueueManager"),
            postgres,
        }
    }
}

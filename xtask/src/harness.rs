use std::path::Path;

use anyhow::Result;
use dropshot_codegen::{ClientSettings, Settings};
use dropshot_conformance::report::{Item, Problem};
use dropshot_conformance::{
    Abort, ClientBench, Drive, Generated, Harness, Sandbox, Scenario, Server,
};

use crate::scenarios::{self, SCENARIOS};
use crate::service::{DATABASE, PbxLogin};
use crate::session;

pub(crate) const CONTRACT: &str = "openapi.yaml";
pub(crate) const API: &str = "crates/api/src/generated.rs";
pub(crate) const CLIENT: &str = "crates/client/src/generated.rs";

impl Harness for PbxLogin {
    fn command(&self) -> &'static str {
        "cargo xtask"
    }

    fn contract(&self) -> &'static str {
        CONTRACT
    }

    fn generated(&self) -> Vec<Generated> {
        let server = Settings::default()
            .with_refusals("crate::refusal::LoginRefusals")
            .with_operations_macro("operations");
        let client = ClientSettings::default().with_credential("crate::credential::Credential");
        vec![
            Generated::server(API, server),
            Generated::client(CLIENT, client),
        ]
    }

    fn server(&self) -> Server {
        let listen = "127.0.0.1:0";
        Server::of_package("pbx-login-server")
            .with_sources("crates/server/src/http")
            .with_document(&["openapi", "--registered"])
            .with_arguments(&["serve", "--listen", listen, "--ops-listen", listen])
            .with_prefix("PBX_LOGIN_")
            .with_setting("PBX_LOGIN_DATABASE", format!("sqlite:{DATABASE}"))
            .with_setting("PBX_LOGIN_LOG_FORMAT", "json")
            .with_setting("PBX_LOGIN_ADMIN_PASSWORD", &self.administrator.password)
    }

    fn scratch_settings(&self, folder: &Path) -> Result<Vec<(&'static str, String)>, Problem> {
        let Some(postgres) = &self.postgres else {
            return Ok(Vec::new());
        };
        Ok(vec![("PBX_LOGIN_DATABASE", postgres.create(folder)?)])
    }

    fn driver(&self) -> Option<&'static str> {
        Some("pbx-login-client-driver")
    }

    fn prepare(&self, sandbox: &Sandbox) -> Result<(), Problem> {
        for account in [&self.user, &self.namesake] {
            let domain = account.domain.as_deref().unwrap_or_default();
            sandbox.run(&["tenant", "create", domain], "")?;
            let user = ["user", "create", &account.username, "--domain", domain];
            let role = ["--role", &account.role, "--password-stdin"];
            sandbox.run(&[&user[..], &role[..]].concat(), &account.password)?;
        }
        Ok(())
    }

    fn credential(&self, drive: &mut Drive, _scheme: &str) -> Result<String, Abort> {
        scenarios::log_in(drive, &self.administrator)
    }

    fn revoke(&self, drive: &mut Drive, _scheme: &str, token: &str) -> Option<Result<(), Abort>> {
        let ended = scenarios::logout(drive, |request| request.bearer(token), 204);
        Some(ended.map(drop))
    }

    fn expiry_settings(&self) -> Option<&[(&'static str, &'static str)]> {
        Some(&[("PBX_LOGIN_SESSION_LIFETIME", "1s")])
    }

    /// Disables rate limiting, because most cases are failed logins from one address.
    fn case_settings(&self) -> &[(&'static str, &'static str)] {
        &[("PBX_LOGIN_THROTTLE_ENABLED", "false")]
    }

    fn scenarios(&self) -> &[&[Scenario<Self>]] {
        SCENARIOS
    }

    fn scenarios_file(&self) -> &'static str {
        "xtask/src/scenarios/<noun>.rs"
    }

    fn required_headers(&self) -> &[(&'static str, &'static str)] {
        &[
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
        ]
    }

    fn check_client(&self, bench: &mut ClientBench) -> Result<Vec<Item>> {
        Ok(vec![session::item(self, bench)?])
    }
}

use std::path::Path;

use anyhow::Result;
use dropshot_codegen::{ClientSettings, Contract, Settings};

use crate::document::Tolerance;
use crate::drive::driver::Driver;
use crate::drive::response_check::Routing;
use crate::drive::sandbox::{Sandbox, Server};
use crate::drive::{Abort, Drive};
use crate::report::{Item, Problem};
use crate::scenario::Scenario;
use crate::workspace::Workspace;

/// Describes a service to the checks.
///
/// Only four methods are required; the defaults suit a service with static credentials. Paths are relative to the
/// folder of the contract.
pub trait Harness: Sized {
    /// Returns the command that runs this harness, such as `cargo xtask`, for findings and help texts.
    fn command(&self) -> &'static str;

    /// Returns the files that are generated from the contract.
    fn generated(&self) -> Vec<Generated>;

    /// Returns how the server is built and started.
    fn server(&self) -> Server;

    /// Obtains a valid credential for the security scheme `scheme`.
    ///
    /// Return a static key, or open a session with `drive`. The value is what the scheme carries: the token of a bearer
    /// scheme, the value of a cookie or header. This method is not called if no operation is secured.
    ///
    /// # Errors
    /// Fails if no credential can be obtained; the reason was recorded in `drive`.
    fn credential(&self, drive: &mut Drive, scheme: &str) -> Result<String, Abort>;

    /// Returns the path of the contract.
    fn contract(&self) -> &'static str {
        "openapi.yaml"
    }

    /// Returns the package of the driver, the program that calls the client; its binary has the same name.
    ///
    /// Without a driver, only the names of the client's methods are checked.
    fn driver(&self) -> Option<&'static str> {
        None
    }

    /// Returns the security scheme of the credentials that the driver sends; by default the first declared.
    fn client_scheme(&self, contract: &Contract) -> Option<String> {
        let schemes = contract.value().pointer("/components/securitySchemes")?;
        schemes.as_object()?.keys().next().cloned()
    }

    /// Returns further settings of the servers in a scratch folder, for example a database of their own.
    ///
    /// # Errors
    /// Fails if what the settings name cannot be created.
    fn scratch_settings(&self, folder: &Path) -> Result<Vec<(&'static str, String)>, Problem> {
        let _ = folder;
        Ok(Vec::new())
    }

    /// Prepares a server that has just started, for example by creating accounts.
    ///
    /// # Errors
    /// Fails if the server cannot be prepared.
    fn prepare(&self, sandbox: &Sandbox) -> Result<(), Problem> {
        let _ = sandbox;
        Ok(())
    }

    /// Returns the scenarios, in groups such as one for each file, in the order in which they run.
    ///
    /// The checks reach some statuses without a scenario: refusals and successes of parameters and bodies, 401 for
    /// every invalid credential, and the success of an operation if the contract describes all its input.
    fn scenarios(&self) -> &[&[Scenario<Self>]] {
        &[]
    }

    /// Returns the file that defines the scenarios, for findings that ask for one; it may be a pattern.
    fn scenarios_file(&self) -> &'static str {
        "the scenarios of the harness"
    }

    /// Returns settings of the server that receives generated requests, such as a disabled rate limit.
    fn case_settings(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Returns settings of a server with credentials that expire within two seconds.
    ///
    /// `None` if credentials do not expire.
    fn expiry_settings(&self) -> Option<&[(&'static str, &'static str)]> {
        None
    }

    /// Revokes a credential, for example by logging out.
    ///
    /// `None` if credentials cannot be revoked.
    fn revoke(
        &self,
        drive: &mut Drive,
        scheme: &str,
        credential: &str,
    ) -> Option<Result<(), Abort>> {
        let _ = (drive, scheme, credential);
        None
    }

    /// Returns an unknown credential of the same form; by default with another first character.
    fn unknown(&self, credential: &str) -> String {
        let first = if credential.starts_with('0') {
            '1'
        } else {
            '0'
        };
        let rest = credential.chars().skip(1);
        std::iter::once(first).chain(rest).collect()
    }

    /// Returns whether the server checks the credential before it validates parameters and the body.
    ///
    /// Handlers of a generated trait can do this. Handwritten endpoints cannot, because dropshot validates their
    /// arguments first.
    fn authenticates_first(&self) -> bool {
        true
    }

    /// Returns the headers, in lower case, and values that every response must have.
    fn required_headers(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Returns the maximum size of a request body in bytes, unless an operation sets another limit.
    fn body_limit(&self) -> usize {
        16 * 1024
    }

    /// Returns how the server refuses requests that are not in the contract.
    fn routing(&self) -> Routing {
        Routing::Strict
    }

    /// Returns the differences to tolerate between the contract and the registered document.
    fn tolerances(&self) -> &[Tolerance] {
        Tolerance::ALL
    }

    /// Checks the handwritten part of the client.
    ///
    /// # Errors
    /// Fails if the checks could not run.
    fn check_client(&self, bench: &mut ClientBench) -> Result<Vec<Item>> {
        let _ = bench;
        Ok(Vec::new())
    }
}

/// A file that is generated from the contract.
#[derive(Clone, Debug)]
pub struct Generated {
    pub(crate) path: &'static str,
    pub(crate) generator: Generator,
}

/// A generator and its settings.
#[derive(Clone, Debug)]
pub enum Generator {
    /// Generates the trait that the server implements, and its types.
    Server(Settings),
    /// Generates the client.
    Client(ClientSettings),
}

impl Generated {
    /// Describes a file with the server's trait and types; source and command are filled in.
    pub fn server(path: &'static str, settings: Settings) -> Self {
        let generator = Generator::Server(settings);
        Self { path, generator }
    }

    /// Describes a file with the client; source and command are filled in.
    pub fn client(path: &'static str, settings: ClientSettings) -> Self {
        let generator = Generator::Client(settings);
        Self { path, generator }
    }
}

/// The context of checks of the client's handwritten part.
#[expect(missing_debug_implementations, reason = "holds a running process")]
pub struct ClientBench<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The workspace in which the client is built.
    pub workspace: &'a Workspace,
    /// The base URL of a prepared server.
    pub server: &'a str,
    /// The running driver.
    pub driver: &'a mut Driver,
}

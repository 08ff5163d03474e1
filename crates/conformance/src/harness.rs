//! The facts about a service that the checks need, in the trait [`Harness`].

use anyhow::Result;
use dropshot_codegen::{ClientSettings, Contract, Settings};

use crate::document::Tolerance;
use crate::drive::driver::Driver;
use crate::drive::judge::Routing;
use crate::drive::site::{Server, Site};
use crate::drive::{Abort, Drive};
use crate::report::{Item, Problem};
use crate::scenario::Scenario;
use crate::workspace::Workspace;

/// The facts about a service that the checks need.
///
/// All but four methods have defaults for a service with static credentials.
///
/// Paths are relative to the workspace, the folder in which the contract's path exists.
pub trait Harness: Sized {
    /// The command that runs this harness, as findings and help texts name it, such as `cargo xtask`.
    fn command(&self) -> &'static str;

    /// The files that are generated from the contract.
    fn generated(&self) -> Vec<Generated>;

    /// How the server is built and started.
    fn server(&self) -> Server;

    /// Obtains a credential that holds, for the security scheme of this name.
    ///
    /// A service with a static key returns it; one with sessions opens one with `drive`. The value is what the scheme
    /// carries: the token of a bearer scheme, the value of a cookie or of a header. A service without secured operations is
    /// never asked.
    ///
    /// # Errors
    ///
    /// None can be obtained. The reason has been recorded in `drive`.
    fn credential(&self, drive: &mut Drive, scheme: &str) -> Result<String, Abort>;

    /// The contract.
    fn contract(&self) -> &'static str {
        "openapi.yaml"
    }

    /// The package of the program that calls the client, with a binary of the same name.
    ///
    /// Without one only the names of the client's methods are checked.
    fn driver(&self) -> Option<&'static str> {
        None
    }

    /// The security scheme with which the driver sends a credential.
    ///
    /// By default the first that the contract declares.
    fn client_scheme(&self, contract: &Contract) -> Option<String> {
        let schemes = contract.value().pointer("/components/securitySchemes")?;
        schemes.as_object()?.keys().next().cloned()
    }

    /// Fills the scratch folder of a server that has just started, for example with accounts.
    ///
    /// # Errors
    ///
    /// The server does not do its part.
    fn populate(&self, site: &Site) -> Result<(), Problem> {
        let _ = site;
        Ok(())
    }

    /// The scenarios, in the order in which they run.
    ///
    /// A status that follows from the contract alone needs none: what an operation must refuse and accept by its
    /// parameters and its body, 401 for each credential that does not hold, and the success of an operation for which the
    /// contract gives everything that is sent.
    fn scenarios(&self) -> &[Scenario<Self>] {
        &[]
    }

    /// Where scenarios are written, for findings that ask for another one.
    fn scenarios_file(&self) -> &'static str {
        "the scenarios of the harness"
    }

    /// Settings of the server that receives the cases, such as a disabled rate limit.
    fn case_settings(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Settings of a server whose credentials expire within two seconds.
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

    /// A credential of the same form that does not exist: by default with its first character changed.
    fn unknown(&self, credential: &str) -> String {
        let first = if credential.starts_with('0') {
            '1'
        } else {
            '0'
        };
        let rest = credential.chars().skip(1);
        std::iter::once(first).chain(rest).collect()
    }

    /// Headers, in lower case, with their values, that each response of the service must have.
    fn required_headers(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// The longest body that the server reads, in bytes, if an operation does not set another.
    fn body_limit(&self) -> usize {
        16 * 1024
    }

    /// How requests that the contract does not list are refused.
    fn routing(&self) -> Routing {
        Routing::Strict
    }

    /// What may differ between the contract and the document that the server registers.
    fn tolerances(&self) -> &[Tolerance] {
        Tolerance::ALL
    }

    /// Checks the part of the client that is written by hand.
    ///
    /// # Errors
    ///
    /// They could not run.
    fn check_client(&self, bench: &mut ClientBench) -> Result<Vec<Item>> {
        let _ = bench;
        Ok(Vec::new())
    }
}

/// A file that is generated from the contract.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The file.
    pub(crate) path: &'static str,
    /// What generates it.
    pub(crate) generator: Generator,
}

/// A generator, with its settings.
#[derive(Clone, Debug)]
pub enum Generator {
    /// The trait and the types that the server implements.
    Server(Settings),
    /// The client.
    Client(ClientSettings),
}

impl Generated {
    /// The trait and the types that the server implements. Source and command are filled in.
    pub fn server(path: &'static str, settings: Settings) -> Self {
        let generator = Generator::Server(settings);
        Self { path, generator }
    }

    /// The client. Source and command are filled in.
    pub fn client(path: &'static str, settings: ClientSettings) -> Self {
        let generator = Generator::Client(settings);
        Self { path, generator }
    }
}

/// What checks of the client's hand-written part have at hand.
#[expect(missing_debug_implementations, reason = "holds a running process")]
pub struct ClientBench<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The workspace in which the client is built.
    pub workspace: &'a Workspace,
    /// The base URL of a server that has been populated.
    pub server: &'a str,
    /// The running driver.
    pub driver: &'a mut Driver,
}

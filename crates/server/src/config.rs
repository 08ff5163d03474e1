//! Settings: `config/table.rs` defines each of them once; here they are loaded, and checked against each other.
//!
//! Flags take precedence over environment variables, these over the settings file, and the file over the defaults. Each
//! source gives text, which the type of the setting parses, so that a value means the same in every source. Nothing here
//! reads the process: flags and environment are passed in.

mod error;
mod setting;
mod sources;
mod table;
mod value;

use std::net::SocketAddr;

pub use self::error::{ConfigError, Place};
pub use self::setting::{FlagScope, Setting};
use self::sources::Layers;
pub use self::sources::Sources;
pub use self::table::{SETTINGS, Settings};
use self::value::Value as _;
pub use self::value::{LogFormat, LogLevel, OpsListen};
use crate::domain::rate_limit::{Limit, Rules};
use crate::domain::session::Lifetime;
use crate::password::{Cost, Limits};
use crate::tls::TlsFiles;

impl Settings {
    /// Loads the settings from their sources.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let layers = Layers::read(SETTINGS, sources)?;
        let mut settings = Self::read(&layers)?;
        settings.check_session_max_lifetime(&layers)?;
        settings.check_password_cost(&layers)?;
        settings.check_tls_files(&layers)?;
        settings.warnings = layers.warnings;
        Ok(settings)
    }

    fn check_session_max_lifetime(&self, layers: &Layers) -> Result<(), ConfigError> {
        if self.session_max_lifetime().seconds() >= self.session_lifetime.seconds() {
            return Ok(());
        }
        let lifetime = self.session_lifetime.show();
        let reason = format!("expected at least session.lifetime, which is {lifetime}");
        Err(layers.conflict("session.max_lifetime", reason))
    }

    fn check_password_cost(&self, layers: &Layers) -> Result<(), ConfigError> {
        let cost = Cost::chosen(self.password_memory, self.password_passes);
        // Which of both is to blame is not known if both are given.
        let key = match layers.is_given("password.passes") {
            true => "password.passes",
            false => "password.memory",
        };
        match cost {
            Ok(_) => Ok(()),
            Err(error) => Err(layers.conflict(key, error.to_string())),
        }
    }

    fn check_tls_files(&self, layers: &Layers) -> Result<(), ConfigError> {
        let (given, missing) = match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => ("tls.certificate", "tls.key"),
            (None, Some(_)) => ("tls.key", "tls.certificate"),
            (Some(_), Some(_)) | (None, None) => return Ok(()),
        };
        let reason =
            format!("a certificate needs its key and a key its certificate; set {missing}");
        Err(layers.conflict(given, reason))
    }

    /// How long use can extend a session: at least its lifetime.
    #[must_use]
    pub fn session_max_lifetime(&self) -> Lifetime {
        self.session_max_lifetime.unwrap_or(self.session_lifetime)
    }

    /// The limits on logins that wait.
    #[must_use]
    pub fn login_limits(&self) -> Limits {
        Limits {
            queue: self.login_queue,
            wait: self.login_max_wait,
        }
    }

    /// The cost of a password hash.
    ///
    /// # Panics
    ///
    /// Never: [`Settings::load`] checked it.
    #[must_use]
    pub fn password_cost(&self) -> Cost {
        Cost::chosen(self.password_memory, self.password_passes).expect("a checked cost")
    }

    /// The limits on failed logins, unless they are off.
    #[must_use]
    pub fn throttle(&self) -> Option<Rules> {
        self.throttle_enabled.then_some(Rules {
            free_failures: self.throttle_free_failures,
            first_delay: self.throttle_first_wait,
            max_delay: self.throttle_longest_wait,
            network: Limit {
                max_failures: self.throttle_address_failures,
                window: self.throttle_address_window,
            },
            account: Limit {
                max_failures: self.throttle_account_failures,
                window: self.throttle_account_window,
            },
        })
    }

    /// Certificate and key, if the server terminates TLS itself.
    #[must_use]
    pub fn tls_files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
        })
    }

    /// Whether clients reach the server over TLS, its own or a proxy's: cookies are `Secure` then.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls_certificate.is_some() || self.tls_terminated
    }

    /// Makes sure that passwords do not travel in the clear: without TLS the server listens on a loopback address.
    ///
    /// # Errors
    ///
    /// [`ExposedError`] names the remedies.
    pub fn check_exposure(&self) -> Result<(), ExposedError> {
        if self.listen.ip().to_canonical().is_loopback() || self.is_encrypted() {
            Ok(())
        } else {
            Err(ExposedError(self.listen))
        }
    }
}

/// Passwords would travel in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and passwords would travel in the clear; listen on 127.0.0.1, name a certificate with --tls-certificate and --tls-key, or pass --tls-terminated if a proxy in front terminates TLS"
)]
pub struct ExposedError(SocketAddr);

#[cfg(test)]
mod tests;

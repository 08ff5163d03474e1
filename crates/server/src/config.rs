//! The settings of `table.rs`: loaded from their sources and checked against each other.
//!
//! Each source provides text, which the type of the setting parses, so that a value has the same syntax in every
//! source. Flags and environment are parameters; nothing here reads the process.

mod error;
mod setting;
mod sources;
mod table;
mod value;

use std::net::SocketAddr;

use http::HeaderValue;

pub use self::error::{ConfigError, Location};
pub(crate) use self::setting::FlagScope;
pub use self::setting::Setting;
use self::sources::Layers;
pub use self::sources::Sources;
pub use self::table::{SETTINGS, Settings};
use self::value::Value as _;
pub use self::value::{AuditTarget, Hsts, LogFormat, LogLevel, Migrate, OpsListen};
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::rate_limit::{Limit, Rules};
use crate::domain::session::Lifetime;
use crate::password::{Cost, Limits};
use crate::store::IfMissing;
use crate::store::postgres::PostgresOptions;
use crate::tls::TlsFiles;

/// The name of the systemd credential with the password of the first administrator.
const ADMIN_PASSWORD_CREDENTIAL: &str = "pbx-login.admin_password";

impl Settings {
    /// Loads the settings; the error is about the first one that cannot be used.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let layers = Layers::read(SETTINGS, sources)?;
        let mut settings = Self::read(&layers)?;
        settings.check_session_max_lifetime(&layers)?;
        settings.check_password_cost(&layers)?;
        settings.check_tls_files(&layers)?;
        settings.check_admin_password(&layers)?;
        if settings.admin_password_file.is_none() {
            settings.admin_password_file = sources.credential(ADMIN_PASSWORD_CREDENTIAL);
        }
        settings.warnings = layers.warnings;
        Ok(settings)
    }

    fn check_session_max_lifetime(&self, layers: &Layers) -> Result<(), ConfigError> {
        if self.session_max_lifetime().seconds() >= self.session_lifetime.seconds() {
            return Ok(());
        }
        let lifetime = self.session_lifetime.format();
        let reason = format!("expected at least session.lifetime, which is {lifetime}");
        Err(layers.conflict("session.max_lifetime", reason))
    }

    fn check_password_cost(&self, layers: &Layers) -> Result<(), ConfigError> {
        let cost = Cost::from_settings(self.password_memory, self.password_passes);
        // If both are given, either can be wrong; the error names only one.
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
            format!("tls.certificate and tls.key must be set together; set {missing} as well");
        Err(layers.conflict(given, reason))
    }

    fn check_admin_password(&self, layers: &Layers) -> Result<(), ConfigError> {
        if self.admin_password.is_none() || self.admin_password_file.is_none() {
            return Ok(());
        }
        let reason = "admin_password is also set; remove one of them".to_owned();
        Err(layers.conflict("admin_password_file", reason))
    }

    #[must_use]
    pub(crate) fn session_max_lifetime(&self) -> Lifetime {
        self.session_max_lifetime.unwrap_or(self.session_lifetime)
    }

    #[must_use]
    pub(crate) fn login_limits(&self) -> Limits {
        Limits {
            queue: self.login_queue,
            wait: self.login_max_wait,
        }
    }

    /// Returns what to do if the database or a migration is missing, where a command would do `missing`.
    #[must_use]
    pub(crate) fn if_missing(&self, missing: IfMissing) -> IfMissing {
        match self.migrate {
            Migrate::Auto => missing,
            Migrate::Never => IfMissing::NeverMigrate,
        }
    }

    #[must_use]
    pub(crate) fn postgres_options(&self) -> PostgresOptions {
        PostgresOptions {
            pool_size: self.postgres_pool_size,
            operation_timeout: self.postgres_operation_timeout,
            retry_timeout: self.postgres_operation_timeout,
            connect_timeout: self.postgres_connect_timeout,
            statement_timeout: self.postgres_statement_timeout,
            lock_timeout: self.postgres_lock_timeout,
            idle_in_transaction_timeout: self.postgres_idle_in_transaction_timeout,
            prepare_statements: self.postgres_prepare_statements,
            ..PostgresOptions::DEFAULT
        }
    }

    /// Returns the limits of a command: it may change or read many more rows than a request.
    #[must_use]
    pub(crate) fn postgres_command_options(&self) -> PostgresOptions {
        PostgresOptions {
            operation_timeout: self.postgres_command_timeout,
            statement_timeout: self.postgres_command_timeout,
            idle_in_transaction_timeout: self
                .postgres_idle_in_transaction_timeout
                .max(PostgresOptions::COMMAND_IDLE_TIMEOUT),
            ..self.postgres_options()
        }
    }

    #[must_use]
    pub(crate) fn password_cost(&self) -> Cost {
        Cost::from_settings(self.password_memory, self.password_passes).expect("a checked cost")
    }

    #[must_use]
    pub(crate) fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy {
            min_characters: self.password_min_length,
            refuse_common: self.password_refuse_common,
        }
    }

    /// Returns `None` if rate limiting is disabled.
    #[must_use]
    pub(crate) fn rate_limit_rules(&self) -> Option<Rules> {
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
            account_daily_failures: self.throttle_account_daily_failures,
        })
    }

    #[must_use]
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
        })
    }

    /// Returns the value of `Strict-Transport-Security`; `None` unless clients use TLS.
    pub(crate) fn strict_transport_security(&self) -> Option<HeaderValue> {
        self.tls_strict_transport_security
            .0
            .clone()
            .filter(|_| self.uses_tls())
    }

    /// Returns whether clients use TLS, to the server or to a proxy.
    #[must_use]
    pub(crate) fn uses_tls(&self) -> bool {
        self.tls_certificate.is_some() || self.tls_terminated
    }

    /// Checks that passwords are not sent unencrypted: without TLS, `listen` must be a loopback address.
    pub fn check_exposure(&self) -> Result<(), ExposedError> {
        if self.listen.ip().to_canonical().is_loopback() || self.uses_tls() {
            Ok(())
        } else {
            Err(ExposedError(self.listen))
        }
    }
}

/// An address on which clients would send passwords unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is reachable from other machines, and passwords would be sent unencrypted; listen on 127.0.0.1, set --tls-certificate and --tls-key, or pass --tls-terminated if a reverse proxy terminates TLS"
)]
pub struct ExposedError(SocketAddr);

#[cfg(test)]
mod tests;

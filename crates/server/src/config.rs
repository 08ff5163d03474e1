//! Settings: where they come from and what they may be.
//!
//! Flags come before environment variables, these before the file, and the file before the defaults. Every source gives
//! text for a [`Key`]; one parser for each key judges it, so that a value means the same wherever it stands, and an error
//! names the place it came from. Nothing here reaches for the process: flags and environment are passed in as values.

mod key;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;

pub use self::key::Key;
use self::key::{Form, PREFIX};
use self::value::{
    CACHE_SESSIONS, cache_sessions, count, listen, number, ops_listen, path, queue, rows, truth,
};
pub use self::value::{LogFormat, LogLevel};
use crate::audit::Audit;
use crate::context::{Lifetime, LifetimeError};
use crate::password::{Cost, Limits, Password, Secret};
use crate::proxies::TrustedProxies;
use crate::store::DatabaseUrl;
use crate::throttle::{Limit, Rules};
use crate::tls::TlsFiles;

/// Where the API listens, unless it is told: for this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8887);

/// Where health checks and metrics are, unless it is told.
const OPS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8888);

/// Names the file, where no flag does.
const CONFIG_VARIABLE: &str = "PBX_LOGIN_CONFIG";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file that a flag names.
    pub config: Option<PathBuf>,
    /// What other flags say.
    pub flags: Vec<(Key, String)>,
    /// The process's environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// The settings.
#[derive(Debug)]
pub struct Settings {
    /// Address of the API. See [`Settings::check_exposure`].
    pub listen: SocketAddr,
    /// Address of health checks and metrics; none where they are switched off.
    pub ops_listen: Option<SocketAddr>,
    /// Which database.
    pub database: DatabaseUrl,
    /// Of the first administrator; made up where there is none.
    pub admin_password: Option<Password>,
    /// How long a session lives.
    pub session_lifetime: Lifetime,
    /// How long use can make a session live: at least its lifetime.
    pub session_max_lifetime: Lifetime,
    /// How many live sessions a user may have.
    pub sessions_per_user: u32,
    /// About how many sessions are kept in memory: none at 0.
    pub cache_sessions: usize,
    /// How many logins may wait, and how long.
    pub login: Limits,
    /// What a password's hash costs.
    pub password: Cost,
    /// By which rules guessers are held back; none where attempts are not counted.
    pub throttle: Option<Rules>,
    /// How long is told what happened.
    pub audit_retention: TimeDelta,
    /// How many rows that takes at most, of refused logins and of the rest each.
    pub audit_rows: u32,
    /// What is logged.
    pub log_level: LogLevel,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Whether TLS ends in a proxy in front: cookies are `Secure` then, and the address need not be a loopback one.
    pub tls_terminated: bool,
    /// Certificate and key, where the server speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// Which proxies are believed what address a client has.
    pub trusted_proxies: TrustedProxies,
    /// What to tell whoever started the program, a line each.
    pub warnings: Vec<String>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this flag.
    Flag(String),
    /// In this environment variable.
    Variable(String),
    /// Under this key of the file.
    Key(String, PathBuf),
    /// Somewhere in the file.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::Key(key, path) => write!(f, "{key} in {}", path.display()),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ConfigError {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

impl Settings {
    /// Reads the settings from their sources.
    ///
    /// A mistyped key of the file is an error. A mistyped environment variable is a warning only: the system that starts
    /// the server may set variables of its own with this prefix (Kubernetes does for a service called `pbx-login`), and
    /// these must not keep it from starting.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let environment = Environment::read(&sources.environment)?;
        let config = sources.config.as_deref();
        let file = match config.or(environment.config.as_deref()) {
            Some(path) => read_file(path)?,
            None => Vec::new(),
        };
        let layers = Layers {
            flags: &sources.flags,
            environment: &environment.values,
            file: &file,
        };
        let session_lifetime = layers
            .get(Key::SessionLifetime, Lifetime::from_str)?
            .unwrap_or(Lifetime::DEFAULT);
        Ok(Self {
            listen: layers.get(Key::Listen, listen)?.unwrap_or(LISTEN),
            ops_listen: layers
                .get(Key::OpsListen, ops_listen)?
                .unwrap_or(Some(OPS_LISTEN)),
            database: layers
                .get(Key::Database, DatabaseUrl::from_str)?
                .unwrap_or_else(|| DatabaseUrl::Sqlite("pbx-login.db".into())),
            admin_password: layers.get(Key::AdminPassword, |text| {
                Password::new(Secret::new(text.to_owned()))
            })?,
            session_lifetime,
            session_max_lifetime: layers
                .get(Key::SessionMaxLifetime, |text| {
                    max_lifetime(text, session_lifetime)
                })?
                .unwrap_or(session_lifetime),
            sessions_per_user: layers
                .get(Key::SessionPerUser, count)?
                .unwrap_or(SESSIONS_PER_USER),
            cache_sessions: layers
                .get(Key::CacheSessions, cache_sessions)?
                .unwrap_or(CACHE_SESSIONS),
            login: login(&layers)?,
            password: password(&layers)?,
            throttle: throttle(&layers)?,
            audit_retention: layers
                .get(Key::AuditRetention, Lifetime::from_str)?
                .map_or(Audit::RETENTION, Lifetime::as_delta),
            audit_rows: layers.get(Key::AuditRows, rows)?.unwrap_or(Audit::ROWS),
            log_level: layers
                .get(Key::LogLevel, LogLevel::from_str)?
                .unwrap_or(LogLevel::Info),
            log_format: layers
                .get(Key::LogFormat, LogFormat::from_str)?
                .unwrap_or(LogFormat::Auto),
            tls_terminated: layers.get(Key::TlsTerminated, truth)?.unwrap_or(false),
            tls: tls(&layers)?,
            trusted_proxies: layers
                .get(Key::TrustedProxies, TrustedProxies::from_str)?
                .unwrap_or_default(),
            warnings: environment.warnings,
        })
    }

    /// Whether clients reach the server over TLS, its own or a proxy's: cookies are `Secure` then.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some() || self.tls_terminated
    }

    /// Makes sure that passwords do not travel in the clear: without TLS the server listens for this machine alone.
    ///
    /// # Errors
    ///
    /// [`ExposedError`] says the ways out.
    pub fn check_exposure(&self) -> Result<(), ExposedError> {
        if self.listen.ip().to_canonical().is_loopback() || self.is_encrypted() {
            Ok(())
        } else {
            Err(ExposedError(self.listen))
        }
    }
}

/// More than a user has telephones, programs and browsers; few enough that a program which logs in for each request
/// does not fill the database.
const SESSIONS_PER_USER: u32 = 100;

fn max_lifetime(text: &str, lifetime: Lifetime) -> Result<Lifetime, String> {
    let longest: Lifetime = text
        .parse()
        .map_err(|error: LifetimeError| error.to_string())?;
    if longest.seconds() < lifetime.seconds() {
        return Err(format!(
            "{text:?} is shorter than session.lifetime, which is {lifetime}; choose a longer one or leave it out"
        ));
    }
    Ok(longest)
}

fn tls(layers: &Layers<'_>) -> Result<Option<TlsFiles>, ConfigError> {
    let missing = |other: Key| {
        let name = other.name();
        Err(format!(
            "a certificate and its key belong together; set {name} as well"
        ))
    };
    let certificate = layers.get(Key::TlsCertificate, path)?;
    let key = layers.get(Key::TlsKey, path)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => layers.get(Key::TlsCertificate, |_| missing(Key::TlsKey)),
        (None, Some(_)) => layers.get(Key::TlsKey, |_| missing(Key::TlsCertificate)),
        (None, None) => Ok(None),
    }
}

fn login(layers: &Layers<'_>) -> Result<Limits, ConfigError> {
    let wait = layers.get(Key::LoginMaxWait, Lifetime::from_str)?;
    let defaults = Limits::DEFAULT;
    Ok(Limits {
        queue: layers
            .get(Key::LoginQueue, queue)?
            .unwrap_or(defaults.queue),
        wait: wait.map_or(defaults.wait, |wait| {
            Duration::from_secs(wait.seconds().unsigned_abs().into())
        }),
    })
}

/// The error names the passes: that one of both was set is all that is known.
fn password(layers: &Layers<'_>) -> Result<Cost, ConfigError> {
    let memory = layers.get(Key::PasswordMemory, number)?;
    let memory = memory.unwrap_or(Cost::OWASP.memory);
    let chosen = |text: &str| {
        let passes = number(text)?;
        Cost::chosen(memory, passes).map_err(|error| error.to_string())
    };
    match layers.get(Key::PasswordPasses, chosen)? {
        Some(cost) => Ok(cost),
        None => {
            let passes = Cost::OWASP.passes;
            let chosen = layers.get(Key::PasswordMemory, |_| Cost::chosen(memory, passes))?;
            Ok(chosen.unwrap_or(Cost::OWASP))
        }
    }
}

fn throttle(layers: &Layers<'_>) -> Result<Option<Rules>, ConfigError> {
    let defaults = Rules::DEFAULT;
    let number = |key, default| Ok(layers.get(key, count)?.unwrap_or(default));
    let time = |key, default| {
        let time = layers.get(key, Lifetime::from_str)?;
        Ok(time.map_or(default, Lifetime::as_delta))
    };
    let rules = Rules {
        free: number(Key::ThrottleFreeFailures, defaults.free)?,
        first_wait: time(Key::ThrottleFirstWait, defaults.first_wait)?,
        longest_wait: time(Key::ThrottleLongestWait, defaults.longest_wait)?,
        network: Limit {
            most: number(Key::ThrottleAddressFailures, defaults.network.most)?,
            within: time(Key::ThrottleAddressWindow, defaults.network.within)?,
        },
        account: Limit {
            most: number(Key::ThrottleAccountFailures, defaults.account.most)?,
            within: time(Key::ThrottleAccountWindow, defaults.account.within)?,
        },
    };
    let enabled = layers.get(Key::ThrottleEnabled, truth)?.unwrap_or(true);
    Ok(enabled.then_some(rules))
}

/// Passwords would travel in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and passwords would travel in the clear; listen on 127.0.0.1, name a certificate with --tls-certificate and --tls-key, or pass --tls-terminated where TLS ends in a proxy in front"
)]
pub struct ExposedError(SocketAddr);

/// The texts that one source has.
type Values = Vec<(Key, Place, Secret)>;

struct Layers<'a> {
    flags: &'a [(Key, String)],
    environment: &'a Values,
    file: &'a Values,
}

impl Layers<'_> {
    fn get<T, E: fmt::Display>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let flag = self.flags.iter().find(|(flag, _)| *flag == key);
        let found = match flag {
            Some((key, text)) => Some((Place::Flag(key.flag()), text.as_str())),
            None => (self.environment.iter().chain(self.file))
                .find(|(other, ..)| *other == key)
                .map(|(_, place, text)| (place.clone(), text.expose())),
        };
        found
            .map(|(place, text)| {
                parse(text).map_err(|error| ConfigError {
                    place,
                    reason: error.to_string(),
                })
            })
            .transpose()
    }
}

#[derive(Default)]
struct Environment {
    config: Option<PathBuf>,
    values: Values,
    warnings: Vec<String>,
}

impl Environment {
    fn read(variables: &[(OsString, OsString)]) -> Result<Self, ConfigError> {
        let mut environment = Self::default();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if name == CONFIG_VARIABLE {
                environment.config = Some(value.into());
            } else if let Some(key) = Key::ALL.into_iter().find(|key| key.variable() == name) {
                let place = Place::Variable(name.to_owned());
                let Some(text) = value.to_str() else {
                    let reason = "its value is not UTF-8; write it in UTF-8".to_owned();
                    return Err(ConfigError { place, reason });
                };
                let text = Secret::new(text.to_owned());
                environment.values.push((key, place, text));
            } else {
                let known = Key::ALL.map(Key::variable);
                let known = known.iter().map(String::as_str).chain([CONFIG_VARIABLE]);
                environment.warnings.push(format!(
                    "the environment variable {name} is no setting and is passed over{}",
                    did_you_mean(name, known)
                ));
            }
        }
        // The system gives them in any order.
        environment.warnings.sort();
        Ok(environment)
    }
}

fn read_file(path: &Path) -> Result<Values, ConfigError> {
    let wrong = |reason| ConfigError {
        place: Place::File(path.to_owned()),
        reason,
    };
    let text = std::fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|error| wrong(format!("cannot be read ({error}); check the path")))?;
    let table: toml::Table = text.expose().parse().map_err(|error: toml::de::Error| {
        // Not the whole error: it shows the line, and there may be a password on it.
        let before = error.span().map_or(0, |span| span.start);
        let line = 1 + text
            .expose()
            .bytes()
            .take(before)
            .filter(|b| *b == b'\n')
            .count();
        wrong(format!(
            "line {line} is no TOML ({})",
            error.message().replace('\n', ", ")
        ))
    })?;
    let mut values = Values::new();
    flatten(path, "", table, &mut values)?;
    Ok(values)
}

/// Collects the values of a table, under keys with dots.
fn flatten(
    path: &Path,
    prefix: &str,
    table: toml::Table,
    values: &mut Values,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        let place = Place::Key(name.clone(), path.to_owned());
        let key = Key::ALL.into_iter().find(|key| key.name() == name);
        let text = match (key, value) {
            (None, toml::Value::Table(table)) => {
                flatten(path, &format!("{name}."), table, values)?;
                continue;
            }
            (None, _) => {
                let known = Key::ALL.map(Key::name);
                let hint = did_you_mean(&name, known.into_iter());
                let reason = format!("there is no such setting{hint}");
                return Err(ConfigError { place, reason });
            }
            (Some(key), value) => match (key.form(), value) {
                (_, toml::Value::String(text)) => (key, text),
                (Form::Truth, toml::Value::Boolean(truth)) => (key, truth.to_string()),
                (Form::Number, toml::Value::Integer(number)) => (key, number.to_string()),
                (Form::List, toml::Value::Array(items))
                    if items.iter().all(toml::Value::is_str) =>
                {
                    let items: Vec<&str> = items.iter().filter_map(toml::Value::as_str).collect();
                    (key, items.join(","))
                }
                // The value is not repeated: it may be a password.
                (form, _) => {
                    let reason = form.wrong().to_owned();
                    return Err(ConfigError { place, reason });
                }
            },
        };
        values.push((text.0, place, Secret::new(text.1)));
    }
    Ok(())
}

/// Names the nearest of what is known, where one is near.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.9)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
}

#[cfg(test)]
mod tests;

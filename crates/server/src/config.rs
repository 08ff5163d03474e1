//! Settings: where they come from and what they may be.
//!
//! Flags come before environment variables, these before the file, and the file before the defaults. Every source gives
//! text for a [`Key`]; one parser for each key judges it, so that a value means the same wherever it stands, and an error
//! names the place it came from. Nothing here reaches for the process: flags and environment are passed in as values.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::context::Lifetime;
use crate::password::{Password, Secret};
use crate::store::DatabaseUrl;

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Address of the API.
    Listen,
    /// URL of the database.
    Database,
    /// Password of the first administrator. There is no flag for it: those show in the list of processes.
    AdminPassword,
    /// How long a session lives.
    SessionLifetime,
    /// What is logged.
    LogLevel,
    /// How it is logged.
    LogFormat,
    /// Whether TLS ends in a proxy in front.
    TlsTerminated,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Listen,
        Self::Database,
        Self::AdminPassword,
        Self::SessionLifetime,
        Self::LogLevel,
        Self::LogFormat,
        Self::TlsTerminated,
    ];

    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Database => "database",
            Self::AdminPassword => "admin_password",
            Self::SessionLifetime => "session.lifetime",
            Self::LogLevel => "log.level",
            Self::LogFormat => "log.format",
            Self::TlsTerminated => "tls.terminated",
        }
    }

    /// Its environment variable.
    #[must_use]
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.name().to_uppercase().replace('.', "_"))
    }

    /// Its flag. [`Key::AdminPassword`] is never read from one.
    #[must_use]
    pub fn flag(self) -> String {
        format!("--{}", self.name().replace(['.', '_'], "-"))
    }
}

/// What the environment variables start with.
const PREFIX: &str = "PBX_LOGIN_";

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
    /// Which database.
    pub database: DatabaseUrl,
    /// Of the first administrator; made up where there is none.
    pub admin_password: Option<Password>,
    /// How long a session lives.
    pub session_lifetime: Lifetime,
    /// What is logged.
    pub log_level: LogLevel,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Whether TLS ends in a proxy in front: cookies are `Secure` then, and the address need not be a loopback one.
    pub tls_terminated: bool,
    /// What to tell whoever started the program, a line each.
    pub warnings: Vec<String>,
}

/// What is logged: a level and everything above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// One line a request.
    Info,
    /// What somebody should look at.
    Warn,
    /// What failed.
    Error,
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "trace" => Ok(Self::Trace),
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(format!(
                "{text:?} is no level; choose trace, debug, info, warn or error"
            )),
        }
    }
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As text on a terminal, else as JSON.
    Auto,
    /// As text.
    Text,
    /// As JSON, one object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no format; choose auto, text or json")),
        }
    }
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
        let default = "127.0.0.1:8887";
        Ok(Self {
            listen: layers
                .get(Key::Listen, listen)?
                .unwrap_or_else(|| default.parse().expect("an address")),
            database: layers
                .get(Key::Database, DatabaseUrl::from_str)?
                .unwrap_or_else(|| DatabaseUrl::Sqlite("pbx-login.db".into())),
            admin_password: layers.get(Key::AdminPassword, |text| {
                Password::new(Secret::new(text.to_owned()))
            })?,
            session_lifetime: layers
                .get(Key::SessionLifetime, Lifetime::from_str)?
                .unwrap_or(Lifetime::DEFAULT),
            log_level: layers
                .get(Key::LogLevel, LogLevel::from_str)?
                .unwrap_or(LogLevel::Info),
            log_format: layers
                .get(Key::LogFormat, LogFormat::from_str)?
                .unwrap_or(LogFormat::Auto),
            tls_terminated: layers.get(Key::TlsTerminated, truth)?.unwrap_or(false),
            warnings: environment.warnings,
        })
    }

    /// Makes sure that passwords do not travel in the clear: the server speaks plain HTTP, so that it listens for this
    /// machine alone, unless TLS ends in front of it.
    ///
    /// # Errors
    ///
    /// [`ExposedError`] says both ways out.
    pub fn check_exposure(&self) -> Result<(), ExposedError> {
        if self.listen.ip().to_canonical().is_loopback() || self.tls_terminated {
            Ok(())
        } else {
            Err(ExposedError(self.listen))
        }
    }
}

/// Passwords would travel in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and passwords would travel in the clear; listen on 127.0.0.1, or pass --tls-terminated where TLS ends in a proxy in front"
)]
pub struct ExposedError(SocketAddr);

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address with a port; write one like 127.0.0.1:8887 or [::1]:8887")
    })
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is neither true nor false; write one of them"))
}

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
            (Some(key), toml::Value::String(text)) => (key, text),
            (Some(Key::TlsTerminated), toml::Value::Boolean(truth)) => {
                (Key::TlsTerminated, truth.to_string())
            }
            (Some(Key::TlsTerminated), _) => {
                let reason = "it is neither true nor false; write one of them".to_owned();
                return Err(ConfigError { place, reason });
            }
            // The value is not repeated: it may be a password.
            (Some(_), _) => {
                let reason = "it is no text; put it in quotation marks".to_owned();
                return Err(ConfigError { place, reason });
            }
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

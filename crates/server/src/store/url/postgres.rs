//! URLs of PostgreSQL, as libpq reads them.
//!
//! The parser of tokio-postgres supports neither client certificates nor the verification of the server, and its units
//! differ from those of libpq (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>).

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::DatabaseUrlError;

/// The URL of a PostgreSQL database. `Debug` and `Display` show no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    hosts: Vec<PostgresHost>,
    /// All other settings, which tokio-postgres supports; without hosts.
    config: Config,
    ssl: SslSettings,
    passfile: Option<PathBuf>,
}

/// A server of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresHost {
    /// The host name, the address, or the directory of the Unix socket.
    pub name: String,
    /// The port, which is also part of the name of a Unix socket.
    pub port: u16,
}

/// How a connection uses TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SslSettings {
    /// Whether TLS is used, and what is verified.
    pub mode: SslMode,
    /// The certificates that are trusted.
    pub roots: Option<RootCertificates>,
    /// The files of the client's certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Whether TLS is used, and what is verified. The names are those of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The certificates that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// The certificates in a PEM file.
    File(PathBuf),
    /// The certificates of the operating system.
    System,
}

const DEFAULT_PORT: u16 = 5432;

const APPLICATION_NAME: &str = "pbx-login-server";

/// How long sent data may stay unacknowledged before the connection fails, as after a network failure.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// An idle connection is probed after this time, because firewalls drop silent connections.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(10);

const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(3);

const KEEPALIVES_COUNT: u32 = 3;

impl PostgresUrl {
    /// Parses the text after `postgres://`.
    pub(super) fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let (authority, rest) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // The name of a database would contain it encoded: this is the end of a password with an unencoded slash.
        if path.contains('@') {
            return Err(DatabaseUrlError::Host);
        }
        let mut parser = Parser::new();
        let hosts = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => {
                parser.read_credentials(credentials)?;
                hosts
            }
            None => authority,
        };
        parser.read_hosts(hosts)?;
        if let Some(database) = path.strip_prefix('/').filter(|name| !name.is_empty()) {
            parser.config.dbname(decode(database)?);
        }
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            parser.read_parameter(parameter)?;
        }
        parser.finish()
    }

    /// Returns the servers, in the order in which they are tried.
    #[must_use]
    pub fn hosts(&self) -> &[PostgresHost] {
        &self.hosts
    }

    /// Returns the settings of a connection, without a host.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns how a connection uses TLS.
    #[must_use]
    pub fn ssl(&self) -> &SslSettings {
        &self.ssl
    }

    /// Returns the password file that the URL names.
    #[must_use]
    pub fn passfile(&self) -> Option<&PathBuf> {
        self.passfile.as_ref()
    }
}

/// The characters that need no encoding in a name (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{}@", utf8_percent_encode(user, UNRESERVED))?;
        }
        for (number, host) in self.hosts.iter().enumerate() {
            let separator = if number > 0 { "," } else { "" };
            if host.is_socket() {
                let name = utf8_percent_encode(&host.name, UNRESERVED);
                write!(f, "{separator}{name}:{}", host.port)?;
            } else {
                write!(f, "{separator}{host}")?;
            }
        }
        match self.config.get_dbname() {
            Some(name) => write!(f, "/{}", utf8_percent_encode(name, UNRESERVED)),
            None => Ok(()),
        }
    }
}

impl PostgresHost {
    /// The directory of the Unix socket in the packages of Debian and Red Hat.
    pub const DEFAULT_SOCKET: &str = "/var/run/postgresql";

    /// Returns whether the server is reached through a Unix socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }
}

impl fmt::Display for PostgresHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

struct Parser {
    config: Config,
    names: Vec<String>,
    ports: Vec<u16>,
    mode: Option<SslMode>,
    roots: Option<RootCertificates>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    passfile: Option<PathBuf>,
}

impl Parser {
    fn new() -> Self {
        let mut config = Config::new();
        config
            .application_name(APPLICATION_NAME)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(KEEPALIVES_IDLE)
            .keepalives_interval(KEEPALIVES_INTERVAL)
            .keepalives_retries(KEEPALIVES_COUNT);
        Self {
            config,
            names: Vec::new(),
            ports: Vec::new(),
            mode: None,
            roots: None,
            certificate: None,
            key: None,
            passfile: None,
        }
    }

    fn read_credentials(&mut self, credentials: &str) -> Result<(), DatabaseUrlError> {
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        if !user.is_empty() {
            self.config.user(decode(user)?);
        }
        if let Some(password) = password {
            self.config.password(decode(password)?.as_bytes());
        }
        Ok(())
    }

    fn read_hosts(&mut self, hosts: &str) -> Result<(), DatabaseUrlError> {
        if hosts.is_empty() {
            return Ok(());
        }
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[') {
                Some(rest) => {
                    let (address, port) = rest.split_once(']').ok_or(DatabaseUrlError::Host)?;
                    match (port, port.strip_prefix(':')) {
                        ("", _) => (address, ""),
                        (_, Some(port)) => (address, port),
                        (_, None) => return Err(DatabaseUrlError::Host),
                    }
                }
                None => host.split_once(':').unwrap_or((host, "")),
            };
            self.names.push(decode(name)?.into_owned());
            self.ports.push(parse_port(port)?);
        }
        Ok(())
    }

    fn read_parameter(&mut self, parameter: &str) -> Result<(), DatabaseUrlError> {
        let (name, value) = parameter.split_once('=').ok_or(DatabaseUrlError::Host)?;
        let value = decode(value)?;
        let config = &mut self.config;
        match &*decode(name)? {
            "user" => drop(config.user(value)),
            "password" => drop(config.password(value.as_bytes())),
            "dbname" => drop(config.dbname(value)),
            "options" => drop(config.options(value)),
            "application_name" => drop(config.application_name(value)),
            "host" => self.names = value.split(',').map(ToOwned::to_owned).collect(),
            "port" => {
                self.ports = value.split(',').map(parse_port).collect::<Result<_, _>>()?;
            }
            "passfile" => self.passfile = Some(value.into_owned().into()),
            "sslmode" => self.mode = Some(SslMode::parse(&value)?),
            // The spelling of JDBC, which libpq accepts in a URL.
            "ssl" if value == "true" => self.mode = Some(SslMode::Require),
            "sslrootcert" => {
                self.roots = Some(match &*value {
                    "system" => RootCertificates::System,
                    path => RootCertificates::File(path.into()),
                });
            }
            "sslcert" => self.certificate = Some(value.into_owned().into()),
            "sslkey" => self.key = Some(value.into_owned().into()),
            "connect_timeout" => {
                let seconds = parse_number("connect_timeout", &value)?;
                if seconds > 0 {
                    config.connect_timeout(Duration::from_secs(seconds));
                }
            }
            "tcp_user_timeout" => {
                let milliseconds = parse_number("tcp_user_timeout", &value)?;
                config.tcp_user_timeout(Duration::from_millis(milliseconds));
            }
            "keepalives" => {
                let enabled = parse_number("keepalives", &value)? != 0;
                config.keepalives(enabled);
            }
            "keepalives_idle" => {
                let seconds = parse_number("keepalives_idle", &value)?;
                config.keepalives_idle(Duration::from_secs(seconds));
            }
            "keepalives_interval" => {
                let seconds = parse_number("keepalives_interval", &value)?;
                config.keepalives_interval(Duration::from_secs(seconds));
            }
            "keepalives_count" => {
                let count = parse_number("keepalives_count", &value)?;
                config.keepalives_retries(u32::try_from(count).unwrap_or(u32::MAX));
            }
            "target_session_attrs" => {
                config.target_session_attrs(parse_target(&value)?);
            }
            "channel_binding" => {
                config.channel_binding(match &*value {
                    "disable" => ChannelBinding::Disable,
                    "prefer" => ChannelBinding::Prefer,
                    "require" => ChannelBinding::Require,
                    _ => return Err(invalid("channel_binding", "disable, prefer or require")),
                });
            }
            // These values permit connections without GSSAPI, which is not supported.
            "gssencmode" if value == "disable" || value == "prefer" => {}
            "gssencmode" => return Err(invalid("gssencmode", "disable or prefer")),
            // The name may be part of a password with an unencoded question mark.
            _ if parameter.contains('@') => return Err(DatabaseUrlError::Host),
            name => return Err(DatabaseUrlError::UnknownParameter(name.to_owned())),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<PostgresUrl, DatabaseUrlError> {
        let ssl = self.ssl_settings()?;
        let hosts = self.hosts()?;
        Ok(PostgresUrl {
            hosts,
            config: self.config,
            ssl,
            passfile: self.passfile,
        })
    }

    fn ssl_settings(&mut self) -> Result<SslSettings, DatabaseUrlError> {
        let is_system = self.roots == Some(RootCertificates::System);
        let mode = match self.mode {
            None if is_system => SslMode::VerifyFull,
            None => SslMode::Prefer,
            Some(SslMode::VerifyFull) => SslMode::VerifyFull,
            // A public authority certifies anyone, so the name of the host must be verified.
            Some(_) if is_system => {
                return Err(invalid(
                    "sslmode",
                    "verify-full, because sslrootcert is system",
                ));
            }
            Some(mode) => mode,
        };
        if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) && self.roots.is_none() {
            let expected =
                "the file of the root certificates, or system, because sslmode verifies the server";
            return Err(invalid("sslrootcert", expected));
        }
        let certificate = match (self.certificate.take(), self.key.take()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(invalid("sslkey", "the file of the key of sslcert")),
            (None, Some(_)) => return Err(invalid("sslcert", "the certificate of sslkey")),
        };
        Ok(SslSettings {
            mode,
            roots: self.roots.take(),
            certificate,
        })
    }

    fn hosts(&mut self) -> Result<Vec<PostgresHost>, DatabaseUrlError> {
        let mut names = std::mem::take(&mut self.names);
        if names.is_empty() {
            names.push(String::new());
        }
        let ports = std::mem::take(&mut self.ports);
        if ports.len() > 1 && ports.len() != names.len() {
            return Err(invalid("port", "one port, or one for each host"));
        }
        let default = ports.first().copied().unwrap_or(DEFAULT_PORT);
        let hosts = names.into_iter().enumerate().map(|(number, name)| {
            let name = match name.is_empty() {
                true => PostgresHost::DEFAULT_SOCKET.to_owned(),
                false => name,
            };
            let port = ports.get(number).copied().unwrap_or(default);
            PostgresHost { name, port }
        });
        Ok(hosts.collect())
    }
}

impl SslMode {
    fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let expected = "disable, allow, prefer, require, verify-ca or verify-full";
                return Err(invalid("sslmode", expected));
            }
        })
    }
}

/// Parses `target_session_attrs`. Values for a standby are refused, because every session writes.
fn parse_target(text: &str) -> Result<TargetSessionAttrs, DatabaseUrlError> {
    match text {
        "any" => Ok(TargetSessionAttrs::Any),
        "read-write" | "primary" => Ok(TargetSessionAttrs::ReadWrite),
        _ => Err(invalid(
            "target_session_attrs",
            "read-write, primary or any",
        )),
    }
}

fn parse_port(text: &str) -> Result<u16, DatabaseUrlError> {
    match text {
        "" => Ok(DEFAULT_PORT),
        _ => text.parse().map_err(|_| DatabaseUrlError::Host),
    }
}

fn parse_number(name: &'static str, text: &str) -> Result<u64, DatabaseUrlError> {
    text.parse().map_err(|_| invalid(name, "a whole number"))
}

fn invalid(name: &'static str, expected: &'static str) -> DatabaseUrlError {
    DatabaseUrlError::Parameter { name, expected }
}

fn decode(text: &str) -> Result<Cow<'_, str>, DatabaseUrlError> {
    let bytes = text.as_bytes();
    let is_encoded = bytes.iter().enumerate().all(|(at, byte)| {
        let digits = bytes.get(at + 1..at + 3);
        *byte != b'%' || digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !is_encoded {
        return Err(DatabaseUrlError::Encoding);
    }
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| DatabaseUrlError::Encoding)
}

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use http::HeaderValue;

use crate::audit::stream::StreamTarget;
use crate::domain::password::{Password, Secret};
use crate::domain::session::{Lifetime, LifetimeError};
use crate::proxies::TrustedProxies;
use crate::store::DatabaseUrl;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    const PLACEHOLDER: &'static str;

    const TOML_TYPE: TomlType = TomlType::Text;

    /// Whether messages must not show a value.
    const SECRET: bool = false;

    /// Parses a value. The error states what was expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// Formats a value so that [`Value::parse`] accepts it.
    fn format(&self) -> String;
}

/// The TOML type of a value in the settings file; a string is always accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TomlType {
    Text,
    Bool,
    Integer,
    List,
}

impl TomlType {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text => "expected a string in quotation marks",
            Self::Bool => "expected true or false",
            Self::Integer => "expected a whole number",
            Self::List => "expected a list of strings such as [\"192.0.2.7\"]",
        }
    }
}

impl<T: Value> Value for Option<T> {
    const PLACEHOLDER: &'static str = T::PLACEHOLDER;
    const TOML_TYPE: TomlType = T::TOML_TYPE;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn format(&self) -> String {
        self.as_ref().map_or_else(String::new, T::format)
    }
}

macro_rules! value {
    ($type:ty, $placeholder:literal, $toml_type:ident, $expected:literal) => {
        impl Value for $type {
            const PLACEHOLDER: &'static str = $placeholder;
            const TOML_TYPE: TomlType = TomlType::$toml_type;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse()
                    .map_err(|_| concat!("expected ", $expected).to_owned())
            }

            fn format(&self) -> String {
                self.to_string()
            }
        }
    };
}

value!(
    SocketAddr,
    "ADDRESS",
    Text,
    "an address with a port such as 127.0.0.1:8887 or [::1]:8887"
);
value!(
    OpsListen,
    "ADDRESS",
    Text,
    "an address with a port such as 127.0.0.1:8888 or [::1]:8888, or off"
);
value!(
    Hsts,
    "POLICY",
    Text,
    "a value such as max-age=31536000; includeSubDomains, or off"
);
value!(
    AuditTarget,
    "TARGET",
    Text,
    "stdout, the path of a file, or off"
);
value!(u32, "NUMBER", Integer, "a whole number");
value!(usize, "NUMBER", Integer, "a whole number");
value!(bool, "BOOL", Bool, "true or false");
value!(Migrate, "WHEN", Text, "auto or never");
value!(LogLevel, "LEVEL", Text, "info, warn or error");
value!(LogFormat, "FORMAT", Text, "auto, text or json");

/// Implements [`Value`] for a duration, with the syntax and the limits of a [`Lifetime`].
macro_rules! duration {
    ($type:ty, $from:expr, $seconds:expr) => {
        impl Value for $type {
            const PLACEHOLDER: &'static str = "DURATION";

            fn parse(text: &str) -> Result<Self, String> {
                let lifetime: Result<Lifetime, LifetimeError> = text.parse();
                lifetime.map($from).map_err(|error| error.to_string())
            }

            fn format(&self) -> String {
                format_seconds($seconds(self))
            }
        }
    };
}

duration!(Lifetime, |it| it, |it: &Self| it.as_delta().num_seconds());
duration!(TimeDelta, Lifetime::as_delta, Self::num_seconds);
duration!(Duration, Lifetime::as_duration, |it: &Self| it
    .as_secs()
    .cast_signed());

/// Formats a duration in whole units, without rounding: `90d`, `1h 30m`.
fn format_seconds(seconds: i64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    parts.join(" ")
}

impl Value for PathBuf {
    const PLACEHOLDER: &'static str = "FILE";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected the path of a file".to_owned()),
            _ => Ok(text.into()),
        }
    }

    fn format(&self) -> String {
        self.display().to_string()
    }
}

/// Secret, because the URL of a PostgreSQL database may contain a password.
impl Value for DatabaseUrl {
    const PLACEHOLDER: &'static str = "URL";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }

    fn format(&self) -> String {
        self.to_string()
    }
}

impl Value for Password {
    const PLACEHOLDER: &'static str = "PASSWORD";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Self::new(Secret::new(text.to_owned())).map_err(|error| error.to_string())
    }

    fn format(&self) -> String {
        "(secret)".to_owned()
    }
}

impl Value for TrustedProxies {
    const PLACEHOLDER: &'static str = "NETWORKS";
    const TOML_TYPE: TomlType = TomlType::List;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <Self as FromStr>::Err| error.to_string())
    }

    fn format(&self) -> String {
        self.to_string()
    }
}

/// The address of health checks and metrics, or `None` if they are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpsListen(pub Option<SocketAddr>);

impl FromStr for OpsListen {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text {
            "off" => Ok(Self(None)),
            _ => text.parse().map(Some).map(Self),
        }
    }
}

impl fmt::Display for OpsListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// The target of the audit stream, or `None` if it is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTarget(pub Option<StreamTarget>);

impl FromStr for AuditTarget {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "" => Err(()),
            "off" => Ok(Self(None)),
            "stdout" => Ok(Self(Some(StreamTarget::Stdout))),
            path => Ok(Self(Some(StreamTarget::File(path.into())))),
        }
    }
}

impl fmt::Display for AuditTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("off"),
            Some(StreamTarget::Stdout) => f.write_str("stdout"),
            Some(StreamTarget::File(path)) => path.display().fmt(f),
        }
    }
}

/// The value of `Strict-Transport-Security` (RFC 6797, section 6.1), or `None` if it is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hsts(pub Option<HeaderValue>);

impl Default for Hsts {
    /// One year, with subdomains: what OWASP ASVS 5.0 requires (3.4.1).
    fn default() -> Self {
        let policy = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        Self(Some(policy))
    }
}

impl FromStr for Hsts {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "off" {
            return Ok(Self(None));
        }
        let mut directives = text.split(';').map(str::trim);
        let max_age = directives.next().and_then(|it| it.strip_prefix("max-age="));
        let is_number = max_age.is_some_and(|age| age.parse::<u32>().is_ok());
        let are_known = directives.all(|it| matches!(it, "includeSubDomains" | "preload"));
        match HeaderValue::from_str(text) {
            Ok(policy) if is_number && are_known => Ok(Self(Some(policy))),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.0.as_ref().and_then(|policy| policy.to_str().ok());
        f.write_str(policy.unwrap_or("off"))
    }
}

macro_rules! keywords {
    ($(#[$doc:meta])* $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $word:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err(()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $( Self::$variant => $word, )+
                })
            }
        }
    };
}

keywords! {
    /// Whether a program may change the schema.
    Migrate {
        /// Each start migrates an older schema.
        Auto = "auto",
        /// Only the command `migrate` does.
        Never = "never",
    }
}

keywords! {
    /// The least severe level that is logged.
    LogLevel {
        /// One line for each request.
        Info = "info",
        /// Events that need an operator's attention.
        Warn = "warn",
        /// Failures.
        Error = "error",
    }
}

keywords! {
    /// The format of the log.
    LogFormat {
        /// Text on a terminal, otherwise JSON.
        Auto = "auto",
        /// Text.
        Text = "text",
        /// JSON, one object per line.
        Json = "json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_policy_is_checked() {
        for text in [
            "off",
            "max-age=0",
            "max-age=31536000; includeSubDomains; preload",
        ] {
            assert_eq!(Hsts::parse(text).unwrap().format(), text);
        }
        for text in [
            "",
            "on",
            "max-age",
            "max-age=x",
            "max-age=1; unknown",
            "max-age=1;",
        ] {
            assert!(Hsts::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn audit_target_is_off_standard_output_or_a_file() {
        let target = |text| AuditTarget::parse(text).map(|target| target.0);
        assert_eq!(target("off"), Ok(None));
        assert_eq!(target("stdout"), Ok(Some(StreamTarget::Stdout)));
        let file = StreamTarget::File("./stdout".into());
        assert_eq!(target("./stdout"), Ok(Some(file)));
        assert!(target("").is_err());
    }

    #[test]
    fn duration_is_formatted_as_it_is_parsed() {
        for text in ["1s", "90d", "1h 30m", "365d", "1d 1s"] {
            assert_eq!(Lifetime::parse(text).unwrap().format(), text);
        }
    }
}

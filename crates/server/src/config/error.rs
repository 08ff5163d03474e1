use std::fmt;
use std::path::PathBuf;

/// The location of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A flag.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// An error in a setting or in the settings file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The value of a setting is invalid.
    #[error("invalid {key}{} ({location}): {reason}", ShownValue(.value.as_deref()))]
    Invalid {
        /// The key of the setting.
        key: &'static str,
        /// The value, unless it may be a secret.
        value: Option<String>,
        /// The location of the value.
        location: Location,
        /// What was expected.
        reason: String,
    },
    /// The settings file has an unknown key.
    #[error("unknown setting {key} ({location}); {hint}")]
    Unknown {
        /// The key.
        key: String,
        /// The location of the key.
        location: Location,
        /// What to do.
        hint: String,
    },
    /// The settings file is not TOML. The message does not quote the line, which may contain a password.
    #[error("invalid TOML ({location}): {reason}")]
    Syntax {
        /// The location of the error.
        location: Location,
        /// The message of the parser.
        reason: String,
    },
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}: {cause}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
}

impl ConfigError {
    /// Returns whether the error is in the command line.
    #[must_use]
    pub fn is_usage_error(&self) -> bool {
        matches!(
            self,
            Self::Invalid {
                location: Location::Flag(_),
                ..
            }
        )
    }
}

struct ShownValue<'a>(Option<&'a str>);

impl fmt::Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, " {value:?}"),
            None => Ok(()),
        }
    }
}

//! Errors of settings, each with the place of the bad value.

use std::fmt;
use std::path::PathBuf;

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting has a value that it cannot have.
    #[error("invalid {key}{} ({place}): {reason}", ShownValue(.value.as_deref()))]
    Invalid {
        /// The key of the setting.
        key: &'static str,
        /// The value, unless it may be a secret.
        value: Option<String>,
        /// The place of the value.
        place: Place,
        /// What was expected.
        reason: String,
    },
    /// The settings file has a key that no setting has.
    #[error("unknown setting {key} ({place}); {hint}")]
    Unknown {
        /// The key.
        key: String,
        /// The place of the key.
        place: Place,
        /// What to do.
        hint: String,
    },
    /// The settings file is not TOML. The line is not repeated: it may hold a password.
    #[error("invalid TOML ({place}): {reason}")]
    Syntax {
        /// The place of the error.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}: {cause}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl ConfigError {
    /// Whether the command line is to blame.
    #[must_use]
    pub fn is_usage_error(&self) -> bool {
        matches!(
            self,
            Self::Invalid {
                place: Place::Flag(_),
                ..
            }
        )
    }
}

/// A value in quotation marks after a space, or nothing.
struct ShownValue<'a>(Option<&'a str>);

impl fmt::Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, " {value:?}"),
            None => Ok(()),
        }
    }
}

//! The sources of settings: flags, environment variables and the settings file, in this order of precedence.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Location};
use super::setting::{Setting, VARIABLE_PREFIX};
use super::value::{TomlType, Value};
use crate::domain::password::Secret;

const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

pub(super) const CONFIG_VARIABLE: &str = "PBX_LOGIN_CONFIG";

/// The minimum Jaro-Winkler similarity of a name to one that is suggested for it.
const MIN_SUGGESTION_SIMILARITY: f64 = 0.9;

/// The sources of settings.
#[derive(Debug, Default)]
pub struct Sources {
    /// The settings file, if `--config` is given.
    pub config: Option<PathBuf>,
    /// The values of flags; the first value of a setting takes precedence.
    pub flags: Vec<(&'static Setting, String)>,
    /// The environment of the process.
    pub environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// Returns the file of a credential that systemd passes to the service, if there is one.
    ///
    /// systemd sets `CREDENTIALS_DIRECTORY` (<https://systemd.io/CREDENTIALS/>).
    pub(super) fn credential(&self, name: &str) -> Option<PathBuf> {
        let mut variables = self.environment.iter();
        let (_, directory) = variables.find(|(name, _)| name == CREDENTIALS_VARIABLE)?;
        let path = Path::new(directory).join(name);
        path.exists().then_some(path)
    }
}

struct SourceValue {
    setting: &'static Setting,
    text: Secret,
    location: Location,
}

impl SourceValue {
    fn invalid(&self, reason: String) -> ConfigError {
        let is_shown = !self.setting.secret;
        ConfigError::Invalid {
            key: self.setting.key,
            value: is_shown.then(|| self.text.expose().to_owned()),
            location: self.location.clone(),
            reason,
        }
    }
}

pub(super) struct Layers {
    settings: &'static [Setting],
    given: Vec<SourceValue>,
    pub(super) warnings: Vec<String>,
}

impl Layers {
    pub(super) fn read(
        settings: &'static [Setting],
        sources: &Sources,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self {
            settings,
            given: Vec::new(),
            warnings: Vec::new(),
        };
        for (setting, text) in &sources.flags {
            layers.given.push(SourceValue {
                setting,
                text: Secret::new(text.clone()),
                location: Location::Flag(setting.flag().unwrap_or_default()),
            });
        }
        let config = layers.read_environment(&sources.environment)?;
        if let Some(path) = sources.config.clone().or(config) {
            layers.read_file(&path)?;
        }
        Ok(layers)
    }

    fn find(&self, key: &str) -> Option<&SourceValue> {
        self.given.iter().find(|given| given.setting.key == key)
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn get<T: Value>(&self, key: &str) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.find(key) else {
            return Ok(None);
        };
        let text = given.text.expose();
        if let Some(range) = &given.setting.range {
            let number = text.parse().ok();
            if number.is_none_or(|number| !range.contains(&number)) {
                let (min, max) = (range.start(), range.end());
                return Err(given.invalid(format!("expected a whole number from {min} to {max}")));
            }
        }
        let parsed = T::parse(text).map_err(|reason| given.invalid(reason));
        parsed.map(Some)
    }

    /// Returns the error for a value that conflicts with another one; panics if no source gives it.
    pub(super) fn conflict(&self, key: &str, reason: String) -> ConfigError {
        self.find(key).expect("a given value").invalid(reason)
    }

    /// Reads the environment and returns the path of the settings file, if a variable names it.
    ///
    /// An unknown variable is only a warning: Kubernetes sets variables with this prefix for a service named
    /// `pbx-login`.
    fn read_environment(
        &mut self,
        variables: &[(OsString, OsString)],
    ) -> Result<Option<PathBuf>, ConfigError> {
        let mut config = None;
        for (name, value) in variables {
            let Some(name) = name
                .to_str()
                .filter(|name| name.starts_with(VARIABLE_PREFIX))
            else {
                continue;
            };
            if name == CONFIG_VARIABLE {
                config = Some(value.into());
                continue;
            }
            let mut settings = self.settings.iter();
            let Some(setting) = settings.find(|setting| setting.variable() == name) else {
                let known = self.settings.iter().map(Setting::variable);
                let suggestion = suggest(name, known.chain([CONFIG_VARIABLE.to_owned()]))
                    .map_or_else(String::new, |known| format!("; did you mean {known}?"));
                let warning =
                    format!("ignoring the unknown environment variable {name}{suggestion}");
                self.warnings.push(warning);
                continue;
            };
            let location = Location::Variable(name.to_owned());
            let Some(text) = value.to_str() else {
                return Err(ConfigError::Invalid {
                    key: setting.key,
                    value: None,
                    location,
                    reason: "expected UTF-8".to_owned(),
                });
            };
            self.given.push(SourceValue {
                setting,
                text: Secret::new(text.to_owned()),
                location,
            });
        }
        // The order of environment variables is arbitrary.
        self.warnings.sort();
        Ok(config)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map(Secret::new);
        let text = text.map_err(|cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        let file = File {
            path,
            text: text.expose(),
        };
        let table = DeTable::parse(file.text).map_err(|error| ConfigError::Syntax {
            location: file.location(error.span().map_or(0, |span| span.start)),
            // The whole error would quote the line.
            reason: error.message().replace('\n', ", "),
        })?;
        self.read_table(&file, "", table.get_ref())
    }

    fn read_table(
        &mut self,
        file: &File<'_>,
        prefix: &str,
        table: &DeTable<'_>,
    ) -> Result<(), ConfigError> {
        // The map is sorted by key; report the first error in the order of the file.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let key = format!("{prefix}{}", name.get_ref());
            let location = file.location(name.span().start);
            let setting = self.settings.iter().find(|setting| setting.key == key);
            match (setting, value.get_ref()) {
                (Some(setting), value) => {
                    let Some(text) = text(setting.toml_type, value) else {
                        return Err(ConfigError::Invalid {
                            key: setting.key,
                            // The value is not shown, because it may be a password.
                            value: None,
                            location,
                            reason: setting.toml_type.expected().to_owned(),
                        });
                    };
                    self.given.push(SourceValue {
                        setting,
                        text: Secret::new(text),
                        location,
                    });
                }
                (None, DeValue::Table(table)) => {
                    self.read_table(file, &format!("{key}."), table)?;
                }
                (None, _) => {
                    let known = self.settings.iter().map(|setting| setting.key.to_owned());
                    let hint = suggest(&key, known).map_or_else(
                        || "remove it; `pbx-login-server --help` lists the settings".to_owned(),
                        |known| format!("did you mean {known}?"),
                    );
                    return Err(ConfigError::Unknown {
                        key,
                        location,
                        hint,
                    });
                }
            }
        }
        Ok(())
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn location(&self, offset: usize) -> Location {
        let before = self.text.bytes().take(offset);
        Location::File {
            path: self.path.to_owned(),
            line: 1 + before.filter(|byte| *byte == b'\n').count(),
        }
    }
}

fn text(toml_type: TomlType, value: &DeValue<'_>) -> Option<String> {
    match (toml_type, value) {
        (_, DeValue::String(text)) => Some(text.clone().into_owned()),
        (TomlType::Bool, DeValue::Boolean(value)) => Some(value.to_string()),
        (TomlType::Integer, DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            number.ok().map(|number| number.to_string())
        }
        (TomlType::List, DeValue::Array(items)) => {
            let items: Option<Vec<&str>> = items
                .iter()
                .map(Spanned::get_ref)
                .map(DeValue::as_str)
                .collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

fn suggest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(similarity, _)| *similarity > MIN_SUGGESTION_SIMILARITY)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, known)| known)
}

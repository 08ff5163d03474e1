//! The definition of a setting, and the macro that generates [`Settings`](super::Settings).

use std::ops::RangeInclusive;

use super::value::{TomlType, Value};

pub(super) const VARIABLE_PREFIX: &str = "PBX_LOGIN_";

/// A setting: its names, its default and its description.
#[derive(Debug)]
pub struct Setting {
    /// The key in the settings file.
    pub key: &'static str,
    pub(crate) placeholder: &'static str,
    pub(crate) flag_scope: FlagScope,
    /// Whether only `--help` shows it, and not `-h`.
    pub(crate) advanced: bool,
    /// Whether the flag may be given without a value, which means `true`.
    pub(crate) switch: bool,
    help: &'static str,
    default: fn() -> String,
    default_words: Option<&'static str>,
    pub(super) toml_type: TomlType,
    pub(super) range: Option<RangeInclusive<u64>>,
    pub(super) secret: bool,
}

/// The commands that have the flag of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagScope {
    Serve,
    /// `serve` and `ready`.
    Ready,
    /// `serve` and the commands that manage tenants, users, roles and sessions.
    Management,
    /// The same, and the other commands that use the database of the settings.
    Database,
    /// No command: a flag would show the value in the list of processes.
    None,
}

impl Setting {
    pub(super) const fn new<T: Value>(
        key: &'static str,
        help: &'static str,
        default: fn() -> String,
    ) -> Self {
        Self {
            key,
            placeholder: T::PLACEHOLDER,
            flag_scope: FlagScope::Serve,
            advanced: false,
            switch: false,
            help,
            default,
            default_words: None,
            toml_type: T::TOML_TYPE,
            range: None,
            secret: T::SECRET,
        }
    }

    pub(super) const fn range(mut self, range: RangeInclusive<u64>) -> Self {
        self.range = Some(range);
        self
    }

    pub(super) const fn default_is(mut self, words: &'static str) -> Self {
        self.default_words = Some(words);
        self
    }

    pub(super) const fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    pub(super) const fn switch(mut self) -> Self {
        self.switch = true;
        self
    }

    pub(super) const fn flag_of(mut self, scope: FlagScope) -> Self {
        self.flag_scope = scope;
        self
    }

    /// Returns the name of the environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!(
            "{VARIABLE_PREFIX}{}",
            self.key.to_uppercase().replace('.', "_")
        )
    }

    /// Returns the flag, if the setting has one.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        match self.flag_scope {
            FlagScope::Serve | FlagScope::Ready | FlagScope::Management | FlagScope::Database => {
                Some(format!("--{}", self.key.replace(['.', '_'], "-")))
            }
            FlagScope::None => None,
        }
    }

    /// Returns the description, one sentence.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help.trim_start()
    }

    /// Returns the default as a value, or `None` if it only has a description.
    #[must_use]
    pub fn default_value(&self) -> Option<String> {
        self.default_words.is_none().then(self.default)
    }

    /// Returns the default as a value, or its description.
    #[must_use]
    pub fn default_text(&self) -> String {
        self.default_words
            .map_or_else(self.default, ToOwned::to_owned)
    }
}

/// Generates the struct `Settings`, the list `SETTINGS` and the function `Settings::read` from a table.
///
/// The doc comment of an entry is also the help of the flag and the row of the documentation. The options are the
/// builder methods of [`Setting`].
macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $default:expr, $key:literal $(, $option:ident $(($argument:expr))?)*;
    )+) => {
        /// The settings.
        #[derive(Debug)]
        pub struct Settings {
            $( $(#[doc = $help])+ pub $field: $type, )+
            /// Warnings for the operator, one line each.
            pub warnings: Vec<String>,
        }

        /// Every setting, in the order of the documentation.
        pub static SETTINGS: &[Setting] = &[$(
            Setting::new::<$type>(
                $key,
                concat!($($help),+),
                || <$type as Value>::format(&$default),
            )
            $( .$option($($argument)?) )*
        ),+];

        impl Settings {
            pub(super) fn read(layers: &Layers) -> Result<Self, ConfigError> {
                Ok(Self {
                    $( $field: layers.get($key)?.unwrap_or_else(|| $default), )+
                    warnings: Vec::new(),
                })
            }
        }
    };
}
pub(super) use settings;

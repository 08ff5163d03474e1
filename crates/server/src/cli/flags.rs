//! The flags of settings, generated from the table of settings.
//!
//! All of them may precede a command. A command accepts only those that it uses, so that no flag is without effect.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::UsageError;
use crate::config::{FlagScope, SETTINGS, Setting};

const CONFIG: &str = "config";

/// The values of all flags of settings.
#[derive(Debug)]
pub(super) struct Flags {
    pub(super) settings: Vec<(&'static Setting, String)>,
    /// The settings file.
    pub(super) config: Option<PathBuf>,
}

/// Returns whether a command uses the settings with this scope.
fn has_flags(command: &str, scope: FlagScope) -> bool {
    match command {
        "serve" => scope != FlagScope::None,
        "tenant" | "user" | "role" | "session" | "throttle" | "audit" => match scope {
            FlagScope::Management | FlagScope::Database => true,
            FlagScope::Serve | FlagScope::Ready | FlagScope::None => false,
        },
        "backup" | "migrate" | "check" => scope == FlagScope::Database,
        "ready" => scope == FlagScope::Ready,
        // `copy` reads the limits of PostgreSQL from the settings file and the environment.
        "copy" | "openapi" => false,
        other => unreachable!("the command {other} has no list of settings"),
    }
}

/// Returns whether a command reads the settings file.
fn has_config(command: &str) -> bool {
    command != "openapi"
}

fn arguments(has_scope: impl Fn(FlagScope) -> bool) -> impl Iterator<Item = Arg> {
    let settings = SETTINGS.iter();
    let settings = settings.filter(move |setting| has_scope(setting.flag_scope));
    settings.map(argument)
}

fn argument(setting: &'static Setting) -> Arg {
    let flag = setting.flag().unwrap_or_default();
    let help = setting.help().replace('`', "");
    let argument = Arg::new(setting.key)
        .long(flag.trim_start_matches('-').to_owned())
        .value_name(setting.placeholder)
        .help(format!("{help} [default: {}]", setting.default_text()))
        .hide_short_help(setting.advanced);
    match setting.switch {
        true => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        false => argument,
    }
}

fn config_argument() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .help("Settings file in TOML format")
        .value_parser(value_parser!(PathBuf))
}

fn is_common(scope: FlagScope) -> bool {
    matches!(scope, FlagScope::Management | FlagScope::Database)
}

/// Adds to each command the flags that it uses. Their subcommands have them as well.
///
/// The ids are those of the flags before the command, so that clap passes the values to the top.
pub(super) fn add_to_commands(program: Command) -> Command {
    program.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let common = arguments(|scope| is_common(scope) && has_flags(&name, scope));
        let config = has_config(&name).then(config_argument);
        let others = arguments(|scope| !is_common(scope) && has_flags(&name, scope));
        let heading = (name != "serve").then_some("Settings");
        let flags = common.chain(config).chain(others);
        let flags: Vec<Arg> = flags
            .map(|flag| flag.help_heading(heading).global(true))
            .collect();
        command.args(flags)
    })
}

/// Refuses a flag before a command that does not use it.
pub(super) fn reject_unused(matches: &ArgMatches) -> Result<(), UsageError> {
    let Some(command) = matches.subcommand_name() else {
        return Ok(());
    };
    let mut flags = SETTINGS.iter().filter_map(|setting| {
        let is_unused = !has_flags(command, setting.flag_scope);
        setting
            .flag()
            .filter(|_| is_unused && matches.contains_id(setting.key))
    });
    let config = (!has_config(command) && matches.contains_id(CONFIG)).then(|| "--config".into());
    match flags.next().or(config) {
        Some(flag) => Err(UsageError(format!(
            "{flag} has no effect on {command}; remove it"
        ))),
        None => Ok(()),
    }
}

impl Args for Flags {
    fn augment_args(program: Command) -> Command {
        let others = |scope| scope != FlagScope::None && !is_common(scope);
        let others = arguments(others).map(|flag| flag.help_heading("Options of serve"));
        program
            .args(arguments(is_common))
            .arg(config_argument())
            .args(others)
    }

    fn augment_args_for_update(program: Command) -> Command {
        Self::augment_args(program)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let settings = SETTINGS.iter().filter(|setting| setting.flag().is_some());
        let text = |setting: &Setting| matches.get_one(setting.key).cloned();
        Ok(Self {
            settings: settings
                .filter_map(|setting| Some((setting, text(setting)?)))
                .collect(),
            config: matches.get_one(CONFIG).cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

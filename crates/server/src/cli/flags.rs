//! The flags of settings, generated from the table of settings.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{FlagScope, SETTINGS, Setting};

pub(super) type FlagValue = (&'static Setting, String);

#[derive(Debug)]
pub(super) struct GlobalFlags(pub(super) Vec<FlagValue>);

#[derive(Debug, Default)]
pub(super) struct ServeFlags(pub(super) Vec<FlagValue>);

fn settings(scope: FlagScope) -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.flag_scope == scope)
}

fn add_flags(command: Command, scope: FlagScope) -> Command {
    command.args(settings(scope).map(argument))
}

fn argument(setting: &'static Setting) -> Arg {
    let flag = setting.flag().unwrap_or_default();
    let help = setting.help().replace('`', "");
    let argument = Arg::new(setting.key)
        .long(flag.trim_start_matches('-').to_owned())
        .value_name(setting.placeholder)
        .help(format!("{help} [default: {}]", setting.default_text()))
        .global(setting.flag_scope == FlagScope::AllCommands)
        .hide_short_help(setting.advanced);
    match setting.switch {
        true => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        false => argument,
    }
}

fn flag_values(matches: &ArgMatches, scope: FlagScope) -> Vec<FlagValue> {
    let text = |setting: &Setting| matches.get_one(setting.key).cloned();
    settings(scope)
        .filter_map(|setting| Some((setting, text(setting)?)))
        .collect()
}

/// Implements clap's traits for the flags of a scope.
macro_rules! flags {
    ($type:ty, $scope:expr) => {
        impl Args for $type {
            fn augment_args(command: Command) -> Command {
                add_flags(command, $scope)
            }

            fn augment_args_for_update(command: Command) -> Command {
                add_flags(command, $scope)
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self(flag_values(matches, $scope)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0 = flag_values(matches, $scope);
                Ok(())
            }
        }
    };
}

flags!(GlobalFlags, FlagScope::AllCommands);
flags!(ServeFlags, FlagScope::Serve);

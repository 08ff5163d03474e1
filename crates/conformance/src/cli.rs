//! The command line of a service's program: `generate` and `verify`.

use std::env;
use std::ffi::OsStr;
use std::process::ExitCode;

use anstream::{eprint, eprintln, print, println};
use anyhow::{Result, bail};
use clap::{Args, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::generate::{self, Written};
use crate::harness::Harness;
use crate::report::{self, Check, Problem, Verdict};
use crate::timings::Timings;
use crate::verify::{self, Base};
use crate::workspace::{self, Workspace};

/// Everything agrees, or the files were written.
pub const AGREEMENT: u8 = 0;
/// The command could not run: a file cannot be read or written, cargo cannot be started.
pub const COULD_NOT_RUN: u8 = 2;
/// Generated files are stale; `generate` repairs them.
pub const STALE: u8 = 4;
/// A person must correct something.
pub const FAILED: u8 = 100;

/// The exit codes and examples of `generate`.
pub const GENERATE_HELP: &str = "\
Exit codes:
  0    the generated files are up to date
  2    a file cannot be read or written
  100  a person must correct the contract

Example:
  cargo xtask generate";

/// The exit codes and examples of `verify`.
pub const VERIFY_HELP: &str = "\
Exit codes:
  0    contract, server and client agree
  2    the command could not run
  4    a generated file is stale: `cargo xtask generate` repairs it
  100  a person must correct something

crates/conformance/src/report/json.rs documents the output of `--format json`.

Examples:
  cargo xtask verify                                     all checks except compatibility
  cargo xtask verify --base origin/main                  all checks, compared with origin/main for compatibility
  cargo xtask verify --only contract                     one check
  cargo xtask verify --only generated --only client      two checks
  cargo xtask verify --format json | jq .result          print only the result
  cargo xtask verify --timings                           show the duration of each step
  NO_COLOR=1 cargo xtask verify                          without colour on a terminal";

/// A command of the program. Help texts call it `cargo xtask`; [`named`] renames it.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write the generated files from the contract.
    #[command(after_help = GENERATE_HELP)]
    Generate,
    /// Check that contract, server and client agree; write nothing.
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
}

/// The arguments of `verify`.
#[derive(Args, Clone, Debug, Default)]
pub struct Verify {
    /// Run only this check; can be repeated.
    #[arg(long, value_name = "CHECK")]
    pub only: Vec<Check>,
    /// Also compare the contract with that of a git revision: a branch, a tag or a commit.
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// The output format [default: `github` if GITHUB_ACTIONS is `true`, otherwise `text`].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Show the duration of each check and step.
    #[arg(long)]
    pub timings: bool,
}

/// The output format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
}

impl Format {
    /// Returns the default format, given the variable that GitHub's runners set to `true`.
    fn default_for(actions: Option<&OsStr>) -> Self {
        match actions {
            Some(value) if value == "true" => Format::Github,
            Some(_) | None => Format::Text,
        }
    }
}

/// Keeps the contract, the server and the client consistent.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Parses the command line of a program without further commands, and runs it.
pub fn main<H: Harness>(harness: &H) -> ExitCode {
    let command = <Arguments as clap::CommandFactory>::command();
    let matches = named(command, harness.command()).get_matches();
    match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => exit(run(harness, arguments.command)),
        Err(error) => error.exit(),
    }
}

/// Renames the program `cargo xtask`, also in help texts.
pub fn named(command: clap::Command, name: &'static str) -> clap::Command {
    let renamed = |command: clap::Command| match command.get_after_help() {
        Some(help) => {
            let help = help.to_string().replace("cargo xtask", name);
            command.after_help(help)
        }
        None => command,
    };
    let command = renamed(command.name(name).bin_name(name));
    command.mut_subcommands(renamed)
}

/// Converts the result of a command to an exit code and prints an error.
pub fn exit(outcome: Result<u8>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// Runs a command and returns the exit code.
///
/// # Errors
/// Fails if the command could not run.
pub fn run<H: Harness>(harness: &H, command: Command) -> Result<u8> {
    match command {
        Command::Generate => run_generate(harness),
        Command::Verify(arguments) => {
            let actions = env::var_os("GITHUB_ACTIONS");
            let format = arguments
                .format
                .unwrap_or_else(|| Format::default_for(actions.as_deref()));
            run_verify(harness, &arguments, format).inspect_err(|error| {
                let error = format!("{error:#}");
                match format {
                    Format::Text => {}
                    Format::Json => {
                        print!("{}", report::json::could_not_run(&error, COULD_NOT_RUN));
                    }
                    Format::Github => print!("{}", report::github::could_not_run(&error)),
                }
            })
        }
    }
}

fn run_generate<H: Harness>(harness: &H) -> Result<u8> {
    let workspace = Workspace::find(harness.contract())?;
    let contract = match workspace.contract()? {
        Ok(contract) => contract,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let artifacts = match generate::artifacts(harness, &contract) {
        Ok(artifacts) => artifacts,
        Err(findings) => return Ok(refuse(&workspace::problems(findings, contract.text()))),
    };
    for (path, written) in generate::write(&workspace, &artifacts)? {
        match written {
            Written::Wrote => println!("wrote {path}"),
            Written::Fresh => println!("fresh {path}"),
        }
    }
    Ok(AGREEMENT)
}

fn refuse(problems: &[Problem]) -> u8 {
    let mut out = String::from("error: nothing was written, because the contract has errors\n");
    for problem in problems {
        problem.render(&mut out);
    }
    eprint!("{out}");
    FAILED
}

fn run_verify<H: Harness>(harness: &H, arguments: &Verify, format: Format) -> Result<u8> {
    let Verify {
        only,
        base,
        timings,
        ..
    } = arguments;
    let workspace = Workspace::find(harness.contract())?;
    if base.is_none() && only.contains(&Check::Compatibility) {
        bail!("the check compatibility needs `--base REV`, the revision to compare with");
    }
    let measured = Timings::default();
    let earlier = base
        .as_deref()
        .map(|revision| measured.step("read the base", || Base::read(&workspace, revision)))
        .transpose()?;
    let report = verify::run(harness, &workspace, only, earlier.as_ref(), &measured)?;
    let code = match report.verdict() {
        Verdict::Agreement => AGREEMENT,
        Verdict::Stale => STALE,
        Verdict::Failed => FAILED,
    };
    let steps = measured.into_steps();
    let run = report::Run {
        report: &report,
        command: harness.command(),
        base: base.as_deref(),
        timings: timings.then_some(steps.as_slice()),
    };
    print!(
        "{}",
        match format {
            Format::Text => report::text::render(&run),
            Format::Json => report::json::render(&run, code),
            Format::Github => report::github::render(&run),
        }
    );
    Ok(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn default_format_is_github_only_in_github_actions() {
        for (value, format) in [
            (Some("true"), Format::Github),
            (Some("false"), Format::Text),
            (Some(""), Format::Text),
            (None, Format::Text),
        ] {
            let value = value.map(OsStr::new);
            assert_eq!(Format::default_for(value), format, "{value:?}");
        }
    }

    #[test]
    fn help_names_the_command_of_the_harness() {
        let mut command = named(Arguments::command(), "cargo things");
        command.build();
        command.clone().debug_assert();
        let verify = command.find_subcommand_mut("verify").expect("it exists");
        let help = verify.render_long_help().to_string();
        assert!(help.contains("Usage: cargo things verify"), "{help}");
        assert!(!help.contains("xtask"), "{help}");
    }
}

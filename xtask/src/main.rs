//! `cargo xtask`: `generate`, `verify`, `diff`, `mutate`, `bench`.
//!
//! The contract `openapi.yaml` is the only source of the API. `generate` writes what is made from it; `verify` proves
//! that contract, server and client agree, and never writes anything.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{eprint, eprintln, print, println};
use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};

mod bench;
mod client;
mod diff;
mod generate;
mod mutate;
mod report;
mod timings;
mod verify;
mod workspace;

use generate::Written;
use report::{Check, Problem, Sum};
use timings::Timings;
use verify::Base;
use workspace::Workspace;

/// Everything agrees, or was written.
const AGREEMENT: u8 = 0;
/// Two documents differ.
const DIFFERENT: u8 = 1;
/// It could not run: a file cannot be read or written, cargo cannot be started.
const COULD_NOT_RUN: u8 = 2;
/// `cargo xtask generate` repairs it.
const STALE: u8 = 4;
/// A person must repair it.
const FAILED: u8 = 100;

const EXIT_CODES: &str = "\
Exit codes of `generate` and `verify`:
  0    everything agrees
  2    it could not run
  4    stale: `cargo xtask generate` repairs it
  100  a person must repair it

Examples:
  cargo xtask generate                  after an edit of openapi.yaml
  cargo xtask verify                    before a commit
  cargo xtask verify --only contract    while editing openapi.yaml
  cargo xtask verify --base main        before a merge: does the edit break who goes by the contract on main?
  cargo xtask diff old.yaml new.json    what differs in meaning between two documents
  cargo xtask mutate                    does verify still find every drift that it must?";

const GENERATE_HELP: &str = "\
Exit codes:
  0    both files are as the contract says
  2    a file cannot be read or written
  100  the contract must be mended by a person

Example:
  cargo xtask generate";

const VERIFY_HELP: &str = "\
Exit codes:
  0    contract, server and client agree
  2    it could not run
  4    stale: `cargo xtask generate` repairs it
  100  a person must repair it

The shape of `--format json` is documented in xtask/src/report/json.rs.

Examples:
  cargo xtask verify                                     every check but compatibility
  cargo xtask verify --base origin/main                  and compatibility with the contract of a revision
  cargo xtask verify --only contract                     one check
  cargo xtask verify --only generated --only client      two checks
  cargo xtask verify --format json | jq .result          for a program
  cargo xtask verify --timings                           where the time goes
  NO_COLOR=1 cargo xtask verify                          without colour on a terminal";

const DIFF_HELP: &str = "\
What is written otherwise and means the same is no difference: the order of keys, of parameters, and of `required`, `enum`
and `tags`; defaults that are spelled out; an `allOf` of one reference; references to anything but schemas, whose names are
part of the meaning.

With `--format json`: {\"version\": 1, \"a\": FILE, \"b\": FILE, \"same\": BOOLEAN, \"differences\": [{\"pointer\": POINTER with
references followed, \"a\": SIDE, \"b\": SIDE}]}; a SIDE is {\"pointer\", \"line\", \"column\", \"value\"}, without `value` where
nothing stands.

Exit codes:
  0    both mean the same
  1    they differ
  2    a file cannot be read, or is no OpenAPI 3.0 document

Examples:
  cargo xtask diff openapi.yaml other.json
  cargo run -q -- openapi --registered > emitted.json && cargo xtask diff --as-dropshot openapi.yaml emitted.json";

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
    /// As annotations of a GitHub workflow.
    Github,
}

impl Format {
    /// The format that is used where none is named; `actions` is the variable that GitHub's runners set to `true`.
    fn fitting(actions: Option<&OsStr>) -> Self {
        match actions {
            Some(value) if value == "true" => Format::Github,
            Some(_) | None => Format::Text,
        }
    }
}

const MUTATE_HELP: &str = "\
Each drift is planted in a copy of the work tree, target/mutate, never in the work tree itself. The first run builds the
server there from nothing; that takes minutes.

Exit codes:
  0    each was found: by the check that must, with the place named and the right exit code
  2    it could not run: for example, the work tree does not verify as it is
  100  some were missed, or no longer apply

Examples:
  cargo xtask mutate                                    all of them
  cargo xtask mutate --list                             what there is
  cargo xtask mutate --only cookie-lax --only api-path  these two
  cargo xtask mutate --write                            all, and the outcome to docs/mutations.md";

/// How what is for people or programs is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlainFormat {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

const BENCH_HELP: &str = "\
Both servers share the machine with the load: nothing else should run meanwhile. The last results, and how to
read them, stand in docs/performance.md.

Exit codes:
  0    it was measured, whatever came of it
  2    it could not run

Examples:
  cargo xtask bench --quick
  cargo xtask bench --large --chart docs/checks.svg
  cargo xtask bench --quick --format json";

/// Keeps contract, server and client in agreement.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes both generated files from the contract.
    #[command(after_help = GENERATE_HELP)]
    Generate,
    /// Proves that contract, server and client agree; writes nothing.
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// Run this check only; may be given several times.
        #[arg(long, value_name = "CHECK")]
        only: Vec<Check>,
        /// Compare the contract also with that of this revision of git: a branch, a tag, a commit.
        #[arg(long, value_name = "REV")]
        base: Option<String>,
        /// How the report is printed; without this flag `github` where GITHUB_ACTIONS is set, else `text`.
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
        /// Tell where the time went, by check and by step.
        #[arg(long)]
        timings: bool,
    },
    /// Compares two OpenAPI documents, YAML or JSON, by what they mean.
    #[command(after_help = DIFF_HELP)]
    Diff {
        /// One document.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// Forgive B what dropshot cannot say (security, servers, statuses and headers of errors), as `verify` does.
        #[arg(long)]
        as_dropshot: bool,
        /// How the differences are printed.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlainFormat,
    },
    /// Plants drifts one at a time and shows which of them `verify` does not find.
    #[command(after_help = MUTATE_HELP)]
    Mutate {
        /// Plant this one only; may be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Show all of them and plant none.
        #[arg(long, conflicts_with_all = ["write", "format"])]
        list: bool,
        /// How the outcome is printed.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlainFormat,
        /// Write the outcome to docs/mutations.md.
        #[arg(long)]
        write: bool,
    },
    /// Measures the server, built for release, beside a bare dropshot server.
    #[command(after_help = BENCH_HELP)]
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Generate => run_generate(),
        Command::Verify {
            only,
            base,
            format,
            timings,
        } => {
            let format =
                format.unwrap_or_else(|| Format::fitting(env::var_os("GITHUB_ACTIONS").as_deref()));
            run_verify(&only, base.as_deref(), format, timings).inspect_err(|error| match format {
                Format::Text => {}
                Format::Json => print!(
                    "{}",
                    report::json::could_not_run(&format!("{error:#}"), COULD_NOT_RUN)
                ),
                Format::Github => {
                    print!("{}", report::github::could_not_run(&format!("{error:#}")));
                }
            })
        }
        Command::Diff {
            a,
            b,
            as_dropshot,
            format,
        } => diff::run(&a, &b, as_dropshot).map(|comparison| {
            print!(
                "{}",
                match format {
                    PlainFormat::Text => comparison.text(),
                    PlainFormat::Json => comparison.json(),
                }
            );
            if comparison.is_same() {
                AGREEMENT
            } else {
                DIFFERENT
            }
        }),
        Command::Bench(arguments) => run_bench(&arguments),
        Command::Mutate {
            only,
            list,
            format,
            write,
        } => run_mutate(&only, list, format, write),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run_generate() -> Result<u8> {
    let workspace = Workspace::find()?;
    let contract = match workspace.contract()? {
        Ok(contract) => contract,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let artifacts = match generate::artifacts(&contract) {
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

/// Shows what is wrong with the contract.
fn refuse(problems: &[Problem]) -> u8 {
    let mut out = String::from("error: nothing was written; the contract must be mended first\n");
    for problem in problems {
        problem.render(&mut out);
    }
    eprint!("{out}");
    FAILED
}

fn run_verify(only: &[Check], base: Option<&str>, format: Format, timings: bool) -> Result<u8> {
    let workspace = Workspace::find()?;
    if base.is_none() && only.contains(&Check::Compatibility) {
        bail!("the check compatibility needs `--base REV`, the revision to compare with");
    }
    let measured = Timings::default();
    let earlier = base
        .map(|revision| measured.step("read the base", || Base::read(&workspace, revision)))
        .transpose()?;
    let report = verify::run(&workspace, only, earlier.as_ref(), &measured)?;
    let code = match report.sum() {
        Sum::Agreement => AGREEMENT,
        Sum::Stale => STALE,
        Sum::Failed => FAILED,
    };
    let steps = measured.into_steps();
    let run = report::Run {
        report: &report,
        base,
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

fn run_bench(arguments: &bench::Arguments) -> Result<u8> {
    bench::run(&Workspace::find()?, arguments)?;
    Ok(AGREEMENT)
}

fn run_mutate(only: &[String], list: bool, format: PlainFormat, write: bool) -> Result<u8> {
    let mutations = mutate::chosen(only)?;
    if list {
        print!("{}", mutate::report::list(&mutations));
        return Ok(AGREEMENT);
    }
    let workspace = Workspace::find()?;
    eprintln!("building and verifying the unchanged copy first");
    let score = mutate::run(&workspace, &mutations, |index, outcome| {
        eprint!(
            "{}",
            mutate::report::progress(index, mutations.len(), outcome)
        );
    })?;
    match format {
        PlainFormat::Text => print!("{}", mutate::report::text(&score)),
        PlainFormat::Json => print!("{}", mutate::report::json(&score)),
    }
    if write {
        mutate::write(&workspace, &score)?;
        eprintln!("wrote {}", mutate::TABLE);
    }
    Ok(if score.is_full() { AGREEMENT } else { FAILED })
}

#[cfg(test)]
mod tests;

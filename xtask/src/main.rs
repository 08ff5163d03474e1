//! `cargo xtask`: `generate`, `verify`, `diff`, `mutate`, `bench`.
//!
//! The contract `openapi.yaml` is the only source of the API. `generate` writes the generated files; `verify` proves
//! that contract, server and client agree, and writes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{eprint, eprintln, print};
use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dropshot_conformance::cli::{self, AGREEMENT, FAILED};
use dropshot_conformance::mutate::scores::Scores;
use dropshot_conformance::{Harness as _, Workspace, mutate};

mod bench;
mod diff;
mod harness;
mod mutants;
mod postgres;
mod scenarios;
mod service;
mod session;

use postgres::ScratchDatabases;
use service::PbxLogin;

#[cfg(test)]
const TABLE: &str = "docs/mutants.md";

const SCORES: &str = "docs/mutants.json";

const DIFFERENT: u8 = 1;

const EXIT_CODES: &str = "\
Exit codes of `generate` and `verify`:
  0    contract, server and client agree
  2    the command could not run
  4    a generated file is stale: `cargo xtask generate` repairs it
  100  a person must correct something

Examples:
  cargo xtask generate                  after an edit of openapi.yaml
  cargo xtask verify                    before a commit
  cargo xtask verify --only contract    while editing openapi.yaml
  cargo xtask verify --base main        before a merge: also report changes that break clients of main
  cargo xtask diff old.yaml new.json    compare two documents by meaning
  cargo xtask mutate                    test the checks of verify";

const DIFF_HELP: &str = "\
Documents are compared by meaning. These do not count as differences: the order of keys, parameters, `required`, `enum` and `tags`;
explicit defaults; an `allOf` of one reference; references, except those to schemas, because clients use the names of schemas.

With `--format json`: {\"version\": 1, \"a\": FILE, \"b\": FILE, \"same\": BOOLEAN, \"differences\": [{\"pointer\": POINTER with
references followed, \"a\": SIDE, \"b\": SIDE}]}; a SIDE is {\"pointer\", \"line\", \"column\", \"value\"}, without `value` if
the node is absent.

Exit codes:
  0    both documents have the same meaning
  1    they differ
  2    a file cannot be read, or is not an OpenAPI 3.0 document

Examples:
  cargo xtask diff openapi.yaml other.json
  cargo run -q -- openapi --registered > emitted.json && cargo xtask diff --as-dropshot openapi.yaml emitted.json";

const MUTATE_HELP: &str = "\
Each mutant is planted in a copy of the work tree, target/mutate, never in the work tree itself. The first run builds the
server there, which takes minutes. docs/mutants.md lists the mutants.

Exit codes:
  0    each mutant was killed by the expected check, with the expected exit code
  2    the command could not run: for example, `verify` fails in the work tree without a mutant
  100  some mutants survived or no longer apply

Examples:
  cargo xtask mutate                                    plant all mutants
  cargo xtask mutate --list                             list the mutants
  cargo xtask mutate --only cookie-lax --only api-path  plant two mutants
  cargo xtask mutate --write                            plant all and write the results to docs/mutants.json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlainFormat {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
}

const BENCH_HELP: &str = "\
Both servers share the machine with the load generator, so run nothing else. docs/performance.md explains the latest results.

Exit codes:
  0    the benchmark ran, whatever the result
  2    the benchmark could not run

Examples:
  cargo xtask bench --quick
  cargo xtask bench --large --chart docs/checks.svg
  cargo xtask bench --only propagation --database postgres
  cargo xtask bench --quick --format json";

/// Keeps the contract, the server and the client consistent.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The arguments of `verify`, and where the servers store their data.
#[derive(Args)]
#[group(skip)]
struct Verify {
    #[command(flatten)]
    arguments: cli::Verify,
    /// Run the servers on new databases in this PostgreSQL server [default: SQLite files].
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Write the generated files from the contract.
    #[command(after_help = cli::GENERATE_HELP)]
    Generate,
    /// Check that contract, server and client agree; write nothing.
    #[command(after_help = verify_help())]
    Verify(Verify),
    /// Compare two OpenAPI documents, YAML or JSON, by meaning.
    #[command(after_help = DIFF_HELP)]
    Diff {
        /// The first document.
        a: PathBuf,
        /// The second document.
        b: PathBuf,
        /// Tolerate the limits of dropshot in B (security, servers, statuses and headers of errors).
        #[arg(long)]
        as_dropshot: bool,
        /// The output format.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlainFormat,
    },
    /// Plant mutants one at a time, and report those that `verify` does not find.
    #[command(after_help = MUTATE_HELP)]
    Mutate {
        /// Plant only this mutant; can be repeated.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// List the mutants without planting them.
        #[arg(long, conflicts_with_all = ["write", "format"])]
        list: bool,
        /// The output format.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlainFormat,
        /// Write the results to docs/mutants.json.
        #[arg(long)]
        write: bool,
    },
    /// Compare the performance of the server with that of a bare dropshot server.
    #[command(after_help = BENCH_HELP)]
    Bench(bench::Arguments),
}

fn verify_help() -> String {
    let on_postgres = "cargo xtask verify --database postgres://postgres@localhost/postgres";
    format!("{}\n  {on_postgres}", cli::VERIFY_HELP)
}

fn verify(
    Verify {
        arguments,
        database,
    }: Verify,
) -> Result<u8> {
    let postgres = database
        .as_deref()
        .map(ScratchDatabases::connect)
        .transpose()?;
    cli::run(&PbxLogin::new(postgres), cli::Command::Verify(arguments))
}

fn main() -> ExitCode {
    let pbx = PbxLogin::new(None);
    cli::exit(match Arguments::parse().command {
        Command::Generate => cli::run(&pbx, cli::Command::Generate),
        Command::Verify(arguments) => verify(arguments),
        Command::Diff {
            a,
            b,
            as_dropshot,
            format,
        } => diff::run(&a, &b, as_dropshot).map(|comparison| {
            let shown = match format {
                PlainFormat::Text => comparison.text(),
                PlainFormat::Json => comparison.json(),
            };
            print!("{shown}");
            if comparison.is_same() {
                AGREEMENT
            } else {
                DIFFERENT
            }
        }),
        Command::Bench(arguments) => run_bench(&pbx, &arguments),
        Command::Mutate {
            only,
            list,
            format,
            write,
        } => run_mutate(&pbx, &only, list, format, write),
    })
}

fn run_bench(pbx: &PbxLogin, arguments: &bench::Arguments) -> Result<u8> {
    bench::run(&Workspace::find(pbx.contract())?, arguments)?;
    Ok(AGREEMENT)
}

fn run_mutate(
    pbx: &PbxLogin,
    only: &[String],
    list: bool,
    format: PlainFormat,
    write: bool,
) -> Result<u8> {
    let mutants = mutate::choose(mutants::all(), only)?;
    if list {
        print!("{}", mutate::report::list(&mutants));
        return Ok(AGREEMENT);
    }
    let workspace = Workspace::find(pbx.contract())?;
    eprintln!("building and verifying the unchanged copy first");
    let score = mutate::run(pbx, &workspace, &mutants, |index, outcome| {
        eprint!(
            "{}",
            mutate::report::progress(index, mutants.len(), outcome)
        );
    })?;
    match format {
        PlainFormat::Text => print!("{}", mutate::report::text(&score)),
        PlainFormat::Json => print!("{}", mutate::report::json(&score)),
    }
    if write {
        let path = workspace.path(SCORES);
        let mut scores = Scores::read(&path)?;
        scores.update(mutants::all(), &score);
        scores.write(&path)?;
        eprintln!("wrote {SCORES}");
    }
    Ok(if score.is_full() { AGREEMENT } else { FAILED })
}

#[cfg(test)]
mod tests;

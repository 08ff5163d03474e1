//! `cargo xtask bench`: builds server and benchmark with the deployment profile and runs it.
//!
//! The benchmark (`crates/bench`) is a program of its own because it must be optimized and has many dependencies.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use dropshot_conformance::{Workspace, build_with_profile};

const SERVER: &str = "pbx-login-server";
const BENCH: &str = "pbx-login-bench";

const PROFILE: &str = "dist";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run few and short rounds, in three minutes.
    #[arg(long)]
    quick: bool,
    /// Also measure ten million sessions on SQLite: needs 2 GB of disk and 1 GB of memory.
    #[arg(long)]
    large: bool,
    /// Run only this part, such as `checks` or `logins`; can be repeated.
    ///
    /// An unknown name lists all of them.
    #[arg(long, value_name = "MEASUREMENT")]
    only: Vec<String>,
    /// Measure on `sqlite`, `postgres` or the PostgreSQL server at a URL; can be repeated.
    ///
    /// By default on SQLite, and on the server in TEST_DATABASE_URL or on a new PostgreSQL server
    /// if its programs are found. The user of a URL must be allowed to create databases; the connection uses no TLS.
    #[arg(long, value_name = "DATABASE")]
    database: Vec<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write a chart of the session checks to this file, as SVG.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// The formats of `pbx-login-bench run`.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// An object for programs: `{"measure": {"ours": 1, "baseline": 1, "ratio": 1}}`.
    Json,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let server = build_with_profile(workspace, PROFILE, SERVER)?;
    let mut bench = Command::new(build_with_profile(workspace, PROFILE, BENCH)?);
    bench.arg("run").arg("--server").arg(server);
    if arguments.quick {
        bench.arg("--quick");
    }
    if arguments.large {
        bench.arg("--large");
    }
    for measurement in &arguments.only {
        bench.arg("--only").arg(measurement);
    }
    for database in &arguments.database {
        bench.arg("--database").arg(database);
    }
    if let Some(chart) = &arguments.chart {
        bench.arg("--chart").arg(chart);
    }
    bench.args([
        "--format",
        match arguments.format {
            Format::Table => "table",
            Format::Json => "json",
        },
    ]);
    let status = bench.status().context("cannot start the benchmark")?;
    if !status.success() {
        bail!("the benchmark ended with {status}");
    }
    Ok(())
}

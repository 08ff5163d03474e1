//! `cargo xtask bench`: builds server and benchmark with the profile of deployments and runs the benchmark.
//!
//! `crates/bench` documents the measures. It is a program of its own because it must be optimised, and because this tool must
//! not depend on its dependencies.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use dropshot_conformance::{Workspace, build_with_profile};

/// The packages, each with a binary of the same name.
const SERVER: &str = "pbx-login-server";
const BENCH: &str = "pbx-login-bench";

/// The profile that is deployed.
const PROFILE: &str = "dist";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Takes under a minute: few and short rounds.
    #[arg(long)]
    quick: bool,
    /// Also with ten million sessions: needs 2 GB of disk, 1 GB of memory and some minutes more.
    #[arg(long)]
    large: bool,
    /// How the results are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Draws the session checks into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// As `pbx-login-bench run` has it.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// An object for programs: `{"measure": {"ours": 1, "baseline": 1, "ratio": 1}}`.
    Json,
}

/// Measures. Progress goes to standard error, the results to standard output.
///
/// # Errors
///
/// It does not build, or a server did not do what it is measured by.
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

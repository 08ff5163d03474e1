//! Measures the login server and a bare dropshot server in the same run, for `cargo xtask bench`.
//!
//! `run.rs` defines the measurements; `docs/performance.md` has the results and explains them.

mod affinity;
mod backend;
mod bare;
mod chart;
mod connection;
mod fill;
mod hash;
mod load;
mod postgres;
mod process;
mod processor;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, print, println};
use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::backend::{Backend, BackendChoice};
use crate::run::Measurement;

/// Measure the login server and a bare dropshot server
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure and print the results
    Run(RunArguments),
    /// Serve the baseline of session checks
    Bare(bare::Setup),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Path of the server program, built with --release
    #[arg(long)]
    server: PathBuf,
    /// Use fewer and shorter rounds and skip tuned dropshot; takes three minutes
    #[arg(long)]
    quick: bool,
    /// Also measure ten million sessions on SQLite; needs 2 GB of disk and 1 GB of memory
    #[arg(long)]
    large: bool,
    /// Run only this part; can be repeated
    #[arg(long, value_name = "MEASUREMENT")]
    only: Vec<Measurement>,
    /// Measure on `sqlite`, `postgres` or the PostgreSQL server at a URL; can be repeated
    ///
    /// By default on SQLite, and on the server in TEST_DATABASE_URL or on a new PostgreSQL server
    /// if its programs are found. The user of a URL must be allowed to create databases; the connection uses no TLS.
    #[arg(long, value_name = "DATABASE")]
    database: Vec<BackendChoice>,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write a chart of the session checks to this file, as SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// A JSON object
    Json,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Bare(setup) => bare::serve(setup),
        Command::Run(arguments) => measure(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: RunArguments) -> Result<()> {
    let seconds = Duration::from_secs_f64;
    let (rounds, checks, logins) = if arguments.quick {
        (3, seconds(0.4), seconds(1.0))
    } else {
        (9, seconds(2.0), seconds(5.0))
    };
    let plan = run::Plan {
        server: arguments.server,
        measurements: select_measurements(&arguments.only, arguments.quick),
        large: arguments.large,
        rounds,
        checks,
        logins,
        warm_up: seconds(0.2),
    };
    // The load generator has one thread, because the servers need the cores.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let backends = Backend::choose(&arguments.database)?;
    let measures = runtime.block_on(run::run(&plan, &backends))?;
    if let Some(file) = arguments.chart {
        chart::draw(&measures, &file)?;
        eprintln!("wrote {}", file.display());
    }
    match arguments.format {
        Format::Table => print!("{}", report::table(&measures)),
        Format::Json => println!("{:#}", report::json(&measures)),
    }
    Ok(())
}

/// Returns the measurements in the order in which they must run: the last one ends sessions.
fn select_measurements(only: &[Measurement], quick: bool) -> Vec<Measurement> {
    let is_selected = |measurement: &Measurement| match only {
        [] => !quick || *measurement != Measurement::Tuned,
        _ => only.contains(measurement),
    };
    let all = Measurement::value_variants().iter().copied();
    all.filter(is_selected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_measurements_run_in_a_fixed_order() {
        let only = [Measurement::Propagation, Measurement::Checks];
        let selected = select_measurements(&only, true);
        assert_eq!(selected, [Measurement::Checks, Measurement::Propagation]);
        let all = Measurement::value_variants();
        assert_eq!(select_measurements(&[], false), all);
        assert_eq!(select_measurements(&[], true).len(), all.len() - 1);
        assert_eq!(all.last(), Some(&Measurement::Propagation));
    }
}

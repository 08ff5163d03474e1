//! Measures the login server and a bare dropshot server in the same run, for `cargo xtask bench`.
//!
//! `run.rs` defines the measurements; `docs/performance.md` has the results and explains them.

mod bare;
mod chart;
mod fill;
mod hash;
mod http2;
mod load;
mod process;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, print, println};
use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Use fewer and shorter rounds and skip tuned dropshot; takes less than a minute
    #[arg(long)]
    quick: bool,
    /// Also measure ten million sessions; needs 2 GB of disk, 1 GB of memory and a few more minutes
    #[arg(long)]
    large: bool,
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
    let mut sizes = vec![1_000, 1_000_000];
    if arguments.large {
        sizes.push(10_000_000);
    }
    let seconds = Duration::from_secs_f64;
    let (rounds, checks, logins) = if arguments.quick {
        (3, seconds(0.4), seconds(1.0))
    } else {
        (9, seconds(2.0), seconds(5.0))
    };
    let plan = run::Plan {
        server: arguments.server,
        sizes,
        rounds,
        checks,
        logins,
        warm_up: seconds(0.2),
        tuned: !arguments.quick,
    };
    // The load generator has one thread, because the servers need the cores.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measures = runtime.block_on(run::run(&plan))?;
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

//! Generates a dropshot API trait and its types from an OpenAPI 3.0 document, and tells what of one it cannot generate.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

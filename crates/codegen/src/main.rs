//! The command `dropshot-codegen`: generates a dropshot API trait from an OpenAPI 3.0 document.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

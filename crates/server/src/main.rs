//! The login server of a multi-tenant PBX, and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    pbx_login_server::cli::main()
}

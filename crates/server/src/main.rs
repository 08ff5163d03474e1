//! The login server of a multi-tenant PBX, and its command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    pbx_login_server::cli::main()
}

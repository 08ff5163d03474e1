//! The login server of a multi-tenant PBX, and its command line.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    pbx_login_server::cli::main()
}

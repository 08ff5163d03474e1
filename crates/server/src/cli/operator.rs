//! The operating-system user who runs a command.

use std::os::unix::ffi::OsStrExt as _;

use crate::domain::audit::{Operator, Source};
use crate::unix_user;

/// Returns the source of the changes that this command makes.
pub(super) fn source() -> Source {
    let name = unix_user::name(rustix::process::getuid().as_raw());
    let sudo_user = std::env::var_os("SUDO_USER");
    let sudo_user = sudo_user.as_ref().map(|name| name.as_bytes());
    Source::Command(Operator::new(name.as_bytes(), sudo_user))
}

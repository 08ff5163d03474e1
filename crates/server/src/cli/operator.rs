//! The operating-system user who runs a command.

use std::os::unix::ffi::OsStrExt as _;

use crate::domain::audit::{Operator, Source};

/// Returns the source of the changes that this command makes.
pub(super) fn source() -> Source {
    let id = rustix::process::getuid().as_raw();
    let name = match uzers::get_user_by_uid(id) {
        Some(user) => user.name().to_owned(),
        // A container need not list its user in `/etc/passwd`.
        None => format!("uid {id}").into(),
    };
    let sudo_user = std::env::var_os("SUDO_USER");
    let sudo_user = sudo_user.as_ref().map(|name| name.as_bytes());
    Source::Command(Operator::new(name.as_bytes(), sudo_user))
}

//! Names of the users of the operating system.

use std::ffi::OsString;

/// Returns the name of a user; `uid` and the number if it is unknown.
pub(crate) fn name(id: u32) -> OsString {
    match uzers::get_user_by_uid(id) {
        Some(user) => user.name().to_owned(),
        // A container need not list its user in `/etc/passwd`.
        None => format!("uid {id}").into(),
    }
}

//! What single settings may be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// What is logged: a level and everything above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// One line a request.
    Info,
    /// What somebody should look at.
    Warn,
    /// What failed.
    Error,
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(format!("{text:?} is no level; choose info, warn or error")),
        }
    }
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As text on a terminal, else as JSON.
    Auto,
    /// As text.
    Text,
    /// As JSON, one object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no format; choose auto, text or json")),
        }
    }
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address with a port; write one like 127.0.0.1:8887 or [::1]:8887")
    })
}

pub(super) fn ops_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| {
            format!(
                "{text:?} is no address with a port; write one like 127.0.0.1:8888 or [::1]:8888, or off"
            )
        }),
    }
}

/// A path. That there is a file shows when it is read.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("it names no file; write its path".to_owned()),
        _ => Ok(text.into()),
    }
}

/// How many passwords may wait. More than so many are never worth waiting for.
pub(super) fn queue(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ ..=10_000) => Ok(number),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} is no number of logins; choose from 0 to 10000"
        )),
    }
}

pub(super) fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no whole number; write one such as 5"))
}

pub(super) fn truth(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is neither true nor false; write one of them"))
}

/// By default eight million sessions of 32 bytes: 256 MB, once there are so many.
pub(super) const CACHE_SESSIONS: usize = 8_000_000;

/// 4.8 GB.
const CACHE_SESSIONS_MOST: usize = 150_000_000;

pub(super) fn cache_sessions(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ ..=CACHE_SESSIONS_MOST) => Ok(number),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} is no number of sessions; choose from 0 (none) to {CACHE_SESSIONS_MOST}"
        )),
    }
}

/// How many there may be of something. More costs more than it is worth: each login looks at as many rows.
pub(super) fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} cannot be used as a number here; choose from 1 to 10000"
        )),
    }
}

/// How many rows may be kept. Fewer tell too little, and more fill a disk: a million take some 200 MB.
pub(super) fn rows(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(rows @ 1000..=100_000_000) => Ok(rows),
        Ok(_) | Err(_) => Err(format!(
            "{text:?} cannot be used as a number of rows; choose from 1000 to 100000000"
        )),
    }
}

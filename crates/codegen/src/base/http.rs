//! Terms of HTTP: media types and the characters of names.

pub(crate) const JSON: &str = "application/json";

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) const BYTES: &str = "application/octet-stream";

pub(crate) const MULTIPART: &str = "multipart/form-data";

/// Returns whether a string is a token, such as a header name (RFC 9110, section 5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(tchar)
}

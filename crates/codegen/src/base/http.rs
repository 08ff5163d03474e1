//! Words of HTTP: media types, and the characters of names.

/// The media type of most bodies.
pub(crate) const JSON: &str = "application/json";

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

/// The media type of bodies in parts.
pub(crate) const PARTS: &str = "multipart/form-data";

/// Whether a text is a token, such as the name of a header (RFC 9110, section 5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(tchar)
}

//! Terms of HTTP: media types and the characters of names.

/// The media type of most bodies.
pub(crate) const JSON: &str = "application/json";

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

/// The media type of multipart bodies.
pub(crate) const PARTS: &str = "multipart/form-data";

/// Returns whether a text is a token, such as a header name (RFC 9110, section 5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(tchar)
}

//! The same-origin rule for requests that change something and carry the session cookie.
//!
//! `SameSite=Strict` does not stop a page of a sibling host, which belongs to the same site. Browsers state where a
//! request comes from in `Sec-Fetch-Site`, which scripts cannot set; older browsers and unencrypted connections only
//! have `Origin`. A program that sends neither is not a browser.

use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, Method, Uri, header};

/// The message of a refusal.
pub(super) const CROSS_ORIGIN_MESSAGE: &str = "a page of another origin sent this request; send it from the same origin, or with a bearer token";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns whether a request with the session cookie is permitted.
pub(super) fn permits_cookie(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    method.is_safe() || is_same_origin(uri, headers)
}

fn is_same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() {
        return sites.all(|site| site == "same-origin" || site == "none");
    }
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return true;
    }
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    // The authority of a request target precedes `Host` (RFC 9112, section 3.2.2).
    let host = uri.authority().or(host.as_ref());
    origins.all(|origin| {
        let origin = Uri::try_from(origin.as_bytes()).ok();
        origin
            .zip(host)
            .is_some_and(|(origin, host)| is_origin_of(&origin, host))
    })
}

/// Returns whether an origin has this host and port.
///
/// Browsers omit the default port of the scheme.
fn is_origin_of(origin: &Uri, host: &Authority) -> bool {
    let default_port = match origin.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        Some(scheme) if *scheme == Scheme::HTTP => 80,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    origin.authority().is_some_and(|origin| {
        origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        permits_cookie(&Method::POST, &Uri::from_static("/logout"), &headers)
    }

    #[test]
    fn fetch_metadata_decides_before_origin() {
        let same = ("origin", "https://pbx.example");
        let host = ("host", "pbx.example");
        for site in ["same-origin", "none"] {
            let other = ("origin", "https://evil.example");
            assert!(permits(&[("sec-fetch-site", site), host, other]), "{site}");
        }
        for site in [
            "same-site",
            "cross-site",
            "",
            "Same-Origin",
            "same-origin, none",
        ] {
            assert!(!permits(&[("sec-fetch-site", site), host, same]), "{site}");
        }
        let both = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(!permits(&both));
    }

    #[test]
    fn origin_must_be_the_host_of_the_request() {
        for (origin, host) in [
            ("https://pbx.example", "pbx.example"),
            ("https://pbx.example", "PBX.example:443"),
            ("http://pbx.example:80", "pbx.example"),
            ("https://pbx.example:8887", "pbx.example:8887"),
            ("http://[::1]:8887", "[::1]:8887"),
        ] {
            assert!(
                permits(&[("origin", origin), ("host", host)]),
                "{origin} {host}"
            );
        }
        for (origin, host) in [
            ("https://evil.example", "pbx.example"),
            ("https://a.pbx.example", "pbx.example"),
            ("https://pbx.example.evil.example", "pbx.example"),
            ("https://pbx.example:8443", "pbx.example"),
            ("http://pbx.example", "pbx.example:443"),
            ("ftp://pbx.example", "pbx.example"),
            ("pbx.example", "pbx.example"),
            ("null", "pbx.example"),
            ("", "pbx.example"),
            ("https://pbx.example", "not a host"),
        ] {
            assert!(
                !permits(&[("origin", origin), ("host", host)]),
                "{origin} {host}"
            );
        }
        assert!(!permits(&[("origin", "https://pbx.example")]));
    }

    #[test]
    fn programs_and_safe_methods_are_permitted() {
        assert!(permits(&[("host", "pbx.example")]));
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        let uri = Uri::from_static("/login");
        assert!(permits_cookie(&Method::GET, &uri, &headers));
        assert!(!permits_cookie(&Method::POST, &uri, &headers));
    }
}

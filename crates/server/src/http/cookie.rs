//! The session cookie: parsed from requests, set in responses.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, header};

use crate::token::Token;

/// The name in the contract (`securitySchemes.sessionCookie`), which the generated `Credential` uses.
const NAME: &str = "session";

/// Returns `Set-Cookie` for `max_age` seconds, limited to TLS if `secure` (RFC 6265, section 4.1.2.5).
pub(super) fn set(token: &Token, max_age: i32, secure: bool) -> String {
    build(token.expose(), max_age, secure)
}

/// Returns the `Set-Cookie` that removes the session cookie (RFC 6265, section 3.1).
pub(super) fn clear(secure: bool) -> String {
    build("", 0, secure)
}

fn build(value: &str, max_age: i32, secure: bool) -> String {
    Cookie::build((NAME, value))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .max_age(Duration::seconds(max_age.into()))
        .secure(secure)
        .to_string()
}

/// Returns the token in the session cookie of a request that requires no credential.
///
/// Two session cookies are ambiguous, so neither is used.
pub(super) fn token(headers: &HeaderMap) -> Option<Token> {
    let mut cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == NAME);
    match (cookies.next(), cookies.next()) {
        (Some(cookie), None) => Token::parse(cookie.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "0123456789ABCDEF0123456789ABCDEF";

    fn token_in(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(
                header::COOKIE,
                HeaderValue::from_str(cookie).expect("a header value"),
            );
        }
        token(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn cookie_of_a_new_session_has_every_attribute() {
        let token = Token::parse(TOKEN).expect("a token");
        assert_eq!(
            set(&token, 1800, false),
            format!("session={TOKEN}; HttpOnly; SameSite=Strict; Path=/; Max-Age=1800")
        );
        assert_eq!(
            set(&token, 2, true),
            format!("session={TOKEN}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=2")
        );
    }

    #[test]
    fn cookie_of_an_ended_session_is_removed_with_the_same_attributes() {
        assert_eq!(
            clear(false),
            "session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
        );
        assert_eq!(
            clear(true),
            "session=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn session_cookie_is_found_among_others() {
        let session = format!("session={TOKEN}");
        assert_eq!(
            token_in(&[&format!("a=b; {session}; c=d")]).as_deref(),
            Some(TOKEN)
        );
        assert_eq!(token_in(&["a=b", &session]).as_deref(), Some(TOKEN));
        assert_eq!(token_in(&["a=b", "mysession=x"]), None);
        assert_eq!(token_in(&["session=short"]), None);
        assert_eq!(token_in(&[]), None);
    }

    #[test]
    fn two_session_cookies_are_ambiguous() {
        let session = format!("session={TOKEN}");
        assert_eq!(token_in(&[&format!("{session}; session=x")]), None);
        assert_eq!(token_in(&[&session, &session]), None);
    }

    proptest! {
        #[test]
        fn written_cookie_is_read_back(token in "[0-9A-F]{32}", max_age in 0..i32::MAX, secure: bool) {
            let set = set(&Token::parse(&token).expect("a token"), max_age, secure);
            let (pair, _) = set.split_once(';').expect("attributes");
            prop_assert_eq!(token_in(&[pair]), Some(token));
        }

        #[test]
        fn arbitrary_cookie_header_does_not_panic(header in "[ -~]{0,80}") {
            let _ = token_in(&[&header]);
        }
    }
}

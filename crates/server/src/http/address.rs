//! The client of a request: the peer, or the client that a trusted reverse proxy names.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-For` are lists to which each proxy appends the address of its peer. They are
//! read from the right for as long as the address is a trusted proxy, because the client may have forged the entries
//! further left. If an entry is malformed, the proxy that appended it counts as the client, so that a malformed header
//! does not evade a rate limit.
//!
//! If both headers are present, they must name the same client; otherwise, the peer counts as the client. A proxy that
//! appends to one header passes the other on unchanged, and nothing shows which one it appends to.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use super::RequestContext;
use crate::domain::audit::{Caller, UserAgent};
use crate::proxies::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Whether the connection of the client is encrypted, to this server or to a trusted proxy.
    pub(super) encrypted: bool,
}

pub(super) fn client(rqctx: &RequestContext) -> Client {
    let context = rqctx.context();
    let request = &rqctx.request;
    let peer = request.remote_addr().ip();
    let client = resolve_client(peer, request.headers(), &context.trusted_proxies);
    Client {
        encrypted: client.encrypted || context.secure_cookie,
        ..client
    }
}

pub(super) fn caller(rqctx: &RequestContext, client: Client) -> Caller {
    let user_agent = rqctx.request.headers().get(header::USER_AGENT);
    Caller {
        address: client.address,
        user_agent: user_agent.map(|value| UserAgent::new(value.as_bytes())),
        request_id: rqctx.request_id.clone(),
    }
}

pub(super) fn resolve_client(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> Client {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return Client {
            address: peer,
            encrypted: false,
        };
    }
    let stated = Stated::read(headers, trusted);
    Client {
        address: stated.address.unwrap_or(peer),
        encrypted: stated.encrypted || x_forwarded_proto(headers),
    }
}

/// Returns the address that headers state; it counts only if the peer is a trusted proxy.
pub(super) fn stated_address(headers: &HeaderMap, trusted: &TrustedProxies) -> Option<IpAddr> {
    Stated::read(headers, trusted).address
}

/// The client according to headers, which count only if the peer is a trusted proxy.
#[derive(Debug, Clone, Copy)]
struct Stated {
    /// `None` if it is the peer.
    address: Option<IpAddr>,
    encrypted: bool,
}

impl Stated {
    fn read(headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let by_forwarded = headers
            .contains_key(header::FORWARDED)
            .then(|| Self::nearest_untrusted(forwarded(headers).into_iter().rev(), trusted));
        let mut hops = x_forwarded_for(headers).peekable();
        let by_x_forwarded_for = hops
            .peek()
            .is_some()
            .then(|| Self::nearest_untrusted(hops, trusted));
        let address = match (by_forwarded, by_x_forwarded_for) {
            (Some(one), Some(other)) if one.address == other.address => one.address,
            (Some(_), Some(_)) | (None, None) => None,
            (Some(only), None) | (None, Some(only)) => only.address,
        };
        Self {
            address,
            encrypted: by_forwarded.is_some_and(|hop| hop.encrypted),
        }
    }

    /// Returns the nearest hop that is not a trusted proxy.
    ///
    /// The nearest hop is first; a hop that is `None` is malformed.
    fn nearest_untrusted(
        hops: impl Iterator<Item = Option<Hop>>,
        trusted: &TrustedProxies,
    ) -> Self {
        let mut nearest = Self {
            address: None,
            encrypted: false,
        };
        for hop in hops {
            let Some(Hop { address, encrypted }) = hop else {
                break;
            };
            nearest = Self {
                address: Some(address),
                encrypted,
            };
            if !trusted.contains(address) {
                break;
            }
        }
        nearest
    }
}

#[derive(Debug, Clone, Copy)]
struct Hop {
    address: IpAddr,
    encrypted: bool,
}

/// Returns the values of a header in order: several lines are one list (RFC 9110, section 5.3).
fn lines<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = Option<&'a str>> + use<'a> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().ok())
}

/// Returns the hops of `X-Forwarded-For`, from the nearest one.
fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Option<Hop>> {
    lines(headers, &X_FORWARDED_FOR)
        .rev()
        .flat_map(|line| line.unwrap_or("?").rsplit(','))
        .map(|entry| {
            Some(Hop {
                address: node(entry.trim())?,
                encrypted: false,
            })
        })
}

/// Returns whether the nearest proxy was reached over TLS, according to its `X-Forwarded-Proto`.
fn x_forwarded_proto(headers: &HeaderMap) -> bool {
    let last = lines(headers, &X_FORWARDED_PROTO).next_back().flatten();
    let scheme = last.and_then(|line| line.rsplit(',').next());
    scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<Hop>> {
    let mut hops = Vec::new();
    for line in lines(headers, &header::FORWARDED) {
        match line.and_then(forwarded_line) {
            Some(elements) => hops.extend(elements),
            // The whole line is malformed: after a syntax error it is unknown where an element ends.
            None => hops.push(None),
        }
    }
    hops
}

/// Returns the elements of a line of `Forwarded` (RFC 7239, section 4).
///
/// The crate rfc7239 0.1.3 also splits at commas within quoted strings, which a client can insert: `host="…"` repeats
/// what the client sent.
fn forwarded_line(mut rest: &str) -> Option<Vec<Option<Hop>>> {
    let mut hops = Vec::new();
    loop {
        let element;
        (element, rest) = forwarded_element(rest)?;
        hops.push(element);
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(hops),
        }
    }
}

fn forwarded_element(mut rest: &str) -> Option<(Option<Hop>, &str)> {
    let (mut client, mut scheme) = (None, None);
    loop {
        let (name, after) = rest.trim_start().split_once('=')?;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            return None;
        }
        let value;
        (value, rest) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                // Some proxies omit the quotes around `[2001:db8::1]:443`.
                let is_value = |c: char| is_token(c) || ":[]".contains(c);
                let end = after.find(|c| !is_value(c)).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        let parameter = match name.to_ascii_lowercase().as_str() {
            "for" => Some(&mut client),
            "proto" => Some(&mut scheme),
            _ => None,
        };
        // A parameter may occur only once (RFC 7239, section 4).
        if parameter.is_some_and(|parameter| parameter.replace(value).is_some()) {
            return None;
        }
        rest = rest.trim_start();
        match rest.strip_prefix(';') {
            Some(after) => rest = after,
            None => break,
        }
    }
    let encrypted = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let hop = client.and_then(|client| {
        Some(Hop {
            address: node(&client)?,
            encrypted,
        })
    });
    Some((hop, rest))
}

/// Returns the content of a quoted string and the rest of the line (RFC 9110, section 5.6.4).
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Returns the address of a node, which may have a port such as `:80` or `:_web` (RFC 7239, section 6).
fn node(text: &str) -> Option<IpAddr> {
    // Fast path: most proxies write neither a port nor brackets.
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some((address, name)) = text.rsplit_once(":_") {
        let with_port = format!("{address}:0").parse::<SocketAddr>();
        let address = with_port.ok().filter(|_| is_obfuscated(name))?;
        return Some(address.ip().to_canonical());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().map(IpAddr::V6),
        None => text.parse().map(|address: SocketAddr| address.ip()),
    };
    Some(address.ok()?.to_canonical())
}

/// Returns whether this can follow the underscore of an obfuscated identifier (RFC 7239, section 6.3).
fn is_obfuscated(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.chars().all(is_part)
}

#[cfg(test)]
mod tests;

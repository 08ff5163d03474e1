use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn trusted() -> TrustedProxies {
    "10.0.0.0/8, 2001:db8:ffff::/48".parse().unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

fn client_of(peer: &str, lines: &[(&str, &str)]) -> String {
    let client = resolve_client(peer.parse().unwrap(), &headers(lines), &trusted());
    let secure = if client.encrypted { " https" } else { "" };
    format!("{}{secure}", client.address)
}

fn forwarded(value: &str) -> String {
    client_of(PROXY, &[("forwarded", value)])
}

fn x_forwarded_for(value: &str) -> String {
    client_of(PROXY, &[("x-forwarded-for", value)])
}

#[test]
fn header_of_an_untrusted_peer_is_ignored() {
    let lines = [
        ("forwarded", "for=192.0.2.1;proto=https"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "192.0.2.1"),
    ];
    assert_eq!(client_of("198.51.100.7", &lines), "198.51.100.7");
    assert_eq!(client_of("::ffff:198.51.100.7", &lines), "198.51.100.7");
    assert_eq!(client_of("2001:db8::7", &lines), "2001:db8::7");
    // Without trusted proxies, a loopback address is a client like any other.
    let none = TrustedProxies::default();
    let local = resolve_client("127.0.0.1".parse().unwrap(), &headers(&lines), &none);
    assert_eq!(local.address.to_string(), "127.0.0.1");
}

#[test]
fn header_of_a_trusted_proxy_names_its_client() {
    assert_eq!(client_of(PROXY, &[]), PROXY);
    assert_eq!(forwarded("for=192.0.2.1"), "192.0.2.1");
    assert_eq!(x_forwarded_for("192.0.2.1"), "192.0.2.1");
    assert_eq!(
        client_of("::ffff:10.0.0.1", &[("x-forwarded-for", "192.0.2.1")]),
        "192.0.2.1"
    );
    assert_eq!(
        client_of("2001:db8:ffff::1", &[("forwarded", "for=192.0.2.1")]),
        "192.0.2.1"
    );
}

#[test]
fn entry_that_the_client_wrote_is_ignored() {
    assert_eq!(x_forwarded_for("6.6.6.6, 192.0.2.1"), "192.0.2.1");
    assert_eq!(x_forwarded_for("10.9.9.9, 6.6.6.6, 192.0.2.1"), "192.0.2.1");
    assert_eq!(forwarded("for=6.6.6.6, for=192.0.2.1"), "192.0.2.1");
    let lines = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
    let lines = [("forwarded", "for=6.6.6.6"), ("forwarded", "for=192.0.2.1")];
    assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
}

#[test]
fn chain_of_trusted_proxies_is_skipped() {
    assert_eq!(
        x_forwarded_for("6.6.6.6, 192.0.2.1, 10.0.0.3, 10.0.0.2"),
        "192.0.2.1"
    );
    assert_eq!(
        forwarded(r#"for=192.0.2.1, for="[2001:db8:ffff::9]:443", for=10.0.0.2"#),
        "192.0.2.1"
    );
    // If all hops are trusted, the furthest one is the client.
    assert_eq!(x_forwarded_for("10.0.0.9, 10.0.0.2"), "10.0.0.9");
}

#[test]
fn node_is_parsed_in_every_notation() {
    for (text, address) in [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8:0::7]:80", "2001:db8::7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("192.0.2.1:_web-1.a", "192.0.2.1"),
        ("[2001:db8::7]:_web", "2001:db8::7"),
    ] {
        assert_eq!(x_forwarded_for(text), address, "{text}");
        assert_eq!(forwarded(&format!("for={text}")), address, "{text}");
        assert_eq!(forwarded(&format!("for=\"{text}\"")), address, "{text}");
    }
    assert_eq!(
        forwarded(r#"By=10.0.0.1 ; FOR="192.0.2.1" ;host="a\"b, for=6.6.6.6"; Proto=HTTPS"#),
        "192.0.2.1 https"
    );
}

#[test]
fn malformed_entry_makes_the_proxy_that_appended_it_the_client() {
    for text in [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "192.0.2.1.",
        "192.0.2.256",
        "192.0.2.1:99999",
        "192.0.2.1:80:_web",
        "2001:db8::7:_web",
        "192.0.2.1:_",
        "192.0.2.1:_w b",
        "192.0.2.1:web",
        ":_web",
        "[192.0.2.1]",
        "fe80::1%eth0",
        "192.0.2.1 192.0.2.2",
        "192.0.2.1,",
        "192.0.2.1;",
    ] {
        assert_eq!(x_forwarded_for(text), PROXY, "{text}");
        assert_eq!(
            x_forwarded_for(&format!("{text}, 10.0.0.2")),
            "10.0.0.2",
            "{text}"
        );
    }
    for text in [
        "",
        ",",
        "for=",
        "for",
        "=192.0.2.1",
        "for =192.0.2.1",
        "for= 192.0.2.1",
        "for=unknown",
        "for=\"_hidden\"",
        "by=192.0.2.1",
        "for=192.0.2.1;for=6.6.6.6",
        "for=192.0.2.1;",
        "for=192.0.2.1,",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=\"192.0.2.1\\",
        "for=\"192.0.2.1\"x",
        "f or=192.0.2.1",
        "for=6.6.6.6, x",
        "for=\"6.6.6.6, for=192.0.2.1",
    ] {
        assert_eq!(forwarded(text), PROXY, "{text}");
    }
    assert_eq!(
        forwarded("for=192.0.2.1, for=unknown, for=10.0.0.2"),
        "10.0.0.2"
    );
    let bytes = [("x-forwarded-for", "192.0.2.1, ü")];
    assert_eq!(client_of(PROXY, &bytes), PROXY);
    assert_eq!(forwarded("for=192.0.2.1;host=ü"), PROXY);
}

#[test]
fn disagreeing_headers_make_the_proxy_the_client() {
    let both = |standard, customary| {
        client_of(
            PROXY,
            &[("forwarded", standard), ("x-forwarded-for", customary)],
        )
    };
    assert_eq!(both("for=192.0.2.1", "192.0.2.1"), "192.0.2.1");
    assert_eq!(both("for=6.6.6.6", "192.0.2.1"), PROXY);
    assert_eq!(both("for=192.0.2.1", "6.6.6.6"), PROXY);
    assert_eq!(
        both("for=6.6.6.6, for=192.0.2.1", "7.7.7.7, 192.0.2.1"),
        "192.0.2.1"
    );
    assert_eq!(both("rubbish", "192.0.2.1"), PROXY);
}

#[test]
fn scheme_is_taken_from_the_proxy_nearest_to_the_client() {
    let with = |lines: &[(&str, &str)]| client_of(PROXY, lines);
    let x = ("x-forwarded-for", "192.0.2.1");
    assert_eq!(
        with(&[x, ("x-forwarded-proto", "https")]),
        "192.0.2.1 https"
    );
    assert_eq!(
        with(&[x, ("x-forwarded-proto", "HTTPS")]),
        "192.0.2.1 https"
    );
    assert_eq!(with(&[x, ("x-forwarded-proto", "http")]), "192.0.2.1");
    assert_eq!(
        with(&[x, ("x-forwarded-proto", "https, http")]),
        "192.0.2.1"
    );
    assert_eq!(forwarded("for=192.0.2.1;proto=http"), "192.0.2.1");
    // The scheme is that of the client's connection, not that of a connection between proxies.
    assert_eq!(
        forwarded("for=192.0.2.1;proto=https, for=10.0.0.2;proto=http"),
        "192.0.2.1 https"
    );
    assert_eq!(
        forwarded("for=6.6.6.6;proto=https, for=192.0.2.1;proto=http"),
        "192.0.2.1"
    );
}

fn header_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,60}",
        r#"(for|proto|by)?[=;, "\\:.\[\]0-9a-fx]{0,60}"#,
        "((for=)?\"?(10\\.0\\.0\\.[0-9]|6\\.6\\.6\\.6|unknown)\"?[,; ]{1,2}){0,5}",
    ]
}

proptest! {
    #[test]
    fn forged_header_does_not_change_the_client_that_the_proxy_names(forged in header_text()) {
        let appended = format!("{forged}, 192.0.2.1");
        prop_assert_eq!(x_forwarded_for(&appended), "192.0.2.1");
        let lines = [("x-forwarded-for", forged.as_str()), ("x-forwarded-for", "192.0.2.1")];
        prop_assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
        let lines = [("forwarded", forged.as_str()), ("forwarded", "for=192.0.2.1")];
        prop_assert_eq!(client_of(PROXY, &lines), "192.0.2.1");
    }

    #[test]
    fn forged_header_of_the_other_kind_yields_the_client_or_the_proxy(forged in header_text()) {
        for (forged, real) in [
            (("forwarded", forged.as_str()), ("x-forwarded-for", "192.0.2.1")),
            (("x-forwarded-for", forged.as_str()), ("forwarded", "for=192.0.2.1")),
        ] {
            let address = client_of(PROXY, &[forged, real]).replace(" https", "");
            prop_assert!(["192.0.2.1", PROXY].contains(&address.as_str()), "{address}");
        }
    }

    #[test]
    fn forged_line_yields_the_appended_entry_or_the_proxy(forged in header_text(), host in "[ -~&&[^\"\\\\]]{0,20}") {
        let line = format!("{forged}, for=192.0.2.1;host=\"{host}\";proto=http");
        let address = forwarded(&line);
        prop_assert!(["192.0.2.1", PROXY].contains(&address.as_str()), "{address}");
    }

    #[test]
    fn headers_of_an_untrusted_peer_change_nothing(forged in header_text(), peer: [u8; 4]) {
        prop_assume!(peer[0] != 10);
        let peer = IpAddr::from(peer);
        let lines = [
            ("forwarded", forged.as_str()),
            ("x-forwarded-for", forged.as_str()),
            ("x-forwarded-proto", "https"),
        ];
        let client = resolve_client(peer, &headers(&lines), &trusted());
        prop_assert_eq!(client, Client { address: peer, encrypted: false });
    }
}

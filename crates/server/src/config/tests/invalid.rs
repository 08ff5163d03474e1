//! Errors about invalid settings.

use super::*;

#[test]
fn invalid_setting_is_an_error_with_its_location() {
    let long = "x".repeat(2049);
    let rows = [
        load(&[("listen", "localhost:8887")], &[], ""),
        load(&[("listen", "127.0.0.1")], &[], ""),
        load(&[("ops.listen", "none")], &[], ""),
        load(&[("session.lifetime", "0s")], &[], ""),
        load(&[("session.max_lifetime", "29m")], &[], ""),
        load(
            &[("session.max_lifetime", "1h")],
            &[],
            "session.lifetime = '2h'",
        ),
        load(&[("session.per_user", "0")], &[], ""),
        load(&[("audit.rows", "999")], &[], ""),
        load(&[("log.level", "loud")], &[], ""),
        load(&[("tls.terminated", "yes")], &[], ""),
        load(
            &[],
            &[("PBX_LOGIN_DATABASE", "postgres://u:hunter2@db:x/pbx")],
            "",
        ),
        load(&[], &[("PBX_LOGIN_ADMIN_PASSWORD", "")], ""),
        load(&[], &[("PBX_LOGIN_ADMIN_PASSWORD", &long)], ""),
        load(
            &[("admin_password_file", "first")],
            &[("PBX_LOGIN_ADMIN_PASSWORD", "hunter2-hunter2")],
            "",
        ),
        load(&[("password.min_length", "7")], &[], ""),
        load(&[], &[("PBX_LOGIN_SESSION_LIFETIME", "")], ""),
        load(&[], &[], "log.format = 'xml'"),
        load(&[], &[], "session = { lifetime = 1800 }"),
        load(&[], &[], "admin_password = 12345678"),
        load(&[], &[], "tls.terminated = 1"),
        load(&[], &[], "throttle.enabled = 'off'"),
        load(&[], &[], "throttle.free_failures = 0"),
        load(&[], &[], "throttle.free_failures = 10001"),
        load(&[], &[], "throttle.free_failures = 1.5"),
        load(&[], &[], "throttle.address_failures = '-1'"),
        load(&[], &[], "throttle.first_wait = 1"),
        load(&[], &[], "throttle.account_window = '0s'"),
        load(&[], &[], "tls.terminated = 'maybe'"),
        load(&[], &[], "trusted_proxies = 'localhost'"),
        load(&[], &[], "trusted_proxies = ['10.0.0.1', '::/0']"),
        load(&[], &[], "trusted_proxies = [10]"),
        load(&[], &[], "listen = ['127.0.0.1:1']"),
    ];
    insta::assert_snapshot!(rows.map(formatted).join("\n"), @r#"
    error: invalid listen "localhost:8887" (--listen): expected an address with a port such as 127.0.0.1:8887 or [::1]:8887
    error: invalid listen "127.0.0.1" (--listen): expected an address with a port such as 127.0.0.1:8887 or [::1]:8887
    error: invalid ops.listen "none" (--ops-listen): expected an address with a port such as 127.0.0.1:8888 or [::1]:8888, or off
    error: invalid session.lifetime "0s" (--session-lifetime): expected a duration from 1s to 365d
    error: invalid session.max_lifetime "29m" (--session-max-lifetime): expected at least session.lifetime, which is 30m
    error: invalid session.max_lifetime "1h" (--session-max-lifetime): expected at least session.lifetime, which is 2h
    error: invalid session.per_user "0" (--session-per-user): expected a whole number from 1 to 10000
    error: invalid audit.rows "999" (--audit-rows): expected a whole number from 1000 to 100000000
    error: invalid log.level "loud" (--log-level): expected info, warn or error
    error: invalid tls.terminated "yes" (--tls-terminated): expected true or false
    error: invalid database (PBX_LOGIN_DATABASE): a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    error: invalid admin_password (PBX_LOGIN_ADMIN_PASSWORD): the password is empty; choose one of at least 8 characters
    error: invalid admin_password (PBX_LOGIN_ADMIN_PASSWORD): the password is longer than 2048 bytes; choose a shorter one
    error: invalid admin_password_file "first" (--admin-password-file): admin_password is also set; remove one of them
    error: invalid password.min_length "7" (--password-min-length): expected a whole number from 8 to 20
    error: invalid session.lifetime "" (PBX_LOGIN_SESSION_LIFETIME): expected a duration such as 90s, 30m or 2h
    error: invalid log.format "xml" (FILE:1): expected auto, text or json
    error: invalid session.lifetime (FILE:1): expected a string in quotation marks
    error: invalid admin_password (FILE:1): expected a string in quotation marks
    error: invalid tls.terminated (FILE:1): expected true or false
    error: invalid throttle.enabled "off" (FILE:1): expected true or false
    error: invalid throttle.free_failures "0" (FILE:1): expected a whole number from 1 to 10000
    error: invalid throttle.free_failures "10001" (FILE:1): expected a whole number from 1 to 10000
    error: invalid throttle.free_failures (FILE:1): expected a whole number
    error: invalid throttle.address_failures "-1" (FILE:1): expected a whole number from 1 to 10000
    error: invalid throttle.first_wait (FILE:1): expected a string in quotation marks
    error: invalid throttle.account_window "0s" (FILE:1): expected a duration from 1s to 365d
    error: invalid tls.terminated "maybe" (FILE:1): expected true or false
    error: invalid trusted_proxies "localhost" (FILE:1): expected addresses and networks such as 192.0.2.7, 192.0.2.0/28 or 2001:db8::7, not "localhost"
    error: invalid trusted_proxies "10.0.0.1,::/0" (FILE:1): ::/0 contains every address, so any client could forge its address; list only your proxies
    error: invalid trusted_proxies (FILE:1): expected a list of strings such as ["192.0.2.7"]
    error: invalid listen (FILE:1): expected a string in quotation marks
    "#);
}

#[test]
fn unknown_key_in_file_is_an_error_with_its_line() {
    let rows = [
        "sesion.lifetime = '30m'",
        "[session]\nlifetme = '30m'",
        "log = 'info'",
        "[listen]\naddress = '127.0.0.1:1'",
        "colour = 'red'",
        "[throttle]\nenable = true",
        "throttle.enabled.really = true",
        "[tls.terminated]\nby = 'proxy'",
    ]
    .map(|file| load(&[], &[], file));
    insta::assert_snapshot!(rows.map(formatted).join("\n"), @"
    error: unknown setting sesion.lifetime (FILE:1); did you mean session.lifetime?
    error: unknown setting session.lifetme (FILE:2); did you mean session.lifetime?
    error: unknown setting log (FILE:1); remove it; `pbx-login-server --help` lists the settings
    error: invalid listen (FILE:1): expected a string in quotation marks
    error: unknown setting colour (FILE:1); remove it; `pbx-login-server --help` lists the settings
    error: unknown setting throttle.enable (FILE:2); did you mean throttle.enabled?
    error: invalid throttle.enabled (FILE:1): expected true or false
    error: invalid tls.terminated (FILE:1): expected true or false
    ");
}

#[test]
fn syntax_error_hides_the_content_of_the_file() {
    let rows = [
        "listen = '127.0.0.1:1'\nadmin_password = hunter2",
        "admin_password = \"hunter2",
        "admin_password = 'hunter2'\nadmin_password = 'hunter3'",
        "hunter2",
        "admin_password = \"hun\\ter2\\q\"",
    ]
    .map(|file| load(&[], &[], file));
    let formatted = rows.map(formatted).join("\n");
    assert!(!formatted.contains("hun"), "{formatted}");
    insta::assert_snapshot!(formatted, @r#"
    error: invalid TOML (FILE:2): string values must be quoted, expected literal string
    error: invalid TOML (FILE:1): invalid basic string, expected `"`
    error: invalid TOML (FILE:2): duplicate key
    error: invalid TOML (FILE:1): key with no value, expected `=`
    error: invalid TOML (FILE:1): missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
    "#);
}

use std::io::Write as _;

use super::*;

fn load(
    flags: &[(Key, &str)],
    environment: &[(&str, &str)],
    file: &str,
) -> Result<Settings, String> {
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(file.as_bytes()).unwrap();
    let sources = Sources {
        config: Some(config.path().to_owned()),
        flags: flags
            .iter()
            .map(|(key, text)| (*key, (*text).to_owned()))
            .collect(),
        environment: environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    };
    let path = config.path().display().to_string();
    Settings::load(&sources).map_err(|error| error.to_string().replace(&path, "FILE"))
}

/// Everything that is set, with the password in the clear.
fn shown(settings: Result<Settings, String>) -> String {
    settings.map_or_else(
        |error| format!("error: {error}"),
        |settings| {
            let Settings {
                listen,
                ops_listen,
                database,
                admin_password,
                session_lifetime,
                session_max_lifetime,
                sessions_per_user,
                cache_sessions,
                login,
                password: cost,
                throttle,
                audit_retention,
                audit_rows,
                log_level,
                log_format,
                tls_terminated,
                tls,
                trusted_proxies,
                warnings,
            } = settings;
            let throttle = throttle.map_or_else(|| "off".to_owned(), |rules| {
                let seconds = |time: chrono::TimeDelta| time.num_seconds();
                let limit = |limit: Limit| format!("{} in {}s", limit.most, seconds(limit.within));
                let (first, longest) = (seconds(rules.first_wait), seconds(rules.longest_wait));
                let (network, account) = (limit(rules.network), limit(rules.account));
                format!("{} then {first}s..{longest}s, {network}, {account}", rules.free)
            });
            let tls = tls.map_or_else(|| "none".to_owned(), |files| files.to_string());
            let audit = format!("{}s, {audit_rows}", audit_retention.num_seconds());
            let password = admin_password.as_ref().map(Password::expose);
            format!(
                "{listen} | {ops_listen:?} | {database} | {password:?} | {session_lifetime} | {session_max_lifetime} | {sessions_per_user} | {cache_sessions} | {} for {:?} | {} KiB, {} passes | {throttle} | {audit} | {log_level:?} | {log_format:?} | {tls_terminated} | {tls} | {trusted_proxies:?} | {warnings:?}",
                login.queue, login.wait, cost.memory, cost.passes,
            )
        },
    )
}

const FILE: &str = r#"
listen = "127.0.0.3:3"
trusted_proxies = ["10.3.0.0/16", "10.3.3.3"]
ops.listen = "off"
database = "sqlite:file.db"
admin_password = "from the file"
session.lifetime = "3m"
session.max_lifetime = "3h"
session.per_user = 3
cache.sessions = 3
login.queue = 3
login.max_wait = "3s"
password.memory = 30000
password.passes = 3

[throttle]
free_failures = 3
first_wait = "3s"
longest_wait = "3m"
address_failures = "33"
address_window = "33m"
account_failures = 333
account_window = "3h"

[audit]
retention = "3d"
rows = 3000

[log]
level = "error"
format = "json"

[tls]
terminated = true
certificate = "file.pem"
key = "file.key"
"#;

const ENVIRONMENT: [(&str, &str); 26] = [
    ("PBX_LOGIN_LISTEN", "127.0.0.2:2"),
    ("PBX_LOGIN_OPS_LISTEN", "127.0.0.2:22"),
    ("PBX_LOGIN_DATABASE", "sqlite:environment.db"),
    ("PBX_LOGIN_ADMIN_PASSWORD", "from the environment"),
    ("PBX_LOGIN_SESSION_LIFETIME", "2m"),
    ("PBX_LOGIN_SESSION_MAX_LIFETIME", "2h"),
    ("PBX_LOGIN_SESSION_PER_USER", "2"),
    ("PBX_LOGIN_CACHE_SESSIONS", "2"),
    ("PBX_LOGIN_LOGIN_QUEUE", "2"),
    ("PBX_LOGIN_LOGIN_MAX_WAIT", "1m"),
    ("PBX_LOGIN_PASSWORD_MEMORY", "20000"),
    ("PBX_LOGIN_PASSWORD_PASSES", "5"),
    ("PBX_LOGIN_THROTTLE_ENABLED", "true"),
    ("PBX_LOGIN_THROTTLE_FREE_FAILURES", "2"),
    ("PBX_LOGIN_THROTTLE_FIRST_WAIT", "2s"),
    ("PBX_LOGIN_THROTTLE_LONGEST_WAIT", "2m"),
    ("PBX_LOGIN_THROTTLE_ADDRESS_FAILURES", "22"),
    ("PBX_LOGIN_THROTTLE_ADDRESS_WINDOW", "22m"),
    ("PBX_LOGIN_THROTTLE_ACCOUNT_FAILURES", "222"),
    ("PBX_LOGIN_THROTTLE_ACCOUNT_WINDOW", "2h"),
    ("PBX_LOGIN_AUDIT_RETENTION", "2d"),
    ("PBX_LOGIN_AUDIT_ROWS", "2000"),
    ("PBX_LOGIN_LOG_LEVEL", "warn"),
    ("PBX_LOGIN_LOG_FORMAT", "text"),
    ("PBX_LOGIN_TLS_TERMINATED", "false"),
    ("PBX_LOGIN_TRUSTED_PROXIES", "10.2.0.0/16, 10.2.2.2"),
];

const FLAGS: [(Key, &str); 27] = [
    (Key::Listen, "127.0.0.1:1"),
    (Key::OpsListen, "[::1]:11"),
    (Key::Database, "sqlite:flag.db"),
    (Key::SessionLifetime, "1m"),
    (Key::SessionMaxLifetime, "1h"),
    (Key::SessionPerUser, "1"),
    (Key::CacheSessions, "1"),
    (Key::LoginQueue, "1"),
    (Key::LoginMaxWait, "1s"),
    (Key::PasswordMemory, "50000"),
    (Key::PasswordPasses, "1"),
    (Key::ThrottleEnabled, "true"),
    (Key::ThrottleFreeFailures, "1"),
    (Key::ThrottleFirstWait, "1s"),
    (Key::ThrottleLongestWait, "1m"),
    (Key::ThrottleAddressFailures, "11"),
    (Key::ThrottleAddressWindow, "11m"),
    (Key::ThrottleAccountFailures, "111"),
    (Key::ThrottleAccountWindow, "1h"),
    (Key::AuditRetention, "1d"),
    (Key::AuditRows, "1000"),
    (Key::LogLevel, "warn"),
    (Key::LogFormat, "auto"),
    (Key::TlsTerminated, "true"),
    (Key::TlsCertificate, "flag.pem"),
    (Key::TlsKey, "flag.key"),
    (Key::TrustedProxies, "10.1.1.1"),
];

#[test]
fn flags_come_before_environment_before_file_before_defaults() {
    let rows = [
        load(&[], &[], ""),
        load(&[], &[], FILE),
        load(&[], &ENVIRONMENT, ""),
        load(&[], &ENVIRONMENT, FILE),
        load(&FLAGS, &[], FILE),
        load(&FLAGS, &ENVIRONMENT, FILE),
    ];
    insta::assert_snapshot!(rows.map(shown).join("\n"), @r#"
    127.0.0.1:8887 | Some(127.0.0.1:8888) | sqlite:pbx-login.db | None | 30m | 30m | 100 | 8000000 | 1000 for 2s | 19456 KiB, 2 passes | 5 then 1s..900s, 50 in 900s, 100 in 3600s | 7776000s, 1000000 | Info | Auto | false | none | TrustedProxies([]) | []
    127.0.0.3:3 | None | sqlite:file.db | Some("from the file") | 3m | 3h | 3 | 3 | 3 for 3s | 30000 KiB, 3 passes | 3 then 3s..180s, 33 in 1980s, 333 in 10800s | 259200s, 3000 | Error | Json | true | file.pem and file.key | TrustedProxies([10.3.0.0/16, 10.3.3.3/32]) | []
    127.0.0.2:2 | Some(127.0.0.2:22) | sqlite:environment.db | Some("from the environment") | 2m | 2h | 2 | 2 | 2 for 60s | 20000 KiB, 5 passes | 2 then 2s..120s, 22 in 1320s, 222 in 7200s | 172800s, 2000 | Warn | Text | false | none | TrustedProxies([10.2.0.0/16, 10.2.2.2/32]) | []
    127.0.0.2:2 | Some(127.0.0.2:22) | sqlite:environment.db | Some("from the environment") | 2m | 2h | 2 | 2 | 2 for 60s | 20000 KiB, 5 passes | 2 then 2s..120s, 22 in 1320s, 222 in 7200s | 172800s, 2000 | Warn | Text | false | file.pem and file.key | TrustedProxies([10.2.0.0/16, 10.2.2.2/32]) | []
    127.0.0.1:1 | Some([::1]:11) | sqlite:flag.db | Some("from the file") | 1m | 1h | 1 | 1 | 1 for 1s | 50000 KiB, 1 passes | 1 then 1s..60s, 11 in 660s, 111 in 3600s | 86400s, 1000 | Warn | Auto | true | flag.pem and flag.key | TrustedProxies([10.1.1.1/32]) | []
    127.0.0.1:1 | Some([::1]:11) | sqlite:flag.db | Some("from the environment") | 1m | 1h | 1 | 1 | 1 for 1s | 50000 KiB, 1 passes | 1 then 1s..60s, 11 in 660s, 111 in 3600s | 86400s, 1000 | Warn | Auto | true | flag.pem and flag.key | TrustedProxies([10.1.1.1/32]) | []
    "#);
}

#[test]
fn each_setting_is_overridden_by_itself() {
    let defaults = shown(load(&[], &[], ""));
    for (name, value) in ENVIRONMENT {
        let one = shown(load(&[], &[(name, value)], ""));
        let changed = defaults
            .split(" | ")
            .zip(one.split(" | "))
            .filter(|(default, now)| default != now)
            .count();
        // These are the default already, and one moves another with it.
        if name == "PBX_LOGIN_SESSION_LIFETIME" {
            assert_eq!(changed, 2, "{name}: {one}");
            continue;
        }
        let expected = !matches!(
            name,
            "PBX_LOGIN_TLS_TERMINATED" | "PBX_LOGIN_THROTTLE_ENABLED"
        );
        let expected = usize::from(expected);
        assert_eq!(changed, expected, "{name}: {one}");
    }
}

#[test]
fn guessers_are_held_back_unless_it_is_switched_off() {
    let throttle = |file| load(&[], &[], file).unwrap().throttle;
    assert_eq!(throttle(""), Some(Rules::DEFAULT));
    assert_eq!(throttle("throttle.enabled = false"), None);
}

#[test]
fn the_environment_names_the_file_and_a_flag_comes_before_it() {
    let mut files = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    files[0].write_all(b"listen = '127.0.0.1:1'").unwrap();
    files[1].write_all(b"listen = '127.0.0.1:2'").unwrap();
    let mut sources = Sources {
        environment: vec![(CONFIG_VARIABLE.into(), files[1].path().into())],
        ..Sources::default()
    };
    assert_eq!(Settings::load(&sources).unwrap().listen.port(), 2);
    sources.config = Some(files[0].path().to_owned());
    assert_eq!(Settings::load(&sources).unwrap().listen.port(), 1);
}

#[test]
fn a_setting_that_cannot_be_used_is_an_error_that_names_its_place() {
    let long = "x".repeat(2049);
    let rows = [
        load(&[(Key::Listen, "localhost:8887")], &[], ""),
        load(&[(Key::Listen, "127.0.0.1")], &[], ""),
        load(&[(Key::OpsListen, "none")], &[], ""),
        load(&[(Key::SessionLifetime, "0s")], &[], ""),
        load(&[(Key::SessionMaxLifetime, "29m")], &[], ""),
        load(
            &[(Key::SessionMaxLifetime, "1h")],
            &[],
            "session.lifetime = '2h'",
        ),
        load(&[(Key::SessionPerUser, "0")], &[], ""),
        load(&[(Key::AuditRows, "999")], &[], ""),
        load(&[(Key::LogLevel, "loud")], &[], ""),
        load(&[(Key::TlsTerminated, "yes")], &[], ""),
        load(
            &[],
            &[("PBX_LOGIN_DATABASE", "postgres://u:hunter2@db/pbx")],
            "",
        ),
        load(&[], &[("PBX_LOGIN_ADMIN_PASSWORD", "")], ""),
        load(&[], &[("PBX_LOGIN_ADMIN_PASSWORD", &long)], ""),
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
    insta::assert_snapshot!(rows.map(shown).join("\n"), @r#"
    error: --listen: "localhost:8887" is no address with a port; write one like 127.0.0.1:8887 or [::1]:8887
    error: --listen: "127.0.0.1" is no address with a port; write one like 127.0.0.1:8887 or [::1]:8887
    error: --ops-listen: "none" is no address with a port; write one like 127.0.0.1:8888 or [::1]:8888, or off
    error: --session-lifetime: "0s" is out of range; choose from "1s" to "365d"
    error: --session-max-lifetime: "29m" is shorter than session.lifetime, which is 30m; choose a longer one or leave it out
    error: --session-max-lifetime: "1h" is shorter than session.lifetime, which is 2h; choose a longer one or leave it out
    error: --session-per-user: "0" cannot be used as a number here; choose from 1 to 10000
    error: --audit-rows: "999" cannot be used as a number of rows; choose from 1000 to 100000000
    error: --log-level: "loud" is no level; choose info, warn or error
    error: --tls-terminated: "yes" is neither true nor false; write one of them
    error: PBX_LOGIN_DATABASE: PostgreSQL cannot be used yet; write sqlite:PATH, such as sqlite:pbx-login.db
    error: PBX_LOGIN_ADMIN_PASSWORD: the password is empty; choose one of at least 8 characters
    error: PBX_LOGIN_ADMIN_PASSWORD: the password is longer than 2048 bytes; choose a shorter one
    error: PBX_LOGIN_SESSION_LIFETIME: "" is no duration; write a number with a unit, such as "90s", "30m" or "2h"
    error: log.format in FILE: "xml" is no format; choose auto, text or json
    error: session.lifetime in FILE: it is no text; put it in quotation marks
    error: admin_password in FILE: it is no text; put it in quotation marks
    error: tls.terminated in FILE: it is neither true nor false; write one of them
    error: throttle.enabled in FILE: "off" is neither true nor false; write one of them
    error: throttle.free_failures in FILE: "0" cannot be used as a number here; choose from 1 to 10000
    error: throttle.free_failures in FILE: "10001" cannot be used as a number here; choose from 1 to 10000
    error: throttle.free_failures in FILE: it is no whole number; write one such as 5
    error: throttle.address_failures in FILE: "-1" cannot be used as a number here; choose from 1 to 10000
    error: throttle.first_wait in FILE: it is no text; put it in quotation marks
    error: throttle.account_window in FILE: "0s" is out of range; choose from "1s" to "365d"
    error: tls.terminated in FILE: "maybe" is neither true nor false; write one of them
    error: trusted_proxies in FILE: "localhost" is neither an address nor a network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32
    error: trusted_proxies in FILE: ::/0 is every address there is: any client could say it is another; name your proxies
    error: trusted_proxies in FILE: it is no list of texts; write one such as ["10.0.0.0/8"]
    error: listen in FILE: it is no text; put it in quotation marks
    "#);
}

#[test]
fn an_unknown_key_of_the_file_is_an_error_that_names_it() {
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
    insta::assert_snapshot!(rows.map(shown).join("\n"), @"
    error: sesion.lifetime in FILE: there is no such setting; did you mean session.lifetime?
    error: session.lifetme in FILE: there is no such setting; did you mean session.lifetime?
    error: log in FILE: there is no such setting
    error: listen in FILE: it is no text; put it in quotation marks
    error: colour in FILE: there is no such setting
    error: throttle.enable in FILE: there is no such setting; did you mean throttle.enabled?
    error: throttle.enabled in FILE: it is neither true nor false; write one of them
    error: tls.terminated in FILE: it is neither true nor false; write one of them
    ");
}

#[test]
fn a_file_that_is_no_toml_is_an_error_that_shows_none_of_it() {
    let rows = [
        "listen = '127.0.0.1:1'\nadmin_password = hunter2",
        "admin_password = \"hunter2",
        "admin_password = 'hunter2'\nadmin_password = 'hunter3'",
        "hunter2",
        "admin_password = \"hun\\ter2\\q\"",
    ]
    .map(|file| load(&[], &[], file));
    let shown = rows.map(shown).join("\n");
    assert!(!shown.contains("hun"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
    error: FILE: line 2 is no TOML (string values must be quoted, expected literal string)
    error: FILE: line 1 is no TOML (invalid basic string, expected `"`)
    error: FILE: line 2 is no TOML (duplicate key)
    error: FILE: line 1 is no TOML (key with no value, expected `=`)
    error: FILE: line 1 is no TOML (missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`)
    "#);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let sources = Sources {
        config: Some("/nonexistent/pbx-login.toml".into()),
        ..Sources::default()
    };
    insta::assert_snapshot!(Settings::load(&sources).unwrap_err(), @"/nonexistent/pbx-login.toml: cannot be read (No such file or directory (os error 2)); check the path");
}

#[test]
fn an_unknown_variable_with_our_prefix_is_a_warning() {
    let environment = [
        ("PBX_LOGIN_SESION_LIFETIME", "1m"),
        ("PBX_LOGIN_ADMIN_PASWORD", "hunter2"),
        ("PBX_LOGIN_SERVICE_HOST", "10.0.0.1"),
        ("PBX_LOGIN_listen", "x"),
        ("HOME", "/root"),
    ];
    insta::assert_snapshot!(load(&[], &environment, "").unwrap().warnings.join("\n"), @"
    the environment variable PBX_LOGIN_ADMIN_PASWORD is no setting and is passed over; did you mean PBX_LOGIN_ADMIN_PASSWORD?
    the environment variable PBX_LOGIN_SERVICE_HOST is no setting and is passed over
    the environment variable PBX_LOGIN_SESION_LIFETIME is no setting and is passed over; did you mean PBX_LOGIN_SESSION_LIFETIME?
    the environment variable PBX_LOGIN_listen is no setting and is passed over
    ");
}

#[test]
fn the_cache_is_as_large_as_is_written_within_bounds() {
    let shown = |text| match load(&[(Key::CacheSessions, text)], &[], "") {
        Ok(settings) => settings.cache_sessions.to_string(),
        Err(error) => error,
    };
    insta::assert_snapshot!(["0", "150000000", "150000001", "-1", "many"].map(shown).join("\n"), @r#"
    0
    150000000
    --cache-sessions: "150000001" is no number of sessions; choose from 0 (none) to 150000000
    --cache-sessions: "-1" is no number of sessions; choose from 0 (none) to 150000000
    --cache-sessions: "many" is no number of sessions; choose from 0 (none) to 150000000
    "#);
}

#[test]
fn a_hash_s_cost_is_judged_as_a_whole_and_the_queue_by_itself() {
    let shown = |flags: &[(Key, &str)]| match load(flags, &[], "") {
        Ok(settings) => format!("{:?} {}", settings.password, settings.login.queue),
        Err(error) => error,
    };
    let rows = [
        shown(&[(Key::PasswordMemory, "47104"), (Key::PasswordPasses, "1")]),
        shown(&[(Key::PasswordMemory, "20000"), (Key::LoginQueue, "0")]),
        shown(&[(Key::PasswordPasses, "1")]),
        shown(&[(Key::PasswordMemory, "8000")]),
        shown(&[(Key::PasswordMemory, "much")]),
        shown(&[(Key::LoginQueue, "10001")]),
    ];
    insta::assert_snapshot!(rows.join("\n"), @r#"
    Cost { memory: 47104, passes: 1, lanes: 1 } 1000
    Cost { memory: 20000, passes: 2, lanes: 1 } 0
    --password-passes: memory (KiB) and passes must be those of the OWASP Password Storage Cheat Sheet or stronger: 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5, 47104 and 1; at most 65536 and 6
    --password-memory: memory (KiB) and passes must be those of the OWASP Password Storage Cheat Sheet or stronger: 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5, 47104 and 1; at most 65536 and 6
    --password-memory: "much" is no whole number; write one such as 5
    --login-queue: "10001" is no number of logins; choose from 0 to 10000
    "#);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let sources = Sources {
        environment: vec![(
            "PBX_LOGIN_ADMIN_PASSWORD".into(),
            OsString::from_vec(b"hunter\xff".to_vec()),
        )],
        ..Sources::default()
    };
    insta::assert_snapshot!(Settings::load(&sources).unwrap_err(), @"PBX_LOGIN_ADMIN_PASSWORD: its value is not UTF-8; write it in UTF-8");
}

#[test]
fn only_a_loopback_address_is_served_without_tls() {
    let check = |listen: &str, tls: &str| {
        let flags = [(Key::Listen, listen), (Key::TlsTerminated, tls)];
        load(&flags, &[], "").unwrap().check_exposure()
    };
    for loopback in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert_eq!(check(loopback, "false"), Ok(()), "{loopback}");
    }
    for exposed in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
        assert!(check(exposed, "false").is_err(), "{exposed}");
        assert_eq!(check(exposed, "true"), Ok(()), "{exposed}");
    }
    insta::assert_snapshot!(check("0.0.0.0:8887", "false").unwrap_err(), @"0.0.0.0:8887 can be reached from other machines, and passwords would travel in the clear; listen on 127.0.0.1, name a certificate with --tls-certificate and --tls-key, or pass --tls-terminated where TLS ends in a proxy in front");
}

#[test]
fn debug_shows_no_password() {
    let settings = load(&[], &ENVIRONMENT, FILE).unwrap();
    let debug = format!("{settings:?}");
    assert!(!debug.contains("from the"), "{debug}");
}

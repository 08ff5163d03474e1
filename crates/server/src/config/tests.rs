mod invalid;

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use super::sources::CONFIG_VARIABLE;
use super::*;
use crate::domain::password::Password;

fn setting(key: &str) -> &'static Setting {
    let mut settings = SETTINGS.iter();
    settings.find(|setting| setting.key == key).unwrap()
}

fn load(
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
    file: &str,
) -> Result<Settings, String> {
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(file.as_bytes()).unwrap();
    let sources = Sources {
        config: Some(config.path().to_owned()),
        flags: flags
            .iter()
            .map(|(key, text)| (setting(key), (*text).to_owned()))
            .collect(),
        environment: environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    };
    let path = config.path().display().to_string();
    Settings::load(&sources).map_err(|error| error.to_string().replace(&path, "FILE"))
}

fn formatted(settings: Result<Settings, String>) -> String {
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return format!("error: {error}"),
    };
    let tls = settings.tls_files();
    let tls = tls.map_or_else(|| "none".to_owned(), |files| files.to_string());
    [
        settings.listen.format(),
        settings.ops_listen.format(),
        settings.database.format(),
        format!(
            "{:?}",
            settings.admin_password.as_ref().map(Password::expose)
        ),
        settings.session_lifetime.format(),
        settings.session_max_lifetime().format(),
        settings.session_per_user.format(),
        settings.cache_sessions.format(),
        settings.login_queue.format(),
        settings.login_max_wait.format(),
        settings.password_memory.format(),
        settings.password_passes.format(),
        settings.throttle_enabled.format(),
        settings.throttle_free_failures.format(),
        settings.throttle_first_wait.format(),
        settings.throttle_longest_wait.format(),
        settings.throttle_address_failures.format(),
        settings.throttle_address_window.format(),
        settings.throttle_account_failures.format(),
        settings.throttle_account_window.format(),
        settings.throttle_account_daily_failures.format(),
        settings.audit_retention.format(),
        settings.audit_rows.format(),
        settings.audit_log.format(),
        settings.log_level.format(),
        settings.log_format.format(),
        settings.tls_terminated.format(),
        tls,
        settings.trusted_proxies.format(),
        format!("{:?}", settings.warnings),
    ]
    .join(" | ")
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
account_daily_failures = 3333

[audit]
retention = "3d"
rows = 3000
log = "audit.jsonl"

[log]
level = "error"
format = "json"

[tls]
terminated = true
certificate = "file.pem"
key = "file.key"
"#;

const ENVIRONMENT: [(&str, &str); 28] = [
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
    ("PBX_LOGIN_THROTTLE_ACCOUNT_DAILY_FAILURES", "2222"),
    ("PBX_LOGIN_AUDIT_RETENTION", "2d"),
    ("PBX_LOGIN_AUDIT_ROWS", "2000"),
    ("PBX_LOGIN_AUDIT_LOG", "stdout"),
    ("PBX_LOGIN_LOG_LEVEL", "warn"),
    ("PBX_LOGIN_LOG_FORMAT", "text"),
    ("PBX_LOGIN_TLS_TERMINATED", "false"),
    ("PBX_LOGIN_TRUSTED_PROXIES", "10.2.0.0/16, 10.2.2.2"),
];

const FLAGS: [(&str, &str); 29] = [
    ("listen", "127.0.0.1:1"),
    ("ops.listen", "[::1]:11"),
    ("database", "sqlite:flag.db"),
    ("session.lifetime", "1m"),
    ("session.max_lifetime", "1h"),
    ("session.per_user", "1"),
    ("cache.sessions", "1"),
    ("login.queue", "1"),
    ("login.max_wait", "1s"),
    ("password.memory", "50000"),
    ("password.passes", "1"),
    ("throttle.enabled", "true"),
    ("throttle.free_failures", "1"),
    ("throttle.first_wait", "1s"),
    ("throttle.longest_wait", "1m"),
    ("throttle.address_failures", "11"),
    ("throttle.address_window", "11m"),
    ("throttle.account_failures", "111"),
    ("throttle.account_window", "1h"),
    ("throttle.account_daily_failures", "1111"),
    ("audit.retention", "1d"),
    ("audit.rows", "1000"),
    ("audit.log", "/var/log/audit.jsonl"),
    ("log.level", "warn"),
    ("log.format", "auto"),
    ("tls.terminated", "true"),
    ("tls.certificate", "flag.pem"),
    ("tls.key", "flag.key"),
    ("trusted_proxies", "10.1.1.1"),
];

#[test]
fn flag_precedes_environment_precedes_file_precedes_default() {
    let rows = [
        load(&[], &[], ""),
        load(&[], &[], FILE),
        load(&[], &ENVIRONMENT, ""),
        load(&[], &ENVIRONMENT, FILE),
        load(&FLAGS, &[], FILE),
        load(&FLAGS, &ENVIRONMENT, FILE),
    ];
    insta::assert_snapshot!(rows.map(formatted).join("\n"), @r#"
    127.0.0.1:8887 | 127.0.0.1:8888 | sqlite:pbx-login.db | None | 30m | 30m | 100 | 6250000 | 1000 | 2s | 19456 | 2 | true | 5 | 1s | 15m | 50 | 15m | 100 | 1h | 240 | 90d | 1000000 | off | info | auto | false | none |  | []
    127.0.0.3:3 | off | sqlite:file.db | Some("from the file") | 3m | 3h | 3 | 3 | 3 | 3s | 30000 | 3 | true | 3 | 3s | 3m | 33 | 33m | 333 | 3h | 3333 | 3d | 3000 | audit.jsonl | error | json | true | file.pem and file.key | 10.3.0.0/16,10.3.3.3/32 | []
    127.0.0.2:2 | 127.0.0.2:22 | sqlite:environment.db | Some("from the environment") | 2m | 2h | 2 | 2 | 2 | 1m | 20000 | 5 | true | 2 | 2s | 2m | 22 | 22m | 222 | 2h | 2222 | 2d | 2000 | stdout | warn | text | false | none | 10.2.0.0/16,10.2.2.2/32 | []
    127.0.0.2:2 | 127.0.0.2:22 | sqlite:environment.db | Some("from the environment") | 2m | 2h | 2 | 2 | 2 | 1m | 20000 | 5 | true | 2 | 2s | 2m | 22 | 22m | 222 | 2h | 2222 | 2d | 2000 | stdout | warn | text | false | file.pem and file.key | 10.2.0.0/16,10.2.2.2/32 | []
    127.0.0.1:1 | [::1]:11 | sqlite:flag.db | Some("from the file") | 1m | 1h | 1 | 1 | 1 | 1s | 50000 | 1 | true | 1 | 1s | 1m | 11 | 11m | 111 | 1h | 1111 | 1d | 1000 | /var/log/audit.jsonl | warn | auto | true | flag.pem and flag.key | 10.1.1.1/32 | []
    127.0.0.1:1 | [::1]:11 | sqlite:flag.db | Some("from the environment") | 1m | 1h | 1 | 1 | 1 | 1s | 50000 | 1 | true | 1 | 1s | 1m | 11 | 11m | 111 | 1h | 1111 | 1d | 1000 | /var/log/audit.jsonl | warn | auto | true | flag.pem and flag.key | 10.1.1.1/32 | []
    "#);
}

#[test]
fn variable_changes_only_its_own_setting() {
    let defaults = formatted(load(&[], &[], ""));
    for (name, value) in ENVIRONMENT {
        let one = formatted(load(&[], &[(name, value)], ""));
        let changed = defaults
            .split(" | ")
            .zip(one.split(" | "))
            .filter(|(default, now)| default != now)
            .count();
        // The default of session.max_lifetime follows session.lifetime.
        if name == "PBX_LOGIN_SESSION_LIFETIME" {
            assert_eq!(changed, 2, "{name}: {one}");
            continue;
        }
        // The test environment sets these variables to their defaults.
        let expected = !matches!(
            name,
            "PBX_LOGIN_TLS_TERMINATED" | "PBX_LOGIN_THROTTLE_ENABLED"
        );
        let expected = usize::from(expected);
        assert_eq!(changed, expected, "{name}: {one}");
    }
}

#[test]
fn rate_limiting_is_on_unless_disabled() {
    let rules = |file| load(&[], &[], file).unwrap().rate_limit_rules();
    assert_eq!(rules(""), Some(Rules::DEFAULT));
    assert_eq!(rules("throttle.enabled = false"), None);
}

#[test]
fn file_named_by_flag_precedes_file_named_by_environment() {
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
fn missing_file_is_an_error() {
    let sources = Sources {
        config: Some("/nonexistent/pbx-login.toml".into()),
        ..Sources::default()
    };
    insta::assert_snapshot!(Settings::load(&sources).unwrap_err(), @"cannot read the settings file /nonexistent/pbx-login.toml: No such file or directory (os error 2); check the path and its permissions");
}

#[test]
fn unknown_variable_is_a_warning() {
    let environment = [
        ("PBX_LOGIN_SESION_LIFETIME", "1m"),
        ("PBX_LOGIN_ADMIN_PASWORD", "hunter2"),
        ("PBX_LOGIN_SERVICE_HOST", "10.0.0.1"),
        ("PBX_LOGIN_listen", "x"),
        ("HOME", "/root"),
    ];
    insta::assert_snapshot!(load(&[], &environment, "").unwrap().warnings.join("\n"), @"
    ignoring the unknown environment variable PBX_LOGIN_ADMIN_PASWORD; did you mean PBX_LOGIN_ADMIN_PASSWORD?
    ignoring the unknown environment variable PBX_LOGIN_SERVICE_HOST
    ignoring the unknown environment variable PBX_LOGIN_SESION_LIFETIME; did you mean PBX_LOGIN_SESSION_LIFETIME?
    ignoring the unknown environment variable PBX_LOGIN_listen
    ");
}

#[test]
fn cache_size_outside_its_range_is_an_error() {
    let formatted = |text| match load(&[("cache.sessions", text)], &[], "") {
        Ok(settings) => settings.cache_sessions.to_string(),
        Err(error) => error,
    };
    insta::assert_snapshot!(["0", "150000000", "150000001", "-1", "many"].map(formatted).join("\n"), @r#"
    0
    150000000
    invalid cache.sessions "150000001" (--cache-sessions): expected a whole number from 0 to 150000000
    invalid cache.sessions "-1" (--cache-sessions): expected a whole number from 0 to 150000000
    invalid cache.sessions "many" (--cache-sessions): expected a whole number from 0 to 150000000
    "#);
}

#[test]
fn weak_password_cost_is_an_error() {
    let formatted = |flags: &[(&str, &str)]| match load(flags, &[], "") {
        Ok(settings) => format!("{:?} {}", settings.password_cost(), settings.login_queue),
        Err(error) => error,
    };
    let rows = [
        formatted(&[("password.memory", "47104"), ("password.passes", "1")]),
        formatted(&[("password.memory", "20000"), ("login.queue", "0")]),
        formatted(&[("password.passes", "1")]),
        formatted(&[("password.memory", "8000")]),
        formatted(&[("password.memory", "much")]),
        formatted(&[("login.queue", "10001")]),
    ];
    insta::assert_snapshot!(rows.join("\n"), @r#"
    Cost { memory: 47104, passes: 1, lanes: 1 } 1000
    Cost { memory: 20000, passes: 2, lanes: 1 } 0
    invalid password.passes "1" (--password-passes): memory (KiB) and passes must be at least as strong as the OWASP Password Storage Cheat Sheet recommends: 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5, 47104 and 1; at most 65536 and 6
    invalid password.memory "8000" (--password-memory): memory (KiB) and passes must be at least as strong as the OWASP Password Storage Cheat Sheet recommends: 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5, 47104 and 1; at most 65536 and 6
    invalid password.memory "much" (--password-memory): expected a whole number
    invalid login.queue "10001" (--login-queue): expected a whole number from 0 to 10000
    "#);
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_utf_8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let sources = Sources {
        environment: vec![(
            "PBX_LOGIN_ADMIN_PASSWORD".into(),
            OsString::from_vec(b"hunter\xff".to_vec()),
        )],
        ..Sources::default()
    };
    insta::assert_snapshot!(Settings::load(&sources).unwrap_err(), @"invalid admin_password (PBX_LOGIN_ADMIN_PASSWORD): expected UTF-8");
}

#[test]
fn address_without_tls_must_be_loopback() {
    let check = |listen: &str, tls: &str| {
        let flags = [("listen", listen), ("tls.terminated", tls)];
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
    insta::assert_snapshot!(check("0.0.0.0:8887", "false").unwrap_err(), @"0.0.0.0:8887 is reachable from other machines, and passwords would be sent unencrypted; listen on 127.0.0.1, set --tls-certificate and --tls-key, or pass --tls-terminated if a reverse proxy terminates TLS");
}

#[test]
fn debug_output_hides_passwords() {
    let settings = load(&[], &ENVIRONMENT, FILE).unwrap();
    let debug = format!("{settings:?}");
    assert!(!debug.contains("from the"), "{debug}");
}

#[test]
fn default_of_each_setting_can_be_parsed() {
    let flags: Vec<(&str, String)> = (SETTINGS.iter())
        .filter_map(|setting| Some((setting.key, setting.default_value()?)))
        .collect();
    assert!(flags.len() > 20, "{flags:?}");
    let flags: Vec<(&str, &str)> = flags
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    assert_eq!(
        formatted(load(&flags, &[], "")),
        formatted(load(&[], &[], ""))
    );
}

#[test]
fn command_has_other_limits_than_a_server() {
    let file = "[postgres]\ncommand_timeout = '1h'\noperation_timeout = '7s'\nlock_timeout = '3s'";
    let settings = load(&[], &[], file).unwrap();
    let server = settings.postgres_options();
    let expected = PostgresOptions {
        operation_timeout: Duration::from_hours(1),
        statement_timeout: Duration::from_hours(1),
        // A command whose database is away fails as soon as a request does.
        retry_timeout: Duration::from_secs(7),
        idle_in_transaction_timeout: Duration::from_secs(10),
        ..server
    };
    assert_eq!(settings.postgres_command_options(), expected);
    assert_eq!(server.operation_timeout, Duration::from_secs(7));
    assert_eq!(server.lock_timeout, Duration::from_secs(3));
}

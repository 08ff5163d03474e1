use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::*;

fn postgres(text: &str) -> PostgresUrl {
    match text.parse().unwrap() {
        DatabaseUrl::Postgres(url) => *url,
        DatabaseUrl::Sqlite(path) => panic!("{}", path.display()),
    }
}

fn refusal(text: &str) -> String {
    text.parse::<DatabaseUrl>().unwrap_err().to_string()
}

#[test]
fn database_url_is_parsed_or_refused_with_a_remedy() {
    let urls = [
        "sqlite:pbx-login.db",
        "sqlite:/var/lib/pbx.db",
        "sqlite:a b?c#d:e",
        "postgres://pbx@db.example:5432/pbx",
    ];
    for url in urls {
        assert_eq!(url.parse::<DatabaseUrl>().unwrap().to_string(), url);
    }
    let refusals = [
        "postgresql:pbx",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:///var/lib/pbx.db",
        "mysql://user:hunter2@db/pbx",
        "pbx-login.db",
        "",
        "SQLite:x",
    ]
    .map(refusal);
    insta::assert_snapshot!(refusals.join("\n"), @"
    write postgres://USER@HOST:PORT/DATABASE, such as postgres://pbx@localhost/pbx
    the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db
    the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db
    the path must not begin with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db
    not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE
    not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE
    not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE
    not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE
    ");
}

#[test]
fn postgres_url_has_the_parts_that_libpq_reads() {
    let url = postgres(
        "postgresql://o%27neil:p%40ss@one,[2001:db8::1]:5433,three:5434/pbx%20login\
        ?application_name=login&connect_timeout=3&tcp_user_timeout=1500&keepalives_idle=10",
    );
    let hosts = url.hosts().iter().map(PostgresHost::to_string);
    assert_eq!(
        hosts.collect::<Vec<_>>(),
        ["one:5432", "[2001:db8::1]:5433", "three:5434"]
    );
    let config = url.config();
    assert_eq!(config.get_user(), Some("o'neil"));
    assert_eq!(config.get_password(), Some(b"p@ss".as_slice()));
    assert_eq!(config.get_dbname(), Some("pbx login"));
    assert_eq!(config.get_application_name(), Some("login"));
    let seconds = Duration::from_secs;
    assert_eq!(config.get_connect_timeout(), Some(&seconds(3)));
    // As in libpq, this parameter is in milliseconds.
    assert_eq!(
        config.get_tcp_user_timeout(),
        Some(&Duration::from_millis(1500))
    );
    assert_eq!(config.get_keepalives_idle(), seconds(10));
}

#[test]
fn postgres_url_without_parts_has_defaults() {
    let url = postgres("postgres://");
    let hosts: Vec<String> = url.hosts().iter().map(PostgresHost::to_string).collect();
    assert_eq!(hosts, ["/var/run/postgresql:5432"]);
    let config = url.config();
    assert_eq!((config.get_user(), config.get_password()), (None, None));
    assert_eq!(config.get_application_name(), Some("pbx-login-server"));
    // A standby would be of no use, because a login writes.
    assert_eq!(
        config.get_target_session_attrs(),
        TargetSessionAttrs::ReadWrite
    );
    assert_eq!(url.ssl().mode, SslMode::Prefer);
}

#[test]
fn parameters_override_the_parts_of_the_postgres_url() {
    let url = postgres(
        "postgres:///x?host=/run/a,b&port=1,&user=u&password=p&dbname=d&target_session_attrs=any",
    );
    let hosts: Vec<String> = url.hosts().iter().map(PostgresHost::to_string).collect();
    assert_eq!(hosts, ["/run/a:1", "b:5432"]);
    assert_eq!(url.config().get_user(), Some("u"));
    assert_eq!(url.config().get_password(), Some(b"p".as_slice()));
    assert_eq!(url.config().get_dbname(), Some("d"));
    assert_eq!(
        url.config().get_target_session_attrs(),
        TargetSessionAttrs::Any
    );
    // A single port applies to all hosts.
    let url = postgres("postgres:///?host=a,b&port=7");
    assert_eq!(
        url.hosts().iter().map(|host| host.port).collect::<Vec<_>>(),
        [7, 7]
    );
}

#[test]
fn ssl_parameters_select_certificates() {
    let url = postgres(
        "postgres://db/x?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem",
    );
    assert_eq!(
        *url.ssl(),
        SslSettings {
            mode: SslMode::VerifyFull,
            roots: Some(RootCertificates::File("/ca.pem".into())),
            certificate: Some(("/c.pem".into(), "/k.pem".into())),
        }
    );
    // As in libpq, the certificates of the system require a complete verification.
    let system = postgres("postgres://db/x?sslrootcert=system");
    assert_eq!(system.ssl().mode, SslMode::VerifyFull);
    assert_eq!(
        postgres("postgres://db/x?ssl=true").ssl().mode,
        SslMode::Require
    );
    let modes = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
    ];
    for (text, mode) in modes {
        let url = format!("postgres://db/x?sslmode={text}&sslrootcert=/ca.pem");
        assert_eq!(postgres(&url).ssl().mode, mode);
    }
}

#[test]
fn invalid_postgres_url_is_refused_without_its_password() {
    let refusals = [
        "postgres://u:hunter2@db:x/pbx",
        "postgres://u:hunter2@[::1/pbx",
        "postgres://u:hunter2/3@db/pbx",
        "postgres://u:%zz@db/pbx",
        "postgres://u:%ff@db/pbx",
        "postgres://db/pbx?sslmode=verify",
        "postgres://db/pbx?sslmode=verify-full",
        "postgres://db/pbx?sslrootcert=system&sslmode=require",
        "postgres://db/pbx?sslcert=/c.pem",
        "postgres://db/pbx?target_session_attrs=standby",
        "postgres://db/pbx?connect_timeout=soon",
        "postgres://a,b/pbx?port=1,2,3",
        "postgres://db/pbx?krbsrvname=x",
        "postgres://u:hunter2?x@db/pbx",
        "postgres://db/pbx?gssencmode=require",
    ]
    .map(refusal);
    let refusals = refusals.join("\n");
    assert!(!refusals.contains("hunter2"), "{refusals}");
    insta::assert_snapshot!(refusals, @"
    a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    a part of the URL is not encoded correctly; write a percent sign as %25
    a part of the URL is not encoded correctly; write a percent sign as %25
    the parameter sslmode is invalid: expected disable, allow, prefer, require, verify-ca or verify-full
    the parameter sslrootcert is invalid: expected the file of the root certificates, or system, because sslmode verifies the server
    the parameter sslmode is invalid: expected verify-full, because sslrootcert is system
    the parameter sslkey is invalid: expected the file of the key of sslcert
    the parameter target_session_attrs is invalid: expected read-write, primary or any
    the parameter connect_timeout is invalid: expected a whole number
    the parameter port is invalid: expected one port, or one for each host
    the parameter krbsrvname is not supported; remove it
    a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    the parameter gssencmode is invalid: expected disable or prefer
    ");
}

#[test]
fn postgres_password_is_never_shown() {
    let url = "postgres://u:hunter2@db/pbx?password=hunter2"
        .parse::<DatabaseUrl>()
        .unwrap();
    assert_eq!(url.to_string(), "postgres://u@db:5432/pbx");
    assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
}

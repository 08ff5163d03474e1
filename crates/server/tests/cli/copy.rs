//! The command `copy` between SQLite files; `tests/postgres.rs` copies to PostgreSQL.

use insta::assert_snapshot;

use super::Cli;

/// Replaces checksums, which depend on times and random numbers.
fn without_checksums(text: &str) -> String {
    let is_checksum = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split_inclusive([' ', '\n', '"']);
    let words = words.map(|word| match word.get(..64) {
        Some(digits) if is_checksum(digits) => format!("SHA256{}", &word[64..]),
        _ => word.to_owned(),
    });
    words.collect()
}

#[tokio::test]
async fn copy_prints_the_tables_and_refuses_an_existing_file() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    cli.run("role create Night --domain a.example");
    cli.user("admin --role SystemAdmin");
    cli.user("alice --domain a.example --role Night");
    assert!(cli.log_in("admin", "correct horse", None).await);
    let output = cli.session(&[
        "copy --from sqlite:pbx-login.db --to sqlite:copy.db",
        "check --database sqlite:copy.db",
        "copy --from sqlite:pbx-login.db --to sqlite:other.db --format json",
        "copy --from sqlite:pbx-login.db --to sqlite:copy.db",
        "copy --from sqlite:nothing.db --to sqlite:third.db",
    ]);
    assert_snapshot!(without_checksums(&output), @r#"
    $ copy --from sqlite:pbx-login.db --to sqlite:copy.db
    TABLE               ROWS  SHA-256
    tenants             1     SHA256
    roles               1     SHA256
    users               2     SHA256
    sessions            1     SHA256
    attempts            0     SHA256
    streaks             0     SHA256
    account_days        0     SHA256
    known_networks      1     SHA256
    allowance_attempts  0     SHA256
    audit               5     SHA256
    refusal_days        0     SHA256
    copied and verified 11 rows from sqlite:pbx-login.db to sqlite:copy.db
    $ check --database sqlite:copy.db
    sqlite:copy.db is sound
    $ copy --from sqlite:pbx-login.db --to sqlite:other.db --format json
    {
      "from": "sqlite:pbx-login.db",
      "to": "sqlite:other.db",
      "rows": 11,
      "source": "unchanged",
      "changed": [],
      "tables": [
        {
          "table": "tenants",
          "rows": 1,
          "sha256": "SHA256"
        },
        {
          "table": "roles",
          "rows": 1,
          "sha256": "SHA256"
        },
        {
          "table": "users",
          "rows": 2,
          "sha256": "SHA256"
        },
        {
          "table": "sessions",
          "rows": 1,
          "sha256": "SHA256"
        },
        {
          "table": "attempts",
          "rows": 0,
          "sha256": "SHA256"
        },
        {
          "table": "streaks",
          "rows": 0,
          "sha256": "SHA256"
        },
        {
          "table": "account_days",
          "rows": 0,
          "sha256": "SHA256"
        },
        {
          "table": "known_networks",
          "rows": 1,
          "sha256": "SHA256"
        },
        {
          "table": "allowance_attempts",
          "rows": 0,
          "sha256": "SHA256"
        },
        {
          "table": "audit",
          "rows": 5,
          "sha256": "SHA256"
        },
        {
          "table": "refusal_days",
          "rows": 0,
          "sha256": "SHA256"
        }
      ]
    }
    $ copy --from sqlite:pbx-login.db --to sqlite:copy.db
    ! error: sqlite:copy.db is not empty (1 row in tenants, 1 row in roles, 2 rows in users, 1 row in sessions, 1 row in known_networks, 5 rows in audit); copy to a new database
    exit 1
    $ copy --from sqlite:nothing.db --to sqlite:third.db
    ! error: the database nothing.db does not exist; start the server once to create it, or choose another with --from
    exit 1
    "#);
    for list in ["user list --format json", "session list", "audit list"] {
        let copied = cli.run(&format!("{list} --database sqlite:copy.db"));
        let original = cli.run(&format!("{list} --database sqlite:pbx-login.db"));
        assert_eq!(
            copied.lines().skip(1).collect::<Vec<_>>(),
            original.lines().skip(1).collect::<Vec<_>>()
        );
    }
    assert!(!cli.directory.path().join("third.db").exists());
}

#[test]
fn invalid_urls_are_reported_without_their_passwords() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    let output = cli.session(&[
        "copy --from sqlite:pbx-login.db",
        "copy --from pbx-login.db --to sqlite:copy.db",
        "copy --from sqlite:pbx-login.db --to postgres://pbx:hunter2@db:x/pbx",
        "copy --from sqlite:pbx-login.db --to postgres://pbx:hunter2@127.0.0.1:1/pbx?sslmode=disable",
        "--listen 127.0.0.1:1 copy --from sqlite:pbx-login.db --to sqlite:copy.db",
    ]);
    assert_snapshot!(output, @"
    $ copy --from sqlite:pbx-login.db
    ! error: the following required arguments were not provided:
    !   --to <URL>
    ! 
    ! Usage: pbx-login-server copy --from <URL> --to <URL>
    ! 
    ! For more information, try '--help'.
    exit 2
    $ copy --from pbx-login.db --to sqlite:copy.db
    ! error: invalid --from: not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE
    exit 2
    $ copy --from sqlite:pbx-login.db --to postgres://pbx:hunter2@db:x/pbx
    ! error: invalid --to: a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    exit 2
    $ copy --from sqlite:pbx-login.db --to postgres://pbx:hunter2@127.0.0.1:1/pbx?sslmode=disable
    ! error: cannot connect to postgres://pbx@127.0.0.1:1/pbx (error connecting to server: Connection refused (os error 111)); check the URL, and that PostgreSQL is running
    exit 1
    $ --listen 127.0.0.1:1 copy --from sqlite:pbx-login.db --to sqlite:copy.db
    ! error: --listen has no effect on copy; remove it
    exit 2
    ");
}

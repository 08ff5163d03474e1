//! The command `audit list`.

use insta::assert_snapshot;

use super::Cli;

const DOMAIN: Option<&str> = Some("pbx.example.com");

/// Runs a command line and replaces the operator, who depends on where the test runs.
fn run(cli: &Cli, line: &str) -> String {
    let id = std::process::Command::new("id").arg("-un").output();
    let user = String::from_utf8(id.unwrap().stdout).unwrap();
    let output = cli
        .run(line)
        .replace(&format!("command: {}", user.trim()), "command: OPERATOR");
    let output = output.replace(
        &format!(r#""operator":"{}""#, user.trim()),
        r#""operator":"OPERATOR""#,
    );
    // The width of the column depends on the name.
    let columns = |line: &str| {
        let cells = line.split("  ").filter(|cell| !cell.is_empty());
        cells.map(str::trim).collect::<Vec<_>>().join("  ") + "\n"
    };
    output.lines().map(columns).collect()
}

async fn cli() -> Cli {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    cli.user("Alice --domain pbx.example.com");
    cli.user("bob --role Dealer");
    cli.log_in("alice", "correct horse", DOMAIN).await;
    cli.log_in("alice", "wrong", DOMAIN).await;
    cli.log_in("hunter2", "wrong", DOMAIN).await;
    cli.run("user disable alice --domain pbx.example.com");
    cli
}

#[tokio::test]
async fn audit_entries_are_listed_oldest_first() {
    let cli = cli().await;
    assert_snapshot!(run(&cli, "audit list"), @"
    $ audit list
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    ________TIME________  tenant-created  -  pbx.example.com  command: OPERATOR  1  -
    ________TIME________  user-created  Alice  pbx.example.com  command: OPERATOR  1  role StandardUser
    ________TIME________  user-created  bob  -  command: OPERATOR  1  role Dealer
    ________TIME________  login  Alice  pbx.example.com  127.0.0.1  1  -
    ________TIME________  login-refused  Alice  pbx.example.com  127.0.0.1  1  wrong-password
    ________TIME________  login-refused  -  pbx.example.com  127.0.0.1  1  unknown-account
    ________TIME________  user-disabled  alice  pbx.example.com  command: OPERATOR  1  1 session ended
    ");
    let lines = [
        "audit list --user bob --format json",
        "audit list --user ALICE --domain PBX.example.com --event login-refused --format json",
        "audit list --limit 2",
        "audit list --since 1h --until 2999-01-01T00:00:00Z --event user-disabled",
        "audit list --until 1h",
        "audit list --since 999999999y --until 999999999y --format json",
        "audit list --user unknown",
    ];
    assert_snapshot!(lines.map(|line| run(&cli, line)).concat(), @r#"
    $ audit list --user bob --format json
    {"id":3,"at":"________TIME________","last_at":"________TIME________","event":"user-created","cause":null,"username":"bob","domain":null,"count":1,"source":"command","operator":"OPERATOR","address":null,"user_agent":null,"request_id":null,"detail":"role Dealer"}
    $ audit list --user ALICE --domain PBX.example.com --event login-refused --format json
    {"id":5,"at":"________TIME________","last_at":"________TIME________","event":"login-refused","cause":"wrong-password","username":"Alice","domain":"pbx.example.com","count":1,"source":"request","operator":null,"address":"127.0.0.1","user_agent":null,"request_id":"a test","detail":null}
    $ audit list --limit 2
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    ________TIME________  login-refused  -  pbx.example.com  127.0.0.1  1  unknown-account
    ________TIME________  user-disabled  alice  pbx.example.com  command: OPERATOR  1  1 session ended
    $ audit list --since 1h --until 2999-01-01T00:00:00Z --event user-disabled
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    ________TIME________  user-disabled  alice  pbx.example.com  command: OPERATOR  1  1 session ended
    $ audit list --until 1h
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    $ audit list --since 999999999y --until 999999999y --format json
    $ audit list --user unknown
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    "#);
}

#[test]
fn sudo_user_is_recorded_with_the_actual_user() {
    let cli = Cli::new();
    let mut create = cli.command(&["tenant", "create", "pbx.example.com"]);
    cli.output(create.env("SUDO_USER", "carol"), b"");
    let listed = run(&cli, "audit list");
    assert!(
        listed.contains("  command: OPERATOR (sudo: carol)  "),
        "{listed}"
    );
}

#[test]
fn daily_counts_of_deleted_refusals_are_listed() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    let database = rusqlite::Connection::open(cli.directory.path().join("pbx-login.db")).unwrap();
    let day = "INSERT INTO refusal_days
            (day, event, cause, username, username_key, domain, domain_key, count) VALUES";
    database
        .execute_batch(&format!(
            "{day} (20000, 'login-refused', 'wrong-password', 'Alice', 'alice', 'pbx.example.com', 'pbx.example.com', 7);
            {day} (20000, 'login-throttled', 'address', NULL, NULL, NULL, NULL, 123456);
            {day} (20001, 'login-refused', 'wrong-password', 'bob', 'bob', NULL, NULL, 3);"
        ))
        .unwrap();
    assert_snapshot!(cli.session(&[
        "audit refusals",
        "audit refusals --user ALICE --domain pbx.example.com --format json",
        "audit refusals --since 2024-10-05T12:00:00Z",
        "audit list --limit 1 --event logout",
        "audit list --limit 1 --event login-refused",
    ]), @r#"
    $ audit refusals
    DAY         EVENT            CAUSE           USERNAME  DOMAIN           COUNT
    2024-10-04  login-throttled  address         -         -                123456
    2024-10-04  login-refused    wrong-password  Alice     pbx.example.com  7
    2024-10-05  login-refused    wrong-password  bob       -                3
    $ audit refusals --user ALICE --domain pbx.example.com --format json
    {"day":"2024-10-04","event":"login-refused","cause":"wrong-password","username":"Alice","domain":"pbx.example.com","count":7}
    $ audit refusals --since 2024-10-05T12:00:00Z
    DAY         EVENT          CAUSE           USERNAME  DOMAIN  COUNT
    2024-10-05  login-refused  wrong-password  bob       -       3
    $ audit list --limit 1 --event logout
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    $ audit list --limit 1 --event login-refused
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    ! note: entries of refused logins were deleted because there were more than audit.rows; `audit refusals` lists their daily counts
    "#);
}

#[test]
fn mistyped_audit_filter_error_says_what_to_write() {
    let cli = Cli::new();
    assert_snapshot!(cli.session(&[
        "audit list",
        "audit list --event logins",
        "audit list --since yesterday",
        "audit list --limit 0",
        "audit list --user a@b",
    ]), @r#"
    $ audit list
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ audit list --event logins
    ! error: invalid value 'logins' for '--event <EVENT>': "logins" is not an event; choose from login, login-refused, login-throttled, logout, session-revoked, tenant-created, tenant-enabled, tenant-disabled, tenant-deleted, user-created, user-enabled, user-disabled, user-deleted, password-changed, role-changed, role-created, role-deleted, failures-cleared
    ! 
    ! For more information, try '--help'.
    exit 2
    $ audit list --since yesterday
    ! error: invalid value 'yesterday' for '--since <TIME>': expected a time such as ________TIME________, or an age such as 2h
    ! 
    ! For more information, try '--help'.
    exit 2
    $ audit list --limit 0
    ! error: invalid value '0' for '--limit <NUMBER>': 0 is not in 1..=4294967295
    ! 
    ! For more information, try '--help'.
    exit 2
    $ audit list --user a@b
    ! error: the user name "a@b" contains the character '@'; use ASCII letters, digits and _ - ' .
    exit 1
    "#);
}

//! The command `audit list`.

use insta::assert_snapshot;

use super::Cli;

const DOMAIN: Option<&str> = Some("pbx.example.com");

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
    assert_snapshot!(cli.run("audit list"), @"
    $ audit list
    TIME                  EVENT           USERNAME  DOMAIN           BY         COUNT  REMARK
    ________TIME________  tenant-created  -         pbx.example.com  command    1      -
    ________TIME________  user-created    Alice     pbx.example.com  command    1      role StandardUser
    ________TIME________  user-created    bob       -                command    1      role Dealer
    ________TIME________  login           Alice     pbx.example.com  127.0.0.1  1      -
    ________TIME________  login-refused   Alice     pbx.example.com  127.0.0.1  1      wrong-password
    ________TIME________  login-refused   -         pbx.example.com  127.0.0.1  1      unknown-account
    ________TIME________  user-disabled   alice     pbx.example.com  command    1      1 session ended
    ");
    assert_snapshot!(cli.session(&[
        "audit list --user bob",
        "audit list --user ALICE --domain PBX.example.com --event login-refused --format json",
        "audit list --limit 2",
        "audit list --since 1h --until 2999-01-01T00:00:00Z --event user-disabled",
        "audit list --until 1h",
        "audit list --since 999999999y --until 999999999y --format json",
        "audit list --user unknown",
    ]), @r#"
    $ audit list --user bob
    TIME                  EVENT         USERNAME  DOMAIN  BY       COUNT  REMARK
    ________TIME________  user-created  bob       -       command  1      role Dealer
    $ audit list --user ALICE --domain PBX.example.com --event login-refused --format json
    {"id":5,"at":"________TIME________","last_at":"________TIME________","event":"login-refused","cause":"wrong-password","username":"Alice","domain":"pbx.example.com","count":1,"source":"request","address":"127.0.0.1","user_agent":null,"request_id":"a test","detail":null}
    $ audit list --limit 2
    TIME                  EVENT          USERNAME  DOMAIN           BY         COUNT  REMARK
    ________TIME________  login-refused  -         pbx.example.com  127.0.0.1  1      unknown-account
    ________TIME________  user-disabled  alice     pbx.example.com  command    1      1 session ended
    $ audit list --since 1h --until 2999-01-01T00:00:00Z --event user-disabled
    TIME                  EVENT          USERNAME  DOMAIN           BY       COUNT  REMARK
    ________TIME________  user-disabled  alice     pbx.example.com  command  1      1 session ended
    $ audit list --until 1h
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
    $ audit list --since 999999999y --until 999999999y --format json
    $ audit list --user unknown
    TIME  EVENT  USERNAME  DOMAIN  BY  COUNT  REMARK
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
    ! error: the user name "a@b" has the character '@'; use ASCII letters, digits and _ - ' .
    exit 1
    "#);
}

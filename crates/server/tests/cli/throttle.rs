//! The `throttle` commands.

use insta::assert_snapshot;

use super::Cli;

#[tokio::test]
async fn failures_are_listed_and_cleared() {
    let cli = Cli::new();
    // The delay is longer than the test.
    let file = cli.directory.path().join("slow.toml");
    std::fs::write(file, "throttle.first_wait = '15m'").unwrap();
    cli.run("tenant create pbx.example.com");
    cli.user("Alice --domain pbx.example.com");
    cli.user("bob --role Dealer");
    for _ in 0..6 {
        cli.log_in("alice", "wrong", Some("pbx.example.com")).await;
    }
    cli.log_in("bob", "wrong", None).await;
    cli.log_in("hunter2", "wrong", None).await;
    assert!(
        !cli.log_in("alice", "correct horse", Some("pbx.example.com"))
            .await
    );
    assert_snapshot!(cli.session(&[
        "throttle list --config slow.toml",
        "throttle clear --user ALICE --domain PBX.example.com --address 127.0.0.2",
        "throttle clear --user ALICE --domain PBX.example.com",
        "throttle list --format json",
    ]), @r#"
    $ throttle list --config slow.toml
    USERNAME   DOMAIN           ADDRESS    FAILURES  LAST                  LIMIT                 LIMITED UNTIL
    (unknown)  -                127.0.0.1  1         ________TIME________  -                     -
    bob        -                127.0.0.1  1         ________TIME________  -                     -
    Alice      pbx.example.com  127.0.0.1  5         ________TIME________  account-from-address  ________TIME________
    $ throttle clear --user ALICE --domain PBX.example.com --address 127.0.0.2
    cleared 0 failures
    $ throttle clear --user ALICE --domain PBX.example.com
    cleared 5 failures
    $ throttle list --format json
    [
      {
        "username": null,
        "domain": null,
        "exists": false,
        "address": "127.0.0.1",
        "failures": 1,
        "last_at": "________TIME________",
        "limit": null,
        "limited_until": null
      },
      {
        "username": "bob",
        "domain": null,
        "exists": true,
        "address": "127.0.0.1",
        "failures": 1,
        "last_at": "________TIME________",
        "limit": null,
        "limited_until": null
      }
    ]
    "#);
    assert!(
        cli.log_in("alice", "correct horse", Some("pbx.example.com"))
            .await
    );
    assert_snapshot!(cli.session(&[
        "throttle clear --address 127.0.0.1",
        "throttle clear --all",
        "throttle list",
        "throttle clear",
        "throttle clear --domain pbx.example.com",
        "throttle clear --all --user bob",
        "throttle clear --address localhost",
        "throttle clear --user a@b",
    ]), @r#"
    $ throttle clear --address 127.0.0.1
    cleared 2 failures
    $ throttle clear --all
    cleared 0 failures
    $ throttle list
    USERNAME  DOMAIN  ADDRESS  FAILURES  LAST  LIMIT  LIMITED UNTIL
    $ throttle clear
    ! error: the following required arguments were not provided:
    !   <--user <NAME>|--address <ADDRESS>|--all>
    ! 
    ! Usage: pbx-login-server throttle clear <--user <NAME>|--address <ADDRESS>|--all>
    ! 
    ! For more information, try '--help'.
    exit 2
    $ throttle clear --domain pbx.example.com
    ! error: the following required arguments were not provided:
    !   <--user <NAME>|--address <ADDRESS>|--all>
    ! 
    ! Usage: pbx-login-server throttle clear --domain <DOMAIN> <--user <NAME>|--address <ADDRESS>|--all>
    ! 
    ! For more information, try '--help'.
    exit 2
    $ throttle clear --all --user bob
    ! error: the argument '--all' cannot be used with '--user <NAME>'
    ! 
    ! Usage: pbx-login-server throttle clear <--user <NAME>|--address <ADDRESS>|--all>
    ! 
    ! For more information, try '--help'.
    exit 2
    $ throttle clear --address localhost
    ! error: invalid value 'localhost' for '--address <ADDRESS>': expected an address such as 192.0.2.7 or 2001:db8::7, or an IPv6 prefix with /48, /56 or /64 such as 2001:db8::/48
    ! 
    ! For more information, try '--help'.
    exit 2
    $ throttle clear --user a@b
    ! error: the user name "a@b" contains the character '@'; use ASCII letters, digits and _ - ' .
    exit 1
    "#);
}

#[test]
fn throttle_commands_without_a_database_fail() {
    let cli = Cli::new();
    assert_snapshot!(cli.session(&["throttle list", "throttle clear --all"]), @"
    $ throttle list
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ throttle clear --all
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    ");
}

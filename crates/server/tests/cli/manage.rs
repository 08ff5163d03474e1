//! The commands that manage tenants, users, roles and sessions.

use std::process::Stdio;

use insta::assert_snapshot;

use super::Cli;

#[test]
fn tenant_commands_create_list_disable_enable_and_delete() {
    let cli = Cli::new();
    assert_snapshot!(cli.session(&[
        "tenant create PBX.example.com",
        "tenant create 2001:db8::7",
        "tenant create pbx.EXAMPLE.com.",
        "tenant list",
        "tenant disable pbx.example.com",
        "tenant disable pbx.example.com",
        "tenant list --format json",
        "tenant enable pbx.example.com",
        "tenant enable pbx.example.com",
        "tenant delete pbx.example.com",
        "tenant delete pbx.example.com",
        "tenant create a..b",
        "tenant create müller.example",
        "tenant list --format text",
    ]), @r#"
    $ tenant create PBX.example.com
    created tenant PBX.example.com
    $ tenant create 2001:db8::7
    created tenant 2001:db8::7
    $ tenant create pbx.EXAMPLE.com.
    ! error: the tenant pbx.EXAMPLE.com. already exists; choose another name
    exit 1
    $ tenant list
    DOMAIN           STATE    USERS  CREATED
    2001:db8::7      enabled  0      ________TIME________
    PBX.example.com  enabled  0      ________TIME________
    $ tenant disable pbx.example.com
    disabled tenant pbx.example.com and ended 0 sessions
    $ tenant disable pbx.example.com
    tenant pbx.example.com is already disabled
    $ tenant list --format json
    [
      {
        "id": "_________________ID_________________",
        "domain": "2001:db8::7",
        "enabled": true,
        "users": 0,
        "created_at": "________TIME________"
      },
      {
        "id": "_________________ID_________________",
        "domain": "PBX.example.com",
        "enabled": false,
        "users": 0,
        "created_at": "________TIME________"
      }
    ]
    $ tenant enable pbx.example.com
    enabled tenant pbx.example.com
    $ tenant enable pbx.example.com
    tenant pbx.example.com is already enabled
    $ tenant delete pbx.example.com
    deleted tenant pbx.example.com with 0 users and ended 0 sessions
    $ tenant delete pbx.example.com
    ! error: there is no tenant pbx.example.com; list the tenants with `tenant list`
    exit 1
    $ tenant create a..b
    ! error: the domain "a..b" has an empty label; write single dots between the labels
    exit 1
    $ tenant create müller.example
    ! error: the domain "müller.example" is not in ASCII; write its A-label form (xn--...)
    exit 1
    $ tenant list --format text
    DOMAIN       STATE    USERS  CREATED
    2001:db8::7  enabled  0      ________TIME________
    "#);
}

#[test]
fn user_commands_list_disable_enable_delete_and_change_roles() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    cli.user("chief --role systemadmin");
    cli.user("Alice --domain PBX.example.com");
    cli.user("bob --role dealer");
    assert_snapshot!(cli.session(&[
        "user list",
        "user list --domain pbx.example.com --format json",
        "user set-role alice --domain pbx.example.com --role queuemanager",
        "user set-role alice --domain pbx.example.com --role QueueManager",
        "user disable alice --domain pbx.example.com",
        "user disable alice --domain pbx.example.com",
        "user list --domain pbx.example.com",
        "user enable alice --domain pbx.example.com",
        "user enable alice --domain pbx.example.com",
        "user delete alice --domain pbx.example.com",
        "user set-role bob --role Replicator",
        "user delete bob",
        "user list --format json",
        "tenant delete pbx.example.com",
    ]), @r#"
    $ user list
    USERNAME  DOMAIN           ROLE          STATE    CREATED
    bob       -                Dealer        enabled  ________TIME________
    chief     -                SystemAdmin   enabled  ________TIME________
    Alice     pbx.example.com  StandardUser  enabled  ________TIME________
    $ user list --domain pbx.example.com --format json
    [
      {
        "id": "_________________ID_________________",
        "username": "Alice",
        "domain": "pbx.example.com",
        "role": "StandardUser",
        "enabled": true,
        "password_weakness": null,
        "created_at": "________TIME________"
      }
    ]
    $ user set-role alice --domain pbx.example.com --role queuemanager
    changed the role of user alice of pbx.example.com to QueueManager and ended 0 sessions
    $ user set-role alice --domain pbx.example.com --role QueueManager
    user alice of pbx.example.com already has the role QueueManager
    $ user disable alice --domain pbx.example.com
    disabled user alice of pbx.example.com and ended 0 sessions
    $ user disable alice --domain pbx.example.com
    user alice of pbx.example.com is already disabled
    $ user list --domain pbx.example.com
    USERNAME  DOMAIN           ROLE          STATE     CREATED
    Alice     pbx.example.com  QueueManager  disabled  ________TIME________
    $ user enable alice --domain pbx.example.com
    enabled user alice of pbx.example.com
    $ user enable alice --domain pbx.example.com
    user alice of pbx.example.com is already enabled
    $ user delete alice --domain pbx.example.com
    deleted user alice of pbx.example.com and ended 0 sessions
    $ user set-role bob --role Replicator
    changed the role of system user bob to Replicator and ended 0 sessions
    $ user delete bob
    deleted system user bob and ended 0 sessions
    $ user list --format json
    [
      {
        "id": "_________________ID_________________",
        "username": "chief",
        "domain": null,
        "role": "SystemAdmin",
        "enabled": true,
        "password_weakness": null,
        "created_at": "________TIME________"
      }
    ]
    $ tenant delete pbx.example.com
    deleted tenant pbx.example.com with 0 users and ended 0 sessions
    "#);
}

#[test]
fn role_commands_create_list_and_delete() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    assert_snapshot!(cli.session(&[
        "role create Night_Shift --domain pbx.example.com",
        "role list",
        "role list --domain pbx.example.com --format json",
        "role delete NIGHT_SHIFT --domain pbx.example.com",
        "role list --domain pbx.example.com",
    ]), @r#"
    $ role create Night_Shift --domain pbx.example.com
    created role Night Shift of pbx.example.com
    $ role list
    NAME                       KIND    DOMAIN           USERS
    SystemAdmin                system  -                -
    Replicator                 system  -                -
    Dealer                     system  -                -
    Admin                      tenant  -                -
    StandardUser               tenant  -                -
    StandardInternationalUser  tenant  -                -
    QueueManager               tenant  -                -
    Night Shift                custom  pbx.example.com  0
    $ role list --domain pbx.example.com --format json
    [
      {
        "name": "Admin",
        "kind": "tenant",
        "domain": null,
        "users": null
      },
      {
        "name": "StandardUser",
        "kind": "tenant",
        "domain": null,
        "users": null
      },
      {
        "name": "StandardInternationalUser",
        "kind": "tenant",
        "domain": null,
        "users": null
      },
      {
        "name": "QueueManager",
        "kind": "tenant",
        "domain": null,
        "users": null
      },
      {
        "name": "Night Shift",
        "kind": "custom",
        "domain": "pbx.example.com",
        "users": 0
      }
    ]
    $ role delete NIGHT_SHIFT --domain pbx.example.com
    deleted role NIGHT SHIFT of pbx.example.com
    $ role list --domain pbx.example.com
    NAME                       KIND    DOMAIN  USERS
    Admin                      tenant  -       -
    StandardUser               tenant  -       -
    StandardInternationalUser  tenant  -       -
    QueueManager               tenant  -       -
    "#);
}

#[tokio::test]
async fn session_commands_list_and_revoke() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    cli.user("alice --domain pbx.example.com");
    cli.user("carol --domain pbx.example.com --role Admin");
    cli.user("bob --role Dealer");
    for _ in 0..2 {
        for (user, domain) in [
            ("alice", Some("pbx.example.com")),
            ("carol", Some("pbx.example.com")),
            ("bob", None),
        ] {
            assert!(cli.log_in(user, "correct horse", domain).await);
        }
    }
    assert_snapshot!(cli.session(&[
        "session list",
        "session list --user bob --format json",
        "session list --user alice --domain pbx.example.com",
        "session revoke 3 3 99",
        "session revoke 3 3",
        "session list --user bob",
        "session revoke --user alice --domain pbx.example.com",
        "session revoke --domain pbx.example.com",
        "session list --domain pbx.example.com",
        "session revoke --all",
        "session list --format json",
    ]), @r#"
    $ session list
    ID  USERNAME  DOMAIN           ROLE          CREATED               EXPIRES
    1   alice     pbx.example.com  StandardUser  ________TIME________  ________TIME________
    2   carol     pbx.example.com  Admin         ________TIME________  ________TIME________
    3   bob       -                Dealer        ________TIME________  ________TIME________
    4   alice     pbx.example.com  StandardUser  ________TIME________  ________TIME________
    5   carol     pbx.example.com  Admin         ________TIME________  ________TIME________
    6   bob       -                Dealer        ________TIME________  ________TIME________
    $ session list --user bob --format json
    [
      {
        "id": 3,
        "username": "bob",
        "domain": null,
        "role": "Dealer",
        "created_at": "________TIME________",
        "expires_at": "________TIME________"
      },
      {
        "id": 6,
        "username": "bob",
        "domain": null,
        "role": "Dealer",
        "created_at": "________TIME________",
        "expires_at": "________TIME________"
      }
    ]
    $ session list --user alice --domain pbx.example.com
    ID  USERNAME  DOMAIN           ROLE          CREATED               EXPIRES
    1   alice     pbx.example.com  StandardUser  ________TIME________  ________TIME________
    4   alice     pbx.example.com  StandardUser  ________TIME________  ________TIME________
    $ session revoke 3 3 99
    ! error: there is no live session 99; no session was ended; list the sessions with `session list`
    exit 1
    $ session revoke 3 3
    ended 1 session
    $ session list --user bob
    ID  USERNAME  DOMAIN  ROLE    CREATED               EXPIRES
    6   bob       -       Dealer  ________TIME________  ________TIME________
    $ session revoke --user alice --domain pbx.example.com
    ended 2 sessions
    $ session revoke --domain pbx.example.com
    ended 2 sessions
    $ session list --domain pbx.example.com
    ID  USERNAME  DOMAIN  ROLE  CREATED  EXPIRES
    $ session revoke --all
    ended 1 session
    $ session list --format json
    []
    "#);
}

#[tokio::test]
async fn changes_of_a_user_end_its_sessions_and_report_how_many() {
    let cli = Cli::new();
    let domain = Some("pbx.example.com");
    cli.run("tenant create pbx.example.com");
    cli.user("alice --domain pbx.example.com");
    let mut output = String::new();
    for line in [
        "user set-role alice --domain pbx.example.com --role Admin",
        "user disable alice --domain pbx.example.com",
        "user set-password alice --domain pbx.example.com --password-stdin",
        "tenant disable pbx.example.com",
        "user delete alice --domain pbx.example.com",
    ] {
        assert!(cli.log_in("alice", "correct horse", domain).await, "{line}");
        output.push_str(&cli.run_with(line, "correct horse\n"));
        cli.run("user enable alice --domain pbx.example.com");
        cli.run("tenant enable pbx.example.com");
    }
    output.push_str(&cli.run("session list"));
    assert_snapshot!(output, @"
    $ user set-role alice --domain pbx.example.com --role Admin
    changed the role of user alice of pbx.example.com to Admin and ended 1 session
    $ user disable alice --domain pbx.example.com
    disabled user alice of pbx.example.com and ended 1 session
    $ user set-password alice --domain pbx.example.com --password-stdin
    changed the password of user alice of pbx.example.com and ended 1 session
    $ tenant disable pbx.example.com
    disabled tenant pbx.example.com and ended 1 session
    $ user delete alice --domain pbx.example.com
    deleted user alice of pbx.example.com and ended 1 session
    $ session list
    ID  USERNAME  DOMAIN  ROLE  CREATED  EXPIRES
    ");
}

#[test]
fn concurrent_commands_on_a_new_database_all_succeed() {
    let cli = Cli::new();
    let create = |number: usize| {
        let domain = format!("t{number}.example");
        let mut command = cli.command(&["tenant", "create", &domain]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let mut running: Vec<_> = (0..8).map(create).collect();
    for command in &mut running {
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(cli.run("tenant list").matches(".example").count(), 8);
}

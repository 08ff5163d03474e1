//! Violations of rules.

use insta::assert_snapshot;

use super::Cli;

#[test]
fn rule_violation_error_says_what_to_do() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    cli.run("role create Night_Shift --domain pbx.example.com");
    cli.user("chief --role SystemAdmin");
    cli.user("alice --domain pbx.example.com --role night_shift");
    assert_snapshot!(cli.session(&[
        "user create alice --domain pbx.example.com",
        "user create ALICE --domain PBX.example.com --role Admin",
        "user create admin --domain pbx.example.com",
        "user create Root --role Dealer",
        "user create carol --domain pbx.example.com --role Dealer",
        "user create carol --role Admin",
        "user create carol --role Night_Shift",
        "user create carol --domain pbx.example.com --role Day_Shift",
        "user create carol --domain other.example.com",
        "user create .carol --domain pbx.example.com",
        "user disable chief",
        "user delete chief",
        "user set-role chief --role Dealer",
        "user delete bob",
        "user delete bob --domain pbx.example.com",
        "user set-password bob",
        "role create admin --domain pbx.example.com",
        "role create Büro --domain pbx.example.com",
        "role create _Night --domain pbx.example.com",
        "role create night_shift --domain pbx.example.com",
        "role create Day_Shift --domain other.example.com",
        "role delete Night_Shift --domain pbx.example.com",
        "role delete Day_Shift --domain pbx.example.com",
        "role delete StandardUser --domain pbx.example.com",
        "session revoke 17",
        "session list --user bob",
        "session list --domain other.example.com",
    ]), @r#"
    $ user create alice --domain pbx.example.com
    ! error: user alice of pbx.example.com already exists; choose another name
    exit 1
    $ user create ALICE --domain PBX.example.com --role Admin
    ! error: user ALICE of PBX.example.com already exists; choose another name
    exit 1
    $ user create admin --domain pbx.example.com
    ! error: the name admin is reserved for system administrators; choose another name, or the role SystemAdmin
    exit 1
    $ user create Root --role Dealer
    ! error: the name Root is reserved for system administrators; choose another name, or the role SystemAdmin
    exit 1
    $ user create carol --domain pbx.example.com --role Dealer
    ! error: Dealer is a role for system users, and pbx.example.com is a tenant; choose a role of the tenant, or omit --domain
    exit 1
    $ user create carol --role Admin
    ! error: Admin is not a role for system users; specify the tenant with --domain, or choose SystemAdmin, Replicator or Dealer
    exit 1
    $ user create carol --role Night_Shift
    ! error: Night Shift is not a role for system users; specify the tenant with --domain, or choose SystemAdmin, Replicator or Dealer
    exit 1
    $ user create carol --domain pbx.example.com --role Day_Shift
    ! error: there is no role Day Shift of pbx.example.com; list the roles with `role list --domain pbx.example.com`
    exit 1
    $ user create carol --domain other.example.com
    ! error: there is no tenant other.example.com; list the tenants with `tenant list`
    exit 1
    $ user create .carol --domain pbx.example.com
    ! error: the user name ".carol" starts or ends with a period; remove the period
    exit 1
    $ user disable chief
    ! error: system user chief is the last enabled system administrator; create or enable another one first
    exit 1
    $ user delete chief
    ! error: system user chief is the last enabled system administrator; create or enable another one first
    exit 1
    $ user set-role chief --role Dealer
    ! error: system user chief is the last enabled system administrator; create or enable another one first
    exit 1
    $ user delete bob
    ! error: there is no system user bob; list all users with `user list`; specify the tenant of a user with --domain
    exit 1
    $ user delete bob --domain pbx.example.com
    ! error: there is no user bob of pbx.example.com; list the users with `user list --domain pbx.example.com`
    exit 1
    $ user set-password bob
    ! error: there is no system user bob; list all users with `user list`; specify the tenant of a user with --domain
    exit 1
    $ role create admin --domain pbx.example.com
    ! error: Admin is a built-in role, whose name is reserved and which cannot be changed; choose another name
    exit 1
    $ role create Büro --domain pbx.example.com
    ! error: the role's name "Büro" contains the character U+00FC; use only ASCII letters, digits, punctuation and spaces
    exit 1
    $ role create _Night --domain pbx.example.com
    ! error: the role's name " Night" starts or ends with a space; remove it
    exit 1
    $ role create night_shift --domain pbx.example.com
    ! error: the role night shift of pbx.example.com already exists; choose another name
    exit 1
    $ role create Day_Shift --domain other.example.com
    ! error: there is no tenant other.example.com; list the tenants with `tenant list`
    exit 1
    $ role delete Night_Shift --domain pbx.example.com
    ! error: the role Night Shift of pbx.example.com is assigned to 1 user; assign another role to these users with `user set-role`
    exit 1
    $ role delete Day_Shift --domain pbx.example.com
    ! error: there is no role Day Shift of pbx.example.com; list the roles with `role list --domain pbx.example.com`
    exit 1
    $ role delete StandardUser --domain pbx.example.com
    ! error: StandardUser is a built-in role, whose name is reserved and which cannot be changed; choose another name
    exit 1
    $ session revoke 17
    ! error: there is no live session 17; no session was ended; list the sessions with `session list`
    exit 1
    $ session list --user bob
    ! error: there is no system user bob; list all users with `user list`; specify the tenant of a user with --domain
    exit 1
    $ session list --domain other.example.com
    ! error: there is no tenant other.example.com; list the tenants with `tenant list`
    exit 1
    "#);
}

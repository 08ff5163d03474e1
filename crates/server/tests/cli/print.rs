//! Output that needs no database.

use std::process::Stdio;

use insta::assert_snapshot;

use super::Cli;

#[test]
fn contract_is_printed_byte_for_byte() {
    let cli = Cli::new();
    let output = cli.command(&["openapi"]).output().unwrap();
    let contract =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.yaml")).unwrap();
    assert!(output.stdout == contract);
    assert_eq!((output.stderr.len(), output.status.code()), (0, Some(0)));
}

#[test]
fn closed_output_pipe_is_not_an_error() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    for arguments in [
        ["openapi", "", ""],
        ["tenant", "list", ""],
        ["tenant", "list", "--format=json"],
    ] {
        let arguments: Vec<&str> = arguments
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = cli
            .command(&arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (messages.as_str(), output.status.code()),
            ("", Some(0)),
            "{arguments:?}"
        );
    }
}

#[test]
fn every_command_has_help_with_examples() {
    let cli = Cli::new();
    let help = |command: &str| cli.run(&format!("{command} --help"));
    for command in [
        "serve",
        "tenant create",
        "tenant list",
        "tenant disable",
        "tenant enable",
        "tenant delete",
        "user create",
        "user list",
        "user disable",
        "user enable",
        "user delete",
        "user set-password",
        "user set-role",
        "role",
        "role create",
        "role list",
        "role delete",
        "session list",
        "audit list",
        "audit refusals",
        "backup",
        "copy",
        "check",
        "openapi",
    ] {
        let output = help(command);
        let (usage, examples) = output
            .split_once("\nExample")
            .unwrap_or_else(|| panic!("{output}"));
        assert!(usage.contains("Usage: pbx-login-server"), "{output}");
        assert!(
            examples.contains(&format!("pbx-login-server {command}")),
            "{output}"
        );
    }
    // `documented.rs` checks the options of serve, which are made from the table of settings.
    let top = help("");
    let (before, rest) = top.split_once("\nOptions of serve:\n").unwrap();
    let (_, after) = rest.split_once("\nExamples:\n").unwrap();
    let top = format!("{before}\nOptions of serve: …\n\nExamples:\n{after}");
    assert_snapshot!(top, @r#"
    $  --help
    The login server of a multi-tenant PBX.

    Without a command, it runs `serve`. The other commands manage tenants, users, roles and sessions directly in the database, even while a server uses it.

    Usage: pbx-login-server [OPTIONS] [COMMAND]

    Commands:
      serve     Serve the API until SIGTERM or SIGINT
      tenant    Manage tenants
      user      Manage users
      role      Manage the custom roles of tenants
      session   List and end sessions
      throttle  List rate-limited accounts and networks, and clear their failures
      audit     Show the audit log: logins, refused logins, logouts and changes
      backup    Copy the database to a file, even while a server uses it
      copy      Copy a database to a new one, between SQLite and PostgreSQL in either direction
      migrate   Create the database, or migrate its schema to this version
      check     Check the integrity of the database, and list weak passwords and invalid names of roles
      ready     Check whether the server of this machine is ready, for health checks of containers
      openapi   Print the contract (OpenAPI document) that this program was built from
      help      Print this message or the help of the given subcommand(s)

    Options:
          --database <URL>
              URL of the database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:pbx-login.db]

          --migrate <WHEN>
              Whether opening a database migrates its schema (auto) or only the command migrate does (never) [default: auto]

          --config <FILE>
              Settings file in TOML format

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Options of serve: …

    Examples:
      pbx-login-server
      pbx-login-server --database sqlite:/var/lib/pbx-login.db serve --session-lifetime 2h
      pbx-login-server --database postgres://pbx@db.example.com/pbx
      pbx-login-server tenant create pbx.example.com
      pbx-login-server user create alice --domain pbx.example.com

    A setting can be a flag (--session-lifetime 2h), an environment variable (PBX_LOGIN_SESSION_LIFETIME=2h) or a
    line of a TOML file (session.lifetime = "2h"). Flags override the environment, which overrides the file.
    PBX_LOGIN_ADMIN_PASSWORD_FILE names a file with the password of the first administrator.
    "#);
    assert_snapshot!(help("tenant"), @"
    $ tenant --help
    Manage tenants

    Usage: pbx-login-server tenant [OPTIONS] <COMMAND>

    Commands:
      create   Create a tenant
      list     List all tenants
      disable  Disable a tenant: its users cannot log in, and their sessions end
      enable   Enable a tenant: its users can log in again
      delete   Delete a tenant with all of its users, roles and sessions
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Settings:
          --database <URL>  URL of the database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:pbx-login.db]
          --migrate <WHEN>  Whether opening a database migrates its schema (auto) or only the command migrate does (never) [default: auto]
          --config <FILE>   Settings file in TOML format

    Examples:
      pbx-login-server tenant create pbx.example.com
      pbx-login-server tenant list --format json
      pbx-login-server tenant disable pbx.example.com
    ");
    assert_snapshot!(help("user"), @"
    $ user --help
    Manage users

    Usage: pbx-login-server user [OPTIONS] <COMMAND>

    Commands:
      create        Create a user; unless --password-stdin is given, a password is generated and printed
      list          List all users, or those of a tenant
      disable       Disable a user: the user cannot log in, and the user's sessions end
      enable        Enable a user: the user can log in again
      delete        Delete a user and end the user's sessions
      set-password  Change a user's password and end the user's sessions; prints a generated password by default
      set-role      Change a user's role and end the user's sessions
      help          Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Settings:
          --database <URL>  URL of the database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:pbx-login.db]
          --migrate <WHEN>  Whether opening a database migrates its schema (auto) or only the command migrate does (never) [default: auto]
          --config <FILE>   Settings file in TOML format

    Examples:
      pbx-login-server user create alice --domain pbx.example.com
      pbx-login-server user create bob --role Dealer
      pbx-login-server user list --domain pbx.example.com
      pbx-login-server user set-role alice --domain pbx.example.com --role QueueManager

    Without --domain, the command applies to system users.
    ");
    assert_snapshot!(help("session revoke"), @"
    $ session revoke --help
    End the sessions with the given ids, those of a user or tenant, or all

    Usage: pbx-login-server session revoke [OPTIONS] <ID|--user <NAME>|--domain <DOMAIN>|--all>

    Arguments:
      [ID]...  Ids of sessions, as shown by `session list`; if one does not exist, no session is ended

    Options:
          --user <NAME>      Sessions of the user with this name; without --domain, of a system user
          --domain <DOMAIN>  Sessions of the users of the tenant with this domain
          --all              End every session
      -h, --help             Print help

    Settings:
          --database <URL>  URL of the database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:pbx-login.db]
          --migrate <WHEN>  Whether opening a database migrates its schema (auto) or only the command migrate does (never) [default: auto]
          --config <FILE>   Settings file in TOML format

    Examples:
      pbx-login-server session revoke 17 18
      pbx-login-server session revoke --user alice --domain pbx.example.com
      pbx-login-server session revoke --domain pbx.example.com
      pbx-login-server session revoke --all
    ");
    assert_snapshot!(cli.run("--version"), @"
    $ --version
    pbx-login-server 0.1.0
    ");
}

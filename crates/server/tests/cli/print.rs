//! What is printed without a database.

use std::process::Stdio;

use insta::assert_snapshot;

use super::Cli;

#[test]
fn the_contract_is_printed_byte_for_byte() {
    let cli = Cli::new();
    let output = cli.command(&["openapi"]).output().unwrap();
    let contract =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.yaml")).unwrap();
    assert!(output.stdout == contract);
    assert_eq!((output.stderr.len(), output.status.code()), (0, Some(0)));
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
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
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (said.as_str(), output.status.code()),
            ("", Some(0)),
            "{arguments:?}"
        );
    }
}

#[test]
fn every_level_has_help_with_examples() {
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
        "backup",
        "check",
        "openapi",
    ] {
        let said = help(command);
        let (usage, examples) = said
            .split_once("\nExample")
            .unwrap_or_else(|| panic!("{said}"));
        assert!(usage.contains("Usage: pbx-login-server"), "{said}");
        assert!(
            examples.contains(&format!("pbx-login-server {command}")),
            "{said}"
        );
    }
    assert_snapshot!(help(""), @r#"
    $  --help
    The login server of a multi-tenant PBX.

    Without a command, it serves. The other commands manage tenants, users, roles and sessions in the database directly, even while a server runs.

    Usage: pbx-login-server [OPTIONS] [COMMAND]

    Commands:
      serve     Serve the API until SIGTERM or SIGINT
      tenant    Manage tenants
      user      Manage users
      role      Manage the custom roles of tenants
      session   List and end sessions
      throttle  Show failed logins and rate limits, and clear them
      audit     Show the audit log: logins, refusals, logouts and changes
      backup    Copy the database to a file, even while a server runs on it
      check     Check whether the database is sound
      openapi   Print the contract that this program was built from
      help      Print this message or the help of the given subcommand(s)

    Options:
          --database <URL>
              URL of the database [default: sqlite:pbx-login.db]

          --config <FILE>
              A file with settings, in TOML

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Options of serve:
          --listen <ADDRESS>
              Address of the API [default: 127.0.0.1:8887]

          --ops-listen <ADDRESS>
              Address of /healthz, /readyz and /metrics, or off [default: 127.0.0.1:8888]

          --session-lifetime <DURATION>
              How long a session lives, such as 90s, 30m or 2h [default: 30m]

          --session-max-lifetime <DURATION>
              How long use can extend a session; if longer than the lifetime, each use restarts the lifetime up to this limit [default: as session.lifetime]

          --session-per-user <NUMBER>
              Live sessions that a user may have; one more ends the oldest [default: 100]

          --cache-sessions <NUMBER>
              Sessions kept in memory at most, so that checking one reads no disk; 0 keeps none [default: 8000000]

          --login-queue <NUMBER>
              Passwords that may wait to be hashed; further logins are answered 503 [default: 1000]

          --login-max-wait <DURATION>
              How long a login may wait; one that would wait longer is answered 503 [default: 2s]

          --password-memory <NUMBER>
              Memory that a password hash takes, in KiB (Argon2id); a password with another cost is rehashed at its next login [default: 19456]

          --password-passes <NUMBER>
              Passes over that memory [default: 2]

          --throttle-enabled <BOOL>
              Whether failed logins are rate limited [default: true]

          --throttle-free-failures <NUMBER>
              Consecutive failures of an account from one network that cost no wait [default: 5]

          --throttle-first-wait <DURATION>
              The wait after these, which doubles with each further failure [default: 1s]

          --throttle-longest-wait <DURATION>
              The longest such wait [default: 15m]

          --throttle-address-failures <NUMBER>
              Failures that one network may have within its window, over all accounts [default: 50]

          --throttle-address-window <DURATION>
              The window of a network [default: 15m]

          --throttle-account-failures <NUMBER>
              Failures that one account may have within its window, over all networks that are new to it [default: 100]

          --throttle-account-window <DURATION>
              The window of an account [default: 1h]

          --audit-retention <DURATION>
              How long audit entries are kept [default: 90d]

          --audit-rows <NUMBER>
              Audit entries kept at most, of refused logins and of other events each [default: 1000000]

          --log-level <LEVEL>
              What is logged: info (a line for each request), warn or error (requests that the server failed to serve) [default: info]

          --log-format <FORMAT>
              Format of the log: text, json, or auto for text on a terminal and JSON elsewhere [default: auto]

          --tls-certificate <FILE>
              File with the TLS certificate chain, in PEM; read again on SIGHUP [default: none, for plain HTTP]

          --tls-key <FILE>
              File with the private key of the certificate, in PEM [default: none]

          --tls-terminated[=<BOOL>]
              Whether a proxy in front terminates TLS: any address may be listened on, and cookies are Secure [default: false]

          --trusted-proxies <NETWORKS>
              Proxies whose Forwarded or X-Forwarded-For header names the client: addresses and networks, separated by commas [default: none]

    Examples:
      pbx-login-server
      pbx-login-server --database sqlite:/var/lib/pbx-login.db serve --session-lifetime 2h
      pbx-login-server tenant create pbx.example.com
      pbx-login-server user create alice --domain pbx.example.com

    Settings also come from the environment (--session-lifetime is PBX_LOGIN_SESSION_LIFETIME) and from a file
    in TOML (session.lifetime = "2h"); flags come first, then the environment, then the file.
    PBX_LOGIN_ADMIN_PASSWORD, or admin_password in the file, is the first administrator's password.
    "#);
    assert_snapshot!(help("tenant"), @"
    $ tenant --help
    Manage tenants

    Usage: pbx-login-server tenant [OPTIONS] <COMMAND>

    Commands:
      create   Create a tenant
      list     List all tenants
      disable  Keep the users of a tenant from logging in, and end their sessions
      enable   Let the users of a tenant log in again
      delete   Delete a tenant with all its users, roles and sessions
      help     Print this message or the help of the given subcommand(s)

    Options:
          --database <URL>  URL of the database [default: sqlite:pbx-login.db]
          --config <FILE>   A file with settings, in TOML
      -h, --help            Print help

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
      create        Create a user; a password is generated and printed, unless one is given
      list          List users: all, or those of a tenant
      disable       Keep a user from logging in, and end the user's sessions
      enable        Let a user log in again
      delete        Delete a user, and end the user's sessions
      set-password  Change a user's password, and end the user's sessions; a password is generated and printed, unless one is given
      set-role      Give a user another role, and end the user's sessions
      help          Print this message or the help of the given subcommand(s)

    Options:
          --database <URL>  URL of the database [default: sqlite:pbx-login.db]
          --config <FILE>   A file with settings, in TOML
      -h, --help            Print help

    Examples:
      pbx-login-server user create alice --domain pbx.example.com
      pbx-login-server user create bob --role Dealer
      pbx-login-server user list --domain pbx.example.com
      pbx-login-server user set-role alice --domain pbx.example.com --role QueueManager

    Without --domain a user is one of the system.
    ");
    assert_snapshot!(help("session revoke"), @"
    $ session revoke --help
    End sessions: by number, of a user, of a tenant, or all

    Usage: pbx-login-server session revoke [OPTIONS] <ID|--user <NAME>|--domain <DOMAIN>|--all>

    Arguments:
      [ID]...  Numbers of sessions, as `session list` shows them; either all of them are ended or none

    Options:
          --database <URL>   URL of the database [default: sqlite:pbx-login.db]
          --user <NAME>      Sessions of this user: of the tenant that --domain names, else of the system
          --config <FILE>    A file with settings, in TOML
          --domain <DOMAIN>  Sessions of the users of the tenant with this domain
          --all              Every session
      -h, --help             Print help

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

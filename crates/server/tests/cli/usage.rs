//! Invalid command lines, sources of settings, and the choice of the database.

use insta::assert_snapshot;

use super::Cli;

#[test]
fn invalid_arguments_are_a_usage_error() {
    let cli = Cli::new();
    for line in [
        "tenants",
        "tenant create",
        "tenant create a.example b.example",
        "tenant list --format xml",
        "user create",
        "user create bob",
        "user set-role bob",
        "role create Night",
        "session revoke",
        "session revoke x",
        "session revoke 0",
        "session revoke 1 --all",
        "session revoke --all --user bob",
        "session revoke 1 --domain a.example",
        "--listen 127.0.0.1:1 tenant list",
        "tenant list --listen 127.0.0.1:1",
        "--log-level loud",
        "serve --log-level loud",
        "serve --listen localhost:1",
        "serve --session-lifetime 0s",
        "serve --tls-terminated=perhaps",
        "serve --admin-password hunter2",
        "--database mysql: tenant list",
        "tenant list --database postgres://db:x/pbx",
    ] {
        let output = cli.run(line);
        assert!(output.ends_with("exit 2\n"), "{output}");
        assert!(
            output.lines().nth(1).unwrap().starts_with("! error: "),
            "{output}"
        );
    }
    assert!(!cli.directory.path().join("pbx-login.db").exists());
    assert_snapshot!(cli.session(&[
        "user create bob",
        "--listen 127.0.0.1:1 tenant list",
        "serve --session-lifetime 0s",
        "--session-lifetime 0s serve --session-lifetime 1ms",
        "tenant list --database postgres://db:x/pbx",
    ]), @r#"
    $ user create bob
    ! error: a system user needs --role SystemAdmin, Replicator or Dealer; a tenant user needs --domain
    exit 2
    $ --listen 127.0.0.1:1 tenant list
    ! error: --listen has no effect on tenant; remove it
    exit 2
    $ serve --session-lifetime 0s
    ! error: invalid session.lifetime "0s" (--session-lifetime): expected a duration from 1s to 365d
    exit 2
    $ --session-lifetime 0s serve --session-lifetime 1ms
    ! error: invalid session.lifetime "1ms" (--session-lifetime): expected whole seconds
    exit 2
    $ tenant list --database postgres://db:x/pbx
    ! error: invalid database (--database): a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @
    exit 2
    "#);
}

/// Lists commands with the flags of settings that they use, in the order of their help.
const FLAGS_OF_COMMANDS: [(&str, &[&str]); 10] = [
    ("tenant list", &["--database", "--migrate", "--config"]),
    ("user list", &["--database", "--migrate", "--config"]),
    ("role list", &["--database", "--migrate", "--config"]),
    ("session list", &["--database", "--migrate", "--config"]),
    ("backup", &["--database", "--config"]),
    ("migrate", &["--database", "--config"]),
    ("check", &["--database", "--config"]),
    ("copy", &["--config"]),
    ("ready", &["--config", "--ops-listen"]),
    ("openapi", &[]),
];

#[test]
fn help_of_a_command_lists_only_the_settings_that_it_uses() {
    let cli = Cli::new();
    for (command, flags) in FLAGS_OF_COMMANDS {
        let help = cli.run(&format!("{command} --help"));
        let listed = help.split_once("\nSettings:\n").map_or("", |(_, it)| it);
        let (listed, _) = listed.split_once("\nExample").unwrap_or_default();
        let words = listed.split_whitespace();
        let listed: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
        assert_eq!(listed, flags, "{help}");
    }
}

#[test]
fn setting_without_effect_is_refused_before_and_after_a_command() {
    let cli = Cli::new();
    let all = [
        ("--database", "sqlite:x.db"),
        ("--migrate", "auto"),
        ("--config", "nowhere.toml"),
        ("--ops-listen", "127.0.0.1:1"),
        ("--log-level", "warn"),
        ("--postgres-lock-timeout", "1s"),
    ];
    for (command, used) in FLAGS_OF_COMMANDS {
        for (flag, value) in all.iter().filter(|(flag, _)| !used.contains(flag)) {
            let (top, _) = command.split_once(' ').unwrap_or((command, ""));
            let arguments = match command {
                "backup" => "x.db",
                "copy" => "--from sqlite:x.db --to sqlite:y.db",
                _ => "",
            };
            let before = cli.run(&format!("{flag} {value} {command} {arguments}"));
            let after = cli.run(&format!("{command} {flag} {value}"));
            let refusal = format!("! error: {flag} has no effect on {top}; remove it\nexit 2\n");
            assert!(before.ends_with(&refusal), "{before}");
            let refusal = format!("! error: unexpected argument '{flag}' found\n");
            assert!(
                after.contains(&refusal) && after.ends_with("exit 2\n"),
                "{after}"
            );
        }
    }
    assert_snapshot!(cli.session(&[
        "--database sqlite:x.db openapi",
        "copy --database sqlite:x.db --from sqlite:x.db --to sqlite:y.db",
    ]), @"
    $ --database sqlite:x.db openapi
    ! error: --database has no effect on openapi; remove it
    exit 2
    $ copy --database sqlite:x.db --from sqlite:x.db --to sqlite:y.db
    ! error: unexpected argument '--database' found
    ! 
    ! Usage: pbx-login-server copy [OPTIONS] --from <URL> --to <URL>
    ! 
    ! For more information, try '--help'.
    exit 2
    ");
}

#[test]
fn missing_database_is_created_only_by_creating_commands() {
    let cli = Cli::new();
    assert_snapshot!(cli.session(&[
        "tenant list",
        "user list",
        "role create Night --domain a.example",
        "session revoke --all",
        "tenant create a.example --database sqlite:nowhere/x.db",
        "tenant create a.example --database sqlite:other.db",
        "--database sqlite:other.db tenant list",
        "tenant --database sqlite:other.db list",
        "tenant list --database sqlite:other.db",
        "tenant list",
    ]), @"
    $ tenant list
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ user list
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ role create Night --domain a.example
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ session revoke --all
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ tenant create a.example --database sqlite:nowhere/x.db
    ! error: the database nowhere/x.db cannot be created (No such file or directory (os error 2)); check that its directory exists and can be written to
    exit 1
    $ tenant create a.example --database sqlite:other.db
    created tenant a.example
    $ --database sqlite:other.db tenant list
    DOMAIN     STATE    USERS  CREATED
    a.example  enabled  0      ________TIME________
    $ tenant --database sqlite:other.db list
    DOMAIN     STATE    USERS  CREATED
    a.example  enabled  0      ________TIME________
    $ tenant list --database sqlite:other.db
    DOMAIN     STATE    USERS  CREATED
    a.example  enabled  0      ________TIME________
    $ tenant list
    ! error: the database pbx-login.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    ");
}

#[test]
fn settings_come_from_flags_environment_and_file() {
    let cli = Cli::new();
    let file = cli.directory.path().join("settings.toml");
    std::fs::write(&file, "database = 'sqlite:file.db'").unwrap();
    cli.run("tenant create file.example --database sqlite:file.db");
    cli.run("tenant create variable.example --database sqlite:variable.db");
    cli.run("tenant create flag.example --database sqlite:flag.db");
    let listed = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = cli.command(arguments);
        cli.output(command.envs(environment.iter().copied()), b"")
    };
    let by_file = [("PBX_LOGIN_CONFIG", "settings.toml")];
    let by_both = [by_file[0], ("PBX_LOGIN_DATABASE", "sqlite:variable.db")];
    let list = ["tenant", "list"];
    assert!(listed(&list, &by_file).contains("file.example"));
    assert!(listed(&["tenant", "list", "--config", "settings.toml"], &[]).contains("file.example"));
    assert!(listed(&list, &by_both).contains("variable.example"));
    let flag = ["tenant", "list", "--database", "sqlite:flag.db"];
    assert!(listed(&flag, &by_both).contains("flag.example"));

    std::fs::write(&file, "datbase = 'sqlite:file.db'").unwrap();
    let output = [
        listed(&list, &by_file),
        listed(&list, &[("PBX_LOGIN_CONFIG", "nowhere.toml")]),
        listed(
            &list,
            &[
                ("PBX_LOGIN_DATABSE", "sqlite:x.db"),
                ("PBX_LOGIN_DATABASE", "sqlite:flag.db"),
            ],
        ),
        listed(&[], &[("PBX_LOGIN_LISTEN", "0.0.0.0:0")]),
        listed(&[], &[("PBX_LOGIN_ADMIN_PASSWORD", "")]),
    ];
    assert_snapshot!(output.concat(), @"
    ! error: unknown setting datbase (settings.toml:1); did you mean database?
    exit 1
    ! error: cannot read the settings file nowhere.toml: No such file or directory (os error 2); check the path and its permissions
    exit 1
    DOMAIN        STATE    USERS  CREATED
    flag.example  enabled  0      ________TIME________
    ! warning: ignoring the unknown environment variable PBX_LOGIN_DATABSE; did you mean PBX_LOGIN_DATABASE?
    ! error: 0.0.0.0:0 is reachable from other machines, and passwords would be sent unencrypted; listen on 127.0.0.1, set --tls-certificate and --tls-key, or pass --tls-terminated if a reverse proxy terminates TLS
    exit 1
    ! error: invalid admin_password (PBX_LOGIN_ADMIN_PASSWORD): the password is empty; choose one of at least 8 characters
    exit 1
    ");
}

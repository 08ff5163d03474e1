//! The command `migrate`, and the setting `migrate`.

use insta::assert_snapshot;

use super::Cli;

#[test]
fn database_is_created_once_and_used_without_migrations() {
    let cli = Cli::new();
    let output = cli.session(&[
        "--migrate never tenant create a.example",
        "migrate",
        "migrate",
        "migrate --format json",
        "--migrate never tenant create a.example",
        "migrate --database sqlite:nowhere/x.db",
        "tenant list --migrate sometimes",
        "--listen 127.0.0.1:1 migrate",
    ]);
    assert_snapshot!(output, @r#"
    $ --migrate never tenant create a.example
    ! error: the database pbx-login.db does not exist, and `migrate` is `never`; run `pbx-login-server migrate` to create it, or choose another with --database
    exit 1
    $ migrate
    migrated sqlite:pbx-login.db from schema version 0 to 9
    $ migrate
    sqlite:pbx-login.db has schema version 9; nothing to migrate
    $ migrate --format json
    {
      "database": "sqlite:pbx-login.db",
      "from": 9,
      "to": 9
    }
    $ --migrate never tenant create a.example
    created tenant a.example
    $ migrate --database sqlite:nowhere/x.db
    ! error: the database nowhere/x.db cannot be created (No such file or directory (os error 2)); check that its directory exists and can be written to
    exit 1
    $ tenant list --migrate sometimes
    ! error: invalid migrate "sometimes" (--migrate): expected auto or never
    exit 2
    $ --listen 127.0.0.1:1 migrate
    ! error: --listen has no effect on migrate; remove it
    exit 2
    "#);
}

#[test]
fn older_schema_is_migrated_only_by_the_command_if_migrations_are_forbidden() {
    let cli = Cli::new();
    cli.run("migrate");
    // The last migration only adds a table.
    cli.change(
        "pbx-login.db",
        "DROP TABLE refusal_days; PRAGMA user_version = 8",
    );
    let output = cli.session(&[
        "--migrate never tenant list",
        "--migrate never serve",
        "check",
    ]);
    assert_snapshot!(output, @"
    $ --migrate never tenant list
    ! error: the database pbx-login.db has schema version 8, this program needs 9, and `migrate` is `never`; run `pbx-login-server migrate`
    exit 1
    $ --migrate never serve
    ! error: the database pbx-login.db has schema version 8, this program needs 9, and `migrate` is `never`; run `pbx-login-server migrate`
    exit 1
    $ check
    the schema is older than this version; run `pbx-login-server migrate`, then check again
    ! error: sqlite:pbx-login.db has 1 problem; restore a backup, or repair the database
    exit 1
    ");
    let output = cli.output(
        cli.command(&["migrate"]).env("PBX_LOGIN_MIGRATE", "never"),
        b"",
    );
    assert_snapshot!(output, @"migrated sqlite:pbx-login.db from schema version 8 to 9");
    assert_snapshot!(cli.run("--migrate never tenant list"), @"
    $ --migrate never tenant list
    DOMAIN  STATE  USERS  CREATED
    ");
    cli.change("pbx-login.db", "PRAGMA user_version = 1000");
    assert_snapshot!(cli.run("migrate"), @"
    $ migrate
    ! error: database pbx-login.db was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup
    exit 1
    ");
}

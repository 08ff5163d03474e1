//! The commands `backup` and `check`.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use super::Cli;

impl Cli {
    pub(super) fn change(&self, database: &str, sql: &str) {
        let path = self.directory.path().join(database);
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn without_sizes(output: &str) -> String {
    let lines = output.lines().map(|line| match line.split_once(" (") {
        Some((before, after)) if after.ends_with(" bytes)") => format!("{before} (SIZE bytes)"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn backup_is_owner_only_and_overwrites_only_with_force() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    cli.user("admin --role SystemAdmin");
    let output = cli.session(&[
        "backup copy.db",
        "check --database sqlite:copy.db",
        "tenant list --database sqlite:copy.db",
        "backup copy.db",
        "backup --force copy.db",
        "backup --force pbx-login.db",
        "backup --force ./pbx-login.db-wal",
        "backup nowhere/copy.db",
        "backup other.db --database sqlite:nothing.db",
        "backup",
        "--listen 127.0.0.1:1 backup other.db",
    ]);
    assert_snapshot!(without_sizes(&output), @"
    $ backup copy.db
    wrote copy.db (SIZE bytes)
    $ check --database sqlite:copy.db
    sqlite:copy.db is sound
    $ tenant list --database sqlite:copy.db
    DOMAIN     STATE    USERS  CREATED
    a.example  enabled  0      ________TIME________
    $ backup copy.db
    ! error: copy.db already exists; choose another name, or pass --force to replace it
    exit 1
    $ backup --force copy.db
    wrote copy.db (SIZE bytes)
    $ backup --force pbx-login.db
    ! error: pbx-login.db is the database itself; choose another name
    exit 1
    $ backup --force ./pbx-login.db-wal
    ! error: ./pbx-login.db-wal is the database itself; choose another name
    exit 1
    $ backup nowhere/copy.db
    ! error: nowhere/copy.db cannot be written (entity not found); check its directory and the free disk space
    exit 1
    $ backup other.db --database sqlite:nothing.db
    ! error: the database nothing.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ backup
    ! error: the following required arguments were not provided:
    !   <FILE>
    ! 
    ! Usage: pbx-login-server backup <FILE>
    ! 
    ! For more information, try '--help'.
    exit 2
    $ --listen 127.0.0.1:1 backup other.db
    ! error: --listen has no effect on backup; remove it
    exit 2
    ");
    let copy = cli.directory.path().join("copy.db");
    let mode = copy.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(cli.names(), ["copy.db", "pbx-login.db"]);
}

#[test]
fn check_of_a_damaged_database_reports_it_and_changes_nothing() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    cli.run("role create Night --domain a.example");
    cli.user("admin --role SystemAdmin");
    cli.user("alice --domain a.example");
    let sound = cli.session(&["check", "check --format json"]);
    cli.change(
        "pbx-login.db",
        "PRAGMA ignore_check_constraints = ON;
        PRAGMA foreign_keys = OFF;
        UPDATE tenants SET domain_key = 'b.example';
        UPDATE roles SET name = 'Admin', name_key = 'admin';
        UPDATE users SET username_key = 'bob' WHERE username = 'alice';
        UPDATE users SET enabled = 0, password_hash = 'x' WHERE username = 'admin';
        INSERT INTO sessions VALUES
            (7, zeroblob(32), 1, 0, 1), (8, zeroblob(31), 99, 0, 1);",
    );
    let before = std::fs::read(cli.directory.path().join("pbx-login.db")).unwrap();
    let unsound = cli.session(&["check", "check --format json"]);
    assert_snapshot!(format!("{sound}{unsound}"), @r#"
    $ check
    sqlite:pbx-login.db is sound
    $ check --format json
    {
      "database": "sqlite:pbx-login.db",
      "sound": true,
      "problems": [],
      "warnings": []
    }
    $ check
    the file: CHECK constraint failed in sessions
    the file: CHECK constraint failed in users
    the file: CHECK constraint failed in roles
    sessions, row 8: the referenced row of users is missing
    tenant 1: "a.example" is stored with the key "b.example"
    role 1: "Admin" is not a valid name
    user 2: "alice" is stored with the key "bob"
    user 1: the password hash cannot be used; set a new password
    session 7: its user or tenant is disabled
    there is no enabled system administrator; create or enable one
    ! error: sqlite:pbx-login.db has 10 problems; restore a backup, or repair the database
    exit 1
    $ check --format json
    {
      "database": "sqlite:pbx-login.db",
      "sound": false,
      "problems": [
        "the file: CHECK constraint failed in sessions",
        "the file: CHECK constraint failed in users",
        "the file: CHECK constraint failed in roles",
        "sessions, row 8: the referenced row of users is missing",
        "tenant 1: \"a.example\" is stored with the key \"b.example\"",
        "role 1: \"Admin\" is not a valid name",
        "user 2: \"alice\" is stored with the key \"bob\"",
        "user 1: the password hash cannot be used; set a new password",
        "session 7: its user or tenant is disabled",
        "there is no enabled system administrator; create or enable one"
      ],
      "warnings": []
    }
    ! error: sqlite:pbx-login.db has 10 problems; restore a backup, or repair the database
    exit 1
    "#);
    let after = std::fs::read(cli.directory.path().join("pbx-login.db")).unwrap();
    assert!(before == after);
}

#[tokio::test]
async fn check_warns_about_weak_passwords_and_names_of_roles() {
    let cli = Cli::new();
    cli.run("tenant create a.example");
    cli.user("admin --role SystemAdmin");
    let create = |arguments: &str, password: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut command = cli.command(&arguments);
        // An earlier version accepted common passwords.
        command.env("PBX_LOGIN_PASSWORD_REFUSE_COMMON", "false");
        let output = cli.output(&mut command, password.as_bytes());
        assert!(output.starts_with("created"), "{output}");
    };
    create(
        "user create O'Neil --role Dealer --password-stdin",
        "password1",
    );
    create(
        "user create bob --domain a.example --password-stdin",
        "qwertyuiop",
    );
    create(
        "user create carol --domain a.example --password-stdin",
        "trustno1",
    );
    assert!(cli.log_in("o'neil", "password1", None).await);
    assert!(cli.log_in("bob", "qwertyuiop", Some("a.example")).await);
    cli.change(
        "pbx-login.db",
        "INSERT INTO roles (tenant_id, name, name_key, created_at)
            VALUES (1, 'SystemAdmin\u{200b}', 'systemadmin\u{200b}', 0), (1, 'Аdmin', 'Аdmin', 0), (1, 'Day', 'day', 0);",
    );
    let warned = cli.session(&["check", "check --format json"]);
    let fixed = [
        cli.run("role delete Аdmin --domain a.example"),
        cli.run("user set-password bob --domain a.example --password-stdin"),
        cli.run_with(
            "user set-password bob --domain a.example --password-stdin",
            "correct horse",
        ),
        cli.run("check"),
    ];
    assert_snapshot!(format!("{warned}{}", fixed.concat()), @r#"
    $ check
    warning: the password of O'Neil is on the list of common passwords; set another one with `user set-password $'O\'Neil'`
    warning: the password of bob@a.example is on the list of common passwords; set another one with `user set-password bob --domain a.example`
    warning: the name of the role "SystemAdmin\u{200b}" of a.example is not printable ASCII, which new names must be; assign another role to its users with `user set-role`, and delete it with `role delete $'SystemAdmin\u200b' --domain a.example`
    warning: the name of the role "\u{410}dmin" of a.example is not printable ASCII, which new names must be; assign another role to its users with `user set-role`, and delete it with `role delete $'\u0410dmin' --domain a.example`
    sqlite:pbx-login.db is sound, with 4 warnings
    $ check --format json
    {
      "database": "sqlite:pbx-login.db",
      "sound": true,
      "problems": [],
      "warnings": [
        "the password of O'Neil is on the list of common passwords; set another one with `user set-password $'O\\'Neil'`",
        "the password of bob@a.example is on the list of common passwords; set another one with `user set-password bob --domain a.example`",
        "the name of the role \"SystemAdmin\\u{200b}\" of a.example is not printable ASCII, which new names must be; assign another role to its users with `user set-role`, and delete it with `role delete $'SystemAdmin\\u200b' --domain a.example`",
        "the name of the role \"\\u{410}dmin\" of a.example is not printable ASCII, which new names must be; assign another role to its users with `user set-role`, and delete it with `role delete $'\\u0410dmin' --domain a.example`"
      ]
    }
    $ role delete Аdmin --domain a.example
    deleted role Аdmin of a.example
    $ user set-password bob --domain a.example --password-stdin
    ! error: the password is empty; choose one of at least 8 characters
    exit 1
    $ user set-password bob --domain a.example --password-stdin
    changed the password of user bob of a.example and ended 1 session
    $ check
    warning: the password of O'Neil is on the list of common passwords; set another one with `user set-password $'O\'Neil'`
    warning: the name of the role "SystemAdmin\u{200b}" of a.example is not printable ASCII, which new names must be; assign another role to its users with `user set-role`, and delete it with `role delete $'SystemAdmin\u200b' --domain a.example`
    sqlite:pbx-login.db is sound, with 2 warnings
    "#);
}

#[test]
fn check_of_an_unreadable_file_fails() {
    let cli = Cli::new();
    std::fs::write(cli.directory.path().join("text.db"), "text".repeat(100)).unwrap();
    std::fs::write(cli.directory.path().join("empty.db"), "").unwrap();
    cli.change("other.db", "CREATE TABLE t (x)");
    cli.run("tenant create a.example");
    cli.run("backup old.db");
    cli.change("old.db", "PRAGMA user_version = 1");
    cli.run("backup new.db");
    cli.change("new.db", "PRAGMA user_version = 99");
    let output = cli.session(&[
        "check --database sqlite:nothing.db",
        "check --database sqlite:text.db",
        "check --database sqlite:empty.db",
        "check --database sqlite:other.db",
        "check --database sqlite:old.db",
        "check --database sqlite:new.db",
    ]);
    assert_snapshot!(output, @"
    $ check --database sqlite:nothing.db
    ! error: the database nothing.db does not exist; start the server once to create it, or choose another with --database
    exit 1
    $ check --database sqlite:text.db
    ! error: text.db is not an SQLite database; choose another file with --database
    exit 1
    $ check --database sqlite:empty.db
    ! error: empty.db is empty; restore a backup
    exit 1
    $ check --database sqlite:other.db
    ! error: other.db is a database of another program; choose another file with --database
    exit 1
    $ check --database sqlite:old.db
    the schema is older than this version; run `pbx-login-server migrate`, then check again
    ! error: sqlite:old.db has 1 problem; restore a backup, or repair the database
    exit 1
    $ check --database sqlite:new.db
    ! error: database new.db was written by a newer version of pbx-login-server; upgrade pbx-login-server or restore a backup
    exit 1
    ");
}

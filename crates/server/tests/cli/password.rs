//! Generated passwords, and passwords from standard input.

use insta::assert_snapshot;

use super::Cli;

#[tokio::test]
async fn generated_password_is_printed_once_and_works() {
    let cli = Cli::new();
    let created = cli.run("user create bob --role Dealer");
    let changed = cli.run("user set-password bob");
    let passwords: Vec<&str> = [&created, &changed]
        .iter()
        .map(|output| {
            output
                .lines()
                .last()
                .unwrap()
                .strip_prefix("password: ")
                .unwrap()
        })
        .collect();
    assert_ne!(passwords[0], passwords[1]);
    assert!(!cli.log_in("bob", passwords[0], None).await);
    assert!(cli.log_in("bob", passwords[1], None).await);
    let hidden = format!("{created}{changed}")
        .replace(passwords[0], "FIRST")
        .replace(passwords[1], "SECOND");
    assert_snapshot!(hidden, @"
    $ user create bob --role Dealer
    created system user bob (Dealer)
    password: FIRST
    $ user set-password bob
    changed the password of system user bob and ended 0 sessions
    password: SECOND
    ");
}

#[tokio::test]
async fn password_is_read_from_standard_input() {
    let cli = Cli::new();
    let create = |name: &str, password: &str| {
        cli.run_with(
            &format!("user create {name} --role Dealer --password-stdin"),
            password,
        )
    };
    let output = [
        create("bob", " pässword with spaces \n"),
        create("carol", "short"),
        create("dave", ""),
        create("erin", "\n"),
        create("frank", &"x".repeat(2049)),
    ];
    assert_snapshot!(output.concat(), @"
    $ user create bob --role Dealer --password-stdin
    created system user bob (Dealer)
    $ user create carol --role Dealer --password-stdin
    ! error: the password is too short; choose one of at least 8 characters
    exit 1
    $ user create dave --role Dealer --password-stdin
    ! error: the password is empty; choose one of at least 8 characters
    exit 1
    $ user create erin --role Dealer --password-stdin
    ! error: the password is empty; choose one of at least 8 characters
    exit 1
    $ user create frank --role Dealer --password-stdin
    ! error: the password is longer than 2048 bytes; choose a shorter one
    exit 1
    ");
    assert!(cli.log_in("bob", " pässword with spaces ", None).await);
    assert!(!cli.log_in("bob", "pässword with spaces", None).await);
}

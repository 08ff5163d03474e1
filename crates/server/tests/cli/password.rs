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

#[test]
fn every_command_that_sets_a_password_has_the_same_rules() {
    let cli = Cli::new();
    cli.run("tenant create pbx.example.com");
    cli.user("alice --domain pbx.example.com");
    let weak = [
        "seven77",
        "Password123",
        "my alice password",
        "pbx.example.com!",
    ];
    let set = |arguments: &str, password: &str, environment: &[(&str, &str)]| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut command = cli.command(&arguments);
        cli.output(
            command.envs(environment.iter().copied()),
            password.as_bytes(),
        )
    };
    let change = "user set-password alice --domain pbx.example.com --password-stdin";
    let mut refusals = String::new();
    for password in weak {
        let refused = set(change, password, &[]);
        cli.run("user delete alice --domain pbx.example.com");
        let create = "user create alice --domain pbx.example.com --password-stdin";
        assert_eq!(set(create, password, &[]), refused, "{password}");
        assert!(set(create, "correct horse", &[]).contains("created"));
        refusals.push_str(&refused);
    }
    let long = [("PBX_LOGIN_PASSWORD_MIN_LENGTH", "15")];
    refusals.push_str(&set(change, "correct horse", &long));
    let create = "user create bob --role Dealer --password-stdin";
    refusals.push_str(&set(create, "correct horse", &long));
    assert_snapshot!(refusals, @"
    ! error: the password is too short; choose one of at least 8 characters
    exit 1
    ! error: the password is on the list of common passwords, which attackers try first; choose another one
    exit 1
    ! error: the password contains the user name; choose one that does not
    exit 1
    ! error: the password contains the domain of the tenant; choose one that does not
    exit 1
    ! error: the password is too short; choose one of at least 15 characters
    exit 1
    ! error: the password is too short; choose one of at least 15 characters
    exit 1
    ");
    let any = [("PBX_LOGIN_PASSWORD_REFUSE_COMMON", "false")];
    assert!(set(change, "Password123", &any).contains("changed"));
    // A generated password follows the rules.
    let generated = [("PBX_LOGIN_PASSWORD_MIN_LENGTH", "20")];
    let generated = set("user create carol --role Dealer", "", &generated);
    assert!(generated.contains("password: "), "{generated}");
}

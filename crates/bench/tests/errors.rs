//! Error output of the program.

use std::process::Command;

#[test]
fn error_is_one_line_with_its_causes_even_with_backtraces_enabled() {
    let output = Command::new(env!("CARGO_BIN_EXE_pbx-login-bench"))
        .args([
            "run",
            "--quick",
            "--server",
            "/nonexistent/pbx-login-server",
            "--database",
            "sqlite",
        ])
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<&str> = messages
        .lines()
        .skip_while(|line| !line.starts_with("error: "))
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @"error: cannot start /nonexistent/pbx-login-server: No such file or directory (os error 2)");
    assert_eq!(output.status.code(), Some(1));
}

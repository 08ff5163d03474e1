//! Quoting of arguments in commands that a message proposes.

use std::fmt::Write;

/// Quotes an argument for bash. Invisible characters become escapes.
pub(super) fn quote(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    if argument
        .chars()
        .all(|c| matches!(c, ' '..='~') && c != '\'')
    {
        return format!("'{argument}'");
    }
    let mut quoted = "$'".to_owned();
    for character in argument.chars() {
        match character {
            '\'' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            // Writing to a string cannot fail.
            '\0'..='\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(character));
            }
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn argument_is_quoted_only_if_necessary() {
        let quoted = [
            "alice",
            "/etc/pbx-login/key.pem",
            "",
            "Night Shift",
            "$HOME `id`",
            "O'Neil",
            "a\\b\n",
            "SystemAdmin\u{200b}",
            "\u{1f512}",
        ]
        .map(quote);
        insta::assert_snapshot!(quoted.join("\n"), @r"
        alice
        /etc/pbx-login/key.pem
        ''
        'Night Shift'
        '$HOME `id`'
        $'O\'Neil'
        $'a\\b\u000a'
        $'SystemAdmin\u200b'
        $'\U0001f512'
        ");
    }

    #[test]
    fn bash_reads_the_quoted_argument_unchanged() {
        for argument in [
            "Night Shift",
            "$HOME \"`id`\"",
            "O'Ne\\il",
            "a\tb",
            "!1 ~ {a,b} *",
            "Büro\u{200b}1\u{1f512}2",
        ] {
            let script = format!("printf %s {}", quote(argument));
            let mut bash = Command::new("bash");
            let output = bash.env("LC_ALL", "C.UTF-8").args(["-c", &script]).output();
            assert_eq!(output.unwrap().stdout, argument.as_bytes());
        }
    }
}

//! Checks that `docs/` and `deploy/` describe all metrics and settings, and only existing ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pbx_login_server::config::{SETTINGS, Setting, Settings, Sources};
use pbx_login_server::metrics::Metrics;
use saphyr::{LoadableYamlNode, Yaml};

fn path(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

fn file(name: &str) -> String {
    fs::read_to_string(path(name)).expect("a file")
}

/// Returns the help for these arguments, which must be valid.
fn help(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pbx-login-server"))
        .args(arguments.split(' '))
        .arg("--help")
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(0), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn metrics() -> BTreeSet<(String, String)> {
    let metrics = Metrics::new();
    // The metric of requests appears after the first request.
    metrics.record_request(None, 404, Duration::ZERO);
    let text = metrics.encode();
    let types = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    });
    types.collect()
}

#[test]
fn documented_metrics_match_those_of_the_server() {
    let text = file("docs/operations.md");
    let (_, section) = text.split_once("\n## Metrics\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = section.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (kind, _) = rest.split_once(" |")?;
        Some((name.to_owned(), kind.to_owned()))
    });
    assert_eq!(rows.collect::<BTreeSet<_>>(), metrics());
}

/// Returns the words of an expression that may name a metric.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("pbx_login_") || word.starts_with("process_"))
}

#[test]
fn alerts_use_existing_metrics() {
    let known = metrics();
    let is_known = |name: &str| {
        known.iter().any(|(metric, kind)| match kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| name.strip_suffix(suffix) == Some(metric)),
            _ => name == metric,
        })
    };
    let text = file("deploy/prometheus-alerts.yml");
    let documents = Yaml::load_from_str(&text).expect("YAML");
    let mut seen = BTreeSet::new();
    let groups = documents[0]["groups"].as_vec().expect("groups");
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().expect("rules"));
    for rule in rules {
        let alert = rule["alert"].as_str().expect("a name");
        assert!(seen.insert(alert), "{alert} is defined twice");
        let expression = rule["expr"].as_str().expect("an expression");
        let mut used = names(expression).peekable();
        assert!(
            used.peek().is_some() || expression.starts_with("up{"),
            "{alert} uses no metric"
        );
        for name in used {
            assert!(is_known(name), "{alert} uses the unknown metric {name}");
        }
        for text in ["summary", "description"] {
            let annotation = rule["annotations"][text].as_str().expect("a text");
            assert!(!annotation.is_empty(), "{alert} has no {text}");
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .filter(|word| word.starts_with("PBX_LOGIN_") && *word != "PBX_LOGIN_")
        .collect()
}

#[test]
fn documented_environment_variables_are_settings() {
    let mut known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    known.push("PBX_LOGIN_CONFIG".to_owned());
    for path in [
        "deploy/Containerfile",
        "deploy/pbx-login.service",
        "deploy/pbx-login.toml",
        "docs/configuration.md",
        "docs/operations.md",
    ] {
        for variable in variables(&file(path)) {
            assert!(
                known.iter().any(|known| known == variable),
                "{path}: {variable}"
            );
        }
    }
}

#[test]
fn documented_commands_parse_and_find_the_servers_database() {
    let text = file("docs/operations.md");
    let shown = text.lines().filter_map(|line| {
        let (before, arguments) = line.split_once("pbx-login-server ")?;
        let prefixes = ["", "runuser -u pbx-login -- ", "podman exec pbx-login /"];
        prefixes.contains(&before).then_some((before, arguments))
    });
    let mut number = 0;
    for (before, arguments) in shown {
        // In the container, an environment variable selects the database.
        let found = before.starts_with("podman")
            || arguments.contains("--config /etc/pbx-login/pbx-login.toml ")
            || arguments.contains("--database sqlite:/")
            || arguments.contains("--database postgres://");
        assert!(found, "{arguments} does not select the database");
        let arguments = arguments.replace("$(date +%F)", "2026-01-01");
        help(&arguments);
        number += 1;
    }
    assert!(number >= 5, "{number} commands");
}

#[test]
fn example_settings_file_is_valid() {
    let sources = Sources {
        config: Some(path("deploy/pbx-login.toml")),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("settings");
    settings.check_exposure().expect("encrypted");
    assert_eq!(
        settings.database.to_string(),
        "sqlite:/var/lib/pbx-login/pbx-login.db"
    );
}

fn unit<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn systemd_unit_runs_a_valid_command_and_may_write_the_database() {
    let text = file("deploy/pbx-login.service");
    let command = unit(&text, "ExecStart").next().expect("a command");
    let (program, arguments) = command.split_once(' ').expect("arguments");
    assert_eq!(program, "/usr/local/bin/pbx-login-server");
    help(arguments);
    let example = file("deploy/pbx-login.toml");
    let config = arguments.rsplit(' ').next().expect("a path");
    assert!(
        example.lines().next().expect("a line").contains(config),
        "{config}"
    );
    let state = unit(&text, "StateDirectory").next().expect("a folder");
    assert!(example.contains(&format!("\"sqlite:/var/lib/{state}/")));
    // Each setting is explained by a comment above it or above its group.
    let mut is_explained = false;
    for line in text.lines().skip_while(|line| *line != "[Service]").skip(1) {
        match line {
            "" => is_explained = false,
            _ if line.starts_with('#') => is_explained = true,
            _ if line.starts_with('[') => break,
            _ if is_explained => {}
            _ => panic!("{line} has no comment"),
        }
    }
}

#[test]
fn containerfile_uses_the_minimum_rust_version_and_exposes_the_listening_ports() {
    let text = file("deploy/Containerfile");
    let manifest = file("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .expect("a version");
    assert!(
        text.contains(&format!("/rust:{version}-slim-")),
        "{version}"
    );
    let ports = text
        .lines()
        .find_map(|line| line.strip_prefix("EXPOSE "))
        .expect("ports");
    for port in ports.split(' ') {
        assert!(text.contains(&format!("LISTEN=0.0.0.0:{port}")), "{port}");
    }
}

fn settings_table() -> String {
    let mut table = "\
| key in the file | flag | environment variable | default | meaning |
|---|---|---|---|---|
"
    .to_owned();
    for setting in SETTINGS {
        let code = |text: String| format!("`{text}`");
        let flag = setting.flag().map_or_else(|| "none".to_owned(), code);
        let default = match setting.default_value() {
            Some(value) => code(value),
            None => setting.default_text(),
        };
        let (key, variable, help) = (setting.key, setting.variable(), setting.help());
        table += &format!("| `{key}` | {flag} | `{variable}` | {default} | {help} |\n");
    }
    table
}

#[test]
fn settings_table_in_docs_matches_the_definition() {
    const PATH: &str = "docs/configuration.md";
    const BEGIN: &str = "<!-- Generated from crates/server/src/config/table.rs. -->\n\n";
    const END: &str = "\n<!-- End of what is generated. -->";
    let text = file(PATH);
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let expected = settings_table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = [before, BEGIN, &expected, END, after].concat();
        return fs::write(path(PATH), text).expect("a file that can be written");
    }
    assert!(
        table == expected,
        "{PATH} differs from the settings; rewrite its table with \
         `UPDATE_DOCS=1 cargo test -p pbx-login-server --test documented`"
    );
}

#[test]
fn help_of_serve_shows_every_flag_with_its_default() {
    let help = help("serve");
    for setting in SETTINGS {
        let Some(flag) = setting.flag() else { continue };
        let (_, text) = help
            .split_once(&format!("{flag} <"))
            .or_else(|| help.split_once(&format!("{flag}[=<")))
            .unwrap_or_else(|| panic!("{flag} is not in the help"));
        let (text, _) = text.split_once("\n\n").unwrap_or((text, ""));
        let default = format!("[default: {}]", setting.default_text());
        assert!(text.contains(&default), "{flag}: {text}");
    }
}

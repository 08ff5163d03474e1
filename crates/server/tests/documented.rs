//! `docs/operations.md` and `deploy/` name what there is, and all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pbx_login_server::config::{Key, Settings, Sources};
use pbx_login_server::metrics::Metrics;
use saphyr::{LoadableYamlNode, Yaml};

fn file(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    fs::read_to_string(Path::new(root).join(path)).expect("a file")
}

/// What `--help` says to these arguments, which the program must take.
fn help(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pbx-login-server"))
        .args(arguments.split(' '))
        .arg("--help")
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(0), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Each metric with its kind, as Prometheus reads it.
fn metrics() -> BTreeSet<(String, String)> {
    let metrics = Metrics::new();
    // It shows once a request was answered.
    metrics.request(None, 404, Duration::ZERO);
    let text = metrics.text();
    let types = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    });
    types.collect()
}

#[test]
fn each_metric_is_documented_with_its_kind_and_no_other_is() {
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

/// The words of an expression that may name a metric.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("pbx_login_") || word.starts_with("process_"))
}

#[test]
fn alerts_ask_for_metrics_that_exist() {
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
        assert!(seen.insert(alert), "{alert} is there twice");
        let expression = rule["expr"].as_str().expect("an expression");
        let mut asked = names(expression).peekable();
        assert!(
            asked.peek().is_some() || expression.starts_with("up{"),
            "{alert} asks for nothing"
        );
        for name in asked {
            assert!(
                is_known(name),
                "{alert} asks for {name}, which is no metric"
            );
        }
        for text in ["summary", "description"] {
            let said = rule["annotations"][text].as_str().expect("a text");
            assert!(!said.is_empty(), "{alert} has no {text}");
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

/// Every environment variable of ours that a text names.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .filter(|word| word.starts_with("PBX_LOGIN_"))
        .collect()
}

#[test]
fn what_is_deployed_sets_only_what_can_be_set() {
    let known = Key::ALL.map(Key::variable);
    for path in [
        "deploy/Containerfile",
        "deploy/pbx-login.service",
        "deploy/pbx-login.toml",
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
fn commands_that_are_shown_can_be_given_and_find_the_servers_database() {
    let text = file("docs/operations.md");
    let shown = text.lines().filter_map(|line| {
        let (before, arguments) = line.split_once("pbx-login-server ")?;
        let whose = ["", "runuser -u pbx-login -- ", "podman exec pbx-login /"];
        whose.contains(&before).then_some((before, arguments))
    });
    let mut number = 0;
    for (before, arguments) in shown {
        // Where the container is, its variables name the database.
        let found = before.starts_with("podman")
            || arguments.contains("--config /etc/pbx-login/pbx-login.toml ")
            || arguments.contains("--database sqlite:/");
        assert!(found, "{arguments}: which database?");
        let arguments = arguments.replace("$(date +%F)", "2026-01-01");
        help(&arguments);
        number += 1;
    }
    assert!(number >= 5, "{number} commands");
}

#[test]
fn the_example_of_settings_can_be_used() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let sources = Sources {
        config: Some(Path::new(root).join("deploy/pbx-login.toml")),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("settings");
    settings.check_exposure().expect("encrypted");
    assert_eq!(
        settings.database.to_string(),
        "sqlite:/var/lib/pbx-login/pbx-login.db"
    );
}

/// The values of a setting of a systemd unit.
fn unit<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn the_unit_starts_the_program_as_it_can_be_started_and_lets_it_write_its_database() {
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
    // Each setting says what it is for: a comment stands above it, or above the group that it begins or belongs to.
    let mut said = false;
    for line in text.lines().skip_while(|line| *line != "[Service]").skip(1) {
        match line {
            "" => said = false,
            _ if line.starts_with('#') => said = true,
            _ if line.starts_with('[') => break,
            _ if said => {}
            _ => panic!("nothing says what {line} is for"),
        }
    }
}

#[test]
fn the_container_is_built_with_the_oldest_rust_and_shows_the_ports_it_listens_on() {
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

/// The rows of the README's table of settings: the key, the flag, the variable, the default.
fn settings(text: &str) -> impl Iterator<Item = [&str; 4]> {
    let (_, section) = text.split_once("\n## Settings\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let row = [(); 4].map(|()| cells.next().expect("a cell"));
        row[0].starts_with('`').then_some(row)
    })
}

#[test]
fn each_setting_is_in_the_table_of_the_readme_with_its_variable() {
    let text = file("README.md");
    let rows = settings(&text).map(|[name, _, variable, _]| {
        let [name, variable] = [name, variable].map(|cell| cell.trim_matches('`').to_owned());
        (name, variable)
    });
    let keys = Key::ALL.map(|key| (key.name().to_owned(), key.variable()));
    assert_eq!(rows.collect::<BTreeSet<_>>(), keys.into_iter().collect());
}

#[test]
fn each_default_that_is_told_is_the_one_that_holds() {
    let text = file("README.md");
    let help = help("serve");
    let (mut flags, mut told) = (Vec::new(), 0);
    for [name, flag, _, default] in settings(&text) {
        // Some defaults are no values: they are told in words.
        let value = default
            .strip_prefix('`')
            .and_then(|it| it.strip_suffix('`'));
        let Some(value) = value else { continue };
        let key = Key::ALL
            .into_iter()
            .find(|key| key.name() == name.trim_matches('`'));
        flags.push((key.expect("a key"), value.to_owned()));
        // A switch needs no value, and tells no default.
        if let Some((_, said)) = help.split_once(&format!("{} <", flag.trim_matches('`'))) {
            let (said, _) = said.split_once("\n\n").unwrap_or((said, ""));
            assert!(
                said.contains(&format!("[default: {value}]")),
                "{flag}: {said}"
            );
            told += 1;
        }
    }
    assert!(told > 15, "{help}");
    let load = |flags| {
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        format!("{:?}", Settings::load(&sources).expect("settings"))
    };
    assert_eq!(load(flags), load(Vec::new()));
}

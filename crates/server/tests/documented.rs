//! Checks that `docs/` and `deploy/` describe all metrics and settings, and only existing ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pbx_login_server::config::{Migrate, SETTINGS, Setting, Settings, Sources};
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

/// Returns the first column of a table in a section of `docs/operations.md`, if it is code.
fn documented_names(heading: &str) -> BTreeSet<String> {
    let text = file("docs/operations.md");
    let (_, section) = text.split_once(heading).expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = section.lines();
    let names = rows.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0));
    names.map(str::to_owned).collect()
}

#[test]
fn each_alert_has_a_documented_action() {
    let text = file("deploy/prometheus-alerts.yml");
    let alerts = text.lines().filter_map(|line| line.split_once("- alert: "));
    let alerts: BTreeSet<String> = alerts.map(|(_, name)| name.to_owned()).collect();
    assert!(alerts.len() >= 15, "{alerts:?}");
    assert_eq!(documented_names("\n## Alerts\n"), alerts);
}

#[test]
fn each_alert_has_a_test() {
    let tests = file("deploy/prometheus-alerts.test.yml");
    let text = file("deploy/prometheus-alerts.yml");
    for (_, alert) in text.lines().filter_map(|line| line.split_once("- alert: ")) {
        let firing = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"");
        assert!(tests.contains(&firing), "{alert} fires in no test");
    }
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
        "deploy/compose.yaml",
        "deploy/kubernetes.yaml",
        "docs/configuration.md",
        "docs/operations.md",
        "docs/postgresql.md",
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
    let text = ["docs/operations.md", "docs/postgresql.md"]
        .map(file)
        .concat();
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

fn yaml(name: &str) -> Vec<Yaml<'static>> {
    let text: &'static str = file(name).leak();
    Yaml::load_from_str(text).expect("YAML")
}

/// Loads the settings of a container, with those of the image.
fn container_settings(variables: &Yaml) -> Settings {
    let variables = variables.as_mapping().expect("variables");
    let variable = |(name, value): (&Yaml, &Yaml)| {
        let text = |yaml: &Yaml| yaml.as_str().expect("a string").to_owned();
        (text(name).into(), text(value).into())
    };
    let of_image = [("PBX_LOGIN_LISTEN".into(), "0.0.0.0:8887".into())];
    let sources = Sources {
        environment: of_image
            .into_iter()
            .chain(variables.iter().map(variable))
            .collect(),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("settings");
    assert_eq!(settings.warnings, [""; 0]);
    settings.check_exposure().expect("TLS is terminated");
    // In a file, because the environment of a process is easily printed.
    assert!(settings.admin_password.is_none() && settings.admin_password_file.is_some());
    assert!(settings.database.to_string().contains("//pbx_server@"));
    assert_eq!(settings.migrate, Migrate::Never);
    settings
}

#[test]
fn compose_file_runs_two_servers_with_valid_settings_behind_a_gateway() {
    let documents = yaml("deploy/compose.yaml");
    let compose = &documents[0];
    let server = &compose["x-server"];
    container_settings(&server["environment"]);
    let probe = server["healthcheck"]["test"].as_vec().expect("a command");
    let arguments: Vec<&str> = probe.iter().filter_map(|it| it.as_str()).collect();
    assert_eq!(arguments, ["CMD", "/pbx-login-server", "ready"]);
    help("ready");
    let services = compose["services"].as_mapping().expect("services");
    let published = services
        .iter()
        .filter(|(_, it)| it.as_mapping_get("ports").is_some());
    let published: Vec<_> = published.filter_map(|(name, _)| name.as_str()).collect();
    assert_eq!(published, ["gateway"]);
    let gateway = file("deploy/Caddyfile");
    for server in ["server1", "server2"] {
        assert!(compose["services"].as_mapping_get(server).is_some());
        assert!(gateway.contains(&format!("{server}:8887")), "{server}");
    }
}

#[test]
fn kubernetes_manifest_has_valid_settings_and_keeps_a_server_during_upgrades() {
    let documents = yaml("deploy/kubernetes.yaml");
    let of_kind = |kind: &str| {
        let found = documents
            .iter()
            .filter(|it| it["kind"].as_str() == Some(kind));
        found.collect::<Vec<_>>()
    };
    assert!(of_kind("Secret").is_empty());
    let settings = container_settings(&of_kind("ConfigMap")[0]["data"]);
    let ops = settings.ops_listen.0.expect("an address");
    let deployment = &of_kind("Deployment")[0]["spec"];
    assert!(deployment["replicas"].as_integer() >= Some(2));
    let update = &deployment["strategy"]["rollingUpdate"];
    assert_eq!(update["maxUnavailable"].as_integer(), Some(0));
    assert_eq!(of_kind("PodDisruptionBudget").len(), 1);
    let server = &deployment["template"]["spec"]["containers"][0];
    let ports = server["ports"].as_vec().expect("ports");
    let port = |name: &str| {
        let port = ports.iter().find(|it| it["name"].as_str() == Some(name));
        port.and_then(|it| it["containerPort"].as_integer())
    };
    assert_eq!(port("ops"), Some(ops.port().into()));
    assert_eq!(port("http"), Some(settings.listen.port().into()));
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        let request = &server[probe]["httpGet"];
        assert_eq!(request["path"].as_str(), Some(path));
        assert_eq!(request["port"].as_str(), Some("ops"));
    }
    let job = &of_kind("Job")[0]["spec"];
    for pod in [&job["template"]["spec"], &deployment["template"]["spec"]] {
        let container = &pod["containers"][0];
        let no_token = pod["automountServiceAccountToken"].as_bool();
        let not_root = pod["securityContext"]["runAsNonRoot"].as_bool();
        let read_only = container["securityContext"]["readOnlyRootFilesystem"].as_bool();
        assert_eq!(
            (no_token, not_root, read_only),
            (Some(false), Some(true), Some(true))
        );
        assert!(
            container["resources"]["limits"]["memory"]
                .as_str()
                .is_some()
        );
    }
}

#[test]
fn roles_of_the_compose_file_are_those_of_the_documentation() {
    let text = file("docs/postgresql.md");
    let (_, section) = text
        .split_once("\n## Least privilege\n")
        .expect("a section");
    let blocks = section.split("\n```sql\n").skip(1).take(3);
    let blocks = blocks.map(|rest| rest.split_once("\n```").expect("the end of a block").0);
    let blocks: Vec<&str> = blocks.collect();
    let documented = blocks[..2].join("\n");
    let executed = file("deploy/postgres-init.sql")
        .replace(":'owner_password'", "'...'")
        .replace(":'server_password'", "'...'");
    let lines = executed
        .lines()
        .skip_while(|line| !line.starts_with("CREATE ROLE"));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with('\\')).collect();
    assert_eq!(lines.join("\n"), documented);
    let executed = file("deploy/postgres-privileges.sql");
    let lines = executed.lines().filter(|line| !line.starts_with("--"));
    assert_eq!(lines.collect::<Vec<_>>().join("\n"), blocks[2]);
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
    assert!(text.contains(&format!("/rust:{version}.")), "{version}");
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

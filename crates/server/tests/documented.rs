//! `docs/operations.md` and `deploy/` name what there is, and all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use pbx_login_server::metrics::Metrics;
use saphyr::{LoadableYamlNode, Yaml};

fn file(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    fs::read_to_string(Path::new(root).join(path)).expect("a file")
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

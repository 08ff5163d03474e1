use serde_json::Value;

use super::Mutant;
use super::tree::Verified;

/// The verdict on a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The expected check reported the mutant and named it, with the expected exit code.
    Killed,
    /// The mutant was not reported, or not as expected; with the reason.
    Survived(String),
    /// The mutant could not be planted; with the reason.
    NotPlanted(String),
}

pub(super) fn of_run(mutant: &Mutant, run: &Verified) -> Verdict {
    let report = match report(run) {
        Ok(report) => report,
        Err(why) => return Verdict::Survived(why),
    };
    let code = run.code.unwrap_or_default();
    if code == 0 {
        return Verdict::Survived("verify reported nothing".to_owned());
    }
    let found: Vec<String> = unfresh_items(&report)
        .filter(|item| item["check"] == mutant.check.name())
        .map(Value::to_string)
        .collect();
    let mut reasons = Vec::new();
    if code != i32::from(mutant.exit) {
        reasons.push(format!(
            "verify exited with {code} instead of {}",
            mutant.exit
        ));
    }
    if found.is_empty() {
        reasons.push(format!(
            "the check {} reported nothing",
            mutant.check.name()
        ));
    } else if !found.iter().any(|item| mentions(item, mutant.names)) {
        reasons.push(format!(
            "the check {} does not name `{}`",
            mutant.check.name(),
            mutant.names
        ));
    }
    if reasons.is_empty() {
        return Verdict::Killed;
    }
    reasons.extend(unfresh_items(&report).map(render_item));
    Verdict::Survived(reasons.join("\n"))
}

/// Returns whether the JSON of an item contains a string, escaped as in JSON.
fn mentions(item: &str, text: &str) -> bool {
    let quoted = Value::from(text).to_string();
    item.contains(&quoted[1..quoted.len() - 1])
}

pub(super) fn disagreement(run: &Verified) -> Option<String> {
    match (report(run), run.code) {
        (Ok(_), Some(0)) => None,
        (Ok(report), _) => Some(
            unfresh_items(&report)
                .map(render_item)
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        (Err(why), _) => Some(why),
    }
}

fn report(run: &Verified) -> Result<Value, String> {
    let Some(code) = run.code else {
        return Err("verify exceeded its time limit and was killed".to_owned());
    };
    let stderr = || run.stderr.trim_end().to_owned();
    match serde_json::from_str::<Value>(&run.stdout) {
        Ok(report) if report["result"] == "could-not-run" => {
            Err(format!("verify could not run: {}", stderr()))
        }
        Ok(report) => Ok(report),
        Err(_) => Err(format!(
            "verify exited with {code} and no report: {}",
            stderr()
        )),
    }
}

fn unfresh_items(report: &Value) -> impl Iterator<Item = &Value> {
    let items = report["items"].as_array().into_iter().flatten();
    items.filter(|item| item["outcome"] != "fresh")
}

fn render_item(item: &Value) -> String {
    let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let mut text = format!("{} {} {}", word("outcome"), word("check"), word("subject"));
    for problem in item["problems"].as_array().into_iter().flatten() {
        let message = problem["message"].as_str().unwrap_or_default();
        let location = &problem["place"];
        let location = match location["file"].as_str() {
            Some(file) => format!("{file}:{}: ", location["line"]),
            None => String::new(),
        };
        text.push_str(&format!("\n  {location}{message}"));
        for detail in problem["details"].as_array().into_iter().flatten() {
            let word = |key: &str| detail[key].as_str().unwrap_or_default();
            text.push_str(&format!("\n    {}: {}", word("label"), word("text")));
        }
    }
    text
}

#[cfg(test)]
mod tests;

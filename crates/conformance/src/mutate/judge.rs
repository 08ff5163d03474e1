use serde_json::Value;

use super::Mutant;
use super::tree::Verified;

/// The verdict on a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The right check found it and named it, with the right exit code.
    Found,
    /// It was not found, or not as expected; with the reason.
    Missed(String),
    /// It could not be planted; with the reason.
    NotPlanted(String),
}

pub(super) fn judge(mutant: &Mutant, run: &Verified) -> Verdict {
    let report = match report(run) {
        Ok(report) => report,
        Err(why) => return Verdict::Missed(why),
    };
    let code = run.code.unwrap_or_default();
    if code == 0 {
        return Verdict::Missed("verify found nothing".to_owned());
    }
    let found: Vec<String> = wrong(&report)
        .filter(|item| item["check"] == mutant.check.name())
        .map(Value::to_string)
        .collect();
    let mut missed = Vec::new();
    if code != i32::from(mutant.exit) {
        missed.push(format!(
            "verify ended with {code}, not with {}",
            mutant.exit
        ));
    }
    if found.is_empty() {
        missed.push(format!("the check {} found nothing", mutant.check.name()));
    } else if !found.iter().any(|item| names(item, mutant.names)) {
        missed.push(format!(
            "the check {} does not name `{}`",
            mutant.check.name(),
            mutant.names
        ));
    }
    if missed.is_empty() {
        return Verdict::Found;
    }
    missed.extend(wrong(&report).map(shown));
    Verdict::Missed(missed.join("\n"))
}

/// Returns whether the JSON of an item contains a text, escaped as in JSON.
fn names(item: &str, text: &str) -> bool {
    let quoted = Value::from(text).to_string();
    item.contains(&quoted[1..quoted.len() - 1])
}

pub(super) fn disagreement(run: &Verified) -> Option<String> {
    match (report(run), run.code) {
        (Ok(_), Some(0)) => None,
        (Ok(report), _) => Some(wrong(&report).map(shown).collect::<Vec<_>>().join("\n")),
        (Err(why), _) => Some(why),
    }
}

fn report(run: &Verified) -> Result<Value, String> {
    let Some(code) = run.code else {
        return Err("verify hung and was killed".to_owned());
    };
    let said = || run.stderr.trim_end().to_owned();
    match serde_json::from_str::<Value>(&run.stdout) {
        Ok(report) if report["result"] == "could-not-run" => {
            Err(format!("verify could not run: {}", said()))
        }
        Ok(report) => Ok(report),
        Err(_) => Err(format!(
            "verify ended with {code} and no report: {}",
            said()
        )),
    }
}

fn wrong(report: &Value) -> impl Iterator<Item = &Value> {
    let items = report["items"].as_array().into_iter().flatten();
    items.filter(|item| item["outcome"] != "fresh")
}

fn shown(item: &Value) -> String {
    let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let mut text = format!("{} {} {}", word("outcome"), word("check"), word("subject"));
    for problem in item["problems"].as_array().into_iter().flatten() {
        let message = problem["message"].as_str().unwrap_or_default();
        let place = &problem["place"];
        let place = match place["file"].as_str() {
            Some(file) => format!("{file}:{}: ", place["line"]),
            None => String::new(),
        };
        text.push_str(&format!("\n  {place}{message}"));
        for detail in problem["details"].as_array().into_iter().flatten() {
            let word = |key: &str| detail[key].as_str().unwrap_or_default();
            text.push_str(&format!("\n    {}: {}", word("label"), word("text")));
        }
    }
    text
}

#[cfg(test)]
mod tests;

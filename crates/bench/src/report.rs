//! The results as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// Our value is at most this, in the unit of the measure.
    AtMost(f64),
    /// The value is reported, without a goal.
    None,
}

/// One quantity, measured in several rounds.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// For each round: the server's value, and the baseline's if there is one.
    pub(crate) rounds: Vec<(f64, Option<f64>)>,
}

impl Measure {
    pub(crate) fn ours(&self) -> Vec<f64> {
        self.rounds.iter().map(|(ours, _)| *ours).collect()
    }

    pub(crate) fn baseline(&self) -> Vec<f64> {
        self.rounds
            .iter()
            .filter_map(|(_, baseline)| *baseline)
            .collect()
    }

    /// Returns the ratio of each round: a slow phase of the machine affects both values of a round.
    fn ratios(&self) -> Vec<f64> {
        let ratio = |(ours, baseline): &(f64, Option<f64>)| Some(ours / (*baseline)?);
        self.rounds.iter().filter_map(ratio).collect()
    }

    fn reached(&self) -> Option<bool> {
        let ratio = median(&self.ratios());
        match self.goal {
            Goal::RatioAtLeast(min) => ratio.map(|ratio| ratio >= min),
            Goal::RatioAtMost(max) => ratio.map(|ratio| ratio <= max),
            Goal::AtMost(max) => median(&self.ours()).map(|ours| ours <= max),
            Goal::None => None,
        }
    }
}

pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], upper)
    } else {
        upper
    })
}

/// Formats a line per measure: medians with minimum and maximum, ratio, goal.
pub(crate) fn table(measures: &[Measure]) -> String {
    let mut out = String::new();
    let heads = ["ours", "baseline", "ratio", "goal"];
    let name = |measure: &Measure| format!("{}, {}", measure.name, measure.unit);
    let wide = measures.iter().map(|measure| name(measure).len()).max();
    let wide = wide.unwrap_or_default();
    let [ours, baseline, ratio, goal] = heads;
    let mut line = |cells: [&str; 5]| {
        let [name, ours, baseline, ratio, goal] = cells;
        let text = format!("{name:wide$}  {ours:>26}  {baseline:>26}  {ratio:>5}  {goal}");
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(["", ours, baseline, ratio, goal]);
    for measure in measures {
        let ratio = median(&measure.ratios()).map(|ratio| format!("{ratio:.2}"));
        line([
            &name(measure),
            &format_spread(&measure.ours()),
            &format_spread(&measure.baseline()),
            &ratio.unwrap_or_default(),
            &format_goal(measure),
        ]);
    }
    out
}

fn format_goal(measure: &Measure) -> String {
    let goal = match measure.goal {
        Goal::RatioAtLeast(min) => format!("ratio at least {min}"),
        Goal::RatioAtMost(max) => format!("ratio at most {max}"),
        Goal::AtMost(max) => format!("at most {max}"),
        Goal::None => return String::new(),
    };
    match measure.reached() {
        Some(true) => goal,
        Some(false) => format!("{goal}: MISSED"),
        None => format!("{goal}: not measured"),
    }
}

fn format_spread(numbers: &[f64]) -> String {
    let Some(median) = median(numbers) else {
        return String::new();
    };
    let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!(
        "{} ({}–{})",
        format_number(median),
        format_number(min),
        format_number(max)
    )
}

fn format_number(number: f64) -> String {
    match number.abs() {
        ..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Returns `{"measure": {"ours": …, "baseline": …, "ratio": …}}`; a missing baseline is `null`.
pub(crate) fn json(measures: &[Measure]) -> Value {
    let entry = |measure: &Measure| {
        let value = json!({
            "ours": median(&measure.ours()),
            "baseline": median(&measure.baseline()),
            "ratio": median(&measure.ratios()),
        });
        (format!("{}, {}", measure.name, measure.unit), value)
    };
    Value::Object(measures.iter().map(entry).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures() -> Vec<Measure> {
        vec![
            Measure {
                name: "checks".to_owned(),
                unit: "requests/s",
                goal: Goal::RatioAtLeast(0.9),
                rounds: vec![
                    (95.0, Some(100.0)),
                    (60.0, Some(120.0)),
                    (88.0, Some(110.0)),
                ],
            },
            Measure {
                name: "memory".to_owned(),
                unit: "MB",
                goal: Goal::AtMost(400.0),
                rounds: vec![(123.456, None)],
            },
            Measure {
                name: "start-up".to_owned(),
                unit: "ms",
                goal: Goal::None,
                rounds: vec![(4.0, Some(2.0)), (6.0, Some(3.0))],
            },
        ]
    }

    #[test]
    fn table_shows_medians_spread_ratio_and_goal() {
        insta::assert_snapshot!(table(&measures()), @"
                                                  ours                    baseline  ratio  goal
        checks, requests/s            88.0 (60.0–95.0)               110 (100–120)   0.80  ratio at least 0.9: MISSED
        memory, MB                       123 (123–123)                                     at most 400
        start-up, ms                  5.00 (4.00–6.00)            2.50 (2.00–3.00)   2.00
        ");
    }

    #[test]
    fn json_has_each_measure_by_name() {
        insta::assert_snapshot!(json(&measures()).to_string(), @r#"{"checks, requests/s":{"ours":88.0,"baseline":110.0,"ratio":0.8},"memory, MB":{"ours":123.456,"baseline":null,"ratio":null},"start-up, ms":{"ours":5.0,"baseline":2.5,"ratio":2.0}}"#);
    }

    #[test]
    fn median_is_the_middle_value() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}

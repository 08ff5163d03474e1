//! A bar chart of the session checks.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::report::{Measure, median};

const WIDTH: u32 = 720;
const PAIR_HEIGHT: u32 = 52;
/// Height of title, axis and margins.
const MARGINS_HEIGHT: u32 = 110;

/// Draws the requests per second of each session check, ours above the baseline.
pub(crate) fn draw(measures: &[Measure], file: &Path) -> Result<()> {
    let pairs: Vec<(&str, f64, f64)> = measures
        .iter()
        // Other measures have a different baseline.
        .filter(|measure| measure.unit == "requests/s" && measure.name.starts_with("checks"))
        .filter_map(|measure| {
            let (ours, baseline) = (median(&measure.ours())?, median(&measure.baseline())?);
            Some((measure.name.as_str(), ours, baseline))
        })
        .collect();
    let height = MARGINS_HEIGHT + PAIR_HEIGHT * u32::try_from(pairs.len())?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    paint(&area, &pairs).map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn paint(area: &Area<'_>, pairs: &[(&str, f64, f64)]) -> Result<(), Box<dyn std::error::Error>> {
    let maximum = pairs
        .iter()
        .map(|(_, ours, bare)| ours.max(*bare))
        .fold(1.0, f64::max);
    let rows = pairs.len() as f64;
    let text = |size: u32| ("sans-serif", size).into_font();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption("GET /login: requests per second", text(18))
        .margin(12)
        .x_label_area_size(30)
        // The first row is at the top.
        .build_cartesian_2d(0.0..maximum * 1.05, rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    let ours = pairs.iter().map(|pair| pair.1).collect::<Vec<_>>();
    let bare = pairs.iter().map(|pair| pair.2).collect::<Vec<_>>();
    for (name, colour, top, rates) in [
        ("PBX Login", RGBColor(0x1F, 0x6F, 0xB4), 0.34, ours),
        ("bare dropshot", RGBColor(0xB4, 0xB4, 0xB4), 0.62, bare),
    ] {
        let bars = rates.into_iter().enumerate().map(|(row, rate)| {
            let top = row as f64 + top;
            Rectangle::new([(0.0, top), (rate, top + 0.26)], colour.filled())
        });
        chart
            .draw_series(bars)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    let names = pairs
        .iter()
        .enumerate()
        .map(|(row, (name, ..))| Text::new((*name).to_owned(), (0.0, row as f64 + 0.06), text(13)));
    chart.draw_series(names)?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(RGBColor(0xDD, 0xDD, 0xDD))
        .label_font(text(13))
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Goal;

    #[test]
    fn check_with_a_baseline_has_a_pair_of_bars() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chart.svg");
        let measure = |name: &str, unit, baseline| Measure {
            name: name.to_owned(),
            unit,
            goal: Goal::None,
            rounds: vec![(40.0, baseline)],
        };
        draw(
            &[
                measure("checks, few", "requests/s", Some(50.0)),
                measure("checks, few", "ms p99", Some(1.0)),
                measure("checks in a flood", "requests/s", None),
            ],
            &file,
        )
        .unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        assert!(
            svg.contains("checks, few") && !svg.contains("flood"),
            "{svg}"
        );
        // Each colour fills a bar and a square of the legend.
        let bars = |colour: &str| svg.matches(&format!("fill=\"#{colour}\"")).count();
        assert_eq!((bars("1F6FB4"), bars("B4B4B4")), (2, 2), "{svg}");
    }
}

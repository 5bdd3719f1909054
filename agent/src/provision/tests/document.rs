//! docs/alarms.md lists what there is.

use super::alarms::{alarms, metrics};
use super::{parts, settings};
use crate::alarms::definition::{Alarm, Comparison};
use crate::provision::alarm::DEFINITIONS;
use crate::provision::query::ALL;

const DOCUMENT: &str = include_str!("../../../../docs/alarms.md");

/// What it watches: `Average of CPUUtilization`.
fn watches(alarm: &Alarm) -> String {
    if let Some(label) =
        alarm.metrics.iter().find(|query| query.return_data).and_then(|query| query.label.as_ref())
    {
        return label.clone();
    }
    let (metric, _, stat) = metrics(alarm).remove(0);
    format!("{stat} of `{}`", metric.metric_name)
}

/// When it fires: `> 70 in 3 of 3 × 5 min`.
fn fires(alarm: &Alarm) -> String {
    let sign = match alarm.comparison_operator {
        Comparison::GreaterThanThreshold => ">",
        Comparison::GreaterThanOrEqualToThreshold => "≥",
        Comparison::LessThanThreshold => "<",
        other => panic!("{other:?}"),
    };
    let n = alarm.evaluation_periods;
    let m = alarm.datapoints_to_alarm.unwrap_or(n);
    let minutes = metrics(alarm)[0].1 / 60;
    format!("{sign} {} in {m} of {n} × {minutes} min", alarm.threshold.unwrap())
}

#[test]
fn the_document_lists_all_alarms() {
    let all = alarms(&settings(), &parts());
    let mut rows = Vec::new();
    let mut seen = Vec::new();
    for definition in DEFINITIONS.iter() {
        let id = &definition.id;
        if seen.contains(&id) {
            continue; // what there is without a target group
        }
        seen.push(id);
        let speaks = DEFINITIONS.iter().find(|other| other.any_of.contains(id));
        let mails = speaks.map_or_else(|| "itself".to_owned(), |other| format!("`{}`", other.id));
        let (what, when, missing) = if let Some((_, alarm)) = all.get(id) {
            let missing = format!("{:?}", alarm.treat_missing_data);
            (watches(alarm), fires(alarm), missing)
        } else {
            let any: Vec<String> = definition.any_of.iter().map(|id| format!("`{id}`")).collect();
            let silent = definition.actions_suppressor.as_ref().unwrap();
            (any.join(" or "), format!("one does; silent while `{silent}` does"), String::new())
        };
        rows.push(format!("| `{id}` | {what} | {when} | {missing} | {} | {mails} |", definition.severity));
    }
    let written: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(written, rows, "\n{}", rows.join("\n"));
}

#[test]
fn the_document_lists_all_saved_queries() {
    let rows: Vec<String> = ALL
        .iter()
        .map(|query| {
            let title = query.text.lines().next().unwrap().trim_start_matches("# ");
            let of = if query.everywhere { "all log groups" } else { "the backend's" };
            format!("- `{}` ({of}): {title}", query.name)
        })
        .collect();
    let written: Vec<&str> =
        DOCUMENT.lines().filter(|line| line.starts_with("- `") && line.contains("): ")).collect();
    assert_eq!(written, rows, "\n{}", rows.join("\n"));
}

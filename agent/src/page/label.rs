//! What a series is called: its label with what stands in for `${…}`, or a name of its own.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html>

use super::chart::scale;
use super::model::metric::{Asks, Query};
use crate::alarms::evaluate::data::Name;

/// What is known of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// Where it is a metric's.
    pub name: Option<&'a Name>,
    /// Its statistic.
    pub stat: &'a str,
    /// In seconds.
    pub period_s: u32,
    /// Its points.
    pub points: &'a [Option<f64>],
}

/// The label of a series. `among` is its place among several of one row, and the metrics of those.
pub(super) fn label(query: &Query, about: &About<'_>, among: Option<(usize, &[&Name])>) -> String {
    let own = match (&query.label, about.name, &query.asks) {
        (Some(label), ..) => filled(label, about),
        (None, Some(name), _) if among.is_none() => {
            return name.dimensions().last().map_or_else(
                || name.metric().to_owned(),
                |dimension| format!("{} {}", name.metric(), dimension.value),
            );
        }
        (None, Some(name), _) => name.metric().to_owned(),
        (None, None, Asks::Expression(_)) => query.id.clone().unwrap_or_else(|| "Expression".to_owned()),
        (None, None, _) => String::new(),
    };
    let Some((place, names)) = among else { return own };
    if query.label.as_ref().is_some_and(|label| label.contains("${PROP('Dim.")) {
        return own;
    }
    match about.name {
        None => format!("{own} {}", place + 1),
        Some(name) => {
            // What tells it from the others.
            let differs = |of: &str, value: &str| {
                let same = |other: &&Name| {
                    other
                        .dimensions()
                        .iter()
                        .any(|dimension| dimension.name == of && dimension.value == value)
                };
                !names.iter().all(same)
            };
            let apart: Vec<&str> = name
                .dimensions()
                .iter()
                .filter(|dimension| differs(&dimension.name, &dimension.value))
                .map(|dimension| dimension.value.as_str())
                .collect();
            let metric =
                if names.iter().any(|other| other.metric() != name.metric()) { name.metric() } else { "" };
            let words = [own.as_str(), metric].into_iter().filter(|word| !word.is_empty()).chain(apart);
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

fn filled(label: &str, about: &About<'_>) -> String {
    let mut out = String::new();
    let mut rest = label;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inner, behind)) = behind.split_once('}') else {
            out.push_str("${");
            rest = behind;
            break;
        };
        match value(inner.trim(), about) {
            Some(value) => out.push_str(&value),
            None => out.extend(["${", inner, "}"]),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn value(inner: &str, about: &About<'_>) -> Option<String> {
    let points = || about.points.iter().flatten().copied();
    let number = |number: Option<f64>| Some(number.map_or_else(|| "–".to_owned(), scale::short));
    #[expect(clippy::cast_precision_loss, reason = "points of a graph")]
    let count = || points().count() as f64;
    match inner {
        "LABEL" => about.name.map(|name| name.metric().to_owned()),
        "LAST" => number(points().last()),
        "FIRST" => number(points().next()),
        "MAX" => number(points().reduce(f64::max)),
        "MIN" => number(points().reduce(f64::min)),
        "SUM" => number(Some(points().sum())),
        "AVG" => number(points().next().map(|_| points().sum::<f64>() / count())),
        _ => {
            let property = inner.strip_prefix("PROP('")?.strip_suffix("')")?;
            let name = about.name?;
            match property {
                "MetricName" => Some(name.metric().to_owned()),
                "Namespace" => Some(name.namespace().to_owned()),
                "Stat" => Some(about.stat.to_owned()),
                "Period" => Some(about.period_s.to_string()),
                _ => {
                    let wanted = property.strip_prefix("Dim.")?;
                    let dimension = name.dimensions().iter().find(|dimension| dimension.name == wanted)?;
                    Some(dimension.value.clone())
                }
            }
        }
    }
}

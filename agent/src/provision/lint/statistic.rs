//! Statistics and periods: which there are.
//!
//! It does not know of which metric.

use super::Findings;
use super::json::{Node, Value};
use super::nearest;
use super::rule;
use super::text::Text;

/// Those with names; others are percentiles and trimmed means.
pub(super) const BASIC: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

/// `p95`, `tm99`, `TM(10%:90%)`, `IQM` …
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>
pub(super) fn is_extended(statistic: &str) -> bool {
    if statistic.eq_ignore_ascii_case("IQM") {
        return true;
    }
    let ranged = statistic.split_once('(').is_some_and(|(head, rest)| {
        ["PR", "TC", "TM", "TS", "WM"].contains(&head) && rest.ends_with(')') && rest.contains(':')
    });
    let head = statistic.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = statistic.get(head.len()..).and_then(|number| number.parse::<f64>().ok());
    let percent = number.is_some_and(|number| (0.0..=100.0).contains(&number));
    ranged || (percent && ["p", "tm", "tc", "ts", "wm"].contains(&head.to_lowercase().as_str()))
}

pub(super) fn is_statistic(statistic: &str) -> bool {
    BASIC.contains(&statistic) || is_extended(statistic)
}

/// What may be meant by a word that is none.
pub(super) fn meant(statistic: &str) -> Option<&'static str> {
    let also = [
        ("avg", "Average"),
        ("mean", "Average"),
        ("min", "Minimum"),
        ("max", "Maximum"),
        ("count", "SampleCount"),
        ("total", "Sum"),
    ];
    let lower = statistic.to_lowercase();
    let other = also.iter().find(|(word, _)| *word == lower).map(|(_, right)| *right);
    other.or_else(|| nearest(statistic, BASIC))
}

/// A statistic as a widget or an alarm names it.
pub(super) fn judge(node: &Node, text: &Text, path: &str, out: &mut Findings) {
    let Some(statistic) = node.str() else {
        if !matches!(node.value, Value::Unknown) {
            let message = format!("a statistic is a string, not {}", node.kind());
            out.add(
                &rule::INVALID_STATISTIC,
                text.origin(node.at()),
                path,
                message,
                "write \"Average\" or \"p95\"",
            );
        }
        return;
    };
    judge_text(statistic, text.origin(node.at()), path, out);
}

pub(super) fn judge_text(statistic: &str, at: usize, path: &str, out: &mut Findings) {
    if is_statistic(statistic) || statistic.contains("${") {
        return;
    }
    let mend = meant(statistic)
        .map_or("write Average, Sum, Minimum, Maximum, SampleCount or p95".to_owned(), |near| {
            format!("write {near:?}")
        });
    out.add(&rule::INVALID_STATISTIC, at, path, format!("there is no statistic {statistic:?}"), mend);
}

/// A period of a widget or of an alarm. Answers with it, if it is one.
pub(super) fn judge_period(
    node: &Node,
    text: &Text,
    namespace: Option<&str>,
    path: &str,
    out: &mut Findings,
) -> Option<f64> {
    let at = text.origin(node.at());
    let Some(period) = node.number() else {
        if matches!(&node.value, Value::String(text) if text.parse::<u32>().is_ok()) {
            out.add(
                &rule::INVALID_PERIOD,
                at,
                path,
                "a period is a number, not a string",
                "leave the quotes out",
            );
        } else if !matches!(node.value, Value::Unknown | Value::Object(_) | Value::String(_)) {
            out.add(
                &rule::INVALID_PERIOD,
                at,
                path,
                format!("a period is a number, not {}", node.kind()),
                "write seconds: 300",
            );
        }
        return None;
    };
    judge_seconds(period, at, namespace, path, out).then_some(period)
}

pub(super) fn judge_seconds(
    period: f64,
    at: usize,
    namespace: Option<&str>,
    path: &str,
    out: &mut Findings,
) -> bool {
    let short = [1.0, 5.0, 10.0, 20.0, 30.0].contains(&period);
    if !short && (period < 60.0 || period % 60.0 != 0.0) {
        let message = format!("{period} seconds cannot be a period");
        let mend = "write a multiple of 60; 1, 5, 10, 20 and 30 are for metrics of high resolution";
        out.add(&rule::INVALID_PERIOD, at, path, message, mend);
        return false;
    }
    if short && namespace.is_some_and(|namespace| namespace.starts_with("AWS/")) {
        let message =
            format!("AWS stores this metric once a minute: most periods of {period} seconds stay empty");
        out.add(&rule::SUB_MINUTE, at, path, message, "write 60, or a multiple of it");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_documentation() {
        for good in ["Average", "p50", "p99.9", "p100", "tm90", "TM(10%:90%)", "PR(:100)", "IQM", "wm98"] {
            assert!(is_statistic(good), "{good}");
        }
        for bad in ["average", "avg", "p101", "p", "95", "P(95)", "percentile95"] {
            assert!(!is_statistic(bad), "{bad}");
        }
    }
}

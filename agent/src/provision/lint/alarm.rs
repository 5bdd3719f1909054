//! Alarms: what `PutMetricAlarm` would refuse, and what would never fire, or always.
//!
//! It does not know whether an alarm is wise. Actions are in `action.rs`, thresholds in `threshold.rs`.

use super::draft::Draft;
use super::json::{Node, Value};
use super::known::Kind;
use super::placeholder::{self, Field};
use super::rule;
use super::series::{self, Series};
use super::shape::{Entry, below};
use super::{Findings, action, alarm_file, alarm_math, composite, nearest, pairs, statistic, threshold};
use crate::metrics::name::UNITS;

pub(super) const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
/// Those for anomaly detection only.
const BANDS: [&str; 3] =
    ["LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"];
pub(super) const MISSING: [&str; 4] = ["breaching", "notBreaching", "ignore", "missing"];

/// Looks at the alarms of a file.
pub(super) fn judge(entries: &[&Entry], out: &mut Findings) {
    let drafts: Vec<Draft<'_>> = entries.iter().map(|entry| Draft::of(entry)).collect();
    for draft in &drafts {
        judge_one(draft, out);
    }
    alarm_file::judge(&drafts, out);
}

fn judge_one(draft: &Draft<'_>, out: &mut Findings) {
    let place = &draft.entry.place;
    if !place.node.is_object() {
        let message = format!("an alarm is an object, not {}", place.node.kind());
        out.add(&rule::ALARM_TYPE, draft.at(""), &place.path, message, "write {\"AlarmName\": …}");
        return;
    }
    placeholders(draft, &place.node, &place.path, Field::Prose, out);
    length(draft, "AlarmDescription", 1024, out);
    action::judge(draft, out);
    if draft.has("AlarmRule") {
        composite::judge(draft, out);
        return;
    }
    if draft.has("EvaluationCriteria") {
        return; // Alarms on PromQL have other members.
    }
    required(draft, out);
    words(draft, out);
    numbers(draft, out);
    if draft.has("MetricName") {
        single_metric(draft, out);
    }
    if let Some(metrics) = draft.node("Metrics") {
        alarm_math::judge(draft, metrics, out);
    }
    threshold::judge(draft, out);
}

fn placeholders(draft: &Draft<'_>, node: &Node, path: &str, field: Field, out: &mut Findings) {
    let place = &draft.entry.place;
    let allowed = if place.filled_in { vec!["${".to_owned()] } else { Vec::new() };
    match &node.value {
        Value::String(_) => {
            placeholder::judge(&place.text.inside(node.span), field, path, &allowed, out);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                placeholders(draft, item, &format!("{path}[{index}]"), field, out);
            }
        }
        Value::Object(members) => {
            for member in members.iter().filter(|member| !member.key.starts_with('_')) {
                let words = super::json::plain(&member.key);
                let value = words.contains("dimension") || words.contains("action") || words.contains("arn");
                let field = if value { Field::Value } else { field };
                placeholders(draft, &member.value, &below(path, &member.key), field, out);
            }
        }
        _ => {}
    }
}

fn length(draft: &Draft<'_>, name: &str, most: usize, out: &mut Findings) {
    let length = draft.text(name).map_or(0, |text| text.chars().count());
    if length > most {
        let message = format!("{name} has {length} characters, and may have {most}");
        out.add(&rule::ALARM_TYPE, draft.at(name), draft.path(name), message, "write fewer");
    }
}

fn required(draft: &Draft<'_>, out: &mut Findings) {
    let place = &draft.entry.place;
    let mut missing = Vec::new();
    let single = draft.has("MetricName") || !draft.has("Metrics");
    let mut need = |name: &'static str, there: bool| {
        if !there {
            missing.push(name);
        }
    };
    need("AlarmName", draft.name().is_some() || draft.has("AlarmName") || place.filled_in);
    if single {
        need("MetricName", draft.has("MetricName"));
        need("Namespace", draft.has("Namespace"));
        need("Period", draft.has("Period"));
    }
    need("EvaluationPeriods", draft.has("EvaluationPeriods"));
    need("ComparisonOperator", draft.has("ComparisonOperator") || threshold::comparison(draft).is_some());
    need("Threshold", draft.has("Threshold") || draft.has("ThresholdMetricId"));
    if !missing.is_empty() {
        let message = format!("the alarm has no {}", missing.join(", no "));
        out.add(&rule::ALARM_MEMBER, draft.at(""), &place.path, message, "write what is missing");
    }
    let operator = draft.text("ComparisonOperator").unwrap_or_default();
    if BANDS.contains(&operator) && !draft.has("ThresholdMetricId") {
        let message = format!("{operator} compares with a band of expected values, and none is named");
        let mend = "write \"ThresholdMetricId\": the id of an ANOMALY_DETECTION_BAND, or another comparison";
        let at = draft.at("ComparisonOperator");
        out.add(&rule::ALARM_MEMBER, at, draft.path("ComparisonOperator"), message, mend);
    }
    if draft.has("MetricName") && draft.has("Metrics") {
        let message = "an alarm has either MetricName or Metrics";
        out.add(
            &rule::ALARM_MEMBER,
            draft.at("Metrics"),
            draft.path("Metrics"),
            message,
            "delete one of them",
        );
    }
    let (basic, extended) = (draft.has("Statistic"), draft.has("ExtendedStatistic"));
    if single && basic == extended {
        let message = if basic {
            "both Statistic and ExtendedStatistic stand here"
        } else {
            "the alarm has neither Statistic nor ExtendedStatistic"
        };
        let at = draft.at(if basic { "ExtendedStatistic" } else { "" });
        let mend = "one of them: \"Statistic\": \"Average\", or \"ExtendedStatistic\": \"p95\"";
        out.add(&rule::ALARM_STATISTIC, at, &place.path, message, mend);
    }
}

/// Members with a list of words.
fn words(draft: &Draft<'_>, out: &mut Findings) {
    let lists: [(&str, &[&str]); 4] = [
        ("ComparisonOperator", &COMPARISONS),
        ("TreatMissingData", &MISSING),
        ("Unit", &UNITS),
        ("EvaluateLowSampleCountPercentile", &["evaluate", "ignore"]),
    ];
    for (name, known) in lists {
        let Some(word) = draft.text(name).filter(|word| !known.contains(word)) else { continue };
        // In words of their own, people write signs; they are understood.
        let sign = name == "ComparisonOperator" && !draft.native && sign(word).is_some();
        if sign || placeholder::is_in(word) {
            continue;
        }
        let meant = (name == "ComparisonOperator").then(|| sign_of(word)).flatten();
        let mend = meant.or_else(|| nearest(word, known.iter().copied())).map_or_else(
            || format!("write one of {}", known.iter().take(7).copied().collect::<Vec<_>>().join(", ")),
            |near| format!("write {near:?}"),
        );
        out.add(
            &rule::ALARM_WORD,
            draft.at(name),
            draft.path(name),
            format!("{name} cannot be {word:?}"),
            mend,
        );
    }
}

/// The comparison that a sign, or a word like it, stands for.
pub(super) fn sign(word: &str) -> Option<&'static str> {
    threshold::in_words(&format!("{word} 0")).and_then(|(operator, _)| operator).or_else(|| sign_of(word))
}

fn sign_of(word: &str) -> Option<&'static str> {
    match super::json::plain(word).as_str() {
        "" => threshold::in_words(&format!("{word} 0")).and_then(|(operator, _)| operator),
        "gt" | "greaterthan" | "greater" | "above" => Some("GreaterThanThreshold"),
        "gte" | "ge" | "greaterthanorequal" | "greaterthanorequalto" => Some("GreaterThanOrEqualToThreshold"),
        "lt" | "lessthan" | "less" | "below" => Some("LessThanThreshold"),
        "lte" | "le" | "lessthanorequal" | "lessthanorequalto" => Some("LessThanOrEqualToThreshold"),
        _ => None,
    }
}

fn numbers(draft: &Draft<'_>, out: &mut Findings) {
    if let Some(node) = draft.node("Period") {
        let namespace = draft.text("Namespace");
        let text = &draft.entry.place.text;
        let quoted = draft.entry.place.filled_in && node.str().is_some();
        if !quoted {
            statistic::judge_period(node, text, namespace, &draft.path("Period"), out);
        }
    }
    for name in ["EvaluationPeriods", "DatapointsToAlarm"] {
        let Some(node) = draft.node(name) else { continue };
        let whole = |number: f64| number >= 1.0 && number.fract() == 0.0;
        let fault = match &node.value {
            Value::Number(number) if whole(*number) => continue,
            Value::Unknown => continue,
            Value::String(text) if text.parse().is_ok_and(whole) && draft.entry.place.filled_in => continue,
            Value::Number(number) => format!("{name} cannot be {number}"),
            _ => format!("{name} is a number, not {}", node.kind()),
        };
        out.add(&rule::ALARM_TYPE, draft.at(name), draft.path(name), fault, "write a whole number from 1");
    }
    let (periods, datapoints) = (draft.number("EvaluationPeriods"), draft.number("DatapointsToAlarm"));
    if let (Some(n), Some(m)) = (periods, datapoints)
        && m > n
    {
        let message = format!("{m} datapoints of {n} periods: the alarm can never fire");
        let mend = format!("write at most {n}, or look at more periods");
        out.add(
            &rule::ALARM_M_OF_N,
            draft.at("DatapointsToAlarm"),
            draft.path("DatapointsToAlarm"),
            message,
            mend,
        );
    }
    if let (Some(n), Some(period)) = (periods, draft.number("Period")) {
        let most = if period >= 3600.0 { 604_800.0 } else { 86_400.0 };
        if n * period > most {
            let message = format!("{n} periods of {period} seconds are more than {} day(s)", most / 86_400.0);
            let at = draft.at("EvaluationPeriods");
            out.add(
                &rule::ALARM_RANGE,
                at,
                draft.path("EvaluationPeriods"),
                message,
                "look at fewer periods",
            );
        }
    }
}

fn single_metric(draft: &Draft<'_>, out: &mut Findings) {
    let text = &draft.entry.place.text;
    for (name, extended) in [("Statistic", false), ("ExtendedStatistic", true)] {
        let Some(node) = draft.node(name) else { continue };
        statistic::judge(node, text, &draft.path(name), out);
        let word = node.str().unwrap_or_default();
        let other = if extended { statistic::BASIC.contains(&word) } else { statistic::is_extended(word) };
        if other && draft.native {
            let right = if extended { "Statistic" } else { "ExtendedStatistic" };
            let message = format!("{word:?} is not for {name}");
            out.add(
                &rule::ALARM_STATISTIC,
                draft.at(name),
                draft.path(name),
                message,
                format!("write \"{right}\": \"{word}\""),
            );
        }
    }
    let (Some(namespace), Some(metric)) = (draft.text("Namespace"), draft.text("MetricName")) else { return };
    let mut whole = true;
    let dimensions = match draft.node("Dimensions") {
        None => Vec::new(),
        Some(node) => pairs::dimensions(draft, node, &draft.path("Dimensions"), &mut whole, out),
    };
    let path = draft.path("MetricName");
    let at = (draft.at("Namespace"), draft.at("MetricName"));
    let series = Series { namespace, metric, dimensions, whole, searched: false, at, path };
    let Some(group) = series::judge(&series, out) else { return };
    let zero = threshold::number(draft) == Some(0.0);
    if let Some(statistic) = draft.text("Statistic").filter(|_| !zero) {
        series::judge_statistic(&series, group, statistic, draft.at("Statistic"), out);
    }
    missing_data(draft, metric, group.kind, out);
    let period = draft.number("Period").unwrap_or(300.0);
    if namespace == "AWS/EC2" && (60.0..300.0).contains(&period) && !metric.starts_with("StatusCheck") {
        let message = format!(
            "with basic monitoring, EC2 sends {metric} every 300 seconds, and most periods of {period} are missing"
        );
        out.add(
            &rule::EC2_PERIOD,
            draft.at("Period"),
            draft.path("Period"),
            message,
            "write 300, or turn detailed monitoring on",
        );
    }
}

fn missing_data(draft: &Draft<'_>, metric: &str, kind: Kind, out: &mut Findings) {
    let above = threshold::operator(draft);
    let treat = draft.text("TreatMissingData");
    if above.starts_with("LessThan") && metric == "HealthyHostCount" && treat == Some("notBreaching") {
        let message =
            "with no target registered there is no HealthyHostCount: the alarm takes that for healthy";
        let (at, path) = (draft.at("TreatMissingData"), draft.path("TreatMissingData"));
        out.add(&rule::MISSING_HIDDEN, at, path, message, "\"TreatMissingData\": \"breaching\"");
    }
    if !above.starts_with("GreaterThan") || (draft.has("TreatMissingData") && treat.is_none()) {
        return;
    }
    let happens = matches!(kind, Kind::Errors | Kind::Traffic | Kind::Seconds);
    let mend = "\"TreatMissingData\": \"notBreaching\"";
    match treat {
        Some("breaching") if happens => {
            let message = format!(
                "{metric} has no datapoint while nothing happens, and the alarm takes that for a fault"
            );
            out.add(
                &rule::MISSING_BREACHING,
                draft.at("TreatMissingData"),
                draft.path("TreatMissingData"),
                message,
                mend,
            );
        }
        None | Some("missing") if kind == Kind::Errors => {
            let message = format!(
                "{metric} has no datapoint while nothing happens: the alarm stands at INSUFFICIENT_DATA instead of OK"
            );
            out.add(
                &rule::MISSING_EVENTS,
                draft.at("TreatMissingData"),
                &draft.entry.place.path,
                message,
                mend,
            );
        }
        _ => {}
    }
}

//! What an alarm compares with: whether the metric can be there at all.
//!
//! It does not know which thresholds are wise.

use super::Findings;
use super::draft::Draft;
use super::json::Value;
use super::known::{Kind, Namespace};
use super::rule;
use super::series;

/// A threshold in words: `"> 0"`, `">= 5%"`.
pub(super) fn in_words(text: &str) -> Option<(Option<&'static str>, f64)> {
    let text = text.trim();
    let signs = [
        (">=", "GreaterThanOrEqualToThreshold"),
        ("≥", "GreaterThanOrEqualToThreshold"),
        ("<=", "LessThanOrEqualToThreshold"),
        ("≤", "LessThanOrEqualToThreshold"),
        (">", "GreaterThanThreshold"),
        ("<", "LessThanThreshold"),
    ];
    let sign = signs.iter().find(|(sign, _)| text.starts_with(sign));
    let rest = sign.map_or(text, |(sign, _)| text.get(sign.len()..).unwrap_or_default()).trim();
    let number = rest.trim_end_matches(|c: char| c.is_alphabetic() || c == '%' || c == ' ');
    Some((sign.map(|(_, operator)| *operator), number.parse().ok()?))
}

/// The comparison, in `PutMetricAlarm`'s word, from whatever stands for it.
pub(super) fn comparison<'a>(draft: &Draft<'a>) -> Option<&'a str> {
    let written = draft.text("ComparisonOperator");
    written.or_else(|| in_words(draft.text("Threshold")?)?.0)
}

/// The same, of signs and of words like it too; empty if there is none.
pub(super) fn operator<'a>(draft: &Draft<'a>) -> &'a str {
    comparison(draft).map(|word| super::alarm::sign(word).unwrap_or(word)).unwrap_or_default()
}

/// The number, also of a text.
pub(super) fn number(draft: &Draft<'_>) -> Option<f64> {
    let node = draft.node("Threshold")?;
    node.number().or_else(|| Some(in_words(node.str()?)?.1))
}

pub(super) fn judge(draft: &Draft<'_>, out: &mut Findings) {
    let at = draft.at("Threshold");
    let path = draft.path("Threshold");
    if let Some(node) = draft.node("Threshold") {
        match &node.value {
            Value::Number(_) | Value::Unknown => {}
            Value::String(_) if draft.entry.place.filled_in => {}
            Value::String(text) => match in_words(text) {
                Some((sign, number)) => {
                    let operator =
                        sign.map(|sign| format!(", \"ComparisonOperator\": \"{sign}\"")).unwrap_or_default();
                    let mend = format!("write \"Threshold\": {number}{operator}");
                    out.add(
                        &rule::THRESHOLD_TEXT,
                        at,
                        &path,
                        format!("the threshold {text:?} is a text, not a number"),
                        mend,
                    );
                }
                None => out.add(
                    &rule::ALARM_TYPE,
                    at,
                    &path,
                    format!("the threshold {text:?} is no number"),
                    "write a number",
                ),
            },
            _ => out.add(
                &rule::ALARM_TYPE,
                at,
                &path,
                format!("a threshold is a number, not {}", node.kind()),
                "write a number",
            ),
        }
    }
    let (Some(namespace), Some(metric)) = (draft.text("Namespace"), draft.text("MetricName")) else { return };
    let unit = series::unit(namespace, metric);
    judge_unit(draft, metric, unit, out);
    let Some(threshold) = number(draft) else { return };
    if unit == Some("Seconds") && threshold >= 100.0 {
        let message = format!("{metric} is in seconds: {threshold} is {}", in_minutes(threshold));
        let mend = format!("if milliseconds are meant, write {}", threshold / 1000.0);
        out.add(&rule::SECONDS, at, &path, message, mend);
    }
    let kind = Namespace::of(namespace).and_then(|known| known.group(metric)).map(|group| group.kind);
    if kind == Some(Kind::Percent) {
        judge_fraction(draft, namespace, metric, threshold, out);
    }
    if let Some(kind) = kind.filter(|kind| *kind != Kind::Other) {
        judge_reach(draft, kind, metric, threshold, out);
    }
    let counted = matches!(kind, Some(Kind::Errors | Kind::Traffic));
    if counted
        && let Some(percent) = draft
            .text("AlarmDescription")
            .and_then(percentage)
            .filter(|percent| (percent - threshold).abs() > f64::EPSILON)
    {
        let at = draft.at("AlarmDescription");
        let message = format!(
            "the description speaks of {percent} %, and the alarm counts: {metric} against {threshold}"
        );
        let mend = "a rate is metric math: 100 * errors / requests";
        out.add(&rule::DESCRIPTION, at, draft.path("AlarmDescription"), message, mend);
    }
}

fn in_minutes(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds} seconds") } else { format!("{:.0} minutes", seconds / 60.0) }
}

/// The number before a `%`.
fn percentage(text: &str) -> Option<f64> {
    let before = text.get(..text.find('%')?)?.trim_end();
    let digits = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    before.get(digits.len()..)?.parse().ok()
}

fn judge_unit(draft: &Draft<'_>, metric: &str, published: Option<&str>, out: &mut Findings) {
    let (Some(unit), Some(published)) = (draft.text("Unit"), published) else { return };
    if unit != published && crate::metrics::name::UNITS.contains(&unit) {
        let message =
            format!("{metric} is published in {published}: with the unit {unit}, no datapoint is ever found");
        let scale = if (unit, published) == ("Milliseconds", "Seconds") {
            ", and the threshold in seconds"
        } else {
            ""
        };
        let mend = format!("leave the unit out{scale}");
        out.add(&rule::UNIT, draft.at("Unit"), draft.path("Unit"), message, mend);
    }
}

/// Counts, levels and times are never below 0, and percentages never above 100.
fn judge_reach(draft: &Draft<'_>, kind: Kind, metric: &str, threshold: f64, out: &mut Findings) {
    // Missing data alone may be what is waited for.
    if draft.text("TreatMissingData") == Some("breaching") {
        return;
    }
    let most = if kind == Kind::Percent { 100.0 } else { f64::INFINITY };
    let (sign, never, always) = match operator(draft) {
        "GreaterThanThreshold" => (">", threshold >= most, threshold < 0.0),
        "GreaterThanOrEqualToThreshold" => (">=", threshold > most, threshold <= 0.0),
        "LessThanThreshold" => ("<", threshold <= 0.0, threshold > most),
        "LessThanOrEqualToThreshold" => ("<=", threshold < 0.0, threshold >= most),
        _ => return,
    };
    let (at, path) = (draft.at("Threshold"), draft.path("Threshold"));
    let what = if kind == Kind::Percent { "is a percentage, from 0 to 100" } else { "is never below 0" };
    if never {
        let message = format!("{metric} {what}: never {sign} {threshold}, so that the alarm never fires");
        out.add(&rule::THRESHOLD_NEVER, at, path, message, "write a threshold that can be reached");
    } else if always {
        let message = format!("{metric} {what}: always {sign} {threshold}, so that the alarm always fires");
        out.add(&rule::THRESHOLD_ALWAYS, at, path, message, "write a threshold between good and bad");
    }
}

/// A rate of errors of half a percent is a threshold; a processor half a percent busy is none.
fn judge_fraction(draft: &Draft<'_>, namespace: &str, metric: &str, threshold: f64, out: &mut Findings) {
    let busy = namespace != "AWS/CloudFront" || metric == "CacheHitRate";
    if busy && threshold > 0.0 && threshold < 1.0 {
        let message = format!("{metric} is a percentage: {threshold} is {threshold} %");
        let mend = format!("if {0} % is meant, write {0}", threshold * 100.0);
        out.add(&rule::THRESHOLD_FRACTION, draft.at("Threshold"), draft.path("Threshold"), message, mend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_in_words_are_understood() {
        for (text, meant) in [
            ("> 0", Some((Some("GreaterThanThreshold"), 0.0))),
            (">=5%", Some((Some("GreaterThanOrEqualToThreshold"), 5.0))),
            ("< 1.5 s", Some((Some("LessThanThreshold"), 1.5))),
            ("70", Some((None, 70.0))),
            ("many", None),
            ("", None),
        ] {
            assert_eq!(in_words(text), meant, "{text}");
        }
        assert_eq!(percentage("rate exceeds 5%"), Some(5.0));
        assert_eq!(percentage("CPU > 70 % for"), Some(70.0));
        assert_eq!(percentage("% of"), None);
    }
}

//! Metric math: whether an expression can be read, and whether what it names is there.
//!
//! It does not know what the expression gives; `alarms/math.rs` reads it.

use std::collections::BTreeSet;

use super::rule;
use super::search;
use super::text::Text;
use super::{Findings, nearest, some_of};
use crate::alarms::math::{self, Kind, Node};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
const FUNCTIONS: [&str; 42] = [
    "ABS",
    "ANOMALY_DETECTION_BAND",
    "AND",
    "AVG",
    "CEIL",
    "DATAPOINT_COUNT",
    "DATE",
    "DAY",
    "DB_PERF_INSIGHTS",
    "DIFF",
    "DIFF_TIME",
    "EPOCH",
    "FILL",
    "FIRST",
    "FLOOR",
    "HOUR",
    "IF",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "LAST",
    "LOG",
    "LOG10",
    "MAX",
    "METRIC_COUNT",
    "METRICS",
    "MIN",
    "MINUTE",
    "MONTH",
    "NOT",
    "OR",
    "PERIOD",
    "RATE",
    "REMOVE_EMPTY",
    "RUNNING_SUM",
    "SEARCH",
    "SERVICE_QUOTA",
    "SLICE",
    "SORT",
    "STDDEV",
    "SUM",
    "TIME_SERIES",
    "YEAR",
];

/// Looks at an expression. `ids` are those of its widget or alarm.
pub(super) fn judge(expression: &Text, ids: &BTreeSet<&str>, path: &str, out: &mut Findings) {
    let text = expression.text.trim_start();
    if text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("SELECT")) {
        return; // Metrics Insights: a language of its own.
    }
    let tree = match math::parse(&expression.text) {
        Ok(tree) => tree,
        Err((at, message)) => {
            let at = expression.origin(at);
            out.add(&rule::MATH_SYNTAX, at, path, message, "write it as in (m1 + m2) / 2 or SUM([m1, m2])");
            return;
        }
    };
    tree.walk(&mut |node| match &node.kind {
        Kind::Name(word) => name(word, expression.origin(node.from), ids, path, out),
        Kind::Call(word, arguments) => call(word, arguments, node.from, expression, path, out),
        _ => {}
    });
}

/// Every id has its form and stands once.
pub(super) fn judge_ids(ids: &[(&str, usize)], path: &str, out: &mut Findings) {
    for (index, (id, at)) in ids.iter().enumerate() {
        let form = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !form {
            let message = format!("{id:?} cannot be an id");
            let mend = "an id begins with a small letter, and has letters, digits and _ only";
            out.add(&rule::MATH_ID, *at, path, message, mend);
        }
        if ids.iter().take(index).any(|(other, _)| other == id) {
            out.add(&rule::MATH_ID, *at, path, format!("the id {id:?} stands twice"), "give each its own");
        }
    }
}

fn name(word: &str, at: usize, ids: &BTreeSet<&str>, path: &str, out: &mut Findings) {
    // Words of functions stand in capitals: FILL(m1, REPEAT).
    let is_id = word.starts_with(|c: char| c.is_ascii_lowercase());
    let keyword = ["true", "false"].contains(&word.to_lowercase().as_str());
    if is_id && !keyword && !ids.contains(word) {
        let known = if ids.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are {}", some_of(ids.iter().copied()))
        };
        let message = format!("no metric or expression here has the id {word:?}: {known}");
        out.add(&rule::MATH_ID, at, path, message, "give the metric this id, or name another");
    }
}

fn call(word: &str, arguments: &[Node], from: usize, expression: &Text, path: &str, out: &mut Findings) {
    let name = word.to_uppercase();
    if !FUNCTIONS.contains(&name.as_str()) {
        let mend = nearest(&name, FUNCTIONS)
            .map_or("see the list of functions".to_owned(), |near| format!("write {near}"));
        let at = expression.origin(from);
        out.add(&rule::MATH_FUNCTION, at, path, format!("there is no function {word}()"), mend);
    }
    if name == "SEARCH" {
        let arguments: Vec<Text> =
            arguments.iter().map(|argument| expression.part(argument.from, argument.to)).collect();
        search::judge(&arguments, expression.origin(from), path, out);
    }
}

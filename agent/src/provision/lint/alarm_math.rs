//! Alarms on metric math: their queries.
//!
//! Expressions are read in `math.rs`.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::json::Node;
use super::rule;
use super::series::{self, Series};
use super::shape::below;
use super::{Findings, math, pairs, statistic};

/// An alarm on metric math.
pub(super) fn judge(draft: &Draft<'_>, metrics: &Node, out: &mut Findings) {
    let get = |node: &'_ Node, wanted: &str| -> Option<Node> {
        node.members()
            .iter()
            .find(|member| super::json::plain(&member.key) == wanted)
            .map(|member| member.value.clone())
    };
    let place = &draft.entry.place;
    let path = draft.path("Metrics");
    let items = metrics.items();
    let ids: Vec<(String, usize)> = items
        .iter()
        .filter_map(|item| get(item, "id").and_then(|id| Some((id.str()?.to_owned(), draft.origin(id.at())))))
        .collect();
    let named: Vec<(&str, usize)> = ids.iter().map(|(id, at)| (id.as_str(), *at)).collect();
    math::judge_ids(&named, &path, out);
    let ids: BTreeSet<&str> = named.iter().map(|(id, _)| *id).collect();
    let mut returned = 0;
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
        let path = format!("{path}[{index}]");
        returned += usize::from(get(item, "returndata").is_none_or(|returns| returns.bool() != Some(false)));
        if get(item, "id").is_none() {
            out.add(
                &rule::MATH_ID,
                draft.origin(item.at()),
                &path,
                "this metric has no id",
                "write \"Id\": \"m1\"",
            );
        }
        if let Some(expression) = get(item, "expression").filter(|expression| expression.str().is_some()) {
            math::judge(&place.text.inside(expression.span), &ids, &below(&path, "Expression"), out);
        }
        if let Some(stat) = get(item, "metricstat").or_else(|| get(item, "metric")) {
            metric_stat(draft, &stat, &path, out);
        }
    }
    if returned > 1 && !place.filled_in && !draft.has("ThresholdMetricId") {
        let message = format!("{returned} of the metrics return data, and an alarm compares one");
        out.add(
            &rule::ALARM_MEMBER,
            draft.origin(metrics.at()),
            &path,
            message,
            "write \"ReturnData\": false at the others",
        );
    }
}

fn metric_stat(draft: &Draft<'_>, stat: &Node, path: &str, out: &mut Findings) {
    let get = |node: &Node, wanted: &str| {
        node.members()
            .iter()
            .find(|member| super::json::plain(&member.key) == wanted)
            .map(|member| member.value.clone())
    };
    let text = &draft.entry.place.text;
    let metric = get(stat, "metric").filter(Node::is_object).unwrap_or_else(|| stat.clone());
    let namespace = get(&metric, "namespace");
    if let Some(period) = get(stat, "period") {
        statistic::judge_period(&period, text, namespace.as_ref().and_then(Node::str), path, out);
    }
    let word = get(stat, "stat");
    if let Some(word) = &word {
        statistic::judge(word, text, path, out);
    }
    let (Some(namespace), Some(name)) = (namespace, get(&metric, "metricname")) else { return };
    let (Some(space), Some(metric_name)) = (namespace.str(), name.str()) else { return };
    let mut whole = true;
    let node = get(&metric, "dimensions");
    let dimensions =
        node.as_ref().map(|node| pairs::dimensions(draft, node, path, &mut whole, out)).unwrap_or_default();
    let at = (draft.origin(namespace.at()), draft.origin(name.at()));
    let series = Series {
        namespace: space,
        metric: metric_name,
        dimensions,
        whole,
        searched: false,
        at,
        path: path.to_owned(),
    };
    if let (Some(group), Some(word)) = (series::judge(&series, out), word)
        && let Some(statistic) = word.str()
    {
        series::judge_statistic(&series, group, statistic, draft.origin(word.at()), out);
    }
}

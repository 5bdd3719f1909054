//! Alarms in whatever words, in `PutMetricAlarm`'s.
//!
//! It takes what `alarm.rs` finds no fault with, and says of what is left that it cannot be taken.

use serde_json::{Map, Value as Json, json};

use super::Findings;
use super::alarm::{COMPARISONS, sign};
use super::draft::{Draft, texts};
use super::json::{Node, Value, plain};
use super::pairs;
use super::rule;
use super::shape::Shape;
use super::{statistic, threshold};
use crate::alarms::definition::{Alarm, Composite, Missing};

/// The alarms of a file.
pub(super) fn alarms(shape: &Shape, out: &mut Findings) -> (Vec<Alarm>, Vec<Composite>) {
    let (mut alarms, mut composites) = (Vec::new(), Vec::new());
    let mut none = true;
    for entry in shape.alarms() {
        none = false;
        let draft = Draft::of(entry);
        let made = if let Some(name) = draft.unknown() {
            Err(format!("what {name} is, only the template knows"))
        } else if draft.has("EvaluationCriteria") {
            Err("it watches a PromQL query".to_owned())
        } else if draft.has("AlarmRule") {
            composite(&draft).map(|composite| composites.push(composite))
        } else {
            metric_alarm(&draft, out).map(|alarm| alarms.push(alarm.normal()))
        };
        if let Err(why) = made {
            let message = format!("this cannot be made an alarm: {why}");
            out.add(
                &rule::ALARM_MEMBER,
                draft.at(""),
                &entry.place.path,
                message,
                "write the values themselves; what a template makes of it can be taken in",
            );
        }
    }
    if none {
        out.add(&rule::UNKNOWN_SHAPE, 0, "", "there are no alarms in this file", "name a file with alarms");
    }
    (alarms, composites)
}

fn metric_alarm(draft: &Draft<'_>, out: &mut Findings) -> Result<Alarm, String> {
    let text = |name: &str| draft.text(name).map(str::to_owned);
    let written = draft.text("Statistic").or(draft.text("ExtendedStatistic"));
    let basic = |word: &&str| statistic::BASIC.contains(word);
    let operator = threshold::comparison(draft).ok_or("it has no ComparisonOperator")?;
    let operator =
        if COMPARISONS.contains(&operator) { operator } else { sign(operator).unwrap_or(operator) };
    let comparison_operator = serde_json::from_value(json!(operator)).map_err(|error| error.to_string())?;
    let treat_missing_data = match draft.text("TreatMissingData") {
        Some(word) => serde_json::from_value(json!(word)).map_err(|error| error.to_string())?,
        None => Missing::default(),
    };
    let mut whole = true;
    let dimensions = draft
        .node("Dimensions")
        .map(|node| pairs::dimensions(draft, node, &draft.path("Dimensions"), &mut whole, out))
        .unwrap_or_default();
    let dimensions = dimensions
        .iter()
        .map(|pair| Some(json!({"Name": pair.name, "Value": pair.value?})))
        .collect::<Option<Vec<Json>>>()
        .ok_or("a dimension has no value")?;
    let metrics = draft.node("Metrics").map_or_else(|| json!([]), |node| in_pascal_case(node, ""));
    Ok(Alarm {
        alarm_name: draft.name().ok_or("it has no AlarmName")?.to_owned(),
        alarm_description: text("AlarmDescription").unwrap_or_default(),
        actions_enabled: draft.node("ActionsEnabled").and_then(Node::bool).unwrap_or(true),
        alarm_actions: actions(draft, "AlarmActions"),
        ok_actions: actions(draft, "OKActions"),
        insufficient_data_actions: actions(draft, "InsufficientDataActions"),
        namespace: text("Namespace"),
        metric_name: text("MetricName"),
        dimensions: serde_json::from_value(json!(dimensions)).map_err(|error| error.to_string())?,
        statistic: written.filter(basic).map(str::to_owned),
        extended_statistic: written.filter(|word| !basic(word)).map(str::to_owned),
        period: whole_number(draft, "Period"),
        unit: text("Unit"),
        metrics: serde_json::from_value(metrics).map_err(|error| format!("its Metrics: {error}"))?,
        evaluation_periods: whole_number(draft, "EvaluationPeriods").ok_or("it has no EvaluationPeriods")?,
        datapoints_to_alarm: whole_number(draft, "DatapointsToAlarm"),
        threshold: threshold::number(draft),
        threshold_metric_id: text("ThresholdMetricId"),
        comparison_operator,
        treat_missing_data,
        evaluate_low_sample_count_percentile: text("EvaluateLowSampleCountPercentile"),
    })
}

fn composite(draft: &Draft<'_>) -> Result<Composite, String> {
    let text = |name: &str| draft.text(name).map(str::to_owned);
    Ok(Composite {
        alarm_name: draft.name().ok_or("it has no AlarmName")?.to_owned(),
        alarm_description: text("AlarmDescription").unwrap_or_default(),
        actions_enabled: draft.node("ActionsEnabled").and_then(Node::bool).unwrap_or(true),
        alarm_actions: actions(draft, "AlarmActions"),
        ok_actions: actions(draft, "OKActions"),
        insufficient_data_actions: actions(draft, "InsufficientDataActions"),
        alarm_rule: text("AlarmRule").ok_or("its AlarmRule is not known yet")?,
        actions_suppressor: text("ActionsSuppressor"),
        actions_suppressor_wait_period: whole_number(draft, "ActionsSuppressorWaitPeriod"),
        actions_suppressor_extension_period: whole_number(draft, "ActionsSuppressorExtensionPeriod"),
    })
}

fn actions(draft: &Draft<'_>, list: &str) -> Vec<String> {
    let nodes = draft.node(list).map(texts).unwrap_or_default();
    nodes.iter().filter_map(|node| node.str()).map(str::to_owned).collect()
}

fn whole_number(draft: &Draft<'_>, name: &str) -> Option<u32> {
    let number =
        draft.number(name).filter(|number| number.fract() == 0.0 && (0.0..=604_800.0).contains(number))?;
    format!("{number:.0}").parse().ok()
}

/// Queries of metric math with the service's keys: `metric_stat` becomes `MetricStat`.
fn in_pascal_case(node: &Node, key: &str) -> Json {
    match &node.value {
        Value::Null | Value::Unknown => Json::Null,
        Value::Bool(bool) => json!(bool),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}").parse::<i64>().map_or(Json::Null, |whole| json!(whole))
        }
        Value::Number(number) => json!(number),
        Value::String(text) => json!(text),
        Value::Array(items) => items.iter().map(|item| in_pascal_case(item, key)).collect(),
        Value::Object(members)
            if plain(key) == "dimensions" && node.get("Name").is_none() && node.get("name").is_none() =>
        {
            members.iter().map(|member| json!({"Name": member.key, "Value": member.value.str()})).collect()
        }
        Value::Object(members) => {
            let member = |member: &super::json::Member| {
                (pascal_case(&member.key), in_pascal_case(&member.value, &member.key))
            };
            metric_stat(members.iter().map(member).collect())
        }
    }
}

/// Terraform has the statistic in the metric: `metric { metric_name, namespace, dimensions, period, stat }`.
fn metric_stat(mut query: Map<String, Json>) -> Json {
    let flat = query.get("Metric").is_some_and(|metric| metric.get("Stat").is_some());
    if flat && let Some(Json::Object(mut metric)) = query.remove("Metric") {
        let mut stat: Map<String, Json> = ["Period", "Stat", "Unit"]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), metric.remove(key)?)))
            .collect();
        stat.insert("Metric".to_owned(), Json::Object(metric));
        query.insert("MetricStat".to_owned(), Json::Object(stat));
    }
    Json::Object(query)
}

fn pascal_case(key: &str) -> String {
    key.split(['_', '-'])
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect()
}

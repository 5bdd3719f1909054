//! Terraform's JSON, for the provider `hashicorp/aws`.
//!
//! <https://developer.hashicorp.com/terraform/language/syntax/json>,
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>

use serde_json::{Map, Value, json};

use super::{Exported, exported, members, regions, topic};
use crate::provision::desired::Desired;
use crate::provision::{Content, Kind, Resource};

/// Everything, with a provider for each region.
pub fn terraform(desired: &Desired) -> Value {
    let regions = regions(desired);
    let all = exported(desired, None, |resource| name(resource, regions.first()));
    let mut resources: Map<String, Value> = Map::new();
    for one in &all {
        let mut arguments = arguments(one, &all);
        let mut add = |kind: &str, mut arguments: Map<String, Value>| {
            if regions.first() != Some(&one.resource.address.region) {
                arguments.insert("provider".to_owned(), provider(&one.resource.address.region).into());
            }
            let of_kind = resources.entry(kind).or_insert_with(|| json!({}));
            if let Some(of_kind) = of_kind.as_object_mut() {
                of_kind.insert(one.id.clone(), arguments.into());
            }
        };
        if let Content::Topic { .. } = &one.resource.content {
            add("aws_sns_topic_policy", policy(one, &all));
        }
        if one.resource.address.kind == Kind::CompositeAlarm {
            let kind = kind(Kind::Alarm);
            let members = members(&all, one).into_iter().map(|member| format!("{kind}.{}", member.id).into());
            arguments.insert("depends_on".to_owned(), members.collect::<Vec<Value>>().into());
        }
        add(kind(one.resource.address.kind), arguments);
    }
    let provider = |(at, region): (usize, &String)| {
        if at == 0 { json!({"region": region}) } else { json!({"region": region, "alias": alias(region)}) }
    };
    let providers: Vec<Value> = regions.iter().enumerate().map(provider).collect();
    json!({
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.20"}}},
        "provider": {"aws": providers},
        "resource": resources,
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::LogGroup => "aws_cloudwatch_log_group",
        Kind::Topic => "aws_sns_topic",
        Kind::Subscription => "aws_sns_topic_subscription",
        Kind::Alarm => "aws_cloudwatch_metric_alarm",
        Kind::CompositeAlarm => "aws_cloudwatch_composite_alarm",
        Kind::Dashboard => "aws_cloudwatch_dashboard",
        Kind::SavedQuery => "aws_cloudwatch_query_definition",
    }
}

/// `starttech_cpu_warning`; of another region with that behind it.
fn name(resource: &Resource, home: Option<&String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut name: String = resource.address.name.trim_matches('/').chars().map(plain).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert(0, '_');
    }
    if home.is_some_and(|home| *home != resource.address.region) {
        name.push('_');
        name.push_str(&alias(&resource.address.region));
    }
    name
}

fn alias(region: &str) -> String {
    region.replace('-', "_")
}

fn provider(region: &str) -> String {
    format!("aws.{}", alias(region))
}

/// Every string is a template there.
fn escaped(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// A string as it stands, or a reference to a topic that is exported too.
fn text(value: &Value, all: &[Exported<'_>]) -> Value {
    match value {
        Value::String(text) => match topic(all, text) {
            Some(topic) => reference(topic).into(),
            None => escaped(text).into(),
        },
        Value::Array(items) => items.iter().map(|item| self::text(item, all)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

fn reference(topic: &Exported<'_>) -> String {
    format!("${{{}.{}.arn}}", kind(Kind::Topic), topic.id)
}

fn policy(one: &Exported<'_>, all: &[Exported<'_>]) -> Map<String, Value> {
    let mut document = one.content.get("Policy").cloned().unwrap_or_default();
    for statement in document.get_mut("Statement").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(resource) = statement.get_mut("Resource") {
            *resource = text(resource, all);
        }
    }
    let arguments = [("arn", reference(one)), ("policy", document.to_string())];
    arguments.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

fn arguments(one: &Exported<'_>, all: &[Exported<'_>]) -> Map<String, Value> {
    let mut arguments = Map::new();
    for (key, value) in &one.content {
        match (key.as_str(), value) {
            ("Dimensions", Value::Array(list)) => {
                arguments.insert("dimensions".to_owned(), dimensions(list));
            }
            ("Metrics", Value::Array(list)) => {
                let queries: Vec<Value> = list.iter().map(metric_query).collect();
                arguments.insert("metric_query".to_owned(), queries.into());
            }
            ("DashboardBody", body) => {
                arguments.insert("dashboard_body".to_owned(), escaped(&body.to_string()).into());
            }
            ("Policy", _) => {}
            (key, _) if key.starts_with("ActionsSuppressor") => {}
            (key, value) => {
                arguments.insert(argument(key), text(value, all));
            }
        }
    }
    if let Some(suppressor) = one.content.get("ActionsSuppressor") {
        let of = |key| one.content.get(key).cloned().unwrap_or_default();
        let block = json!({
            "alarm": text(suppressor, all),
            "wait_period": of("ActionsSuppressorWaitPeriod"),
            "extension_period": of("ActionsSuppressorExtensionPeriod"),
        });
        arguments.insert("actions_suppressor".to_owned(), block);
    }
    let key = match one.resource.address.kind {
        Kind::LogGroup | Kind::Topic | Kind::SavedQuery => Some("name"),
        Kind::Dashboard => Some("dashboard_name"),
        Kind::Subscription | Kind::Alarm | Kind::CompositeAlarm => None,
    };
    if let Some(key) = key {
        arguments.insert(key.to_owned(), escaped(&one.resource.address.name).into());
    }
    if one.resource.address.kind == Kind::LogGroup {
        // The lines outlive it.
        arguments.insert("skip_destroy".to_owned(), true.into());
    }
    if !one.tags.is_empty() {
        let tags: Map<String, Value> =
            one.tags.iter().map(|(key, value)| (escaped(key), escaped(value).into())).collect();
        arguments.insert("tags".to_owned(), tags.into());
    }
    arguments
}

fn dimensions(list: &[Value]) -> Value {
    let text = |value: &Value, key: &str| escaped(value.get(key).and_then(Value::as_str).unwrap_or_default());
    let pairs = list.iter().map(|one| (text(one, "Name"), text(one, "Value").into()));
    Value::Object(pairs.collect())
}

fn metric_query(query: &Value) -> Value {
    let mut block = Map::new();
    for (key, value) in query.as_object().into_iter().flatten() {
        if key != "MetricStat" {
            block.insert(argument(key), text(value, &[]));
        }
    }
    if let Some(stat) = query.get("MetricStat") {
        let mut metric = Map::new();
        let named = stat.get("Metric").and_then(Value::as_object).into_iter().flatten();
        let others = stat.as_object().into_iter().flatten().filter(|(key, _)| *key != "Metric");
        for (key, value) in named.chain(others) {
            let value = match value {
                Value::Array(list) => dimensions(list),
                value => text(value, &[]),
            };
            metric.insert(argument(key), value);
        }
        block.insert("metric".to_owned(), metric.into());
    }
    block.into()
}

/// `AlarmName` is `alarm_name`.
fn argument(key: &str) -> String {
    match key {
        "OKActions" => return "ok_actions".to_owned(),
        "EvaluateLowSampleCountPercentile" => return "evaluate_low_sample_count_percentiles".to_owned(),
        _ => {}
    }
    let mut name = String::new();
    for (at, c) in key.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

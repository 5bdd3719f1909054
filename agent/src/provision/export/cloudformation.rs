//! A template of `CloudFormation`, in JSON.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html>

use serde_json::{Map, Value, json};

use super::{Exported, exported, members, topic};
use crate::provision::desired::Desired;
use crate::provision::{Content, Kind, Resource};

/// The template of what is in one region; a template knows no other.
pub fn cloudformation(desired: &Desired, region: &str) -> Value {
    let all = exported(desired, Some(region), logical_id);
    let mut resources = Map::new();
    for one in &all {
        let mut made = Map::new();
        made.insert("Type".to_owned(), kind(one.resource.address.kind).into());
        if one.resource.address.kind == Kind::LogGroup {
            // The lines outlive the stack.
            made.insert("DeletionPolicy".to_owned(), "Retain".into());
            made.insert("UpdateReplacePolicy".to_owned(), "Retain".into());
        }
        if one.resource.address.kind == Kind::CompositeAlarm {
            let members: Vec<Value> =
                members(&all, one).into_iter().map(|member| member.id.as_str().into()).collect();
            made.insert("DependsOn".to_owned(), members.into());
        }
        made.insert("Properties".to_owned(), properties(one, &all).into());
        resources.insert(one.id.clone(), made.into());
        if let Content::Topic { .. } = &one.resource.content {
            resources.insert(format!("{}Policy", one.id), policy(one, &all));
        }
    }
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("What the platform promised in {region}, exported from starttech-agent"),
        "Resources": resources,
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::LogGroup => "AWS::Logs::LogGroup",
        Kind::Topic => "AWS::SNS::Topic",
        Kind::Subscription => "AWS::SNS::Subscription",
        Kind::Alarm => "AWS::CloudWatch::Alarm",
        Kind::CompositeAlarm => "AWS::CloudWatch::CompositeAlarm",
        Kind::Dashboard => "AWS::CloudWatch::Dashboard",
        Kind::SavedQuery => "AWS::Logs::QueryDefinition",
    }
}

/// Letters and digits only: `AlarmStarttechCpuWarning`.
fn logical_id(resource: &Resource) -> String {
    let kind = match resource.address.kind {
        Kind::LogGroup => "LogGroup",
        Kind::Topic => "Topic",
        Kind::Subscription => "Subscription",
        Kind::Alarm | Kind::CompositeAlarm => "Alarm",
        Kind::Dashboard => "Dashboard",
        Kind::SavedQuery => "Query",
    };
    let words = resource.address.name.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>())
    };
    // 255 characters at most.
    format!("{kind}{}", words.map(capital).collect::<String>()).chars().take(200).collect()
}

fn properties(one: &Exported<'_>, all: &[Exported<'_>]) -> Map<String, Value> {
    let name = one.resource.address.name.as_str();
    let mut properties = match &one.resource.content {
        Content::Topic { .. } => Map::new(),
        Content::Dashboard { .. } => {
            let body = one.content.get("DashboardBody").map(Value::to_string);
            Map::from_iter([("DashboardBody".to_owned(), body.into())])
        }
        _ => one.content.clone(),
    };
    for value in properties.values_mut() {
        refer(value, all);
    }
    let key = match one.resource.address.kind {
        Kind::LogGroup => Some("LogGroupName"),
        Kind::Topic => Some("TopicName"),
        Kind::Dashboard => Some("DashboardName"),
        Kind::SavedQuery => Some("Name"),
        Kind::Subscription | Kind::Alarm | Kind::CompositeAlarm => None,
    };
    if let Some(key) = key {
        properties.insert(key.to_owned(), name.into());
    }
    let tags: Vec<Value> = one.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    if !tags.is_empty() {
        properties.insert("Tags".to_owned(), tags.into());
    }
    properties
}

fn policy(one: &Exported<'_>, all: &[Exported<'_>]) -> Value {
    let mut document = one.content.get("Policy").cloned().unwrap_or_default();
    refer(&mut document, all);
    json!({
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {"Topics": [{"Ref": one.id}], "PolicyDocument": document},
    })
}

/// Topics of the template are referred to, so that it knows what comes first.
fn refer(value: &mut Value, all: &[Exported<'_>]) {
    match value {
        Value::String(text) => {
            if let Some(topic) = topic(all, text) {
                *value = json!({"Ref": topic.id});
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, all)),
        Value::Object(members) => members.values_mut().for_each(|member| refer(member, all)),
        _ => {}
    }
}

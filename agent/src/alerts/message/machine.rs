//! The JSON that CloudWatch's alarms send, so that whatever understands those understands ours.
//!
//! Its shape is that of real notifications; what is more of it stands under `StartTech`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>

use serde_json::{Value, json};

use super::{Group, Message, Place, Step};
use crate::alarms::definition::Alarm;
use crate::alerts::Cause;
use crate::alerts::words::{one_line, time, written};

/// Characters of a reason.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>
const REASON: usize = 1000;
/// Members whose names are in the JSON.
const NAMED: usize = 20;

pub(super) fn write(message: &Message, place: &Place, late_ns: Option<i64>) -> String {
    let (alarm, old, new) = match message {
        Message::Group(group) => {
            let without = if group.others { "ALARM" } else { "OK" };
            let (old, new) = if group.step == Step::Begin { (without, "ALARM") } else { ("ALARM", without) };
            (group.cause.alarm(), old, new)
        }
        Message::Summary { .. } => ("alerts-held-back", "ALARM", "ALARM"),
    };
    // Who gets many of these keeps them apart by this name, and CloudWatch's own alarms have others.
    let name = format!("{}-{alarm}-{}", place.prefix, place.instance_id);
    let reason = match message {
        Message::Group(group) => reason(group, place),
        Message::Summary { .. } => message.title(),
    };
    let late = late_ns.map(|now_ns| format!("[late, sent at {}] ", time(now_ns))).unwrap_or_default();
    let mut document = json!({
        "AlarmName": name,
        "AlarmDescription": description(message),
        "AWSAccountId": place.account_id,
        "NewStateValue": new,
        "NewStateReason": one_line(&format!("{late}{reason}"), REASON),
        "StateChangeTime": written(message.at_ns(), "%Y-%m-%dT%H:%M:%S.%3f+0000"),
        "Region": region_name(&place.region),
        "AlarmArn": place.account_id.as_ref().map(|account| {
            format!("arn:{}:cloudwatch:{}:{account}:alarm:{name}", partition(&place.region), place.region)
        }),
        "OldStateValue": old,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
    });
    if let (Message::Group(group), Some(document)) = (message, document.as_object_mut()) {
        document.insert("Trigger".to_owned(), trigger(group, place));
        document.insert("StartTech".to_owned(), more(group, place, late_ns.is_some()));
    }
    document.to_string()
}

fn reason(group: &Group, place: &Place) -> String {
    let explained = match group.members.as_slice() {
        [only] if group.count == 1 => format!(" {}", only.explained),
        members => {
            let names: Vec<&str> = members.iter().take(NAMED).map(|member| member.name.as_str()).collect();
            format!(" {}", names.join(", "))
        }
    };
    let lasts =
        if group.others && group.step == Step::End { " Others of this alarm are still open." } else { "" };
    format!("{} on {}.{lasts}{explained}", group.title(), place.instance_id)
}

fn description(message: &Message) -> &'static str {
    match message {
        Message::Group(group) if matches!(group.cause, Cause::Threshold(_)) => {
            "Told by starttech-agent on the host itself, from what it measured there."
        }
        _ => "Told by starttech-agent on the host itself, from Docker's events.",
    }
}

/// Of a threshold, the alarm that it is.
fn crossed(alarm: &Alarm, mut dimensions: Vec<Value>) -> Value {
    dimensions.extend(
        alarm.dimensions.iter().map(|dimension| json!({ "value": dimension.value, "name": dimension.name })),
    );
    let mut trigger = json!({
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "Unit": null,
        "Dimensions": dimensions,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods),
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data,
        "EvaluateLowSampleCountPercentile": "",
    });
    let (kind, key, value) = match (&alarm.statistic, &alarm.extended_statistic) {
        (Some(statistic), _) => ("Statistic", "Statistic", statistic.to_uppercase()),
        (None, percentile) => {
            ("ExtendedStatistic", "ExtendedStatistic", percentile.clone().unwrap_or_default())
        }
    };
    if let Some(members) = trigger.as_object_mut() {
        members.insert("StatisticType".to_owned(), kind.into());
        members.insert(key.to_owned(), value.into());
    }
    trigger
}

fn trigger(group: &Group, place: &Place) -> Value {
    let mut dimensions = vec![json!({ "value": place.instance_id, "name": "InstanceId" })];
    if let Cause::Threshold(of) = &group.cause {
        return crossed(&of.alarm, dimensions);
    }
    if let ([only], 1) = (group.members.as_slice(), group.count) {
        dimensions.push(json!({ "value": only.name, "name": "ContainerName" }));
    }
    json!({
        "MetricName": group.cause.rule(),
        "Namespace": "StartTech/Events",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": null,
        "Dimensions": dimensions,
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    })
}

fn more(group: &Group, place: &Place, is_late: bool) -> Value {
    let member = |member: &super::Member| {
        json!({
            "Name": member.name,
            "Id": member.id,
            "Image": member.image,
            "Since": written(member.since_ns, "%Y-%m-%dT%H:%M:%S.%3fZ"),
            "What": member.happened,
            "Lines": member.lines.as_ref().and_then(|lines| lines.as_ref().ok()),
            "Around": member.around,
        })
    };
    json!({
        "Rule": group.cause.rule(),
        "Cause": group.cause,
        "Count": group.count,
        "Containers": group.members.iter().map(member).collect::<Vec<_>>(),
        "InstanceId": place.instance_id,
        "AutoScalingGroupName": place.group,
        "Late": is_late,
        "Runbook": place.runbook,
    })
}

fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// CloudWatch writes the region's name, not its code.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn region_name(region: &str) -> &str {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "ca-central-1" => "Canada (Central)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "eu-north-1" => "EU (Stockholm)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "sa-east-1" => "South America (Sao Paulo)",
        other => other,
    }
}

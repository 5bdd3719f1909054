//! Files of alarm definitions: a list as `PutMetricAlarm` and `PutCompositeAlarm` take them, one of them, or
//! what `aws cloudwatch describe-alarms` prints.

use serde::de::Error as _;
use serde_json::{Error, Value};

use crate::alarms::definition::{Alarm, Composite};

/// What the service adds to what it was given.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html>
const ADDED: [&str; 10] = [
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "StateValue",
    "StateReason",
    "StateReasonData",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "EvaluationState",
    "ActionsSuppressedBy",
    "ActionsSuppressedReason",
];

/// All alarms of a file. In words what is wrong.
pub(super) fn read(text: &str) -> Result<(Vec<Alarm>, Vec<Composite>), String> {
    let whole: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let all = match whole {
        Value::Array(all) => all,
        Value::Object(mut members)
            if members.contains_key("MetricAlarms") || members.contains_key("CompositeAlarms") =>
        {
            let lists = ["MetricAlarms", "CompositeAlarms"].map(|key| members.remove(key));
            lists
                .into_iter()
                .flatten()
                .flat_map(|list| list.as_array().cloned().unwrap_or_default())
                .collect()
        }
        one => vec![one],
    };
    let (mut alarms, mut composites) = (Vec::new(), Vec::new());
    for (place, mut alarm) in all.into_iter().enumerate() {
        if let Some(members) = alarm.as_object_mut() {
            members.retain(|key, _| !ADDED.contains(&key.as_str()));
        }
        let name = alarm.get("AlarmName").and_then(Value::as_str).unwrap_or("without a name").to_owned();
        let read = match alarm.get("AlarmRule") {
            Some(_) => serde_json::from_value(alarm).map(|composite| composites.push(composite)),
            None if alarm.is_object() => {
                serde_json::from_value(alarm).map(|alarm: Alarm| alarms.push(alarm.normal()))
            }
            None => Err(Error::custom("is no object")),
        };
        read.map_err(|error| format!("alarm {} ({name}): {error}", place + 1))?;
    }
    Ok((alarms, composites))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"AlarmName":"a","Namespace":"N","MetricName":"m","Statistic":"Sum","Period":60,
        "EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"GreaterThanThreshold"}"#;

    #[test]
    fn every_usual_form_is_read() {
        let added =
            ONE.replacen('{', r#"{"StateValue":"OK","AlarmArn":"arn","StateTransitionedTimestamp":"x","#, 1);
        let composite = r#"{"AlarmName":"c","AlarmRule":"ALARM(a)"}"#;
        for (text, counts) in [
            (ONE.to_owned(), (1, 0)),
            (format!("[{ONE},{composite}]"), (1, 1)),
            (format!(r#"{{"MetricAlarms":[{added}],"CompositeAlarms":[{composite}]}}"#), (1, 1)),
            ("[]".to_owned(), (0, 0)),
        ] {
            let (alarms, composites) = read(&text).unwrap();
            assert_eq!((alarms.len(), composites.len()), counts, "{text}");
        }
    }

    #[test]
    fn what_is_no_alarm_is_told() {
        for (text, why) in [
            ("{", "EOF"),
            ("[1]", "alarm 1 (without a name): is no object"),
            (
                &format!("[{ONE},{}]", ONE.replace("MetricName", "Metric_Name")),
                "alarm 2 (a): unknown field `Metric_Name`",
            ),
            (r#"[{"AlarmName":"x"}]"#, "alarm 1 (x): missing field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

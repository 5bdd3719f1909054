//! One alarm, in the shape and with the names of `PutMetricAlarm` and `PutCompositeAlarm`: the files, the
//! account, the exports and the evaluation all mean the same by it.
//!
//! It holds what is written, not whether that makes sense: that is `provision/lint`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

use serde::{Deserialize, Serialize};

/// A metric alarm. Members that `CloudWatch` fills in by itself hold what it fills in, so that two of them
/// are equal if the service treats them alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Alarm {
    /// Of 1 to 255 characters; unique in the region of an account.
    pub alarm_name: String,
    /// Of at most 1024 characters: the text of the mail.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alarm_description: String,
    /// Whether the actions below are taken at all.
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    /// ARNs, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<String>,
    /// ARNs, at most five.
    #[serde(default, rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<String>,
    /// ARNs, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insufficient_data_actions: Vec<String>,
    /// Of a single metric; an alarm on metric math has `metrics` instead of this and the next six.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// See `namespace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    /// In the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`; or `extended_statistic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// A percentile, `p95`, or one of the trimmed kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_statistic: Option<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// Only datapoints of this unit are looked at. Nearly always wrong to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Metric math: one of these returns the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Query>,
    /// N of "M of N".
    pub evaluation_periods: u32,
    /// M of "M of N"; without it, N.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<u32>,
    /// What the datapoints are compared with; none for anomaly detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The query of the anomaly band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_metric_id: Option<String>,
    /// How.
    pub comparison_operator: Comparison,
    /// What a period without a datapoint counts as.
    #[serde(default)]
    pub treat_missing_data: Missing,
    /// `evaluate` or `ignore`; for percentiles only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_low_sample_count_percentile: Option<String>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Dimension {
    /// `LoadBalancer`
    pub name: String,
    /// `app/starttech-alb/0123456789abcdef`
    pub value: String,
}

/// A `MetricDataQuery`: a metric with its statistic, or an expression over others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Query {
    /// What expressions call it: begins with a small letter.
    pub id: String,
    /// Metric math, <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// What it is called in graphs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The metric, if it is no expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<MetricStat>,
    /// In seconds, of an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// True for the one that the alarm watches.
    #[serde(default = "yes")]
    pub return_data: bool,
}

/// A metric and how its datapoints of a period become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MetricStat {
    /// Which.
    pub metric: Metric,
    /// In seconds.
    pub period: u32,
    /// `Sum`, `p95` …
    pub stat: String,
    /// See [`Alarm::unit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The name of a series in `CloudWatch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Metric {
    /// `AWS/ApplicationELB`
    pub namespace: String,
    /// `RequestCount`
    pub metric_name: String,
    /// In the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
}

/// `ComparisonOperator`: the datapoint on the left, the threshold on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
    LessThanLowerOrGreaterThanUpperThreshold,
    LessThanLowerThreshold,
    GreaterThanUpperThreshold,
}

/// `TreatMissingData`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missing {
    /// As if it were beyond the threshold.
    Breaching,
    /// As if it were not.
    NotBreaching,
    /// The state stays as it is.
    Ignore,
    /// Neither; all missing is `INSUFFICIENT_DATA`. What the service takes if nobody says anything.
    #[default]
    Missing,
}

/// A composite alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Composite {
    /// See [`Alarm::alarm_name`]; one name space for both.
    pub alarm_name: String,
    /// See [`Alarm::alarm_description`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alarm_description: String,
    /// See [`Alarm::actions_enabled`].
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    /// See [`Alarm::alarm_actions`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<String>,
    /// See [`Alarm::ok_actions`].
    #[serde(default, rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<String>,
    /// See [`Alarm::insufficient_data_actions`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insufficient_data_actions: Vec<String>,
    /// `ALARM("a") OR ALARM("b")`
    pub alarm_rule: String,
    /// The alarm that keeps this one's actions back while it is in `ALARM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_suppressor: Option<String>,
    /// How long it is waited for the suppressor, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_suppressor_wait_period: Option<u32>,
    /// How long actions are still kept back after it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions_suppressor_extension_period: Option<u32>,
}

fn yes() -> bool {
    true
}

impl Alarm {
    /// With members that mean the same written the same: dimensions in order, M of N only where M is not N, no
    /// member that says what goes without saying.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.dimensions.sort();
        for query in &mut self.metrics {
            if let Some(stat) = &mut query.metric_stat {
                stat.metric.dimensions.sort();
            }
        }
        if self.datapoints_to_alarm == Some(self.evaluation_periods) {
            self.datapoints_to_alarm = None;
        }
        // What the service does if nobody says anything.
        if self.evaluate_low_sample_count_percentile.as_deref() == Some("evaluate") {
            self.evaluate_low_sample_count_percentile = None;
        }
        self
    }
}

impl Composite {
    /// With the suppressor by its name, which an ARN means as well: it is in the same account and region.
    #[must_use]
    pub fn normal(mut self) -> Self {
        let name = |suppressor: &str| {
            let (_, name) = suppressor.strip_prefix("arn:")?.split_once(":alarm:")?;
            Some(name.to_owned())
        };
        if let Some(name) = self.actions_suppressor.as_deref().and_then(name) {
            self.actions_suppressor = Some(name);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_put_metric_alarm_takes_it() {
        let text = r#"{"AlarmName":"a","ActionsEnabled":true,"OKActions":["arn"],"Namespace":"AWS/EC2","MetricName":"CPUUtilization","Dimensions":[{"Name":"A","Value":"1"},{"Name":"B","Value":"2"}],"Statistic":"Average","Period":300,"EvaluationPeriods":2,"Threshold":70.0,"ComparisonOperator":"GreaterThanThreshold","TreatMissingData":"notBreaching"}"#;
        let alarm: Alarm = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&alarm).unwrap(), text);
        let mut other = alarm.clone();
        other.dimensions.reverse();
        other.datapoints_to_alarm = Some(2);
        other.evaluate_low_sample_count_percentile = Some("evaluate".to_owned());
        assert_eq!(other.normal(), alarm);
    }

    #[test]
    fn what_the_service_fills_in_is_filled_in() {
        let text = r#"{"AlarmName":"a","EvaluationPeriods":1,"ComparisonOperator":"LessThanThreshold"}"#;
        let alarm: Alarm = serde_json::from_str(text).unwrap();
        assert!(alarm.actions_enabled);
        assert_eq!(alarm.treat_missing_data, Missing::Missing);
        assert!(serde_json::from_str::<Alarm>(&text.replace("AlarmName", "Name")).is_err());
    }
}

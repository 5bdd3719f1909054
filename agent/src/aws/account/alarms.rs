//! Metric alarms and composite alarms, from the account and into it.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::put_composite_alarm::PutCompositeAlarmInput;
use aws_sdk_cloudwatch::operation::put_composite_alarm::builders::PutCompositeAlarmInputBuilder;
use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmInput;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmInputBuilder;
use aws_sdk_cloudwatch::types;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, CompositeAlarm, MetricAlarm, MetricDataQuery, StateValue, Statistic, Tag,
};
use aws_smithy_types::DateTime;

use super::answer::{Call, Failed};
use super::{ALARMS, AwsAccount, list, text};
use crate::alarms::definition::{
    Alarm, Comparison, Composite, Dimension, Metric, MetricStat, Missing, Query,
};
use crate::provision::{Address, Content, Held, Kind, Refusal, Resource, State};

// Quotas: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const DESCRIBE: Call = Call::new(ALARMS, "DescribeAlarms", 9);
const PUT: Call = Call::new(ALARMS, "PutMetricAlarm", 3);
const PUT_COMPOSITE: Call = Call::new(ALARMS, "PutCompositeAlarm", 3);
const DELETE: Call = Call::new(ALARMS, "DeleteAlarms", 3);
const TAG: Call = Call::new(ALARMS, "TagResource", 20);

/// The most that one answer has.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const PAGE: i32 = 100;

impl AwsAccount {
    /// Every alarm of the region, for ours may have any name and others may have one that is wanted.
    pub(super) async fn read_alarms(&self, region: &str) -> Result<Vec<Held>, Refusal> {
        let client = self.clients(region).alarms;
        // Composite alarms are told to those alone who may see them all.
        let resource = self.arn("cloudwatch", region, "alarm:*");
        let mut held = Vec::new();
        let mut token = None;
        loop {
            let ask = client
                .describe_alarms()
                .set_alarm_types(Some(vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm]))
                .max_records(PAGE)
                .set_next_token(token);
            let page = self.call(DESCRIBE, region, &resource, || ask.clone().send()).await;
            let page = page.map_err(Failed::refusal)?;
            held.extend(list(page.metric_alarms).into_iter().filter_map(|alarm| from_metric(region, alarm)));
            held.extend(
                list(page.composite_alarms).into_iter().filter_map(|alarm| from_composite(region, alarm)),
            );
            token = text(page.next_token);
            if token.is_none() {
                return Ok(held);
            }
        }
    }

    pub(super) async fn put_alarm(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
        alarm: &Alarm,
    ) -> Result<Vec<String>, Failed> {
        let (region, client) = (&wanted.address.region, self.clients(&wanted.address.region).alarms);
        let arn = self.alarm_arn(wanted, held);
        let input = metric_input(alarm);
        let input = if held.is_none() { input.set_tags(tags(&wanted.tags)) } else { input };
        self.call(PUT, region, &arn, || input.clone().send_with(&client)).await?;
        self.tag_alarm(wanted, held, &arn).await
    }

    pub(super) async fn put_composite(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
        alarm: &Composite,
    ) -> Result<Vec<String>, Failed> {
        let (region, client) = (&wanted.address.region, self.clients(&wanted.address.region).alarms);
        let arn = self.alarm_arn(wanted, held);
        // Its right is one for all alarms.
        let every = self.arn("cloudwatch", region, "alarm:*");
        let input = composite_input(alarm);
        let input = if held.is_none() { input.set_tags(tags(&wanted.tags)) } else { input };
        self.call(PUT_COMPOSITE, region, &every, || input.clone().send_with(&client)).await?;
        self.tag_alarm(wanted, held, &arn).await
    }

    /// Tags given with an alarm that is there already are ignored by the service.
    async fn tag_alarm(
        &self,
        wanted: &Resource,
        held: Option<&Held>,
        arn: &str,
    ) -> Result<Vec<String>, Failed> {
        if held.is_none() {
            return Ok(Vec::new());
        }
        self.tag_in_cloudwatch(wanted, arn).await
    }

    /// Sets the tags of an alarm or a dashboard. The mark is in the thing itself: that tags cannot be set is
    /// told and no more.
    pub(super) async fn tag_in_cloudwatch(
        &self,
        wanted: &Resource,
        arn: &str,
    ) -> Result<Vec<String>, Failed> {
        let Some(tags) = tags(&wanted.tags) else { return Ok(Vec::new()) };
        let region = &wanted.address.region;
        let tag = self.clients(region).alarms.tag_resource().resource_arn(arn).set_tags(Some(tags));
        match self.call(TAG, region, arn, || tag.clone().send()).await {
            Ok(_) => Ok(Vec::new()),
            Err(failed) => Ok(vec![format!("its tags stay as they are: {}", failed.refusal())]),
        }
    }

    pub(super) async fn delete_alarm(&self, region: &str, name: &str) -> Result<(), Failed> {
        let delete = self.clients(region).alarms.delete_alarms().alarm_names(name);
        let arn = self.arn("cloudwatch", region, &format!("alarm:{name}"));
        self.call(DELETE, region, &arn, || delete.clone().send()).await.map(|_| ())
    }

    fn alarm_arn(&self, wanted: &Resource, held: Option<&Held>) -> String {
        let known = held.and_then(|held| held.id.clone());
        known.unwrap_or_else(|| {
            let Address { region, name, .. } = &wanted.address;
            self.arn("cloudwatch", region, &format!("alarm:{name}"))
        })
    }
}

/// As `CloudWatch` takes them; none if there is none, for no list is empty on the wire.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// The service's numbers are signed, and never negative.
fn number(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn held(region: &str, kind: Kind, name: String, content: Content, id: Option<String>, state: State) -> Held {
    let address = Address { kind, region: region.to_owned(), name };
    Held { resource: Resource { address, content, tags: BTreeMap::new() }, id, state: Some(state) }
}

fn state(value: Option<StateValue>, reason: Option<String>, since: Option<DateTime>) -> State {
    State {
        value: value.map_or_else(|| "INSUFFICIENT_DATA".to_owned(), |value| value.as_str().to_owned()),
        reason: reason.unwrap_or_default(),
        since_ms: since.and_then(|since| since.to_millis().ok()).unwrap_or_default(),
    }
}

/// An alarm of the account. One that our definitions have no words for, such as one on another account's
/// metrics, keeps what there are words for: it is nobody's wish, but its name is taken.
pub(super) fn from_metric(region: &str, alarm: MetricAlarm) -> Option<Held> {
    let state = state(alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp);
    let name = alarm.alarm_name?;
    let content = Alarm {
        alarm_name: name.clone(),
        alarm_description: alarm.alarm_description.unwrap_or_default(),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
        alarm_actions: list(alarm.alarm_actions),
        ok_actions: list(alarm.ok_actions),
        insufficient_data_actions: list(alarm.insufficient_data_actions),
        namespace: text(alarm.namespace),
        metric_name: text(alarm.metric_name),
        dimensions: dimensions(alarm.dimensions),
        statistic: alarm.statistic.map(|statistic| statistic.as_str().to_owned()),
        extended_statistic: text(alarm.extended_statistic),
        period: number(alarm.period).filter(|period| *period > 0),
        unit: alarm.unit.map(|unit| unit.as_str().to_owned()),
        metrics: list(alarm.metrics).into_iter().map(query).collect(),
        evaluation_periods: number(alarm.evaluation_periods).unwrap_or(1),
        datapoints_to_alarm: number(alarm.datapoints_to_alarm),
        threshold: alarm.threshold,
        threshold_metric_id: text(alarm.threshold_metric_id),
        comparison_operator: comparison(alarm.comparison_operator.as_ref()),
        treat_missing_data: missing(alarm.treat_missing_data.as_deref()),
        evaluate_low_sample_count_percentile: text(alarm.evaluate_low_sample_count_percentile),
    };
    Some(held(region, Kind::Alarm, name, Content::Alarm(content.normal()), alarm.alarm_arn, state))
}

pub(super) fn from_composite(region: &str, alarm: CompositeAlarm) -> Option<Held> {
    let state = state(alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp);
    let name = alarm.alarm_name?;
    let actions_suppressor = text(alarm.actions_suppressor);
    // Without a suppressor its periods mean nothing.
    let period = |period| number(period).filter(|_| actions_suppressor.is_some());
    let content = Composite {
        alarm_name: name.clone(),
        alarm_description: alarm.alarm_description.unwrap_or_default(),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
        alarm_actions: list(alarm.alarm_actions),
        ok_actions: list(alarm.ok_actions),
        insufficient_data_actions: list(alarm.insufficient_data_actions),
        alarm_rule: alarm.alarm_rule.unwrap_or_default(),
        actions_suppressor_wait_period: period(alarm.actions_suppressor_wait_period),
        actions_suppressor_extension_period: period(alarm.actions_suppressor_extension_period),
        actions_suppressor,
    };
    let content = Content::CompositeAlarm(content.normal());
    Some(held(region, Kind::CompositeAlarm, name, content, alarm.alarm_arn, state))
}

fn dimensions(dimensions: Option<Vec<types::Dimension>>) -> Vec<Dimension> {
    let dimension = |dimension: types::Dimension| Dimension {
        name: dimension.name.unwrap_or_default(),
        value: dimension.value.unwrap_or_default(),
    };
    list(dimensions).into_iter().map(dimension).collect()
}

fn query(query: MetricDataQuery) -> Query {
    let stat = |stat: types::MetricStat| {
        let metric = stat.metric.unwrap_or_else(|| types::Metric::builder().build());
        MetricStat {
            metric: Metric {
                namespace: metric.namespace.unwrap_or_default(),
                metric_name: metric.metric_name.unwrap_or_default(),
                dimensions: dimensions(metric.dimensions),
            },
            period: number(stat.period).unwrap_or_default(),
            stat: stat.stat.unwrap_or_default(),
            unit: stat.unit.map(|unit| unit.as_str().to_owned()),
        }
    };
    Query {
        id: query.id.unwrap_or_default(),
        expression: text(query.expression),
        label: text(query.label),
        metric_stat: query.metric_stat.map(stat),
        period: number(query.period).filter(|period| *period > 0),
        return_data: query.return_data.unwrap_or(true),
    }
}

const COMPARISONS: [(Comparison, ComparisonOperator); 7] = [
    (Comparison::GreaterThanOrEqualToThreshold, ComparisonOperator::GreaterThanOrEqualToThreshold),
    (Comparison::GreaterThanThreshold, ComparisonOperator::GreaterThanThreshold),
    (Comparison::LessThanThreshold, ComparisonOperator::LessThanThreshold),
    (Comparison::LessThanOrEqualToThreshold, ComparisonOperator::LessThanOrEqualToThreshold),
    (
        Comparison::LessThanLowerOrGreaterThanUpperThreshold,
        ComparisonOperator::LessThanLowerOrGreaterThanUpperThreshold,
    ),
    (Comparison::LessThanLowerThreshold, ComparisonOperator::LessThanLowerThreshold),
    (Comparison::GreaterThanUpperThreshold, ComparisonOperator::GreaterThanUpperThreshold),
];

fn comparison(operator: Option<&ComparisonOperator>) -> Comparison {
    let known = COMPARISONS.iter().find(|(_, theirs)| Some(theirs) == operator);
    known.map_or(Comparison::GreaterThanThreshold, |(ours, _)| *ours)
}

const MISSING: [(Missing, &str); 4] = [
    (Missing::Breaching, "breaching"),
    (Missing::NotBreaching, "notBreaching"),
    (Missing::Ignore, "ignore"),
    (Missing::Missing, "missing"),
];

fn missing(treatment: Option<&str>) -> Missing {
    let known = MISSING.iter().find(|(_, theirs)| Some(*theirs) == treatment);
    known.map_or(Missing::Missing, |(ours, _)| *ours)
}

/// As the service takes it.
fn metric_input(alarm: &Alarm) -> PutMetricAlarmInputBuilder {
    let operator = COMPARISONS.iter().find(|(ours, _)| *ours == alarm.comparison_operator);
    let treatment = MISSING.iter().find(|(ours, _)| *ours == alarm.treat_missing_data);
    PutMetricAlarmInput::builder()
        .alarm_name(&alarm.alarm_name)
        .alarm_description(&alarm.alarm_description)
        .actions_enabled(alarm.actions_enabled)
        .set_alarm_actions(some(alarm.alarm_actions.clone()))
        .set_ok_actions(some(alarm.ok_actions.clone()))
        .set_insufficient_data_actions(some(alarm.insufficient_data_actions.clone()))
        .set_namespace(alarm.namespace.clone())
        .set_metric_name(alarm.metric_name.clone())
        .set_dimensions(some(to_dimensions(&alarm.dimensions)))
        .set_statistic(alarm.statistic.as_deref().map(Statistic::from))
        .set_extended_statistic(alarm.extended_statistic.clone())
        .set_period(alarm.period.map(signed))
        .set_unit(alarm.unit.as_deref().map(Into::into))
        .set_metrics(some(alarm.metrics.iter().map(to_query).collect()))
        .evaluation_periods(signed(alarm.evaluation_periods))
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm.map(signed))
        .set_threshold(alarm.threshold)
        .set_threshold_metric_id(alarm.threshold_metric_id.clone())
        .set_comparison_operator(operator.map(|(_, theirs)| theirs.clone()))
        .set_treat_missing_data(treatment.map(|(_, theirs)| (*theirs).to_owned()))
        .set_evaluate_low_sample_count_percentile(alarm.evaluate_low_sample_count_percentile.clone())
}

fn composite_input(alarm: &Composite) -> PutCompositeAlarmInputBuilder {
    PutCompositeAlarmInput::builder()
        .alarm_name(&alarm.alarm_name)
        .alarm_description(&alarm.alarm_description)
        .actions_enabled(alarm.actions_enabled)
        .set_alarm_actions(some(alarm.alarm_actions.clone()))
        .set_ok_actions(some(alarm.ok_actions.clone()))
        .set_insufficient_data_actions(some(alarm.insufficient_data_actions.clone()))
        .alarm_rule(&alarm.alarm_rule)
        .set_actions_suppressor(alarm.actions_suppressor.clone())
        .set_actions_suppressor_wait_period(alarm.actions_suppressor_wait_period.map(signed))
        .set_actions_suppressor_extension_period(alarm.actions_suppressor_extension_period.map(signed))
}

fn to_dimensions(dimensions: &[Dimension]) -> Vec<types::Dimension> {
    let dimension = |dimension: &Dimension| {
        types::Dimension::builder().name(&dimension.name).value(&dimension.value).build()
    };
    dimensions.iter().map(dimension).collect()
}

fn to_query(query: &Query) -> MetricDataQuery {
    let stat = |stat: &MetricStat| {
        let metric = types::Metric::builder()
            .namespace(&stat.metric.namespace)
            .metric_name(&stat.metric.metric_name)
            .set_dimensions(some(to_dimensions(&stat.metric.dimensions)))
            .build();
        types::MetricStat::builder()
            .metric(metric)
            .period(signed(stat.period))
            .stat(&stat.stat)
            .set_unit(stat.unit.as_deref().map(Into::into))
            .build()
    };
    MetricDataQuery::builder()
        .id(&query.id)
        .set_expression(query.expression.clone())
        .set_label(query.label.clone())
        .set_metric_stat(query.metric_stat.as_ref().map(stat))
        .set_period(query.period.map(signed))
        .return_data(query.return_data)
        .build()
}

#[cfg(test)]
mod tests;

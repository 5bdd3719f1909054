//! What goes into the service comes out of it as it was.

use aws_sdk_cloudwatch::operation::put_composite_alarm::PutCompositeAlarmInput;
use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmInput;
use aws_sdk_cloudwatch::types::{CompositeAlarm, MetricAlarm};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// As the service keeps it: what was put, and what it fills in by itself.
fn kept(input: PutMetricAlarmInput) -> MetricAlarm {
    MetricAlarm::builder()
        .set_alarm_name(input.alarm_name)
        .alarm_arn("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a")
        .set_alarm_description(input.alarm_description)
        .set_actions_enabled(input.actions_enabled)
        .alarm_actions_of(input.alarm_actions, input.ok_actions, input.insufficient_data_actions)
        .set_namespace(input.namespace)
        .set_metric_name(input.metric_name)
        .set_dimensions(Some(input.dimensions.unwrap_or_default().into_iter().rev().collect()))
        .set_statistic(input.statistic)
        .set_extended_statistic(input.extended_statistic)
        .set_period(input.period)
        .set_unit(input.unit)
        .set_metrics(input.metrics)
        .set_datapoints_to_alarm(input.datapoints_to_alarm.or(input.evaluation_periods))
        .set_evaluation_periods(input.evaluation_periods)
        .set_threshold(input.threshold)
        .set_threshold_metric_id(input.threshold_metric_id)
        .set_comparison_operator(input.comparison_operator)
        .set_treat_missing_data(input.treat_missing_data)
        .set_evaluate_low_sample_count_percentile(input.evaluate_low_sample_count_percentile)
        .state_value(StateValue::Ok)
        .state_reason("r")
        .state_updated_timestamp(DateTime::from_millis(1_500))
        .build()
}

/// The lists, empty where the service has none.
trait Lists {
    fn alarm_actions_of(
        self,
        alarm: Option<Vec<String>>,
        ok: Option<Vec<String>>,
        insufficient: Option<Vec<String>>,
    ) -> Self;
}

impl Lists for aws_sdk_cloudwatch::types::builders::MetricAlarmBuilder {
    fn alarm_actions_of(
        self,
        alarm: Option<Vec<String>>,
        ok: Option<Vec<String>>,
        insufficient: Option<Vec<String>>,
    ) -> Self {
        self.set_alarm_actions(Some(list(alarm)))
            .set_ok_actions(Some(list(ok)))
            .set_insufficient_data_actions(Some(list(insufficient)))
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z/ ]{1,8}"
}

fn some_dimensions() -> impl Strategy<Value = Vec<Dimension>> {
    vec((name(), name()).prop_map(|(name, value)| Dimension { name, value }), 0..4)
}

fn some_query() -> impl Strategy<Value = Query> {
    let metric = (name(), name(), some_dimensions())
        .prop_map(|(namespace, metric_name, dimensions)| Metric { namespace, metric_name, dimensions });
    let stat = (metric, 1_u32..90_000, name(), option::of(name()))
        .prop_map(|(metric, period, stat, unit)| MetricStat { metric, period, stat, unit });
    let members = (name(), option::of(name()), option::of(name()), option::of(stat));
    (members, option::of(1_u32..900), any::<bool>()).prop_map(
        |((id, expression, label, metric_stat), period, return_data)| Query {
            id,
            expression,
            label,
            metric_stat,
            period,
            return_data,
        },
    )
}

prop_compose! {
    fn some_alarm()(
        (alarm_name, namespace, metric_name) in (name(), option::of(name()), option::of(name())),
        (alarm_description, actions_enabled) in ("[a-z\n]{0,9}", any::<bool>()),
        (alarm_actions, ok_actions, insufficient_data_actions) in
            (vec(name(), 0..3), vec(name(), 0..3), vec(name(), 0..3)),
        (dimensions, metrics) in (some_dimensions(), vec(some_query(), 0..3)),
        (statistic, extended_statistic, unit) in (option::of(name()), option::of(name()), option::of(name())),
        (period, evaluation_periods, datapoints_to_alarm) in
            (option::of(1_u32..90_000), 1_u32..20, option::of(1_u32..20)),
        (threshold, threshold_metric_id) in (option::of(-1e9..1e9), option::of(name())),
        (operator, treatment) in (0..COMPARISONS.len(), 0..MISSING.len()),
        evaluate_low_sample_count_percentile in option::of(name()),
    ) -> Alarm {
        Alarm {
            alarm_name, alarm_description, actions_enabled, alarm_actions, ok_actions,
            insufficient_data_actions, namespace, metric_name, dimensions, statistic, extended_statistic,
            period, unit, metrics, evaluation_periods, datapoints_to_alarm, threshold, threshold_metric_id,
            comparison_operator: COMPARISONS[operator].0,
            treat_missing_data: MISSING[treatment].0,
            evaluate_low_sample_count_percentile,
        }.normal()
    }
}

proptest! {
    #[test]
    fn an_alarm_comes_back_as_it_went(alarm in some_alarm()) {
        let input = metric_input(&alarm).build().unwrap();
        let held = from_metric("eu-west-1", kept(input)).unwrap();
        prop_assert_eq!(&held.resource.address.name, &alarm.alarm_name);
        prop_assert_eq!(held.state.map(|state| (state.value, state.since_ms)), Some(("OK".to_owned(), 1_500)));
        prop_assert_eq!(held.resource.content, Content::Alarm(alarm));
    }

    #[test]
    fn a_composite_alarm_comes_back_as_it_went(
        (alarm_name, alarm_description, alarm_rule) in (name(), "[a-z]{0,9}", name()),
        (alarm_actions, ok_actions, insufficient_data_actions) in
            (vec(name(), 0..3), vec(name(), 0..3), vec(name(), 0..3)),
        actions_enabled in any::<bool>(),
        suppressor in option::of((name(), 0_u32..900, 0_u32..900)),
    ) {
        let alarm = Composite {
            alarm_name, alarm_description, alarm_rule, alarm_actions, ok_actions,
            insufficient_data_actions, actions_enabled,
            actions_suppressor: suppressor.as_ref().map(|(name, ..)| name.clone()),
            actions_suppressor_wait_period: suppressor.as_ref().map(|(_, wait, _)| *wait),
            actions_suppressor_extension_period: suppressor.as_ref().map(|(.., extension)| *extension),
        };
        let input: PutCompositeAlarmInput = composite_input(&alarm).build().unwrap();
        let theirs = CompositeAlarm::builder()
            .set_alarm_name(input.alarm_name)
            .set_alarm_description(input.alarm_description)
            .set_actions_enabled(input.actions_enabled)
            .set_alarm_actions(Some(list(input.alarm_actions)))
            .set_ok_actions(Some(list(input.ok_actions)))
            .set_insufficient_data_actions(Some(list(input.insufficient_data_actions)))
            .set_alarm_rule(input.alarm_rule)
            .set_actions_suppressor(input.actions_suppressor)
            .set_actions_suppressor_wait_period(input.actions_suppressor_wait_period)
            .set_actions_suppressor_extension_period(input.actions_suppressor_extension_period)
            .build();
        let held = from_composite("eu-west-1", theirs).unwrap();
        prop_assert_eq!(held.resource.content, Content::CompositeAlarm(alarm));
    }
}

#[test]
fn an_alarm_that_we_have_no_words_for_is_there_all_the_same() {
    let theirs = MetricAlarm::builder()
        .alarm_name("starttech-x")
        .comparison_operator(ComparisonOperator::from("SomethingNew"))
        .treat_missing_data("somehow")
        .state_value(StateValue::from("NEW"))
        .build();
    let held = from_metric("eu-west-1", theirs).unwrap();
    assert_eq!(held.resource.address.name, "starttech-x");
    assert_eq!(held.state.unwrap().value, "NEW");
    assert!(from_metric("eu-west-1", MetricAlarm::builder().build()).is_none(), "without a name");
}

//! Metric alarms on data: periods, statistics, expressions, few samples.

use serde_json::{Value, json};

use super::*;
use crate::alarms::definition::Dimension;
use crate::alarms::evaluate::data::Sample;

fn name(metric: &str) -> Name {
    Name::new("N", metric, &[Dimension { name: "D".into(), value: "d".into() }])
}

fn stat(id: &str, metric: &str, period: u32) -> Value {
    json!({
        "Id": id, "ReturnData": false,
        "MetricStat": {
            "Metric": {"Namespace": "N", "MetricName": metric, "Dimensions": [{"Name": "D", "Value": "d"}]},
            "Period": period, "Stat": "Sum",
        },
    })
}

/// Of a single metric, with changes.
fn alarm(changes: &Value) -> Alarm {
    let mut alarm = json!({
        "AlarmName": "a", "Namespace": "N", "MetricName": "m", "Dimensions": [{"Name": "D", "Value": "d"}],
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    for (key, value) in changes.as_object().unwrap() {
        alarm[key] = value.clone();
    }
    if alarm.get("Metrics").is_some() {
        for key in ["Namespace", "MetricName", "Dimensions", "Statistic", "Period"] {
            alarm.as_object_mut().unwrap().remove(key);
        }
    }
    if alarm.get("ExtendedStatistic").is_some() {
        alarm.as_object_mut().unwrap().remove("Statistic");
    }
    serde_json::from_value(alarm).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "json!(…) is written in the call")]
fn ready(changes: Value) -> Evaluation {
    Evaluation::new(&alarm(&changes)).unwrap()
}

/// One sample in the middle of each minute.
fn minutes(metric: &str, values: &[Option<f64>]) -> Data {
    let mut data = Data::default();
    for (minute, value) in (0..).zip(values) {
        data.put(&name(metric), minute * 60 + 30, value.map(Sample::of));
    }
    data
}

fn values(verdict: &Verdict) -> Vec<Option<f64>> {
    verdict.range.iter().map(|(_, point)| point.map(|point| point.value)).collect()
}

#[test]
fn periods_end_when_it_is_evaluated() {
    let five = ready(json!({"Period": 300, "EvaluationPeriods": 1}));
    let ten: Vec<Option<f64>> = (1..=10).map(|minute| Some(f64::from(minute))).collect();
    let data = minutes("m", &ten);
    let verdict = five.at(&data, 300, State::Ok);
    assert_eq!(values(&verdict), [None, None, Some(15.0)], "minutes 1 to 5");
    assert_eq!(values(&five.at(&data, 360, State::Ok)), [None, Some(1.0), Some(20.0)], "minutes 2 to 6");
    assert_eq!(verdict.range.last().unwrap().0, 0);
    assert_eq!(verdict.state, State::Alarm);
    assert_eq!(five.reach_s(), 900);
    assert_eq!((five.step_s(), ready(json!({"Period": 30})).step_s()), (60, 10));
}

#[test]
fn what_is_sent_later_than_the_evaluation_is_not_seen() {
    let one = ready(json!({}));
    let data = minutes("m", &[Some(1.0), Some(99.0)]);
    assert_eq!(one.at(&data, 60, State::Ok).state, State::Ok);
    assert_eq!(one.at(&data, 120, State::Ok).state, State::Alarm);
}

#[test]
fn the_range_is_longer_than_the_alarm() {
    let one = ready(json!({"TreatMissingData": "breaching"}));
    let data = minutes("m", &[Some(1.0)]);
    let states: Vec<State> = (1..=4).map(|minute| one.at(&data, minute * 60, State::Ok).state).collect();
    assert_eq!(states, [State::Ok, State::Ok, State::Ok, State::Alarm], "two minutes more");
}

#[test]
fn the_reason_is_of_the_datapoints_that_were_evaluated() {
    let two = ready(json!({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}));
    let data = minutes("m", &[Some(20.0), Some(5.0), None, Some(30.0)]);
    assert_eq!(
        two.at(&data, 240, State::Ok).reason,
        "Threshold Crossed: 2 out of the last 3 datapoints [30.0 (01/01/70 00:03:00), 20.0 (01/01/70 00:00:00)] were \
         greater than the threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(
        two.at(&Data::default(), 240, State::Ok).reason,
        "Insufficient Data: 3 datapoints were unknown."
    );
}

#[test]
fn a_percentile_of_few_samples_keeps_the_state() {
    let of = |samples: &[f64], changes: Value, before| {
        let mut data = Data::default();
        for (minute, count) in (0..).zip(samples) {
            data.put(&name("m"), minute * 60, Some(Sample::Value { value: 99.0, count: *count }));
        }
        let mut all = json!({"ExtendedStatistic": "p95"});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        ready(all).at(&data, 60 * i64::try_from(samples.len()).unwrap(), before).state
    };
    let ignore = || json!({"EvaluateLowSampleCountPercentile": "ignore"});
    for before in [State::Ok, State::InsufficientData] {
        assert_eq!(of(&[199.0], ignore(), before), before);
        assert_eq!(of(&[200.0], ignore(), before), State::Alarm);
        assert_eq!(
            of(&[199.0], json!({"EvaluateLowSampleCountPercentile": "evaluate"}), before),
            State::Alarm
        );
        assert_eq!(
            of(&[1.0], json!({}), before),
            State::Alarm,
            "evaluate is what it is if nobody says anything"
        );
    }
    let mut two = ignore();
    two["EvaluationPeriods"] = json!(2);
    assert_eq!(of(&[10.0, 300.0], two.clone(), State::Ok), State::Ok, "one of two is of few");
    assert_eq!(of(&[10.0, 300.0, 300.0], two, State::Ok), State::Alarm, "it is no longer evaluated");
}

#[test]
fn expressions_are_evaluated_over_the_range() {
    let expression = |text: &str| {
        json!({
            "Metrics": [stat("m1", "m", 60), stat("m2", "other", 60), {"Id": "half", "Expression": "m1 / 2", "ReturnData": false},
                {"Id": "watched", "Expression": text, "ReturnData": true}],
            "EvaluationPeriods": 2,
        })
    };
    let mut data = minutes("m", &[Some(2.0), None, Some(6.0), Some(8.0)]);
    data.put(&name("other"), 200, [Sample::of(4.0)]);
    let of = |text: &str| values(&ready(expression(text)).at(&data, 240, State::Ok));
    assert_eq!(of("half + m2"), [Some(1.0), None, Some(3.0), Some(8.0)]);
    assert_eq!(of("FILL(m2, 0)"), [Some(0.0), Some(0.0), Some(0.0), Some(4.0)]);
    assert_eq!(of("SUM(METRICS())"), [Some(2.0), None, Some(6.0), Some(12.0)]);
    assert_eq!(of("100 * FILL(m2, 0) / m1"), [Some(0.0), None, Some(0.0), Some(50.0)]);
    let names: Vec<Name> = ready(expression("m1")).metrics().into_iter().cloned().collect();
    assert_eq!(names, [name("m"), name("other")]);
}

#[test]
fn what_cannot_be_evaluated_is_told_at_once() {
    let math = |queries: Value| json!({"Metrics": queries});
    let watched = |text: &str| json!({"Id": "watched", "Expression": text});
    for (changes, why) in [
        (json!({"Statistic": "tm90"}), "tm90"),
        (json!({"Threshold": null}), "no Threshold"),
        (json!({"ComparisonOperator": "GreaterThanUpperThreshold"}), "anomaly detection"),
        (json!({"ThresholdMetricId": "ad1"}), "anomaly detection"),
        (json!({"Unit": "Percent"}), "leave Unit out"),
        (json!({"DatapointsToAlarm": 2}), "2 out of 1"),
        (json!({"EvaluationPeriods": 0}), "0 out of 0"),
        (json!({"EvaluationPeriods": 4_000_000_000_u32}), "more than a week"),
        (json!({"MetricName": null}), "MetricName and Period"),
        (json!({"Period": 0}), "Period are wanted"),
        (json!({"Statistic": null}), "either a Statistic"),
        (math(json!([stat("m1", "m", 60), watched("m1 +")])), "\"watched\": at character 4"),
        (math(json!([stat("m1", "m", 60), watched("m9")])), "nothing has the id \"m9\""),
        (math(json!([stat("m1", "m", 60), watched("NOSUCH(m1)")])), "no such function"),
        (math(json!([stat("m1", "m", 60), watched("SUM(m1)")])), "gives a number"),
        (math(json!([stat("m1", "m", 60), watched("METRICS()")])), "gives an array"),
        (math(json!([stat("m1", "m", 60), watched("watched")])), "asks for itself"),
        (math(json!([stat("m1", "m", 60), stat("m1", "m", 60), watched("m1")])), "stands twice"),
        (math(json!([stat("m1", "m", 60), stat("m2", "m", 300), watched("m1")])), "[60, 300] seconds"),
        (math(json!([stat("m1", "m", 60)])), "these are 0"),
        (math(json!([watched("TIME_SERIES(1)")])), "no query has a period"),
        (math(json!([stat("m1", "m", 60), {"Id": "x"}, watched("m1")])), "either a MetricStat"),
        (math(json!([stat("m1", "m", 60), watched("SEARCH('x', 'Sum')")])), "not evaluated here"),
    ] {
        let faults = Evaluation::new(&alarm(&changes)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(why)), "{changes}: {faults:?}");
    }
}

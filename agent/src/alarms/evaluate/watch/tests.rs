//! Alarms over time: what changes, what is notified, and that looking ahead does not matter.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::alarms::evaluate::data::Sample;

fn metric(name: &str, metric: &str, changes: &serde_json::Value) -> Alarm {
    let mut alarm = json!({
        "AlarmName": name, "AlarmActions": ["arn"], "OKActions": ["arn"], "Namespace": "N", "MetricName": metric,
        "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    for (key, value) in changes.as_object().unwrap() {
        alarm[key] = value.clone();
    }
    serde_json::from_value(alarm).unwrap()
}

fn composite(name: &str, rule: &str, changes: &serde_json::Value) -> Composite {
    let mut alarm =
        json!({"AlarmName": name, "AlarmActions": ["arn"], "OKActions": ["arn"], "AlarmRule": rule});
    for (key, value) in changes.as_object().unwrap() {
        alarm[key] = value.clone();
    }
    serde_json::from_value(alarm).unwrap()
}

fn data(metrics: &[(&str, &str)]) -> Data {
    let mut data = Data::default();
    for (metric, values) in metrics {
        for (minute, value) in (0..).zip(values.split_whitespace()) {
            let value = value.parse::<f64>().ok();
            data.put(&Name::new("N", metric, &[]), minute * 60, value.map(Sample::of));
        }
    }
    data
}

/// `5 a ALARM`: at the end of minute 5.
fn notified(watch: &mut Watch, data: &Data, minutes: i64) -> Vec<String> {
    let steps = (1..=minutes).flat_map(|minute| {
        let steps = watch.step(data, minute * 60);
        steps.into_iter().filter_map(move |step| {
            step.notified.map(|state| format!("{minute} {} {}", step.alarm, state.word()))
        })
    });
    steps.collect()
}

#[test]
fn an_alarm_begins_without_data_and_tells_each_change_once() {
    let mut watch = Watch::new(&[metric("a", "m", &json!({}))], &[]).unwrap();
    assert_eq!(watch.state("a"), Some(State::InsufficientData));
    let data = data(&[("m", "0 0 1 1 1 0 0 1")]);
    assert_eq!(notified(&mut watch, &data, 8), ["1 a OK", "3 a ALARM", "6 a OK", "8 a ALARM"]);
    let mut watch = Watch::new(&[metric("a", "m", &json!({}))], &[]).unwrap();
    watch.begin(State::Ok);
    assert_eq!(notified(&mut watch, &data, 3), ["3 a ALARM"]);
}

#[test]
fn only_what_has_an_action_is_notified() {
    for changes in [json!({"ActionsEnabled": false}), json!({"AlarmActions": [], "OKActions": []})] {
        let mut watch = Watch::new(&[metric("a", "m", &changes)], &[]).unwrap();
        assert!(notified(&mut watch, &data(&[("m", "0 1 0")]), 3).is_empty());
        assert_eq!(watch.state("a"), Some(State::Ok), "it is evaluated all the same");
    }
    let changes = json!({"InsufficientDataActions": ["arn"], "OKActions": [], "TreatMissingData": "missing"});
    let mut watch = Watch::new(&[metric("a", "m", &changes)], &[]).unwrap();
    assert_eq!(notified(&mut watch, &data(&[("m", "0")]), 5), ["4 a INSUFFICIENT_DATA"]);
}

#[test]
fn a_composite_alarm_follows_its_members_in_the_same_minute() {
    let members = [
        metric("a", "m", &json!({"ActionsEnabled": false})),
        metric("b", "n", &json!({"ActionsEnabled": false})),
    ];
    let all = [
        composite("outer", "ALARM(\"inner\")", &json!({})),
        composite("inner", "ALARM(\"a\") OR ALARM(\"b\")", &json!({})),
    ];
    let mut watch = Watch::new(&members, &all).unwrap();
    assert_eq!(watch.names().collect::<Vec<_>>(), ["a", "b", "inner", "outer"], "whatever their order");
    let data = data(&[("m", "0 1 1 0 0"), ("n", "0 0 1 1 0")]);
    let told = notified(&mut watch, &data, 5);
    assert_eq!(
        told,
        ["1 inner OK", "1 outer OK", "2 inner ALARM", "2 outer ALARM", "5 inner OK", "5 outer OK"]
    );
}

#[test]
fn a_composite_alarm_says_who_changed() {
    let mut watch =
        Watch::new(&[metric("a", "m", &json!({}))], &[composite("c", "ALARM(\"a\")", &json!({}))]).unwrap();
    let data = data(&[("m", "0 1")]);
    let reasons: Vec<String> =
        (1..=2).filter_map(|minute| watch.step(&data, minute * 60).pop()).map(|step| step.reason).collect();
    assert_eq!(
        reasons,
        [
            "c was created and its alarm rule evaluates to OK",
            "a transitioned to ALARM at Thursday 01 January, 1970 00:02:00 UTC"
        ]
    );
}

#[test]
fn an_alarm_that_has_been_there_for_long_is_not_created() {
    let mut watch =
        Watch::new(&[metric("a", "m", &json!({}))], &[composite("c", "ALARM(\"a\")", &json!({}))]).unwrap();
    watch.begin(State::Ok);
    assert_eq!(watch.step(&Data::default(), 60).pop().unwrap().reason, "its alarm rule evaluates to OK");
}

#[test]
fn a_suppressor_keeps_the_mail_back_and_not_the_state() {
    let periods = json!({"ActionsSuppressor": "s", "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 120});
    let members = [
        metric("a", "m", &json!({"ActionsEnabled": false})),
        metric("s", "n", &json!({"ActionsEnabled": false})),
    ];
    let mut watch = Watch::new(&members, &[composite("c", "ALARM(\"a\")", &periods)]).unwrap();
    watch.begin(State::Ok);
    let data = data(&[("m", "0 1 1 1 1 1 1 1 0 0 0"), ("n", "0 0 1 1 0 0 0 0 0 0 0")]);
    let mut told = Vec::new();
    for minute in 1..=11 {
        let step = watch.step(&data, minute * 60).pop().unwrap();
        told.push(match (step.notified, step.held) {
            (Some(state), None) => state.word(),
            (None, Some(hold)) => hold.word(),
            (None, None) => "",
            both => panic!("{both:?}"),
        });
        assert_eq!(step.states.1 == State::Alarm, (2..=8).contains(&minute));
    }
    assert_eq!(
        told,
        [
            "",
            "WaitPeriod",
            "Alarm",
            "Alarm",
            "ExtensionPeriod",
            "ExtensionPeriod",
            "ALARM",
            "",
            "WaitPeriod",
            "OK",
            ""
        ]
    );
}

#[test]
fn what_cannot_be_watched_is_told() {
    let one = [metric("a", "m", &json!({}))];
    let unfit = |composites: &[Composite]| {
        let all: Vec<String> =
            Watch::new(&one, composites).unwrap_err().into_iter().map(|unfit| unfit.why).collect();
        all.join("; ")
    };
    assert!(unfit(&[composite("c", "ALARM(", &json!({}))]).contains("its AlarmRule"));
    assert!(unfit(&[composite("c", "ALARM(x)", &json!({}))]).contains("no alarm \"x\""));
    let suppressed = json!({"ActionsSuppressor": "a"});
    assert!(unfit(&[composite("c", "ALARM(a)", &suppressed)]).contains("both of its periods"));
    let circle = [composite("c", "ALARM(d)", &json!({})), composite("d", "ALARM(c)", &json!({}))];
    assert!(unfit(&circle).contains("asks for itself"));
    let bad = [metric("b", "m", &json!({"Statistic": "tm90"}))];
    assert_eq!(Watch::new(&bad, &[]).unwrap_err()[0].alarm, "b");
}

#[test]
fn alarms_of_ten_seconds_are_evaluated_every_ten() {
    let all = [metric("fast", "m", &json!({"Period": 10})), metric("slow", "m", &json!({}))];
    let mut watch = Watch::new(&all, &[]).unwrap();
    assert_eq!((watch.step_s(), watch.reach_s(), watch.metrics().len()), (10, 180, 1));
    assert_eq!(watch.step(&Data::default(), 50).len(), 1);
    assert_eq!(watch.step(&Data::default(), 60).len(), 2);
}

prop_compose! {
    fn any_alarm()(
        m in 1_u32..4, more in 0_u32..3, period in prop::sample::select(&[60, 120, 300][..]),
        missing in prop::sample::select(&["missing", "ignore", "breaching", "notBreaching"][..]),
        name in "[ab]", metric_name in "[mn]",
    ) -> Alarm {
        metric(&name, &metric_name, &json!({
            "EvaluationPeriods": m + more, "DatapointsToAlarm": m, "Period": period, "TreatMissingData": missing,
        }))
    }
}

proptest! {
    /// Evaluated with all data there is, or as it comes in and with old data forgotten, minute by minute: the
    /// same. And never two notifications without a change of state between them.
    #[test]
    fn looking_ahead_does_not_matter(
        first in any_alarm(), second in any_alarm(), wait_s in 0_u32..200, extension_s in 0_u32..200,
        values in prop::collection::vec((prop::option::of(0_i32..2), prop::option::of(0_i32..2)), 1..40),
    ) {
        let mut second = second;
        second.alarm_name = "z".to_owned();
        let (a, z) = (first.alarm_name.clone(), "z");
        let suppressed = composite("c", &format!("ALARM(\"{a}\")"), &json!({
            "ActionsSuppressor": z, "ActionsSuppressorWaitPeriod": wait_s, "ActionsSuppressorExtensionPeriod": extension_s,
        }));
        let mut ahead = Watch::new(&[first, second], &[suppressed]).unwrap();
        let mut live = ahead.clone();
        let mut all = Data::default();
        let minute = |data: &mut Data, at_s: i64, (m, n): (Option<i32>, Option<i32>)| {
            data.put(&Name::new("N", "m", &[]), at_s, m.map(|value| Sample::of(f64::from(value))));
            data.put(&Name::new("N", "n", &[]), at_s, n.map(|value| Sample::of(f64::from(value))));
        };
        for (at, both) in (0..).zip(&values) {
            minute(&mut all, at * 60, *both);
        }
        let mut changed: BTreeMap<String, bool> = BTreeMap::new();
        let mut some = Data::default();
        for (at, both) in (0..).zip(&values) {
            minute(&mut some, at * 60, *both);
            let now_s = (at + 1) * 60;
            some.forget(now_s - live.reach_s());
            let steps = live.step(&some, now_s);
            prop_assert_eq!(&steps, &ahead.step(&all, now_s));
            for step in steps {
                let changed = changed.entry(step.alarm.clone()).or_default();
                *changed |= step.states.0 != step.states.1;
                if let Some(state) = step.notified {
                    prop_assert!(*changed, "{} twice without a change", step.alarm);
                    prop_assert_eq!(state, step.states.1);
                    *changed = false;
                }
            }
        }
    }
}

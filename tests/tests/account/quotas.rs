//! Calls are paced below the account's quotas, and long lists are read to their end.

use std::time::Instant;

use harness::emulator::Emulator;
use harness::role::Role;
use serde_json::json;
use starttech_agent::alarms::definition::Alarm;
use starttech_agent::provision::{Actual, Content, Kind, Resource};

use crate::fixture::*;

#[tokio::test]
async fn thirty_alarms_stay_below_the_quota_and_hundreds_of_others_are_read_past() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    role.hold_quotas(true);
    let raw = emulator.client();
    for number in 0..250 {
        let alarm = json!({ "AlarmName": format!("other-{number:03}"), "MetricName": "m", "Namespace": "n",
            "Statistic": "Sum", "Period": 86_400, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ActionsEnabled": false, "ComparisonOperator": "GreaterThanThreshold" });
        raw.cloudwatch("PutMetricAlarm", &alarm);
    }
    let account = account(&role.url()).await;
    let template = everything().remove(6);
    let wanted: Vec<Resource> = (0..30)
        .map(|number| {
            let Content::Alarm(alarm) = &template.content else { panic!("no alarm") };
            let name = format!("starttech-{number}");
            let alarm = Alarm { alarm_name: name.clone(), ..alarm.clone() };
            resource(Kind::Alarm, EU, &name, Content::Alarm(alarm))
        })
        .collect();
    let began = Instant::now();
    put_all(&account, &wanted, &Actual::default()).await;
    let took = began.elapsed();
    let rate = role.highest_rate("cloudwatch:PutMetricAlarm");
    println!("30 alarms in {took:?}, at most {rate} in a second");
    assert_eq!(
        (role.calls("cloudwatch:PutMetricAlarm"), role.throttled("cloudwatch:PutMetricAlarm")),
        (30, 0)
    );
    assert!(rate <= 3, "{rate} in a second");

    role.forget();
    let actual = read(&account).await;
    assert_there(&actual, &wanted);
    assert_eq!(actual.held.len(), 280);
    assert_eq!(role.calls("cloudwatch:DescribeAlarms"), 4, "three pages here, one in {US}");

    // Somebody else uses the quota up: it takes longer, and nothing is lost.
    role.forget();
    let other = self::account(&role.url()).await;
    let (half, rest) = wanted.split_at(6);
    tokio::join!(put_all(&account, half, &actual), put_all(&other, &rest[..6], &actual));
    assert!(role.throttled("cloudwatch:PutMetricAlarm") > 0, "two at once are too many");
    assert_there(&read(&account).await, &wanted);
}

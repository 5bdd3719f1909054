//! What was made is what is read: a second plan has nothing to do.

use harness::emulator::Emulator;
use harness::role::{ACCOUNT, Role};
use serde_json::json;
use starttech_agent::alarms::definition::{Alarm, Dimension};
use starttech_agent::provision::desired::{Desired, desired};
use starttech_agent::provision::parts::Parts;
use starttech_agent::provision::plan::{self, Knowledge, Step};
use starttech_agent::provision::{Account, Actual, Content, Kind, Resource, Settings};

use crate::fixture::*;

/// What is left to do, in words.
fn drift(wanted: &[Resource], actual: &Actual) -> Vec<String> {
    let desired = Desired { resources: wanted.to_vec(), notes: Vec::new() };
    let plan = plan::plan(&desired, actual, "starttech", Knowledge::Whole);
    assert_eq!(plan.changes.len(), wanted.len(), "nothing else is there");
    let different = plan.changes.iter().filter(|change| change.step != Step::Keep);
    different.map(|change| format!("{} {:?} {:?}", change.address, change.step, change.fields)).collect()
}

/// The platform's own definitions, all of them.
#[tokio::test]
async fn everything_that_is_provisioned_stays_as_it_was_made() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    role.hold_quotas(true);
    role.attach(&document(PROVISIONER));
    let settings = Settings {
        emails: vec!["ops@example.com".to_owned(), "ops+alarms@example.com".to_owned()],
        publishers: vec!["starttech-host".to_owned()],
        retention_days: 14,
        namespace: "StartTech/Backend".to_owned(),
        container: "starttech-backend".to_owned(),
        without_data: true,
        ..settings()
    };
    let parts = Parts {
        region: EU.to_owned(),
        account_id: ACCOUNT.to_owned(),
        auto_scaling_group: Some("web".to_owned()),
        load_balancer: Some("app/web/0123456789abcdef".to_owned()),
        target_group: Some("targetgroup/web/0123456789abcdef".to_owned()),
        distribution: Some("E0123456789ABC".to_owned()),
        group_metrics: true,
        additional_metrics: true,
    };
    let wanted = desired(&settings, &parts).resources;
    for kind in Kind::ALL {
        assert!(wanted.iter().any(|wanted| wanted.address.kind == kind), "{kind:?}");
    }
    let account = account(&role.url()).await;
    assert_eq!(account.account_id().await.as_deref(), Ok(ACCOUNT));
    put_all(&account, &wanted, &Actual::default()).await;
    assert_eq!(drift(&wanted, &read(&account).await), [""; 0]);
    // Evenly sent is not evenly arrived where many want the processor; unpaced, nearly all would be refused.
    let throttled: usize = role.all_throttled().values().sum();
    assert!(throttled <= wanted.len() / 4, "{:?}", role.all_throttled());
}

/// The service has its own way of writing what it was given.
#[tokio::test]
async fn what_is_written_in_another_way_is_no_change() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let arn = |name: &str| format!("arn:aws:cloudwatch:{EU}:{ACCOUNT}:alarm:{name}");
    let mut wanted = everything();
    for wanted in &mut wanted {
        match &mut wanted.content {
            Content::Alarm(alarm) => {
                alarm.alarm_description = "Größe · 漢字 🦀\n\n<&>\"'".to_owned();
                if !is_math(alarm) {
                    alarm.dimensions.insert(0, dimension("Zone", "z"));
                    alarm.dimensions.push(dimension("A", "1"));
                }
            }
            Content::Dashboard { dashboard_body } => {
                *dashboard_body = json!({ "start": "-PT3H", "widgets": [{ "type": "metric", "x": 0, "width": 6.0,
                    "properties": { "title": "Größe · 漢字 🦀 \u{2028}\t\"\\", "annotations": { "horizontal": [
                        { "value": 70 }, { "value": 70.5 }, { "value": 1e21 }, { "value": -0.1 },
                        { "value": 9_007_199_254_740_993_i64 } ] }, "metrics": [], "legend": {} } }] });
            }
            Content::Topic { policy } => {
                policy["Statement"][0]["Action"] = json!(["sns:Publish"]);
                policy["Statement"][0]["Condition"] =
                    json!({ "StringEquals": { "aws:SourceAccount": ACCOUNT } });
            }
            Content::CompositeAlarm(alarm) => alarm.actions_suppressor = Some(arn("starttech-response-time")),
            _ => {}
        }
    }
    put_all(&account, &wanted, &Actual::default()).await;
    let actual = read(&account).await;
    assert_eq!(drift(&wanted, &actual), [""; 0]);

    for wanted in &mut wanted {
        match &mut wanted.content {
            Content::Alarm(alarm) => {
                alarm.dimensions.reverse();
                for query in &mut alarm.metrics {
                    let Some(stat) = &mut query.metric_stat else { continue };
                    stat.metric.dimensions.reverse();
                }
                alarm.metrics.reverse();
                alarm.datapoints_to_alarm.get_or_insert(alarm.evaluation_periods);
            }
            Content::Dashboard { dashboard_body } => dashboard_body["widgets"][0]["width"] = json!(6),
            Content::Topic { policy } => policy["Statement"][0]["Action"] = json!("SNS:Publish"),
            Content::CompositeAlarm(alarm) => {
                alarm.actions_suppressor = Some("starttech-response-time".to_owned());
            }
            Content::SavedQuery { log_group_names, .. } => log_group_names.reverse(),
            _ => {}
        }
    }
    assert_eq!(drift(&wanted, &actual), [""; 0]);

    // And what means another thing is a change, each in its place.
    for wanted in &mut wanted {
        match &mut wanted.content {
            Content::LogGroup { retention_in_days } => *retention_in_days = Some(30),
            Content::Topic { policy } => policy["Statement"][0]["Action"] = json!("sns:Subscribe"),
            Content::Alarm(alarm) if is_math(alarm) => alarm.metrics.truncate(2),
            Content::Alarm(alarm) => alarm.dimensions.clear(),
            Content::CompositeAlarm(alarm) => alarm.actions_suppressor = Some("starttech-cpu".to_owned()),
            Content::Dashboard { dashboard_body } => dashboard_body["start"] = json!("-PT4H"),
            Content::SavedQuery { query_string, .. } => query_string.push(' '),
            Content::Subscription { .. } => {}
        }
    }
    let other = wanted.iter().filter(|wanted| wanted.address.kind != Kind::Subscription);
    assert_eq!(drift(&wanted, &actual).len(), other.count());
}

fn is_math(alarm: &Alarm) -> bool {
    !alarm.metrics.is_empty()
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension { name: name.to_owned(), value: value.to_owned() }
}

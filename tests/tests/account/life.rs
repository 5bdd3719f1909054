//! Everything is made, seen, changed and removed, with exactly the provisioner's rights.

use std::collections::BTreeSet;

use harness::client::Client;
use harness::emulator::Emulator;
use harness::role::{self, ACCOUNT, Role};
use serde_json::{Value, json};
use starttech_agent::provision::{Account, Actual, Content, Kind, Resource};

use crate::fixture::*;

/// The whole life of everything, with exactly the rights of `provisioner.json`.
#[tokio::test]
async fn every_kind_is_made_seen_changed_and_removed_with_the_provisioners_rights() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let policy = document(PROVISIONER);
    role.attach(&policy);
    let account = account(&role.url()).await;
    assert_eq!(account.account_id().await.as_deref(), Ok(ACCOUNT));
    assert_eq!(read(&account).await, Actual::default());

    role.warn_of_dashboards(&[("/widgets/0", "is quite empty")]);
    let wanted = everything();
    let words = put_all(&account, &wanted, &Actual::default()).await;
    let expected = [
        "whoever reads it must confirm the mail that SNS has sent",
        "it must confirm the message that SNS has sent to it",
        "/widgets/0: is quite empty",
    ];
    assert_eq!(words, expected);
    let actual = read(&account).await;
    assert_there(&actual, &wanted);
    assert_eq!(actual.held.len(), wanted.len());
    let mail = &wanted[4];
    assert_eq!(of(&actual, mail).unwrap().id.as_deref(), Some("PendingConfirmation"));
    role.confirm("ops@example.com");
    let confirmed = read(&account).await;
    assert!(of(&confirmed, mail).unwrap().id.as_ref().unwrap().starts_with("arn:aws:sns:"));
    assert_eq!(put_all(&account, &wanted[4..5], &confirmed).await, [""; 0], "nothing more to confirm");

    let raw = emulator.client();
    drift(&raw);
    let drifted = read(&account).await;
    for (index, wanted) in wanted.iter().enumerate().filter(|(index, _)| [0, 2, 6, 11].contains(index)) {
        assert_ne!(of(&drifted, wanted).unwrap().resource.content, wanted.content, "{index}");
    }
    let Content::Dashboard { dashboard_body } = &of(&drifted, &wanted[11]).unwrap().resource.content else {
        panic!("no dashboard")
    };
    assert_eq!(dashboard_body, &json!({ "widgets": [] }));

    let other: Vec<Resource> = wanted.iter().map(changed).collect();
    let words = put_all(&account, &other, &drifted).await;
    assert_eq!(words, ["/widgets/0: is quite empty"], "with tags and all");
    assert_there(&read(&account).await, &other);
    account.publish(&topic_arn(EU), "A test", "It arrives.").await.unwrap();

    delete_all(&account, &other).await;
    let left = read(&account).await;
    assert_eq!((left.held.len(), left.unread.len()), (0, 0), "{left:?}");
    let was: Vec<_> = drifted.held.iter().filter(|held| held.resource.address.kind == Kind::Alarm).collect();
    account.delete(was[0]).await.unwrap();
    account.find().await;
    assert_eq!(role.denied(), BTreeSet::new());
    assert_least(&policy, &role.asked());
}

/// What somebody does in the console.
fn drift(raw: &Client) {
    let group = json!({ "logGroupName": GROUP, "retentionInDays": 3 });
    assert_eq!(raw.call("PutRetentionPolicy", &group).unwrap().status, 200);
    let alarm = json!({ "AlarmName": "starttech-cpu", "MetricName": "CPUUtilization", "Namespace": "AWS/EC2",
        "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 99.0,
        "ComparisonOperator": "GreaterThanThreshold" });
    raw.cloudwatch("PutMetricAlarm", &alarm);
    let body = r#"{"widgets":[]}"#;
    raw.cloudwatch("PutDashboard", &json!({ "DashboardName": "StartTech", "DashboardBody": body }));
    let topic = topic_arn(EU);
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let set = [
        ("Action", "SetTopicAttributes"),
        ("Version", "2010-03-31"),
        ("TopicArn", topic.as_str()),
        ("AttributeName", "Policy"),
        ("AttributeValue", policy),
    ];
    let answer = raw.query("sns", &set).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Nothing could be taken out of the policy: each action was needed, and none on everything that could be on
/// less.
fn assert_least(policy: &Value, asked: &BTreeSet<(String, String)>) {
    /// Actions without resources, and those that are refused where they may not be done to all.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>,
    /// `…/list_amazoncloudwatchlogs.html`, `…/list_amazonsns.html`;
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
    const ON_EVERYTHING: [&str; 8] = [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListMetrics",
        "cloudwatch:PutCompositeAlarm",
        "logs:DeleteQueryDefinition",
        "logs:DescribeLogGroups",
        "logs:DescribeQueryDefinitions",
        "logs:PutQueryDefinition",
        "sns:ListTopics",
    ];
    // What `alarms drill` asks for, which tests/tests/drill.rs refuses once.
    let alarm = format!("arn:aws:cloudwatch:eu-west-1:{}:alarm:starttech-cpu", role::ACCOUNT);
    let drill = ("cloudwatch:SetAlarmState".to_owned(), alarm);
    let statements = policy["Statement"].as_array().unwrap();
    for (number, statement) in statements.iter().enumerate() {
        for (index, action) in statement["Action"].as_array().unwrap().iter().enumerate() {
            let mut less = policy.clone();
            less["Statement"][number]["Action"].as_array_mut().unwrap().remove(index);
            let lacks = |(action, resource): &(String, String)| !role::allows(&less, action, resource);
            assert!(
                asked.iter().chain([&drill]).any(lacks),
                "{action} of {} is not needed",
                statement["Sid"]
            );
            let everything = statement["Resource"] == "*";
            assert_eq!(everything, ON_EVERYTHING.contains(&action.as_str().unwrap()), "{action}");
        }
    }
}

/// Of a subscription, the end is nothing that a plan asks for.
#[tokio::test]
async fn a_subscription_ends_once_it_was_confirmed() {
    let emulator = Emulator::start();
    let role = Role::start(emulator.address());
    let account = account(&role.url()).await;
    let wanted = [topic(EU), subscription(EU, "email", "ops@example.com")];
    put_all(&account, &wanted, &Actual::default()).await;
    let actual = read(&account).await;
    let refusal = account.delete(of(&actual, &wanted[1]).unwrap()).await.unwrap_err();
    assert!(refusal.to_string().contains("48 hours"), "{refusal}");
    role.confirm("ops@example.com");
    let actual = read(&account).await;
    account.delete(of(&actual, &wanted[1]).unwrap()).await.unwrap();
    assert_eq!(of(&read(&account).await, &wanted[1]), None);
}

//! What the tests share: an account seen through the edge, and one thing of each kind.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::config::Credentials;
use harness::role::ACCOUNT;
use serde_json::{Value, json};
use starttech_agent::alarms::definition::{Alarm, Composite};
use starttech_agent::aws;
use starttech_agent::aws::account::AwsAccount;
use starttech_agent::provision::{Account, Actual, Address, Content, Held, Kind, Resource, Settings};

pub(crate) const EU: &str = "eu-west-1";
pub(crate) const US: &str = "us-east-1";
pub(crate) const GROUP: &str = "/starttech/backend";
pub(crate) const TOPIC: &str = "starttech-alarms";
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What the default role may do.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/CloudWatchAgentServerPolicy.html>
pub(crate) const DEFAULT_ROLE: &str = include_str!("../../policies/cloudwatch-agent-server-policy.json");
pub(crate) const PROVISIONER: &str = include_str!("../../../packaging/iam/provisioner.json");
pub(crate) const HOST_MINIMAL: &str = include_str!("../../../packaging/iam/host-minimal.json");
pub(crate) const HOST_WITH_ALERTS: &str = include_str!("../../../packaging/iam/host-with-alerts.json");

pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) async fn account(url: &str) -> AwsAccount {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws::http_client())
        .region(Region::new(EU))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .load()
        .await;
    AwsAccount::new(&sdk, &settings())
}

pub(crate) fn settings() -> Settings {
    Settings {
        prefix: "starttech".to_owned(),
        dashboard: "StartTech".to_owned(),
        topic: TOPIC.to_owned(),
        log_groups: vec![GROUP.to_owned(), "/starttech/frontend".to_owned()],
        ..Settings::default()
    }
}

pub(crate) async fn read(account: &AwsAccount) -> Actual {
    account.read(&[EU.to_owned(), US.to_owned()]).await
}

pub(crate) fn topic_arn(region: &str) -> String {
    format!("arn:aws:sns:{region}:{ACCOUNT}:{TOPIC}")
}

pub(crate) fn resource(kind: Kind, region: &str, name: &str, content: Content) -> Resource {
    let tags = if kind == Kind::Subscription {
        BTreeMap::new()
    } else {
        BTreeMap::from([("starttech-agent".to_owned(), "starttech revision 1".to_owned())])
    };
    Resource { address: Address { kind, region: region.to_owned(), name: name.to_owned() }, content, tags }
}

pub(crate) fn alarm(region: &str, definition: Value) -> Resource {
    let alarm: Alarm = serde_json::from_value(definition).unwrap();
    resource(Kind::Alarm, region, &alarm.alarm_name.clone(), Content::Alarm(alarm.normal()))
}

pub(crate) fn topic(region: &str) -> Resource {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Alarms", "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" },
        "Action": "sns:Publish", "Resource": topic_arn(region) }] });
    resource(Kind::Topic, region, TOPIC, Content::Topic { policy })
}

pub(crate) fn subscription(region: &str, protocol: &str, endpoint: &str) -> Resource {
    let name = format!("{TOPIC}/{protocol}/{endpoint}");
    let (protocol, endpoint) = (protocol.to_owned(), endpoint.to_owned());
    let content = Content::Subscription { topic_arn: topic_arn(region), protocol, endpoint };
    resource(Kind::Subscription, region, &name, content)
}

/// Each kind, and alarms of each form, in the order in which they are made.
pub(crate) fn everything() -> Vec<Resource> {
    let one = |region: &str| {
        json!({ "AlarmName": "starttech-cpu", "AlarmDescription": "CPU.\n\nManaged by …",
            "AlarmActions": [topic_arn(region)], "OKActions": [topic_arn(region)],
            "Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 300,
            "Dimensions": [{ "Name": "AutoScalingGroupName", "Value": "web" }],
            "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 70.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching" })
    };
    let count = |id: &str, name: &str| {
        json!({ "Id": id, "ReturnData": false, "MetricStat": { "Stat": "Sum", "Period": 300, "Metric": {
            "Namespace": "AWS/ApplicationELB", "MetricName": name,
            "Dimensions": [{ "Name": "LoadBalancer", "Value": "app/a/1" }] } } })
    };
    let math = json!({ "AlarmName": "starttech-error-rate", "ActionsEnabled": false, "Metrics": [
            { "Id": "rate", "Expression": "IF(all > 20, 100 * bad / all, 0)", "Label": "Errors", "ReturnData": true },
            count("all", "RequestCount"), count("bad", "HTTPCode_Target_5XX_Count") ],
        "EvaluationPeriods": 2, "Threshold": 5.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "breaching" });
    let slow = json!({ "AlarmName": "starttech-response-time", "Namespace": "AWS/ApplicationELB",
        "MetricName": "TargetResponseTime", "ExtendedStatistic": "p95", "Period": 60, "EvaluationPeriods": 5,
        "Dimensions": [{ "Name": "LoadBalancer", "Value": "app/a/1" }],
        "Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "ignore" });
    let cpu = |name: &str| format!("arn:aws:cloudwatch:{EU}:{ACCOUNT}:alarm:{name}");
    let rule = format!("ALARM(\"{}\") OR ALARM(\"{}\")", cpu("starttech-cpu"), cpu("starttech-error-rate"));
    let composite: Composite = serde_json::from_value(json!({ "AlarmName": "starttech-down",
        "AlarmDescription": "Both.", "AlarmActions": [topic_arn(EU)], "AlarmRule": rule,
        "ActionsSuppressor": "starttech-response-time", "ActionsSuppressorWaitPeriod": 60,
        "ActionsSuppressorExtensionPeriod": 30 }))
    .unwrap();
    let dashboard = json!({ "widgets": [{ "type": "text", "x": 0, "y": 0, "width": 24, "height": 2,
        "properties": { "markdown": "# StartTech" } }] });
    let query = Content::SavedQuery {
        log_group_names: vec![GROUP.to_owned()],
        query_string: "fields @timestamp, @message\n| filter level = 'ERROR'".to_owned(),
    };
    let group = |name| resource(Kind::LogGroup, EU, name, Content::LogGroup { retention_in_days: Some(14) });
    vec![
        group(GROUP),
        group("/starttech/frontend"),
        topic(EU),
        topic(US),
        subscription(EU, "email", "ops@example.com"),
        // Nobody listens there.
        subscription(EU, "https", "https://127.0.0.1:9/hook?a=1&b=2"),
        alarm(EU, one(EU)),
        alarm(EU, math),
        alarm(EU, slow),
        alarm(US, one(US)),
        resource(Kind::CompositeAlarm, EU, "starttech-down", Content::CompositeAlarm(composite)),
        resource(Kind::Dashboard, EU, "StartTech", Content::Dashboard { dashboard_body: dashboard }),
        resource(Kind::SavedQuery, EU, "starttech/errors", query),
    ]
}

/// Another of the same name, with something of it different.
pub(crate) fn changed(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    resource.tags.insert("team".to_owned(), "platform".to_owned());
    match &mut resource.content {
        Content::LogGroup { retention_in_days } => *retention_in_days = Some(30),
        Content::Topic { policy } => policy["Statement"][0]["Sid"] = json!("Other"),
        Content::Subscription { .. } => resource.tags.clear(),
        Content::Alarm(alarm) => alarm.threshold = Some(12.5),
        Content::CompositeAlarm(alarm) => "Changed.".clone_into(&mut alarm.alarm_description),
        Content::Dashboard { dashboard_body } => dashboard_body["widgets"][0]["width"] = json!(12),
        Content::SavedQuery { query_string, .. } => "fields @message".clone_into(query_string),
    }
    resource
}

pub(crate) fn of<'a>(actual: &'a Actual, wanted: &Resource) -> Option<&'a Held> {
    actual.held.iter().find(|held| held.resource.address == wanted.address)
}

pub(crate) fn assert_there(actual: &Actual, wanted: &[Resource]) {
    for wanted in wanted {
        let held = of(actual, wanted).unwrap_or_else(|| panic!("{} is not there", wanted.address));
        assert_eq!(held.resource.content, wanted.content, "{}", wanted.address);
        if wanted.address.kind.tags_are_read() {
            assert_eq!(held.resource.tags, wanted.tags, "{}", wanted.address);
        }
        let is_alarm = matches!(wanted.address.kind, Kind::Alarm | Kind::CompositeAlarm);
        assert_eq!(held.state.is_some(), is_alarm, "{}", wanted.address);
    }
    assert_eq!(actual.unread, [], "everything may be read");
}

pub(crate) async fn put_all(account: &AwsAccount, wanted: &[Resource], actual: &Actual) -> Vec<String> {
    let mut words = Vec::new();
    for wanted in wanted {
        let said = account.put(wanted, of(actual, wanted)).await;
        words.extend(said.unwrap_or_else(|refusal| panic!("{}: {refusal}", wanted.address)));
    }
    words
}

pub(crate) async fn delete_all(account: &AwsAccount, wanted: &[Resource]) {
    let actual = read(account).await;
    for wanted in wanted.iter().rev().filter(|wanted| wanted.address.kind != Kind::Subscription) {
        // Another may have been faster.
        let Some(held) = of(&actual, wanted) else { continue };
        account.delete(held).await.unwrap_or_else(|refusal| panic!("{}: {refusal}", wanted.address));
    }
}

pub(crate) fn is_kind(kind: Kind) -> impl Fn(&&Resource) -> bool {
    move |resource| resource.address.kind == kind
}

//! What is exported, read by those who shall read it: `CloudFormation`'s linter, and an emulator that makes a
//! stack of it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use harness::client::Client;
use harness::emulator::{self, Emulator};
use harness::wait;
use serde_json::Value;
use starttech_agent::provision::desired::{Desired, desired};
use starttech_agent::provision::export::{cloudformation, regions};
use starttech_agent::provision::parts::Parts;
use starttech_agent::provision::{Kind, Resource, Settings};

/// Half a minute on an idle machine, where nothing else is made at the same time.
const STACK: Duration = Duration::from_mins(3);

/// Everything there can be.
fn all() -> Desired {
    let text = |text: &str| text.to_owned();
    let settings = Settings {
        prefix: text("exported"),
        dashboard: text("Exported"),
        topic: text("exported-alarms"),
        emails: vec![text("on-call@example.com")],
        webhooks: vec![text("http://127.0.0.1:9/alarms")],
        publishers: vec![text("exported-role")],
        log_groups: vec![text("/exported/backend"), text("/exported/frontend")],
        retention_days: 14,
        namespace: text("StartTech/Backend"),
        container: text("starttech-backend"),
        tags: [(text("team"), text("platform"))].into(),
        ..Settings::default()
    };
    let parts = Parts {
        region: text("eu-west-1"),
        account_id: text("000000000000"),
        auto_scaling_group: Some(text("exported-asg")),
        load_balancer: Some(text("app/exported-alb/0123456789abcdef")),
        target_group: Some(text("targetgroup/exported-tg/fedcba9876543210")),
        distribution: Some(text("E1EXAMPLE2345")),
        group_metrics: true,
        additional_metrics: true,
    };
    desired(&settings, &parts)
}

#[test]
fn the_linter_of_cloudformation_finds_nothing() {
    let directory = tempfile::TempDir::with_prefix("exports-").expect("a temporary directory");
    let desired = all();
    for region in regions(&desired) {
        let path = directory.path().join(format!("{region}.json"));
        fs::write(&path, cloudformation(&desired, &region).to_string()).expect("a file");
        let lint = |path: &std::path::Path| {
            // It would look for a newer version of itself otherwise.
            let mut lint = Command::new(emulator::tool("cfn-lint"));
            lint.env("HOME", directory.path()).arg("--include-checks").arg("I");
            lint.args(["--regions", &region, "--template"]).arg(path).output().expect("cfn-lint")
        };
        let came = lint(&path);
        let said = String::from_utf8_lossy(&came.stdout).into_owned();
        assert!(came.status.success() && said.is_empty(), "{region}: {said}");

        // And it would find something.
        let mut broken = cloudformation(&desired, &region);
        let resources = broken["Resources"].as_object_mut().expect("resources");
        let alarm =
            resources.values_mut().find(|one| one["Type"] == "AWS::CloudWatch::Alarm").expect("an alarm");
        alarm["Properties"]["ComparisonOperator"] = "GreaterThan".into();
        fs::write(&path, broken.to_string()).expect("a file");
        assert!(!lint(&path).status.success(), "{region}");
    }
}

/// The text of an element in XML without attributes.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// Makes a stack and waits until it stands.
fn deploy(client: &Client, name: &str, template: &Value) {
    let call = |parameters: &[(&str, &str)]| {
        let version = [("Version", "2010-05-15"), ("StackName", name)];
        let answer = client.query("cloudformation", &[&version, parameters].concat()).expect("an answer");
        (answer.status, answer.text())
    };
    let (status, text) = call(&[("Action", "CreateStack"), ("TemplateBody", &template.to_string())]);
    assert_eq!(
        status,
        200,
        "{}",
        text.chars().rev().take(600).collect::<String>().chars().rev().collect::<String>()
    );
    let mut last = String::new();
    wait::until(STACK, "the stack", || {
        last = call(&[("Action", "DescribeStacks")]).1;
        element(&last, "StackStatus").is_some_and(|status| !status.ends_with("_IN_PROGRESS"))
    });
    if element(&last, "StackStatus") != Some("CREATE_COMPLETE") {
        let (_, events) = call(&[("Action", "DescribeStackEvents")]);
        panic!("{last}\n{events}");
    }
}

#[test]
fn an_emulator_makes_a_stack_of_it() {
    let emulator = Emulator::start();
    let client = emulator.client();
    let desired = all();
    let mut template = cloudformation(&desired, "eu-west-1");
    let resources = template["Resources"].as_object_mut().expect("resources");
    // Only what comes from S3 may be longer than 51,200 bytes. The emulator skips a dashboard anyway, and
    // saved queries, and the retention of a group: these only the linter has read.
    resources.remove("DashboardExported").expect("a dashboard");
    deploy(&client, "exported", &template);

    assert_eq!(client.groups("/exported/"), ["/exported/backend", "/exported/frontend"]);
    let ask = |service: &str, version: &str, action: &str| {
        let answer = client.query(service, &[("Action", action), ("Version", version)]).expect("an answer");
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        answer.text()
    };
    let text = ask("monitoring", "2010-08-01", "DescribeAlarms");
    let mut stand: Vec<&str> =
        text.split("<AlarmName>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    stand.sort_unstable();
    let is_alarm = |one: &&Resource| {
        let of = &one.address;
        of.region == "eu-west-1" && matches!(of.kind, Kind::Alarm | Kind::CompositeAlarm)
    };
    let mut wanted: Vec<&str> =
        desired.resources.iter().filter(is_alarm).map(|one| one.address.name.as_str()).collect();
    wanted.sort_unstable();
    assert_eq!(stand, wanted);
    let topic = "arn:aws:sns:eu-west-1:000000000000:exported-alarms";
    let action = format!("<AlarmActions><member>{topic}</member></AlarmActions>");
    assert_eq!(text.matches(&action).count(), wanted.len(), "{text}");
    let text = ask("sns", "2010-03-31", "ListSubscriptions");
    for endpoint in ["on-call@example.com", "http://127.0.0.1:9/alarms"] {
        assert!(text.contains(&format!("<TopicArn>{topic}</TopicArn><Endpoint>{endpoint}<")), "{text}");
    }
}

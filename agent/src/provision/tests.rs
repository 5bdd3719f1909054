//! What is provisioned, held against what the agent sends, what the service takes, and itself.

mod alarms;
mod dashboard;
mod document;
mod queries;

use std::collections::BTreeMap;

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use super::desired::{Desired, desired};
use super::mark::{Mark, REVISION};
use super::parts::Parts;
use super::{Content, Kind, Resource, Settings, Wanted};

/// As the platform leaves an account, with all that can be enabled.
pub(in crate::provision) fn settings() -> Settings {
    let text = |text: &str| text.to_owned();
    Settings {
        prefix: text("starttech"),
        dashboard: text("StartTech"),
        topic: text("starttech-alarms"),
        emails: vec![text("on-call@example.com")],
        webhooks: vec![text("https://hooks.example.com/alarms")],
        publishers: vec![text("starttech-backend-role")],
        runbook: Some(text("https://wiki.example.com/starttech")),
        log_groups: vec![text("/starttech/backend"), text("/starttech/frontend")],
        retention_days: 14,
        namespace: text("StartTech/Backend"),
        container: text("starttech-backend"),
        tags: BTreeMap::from([(text("team"), text("platform"))]),
        ..Settings::default()
    }
}

pub(in crate::provision) fn parts() -> Parts {
    let some = |text: &str| Some(text.to_owned());
    Parts {
        region: "eu-west-1".into(),
        account_id: "123456789012".into(),
        auto_scaling_group: some("starttech-asg"),
        load_balancer: some("app/starttech-alb/0123456789abcdef"),
        target_group: some("targetgroup/starttech-tg/fedcba9876543210"),
        distribution: some("E1EXAMPLE2345"),
        group_metrics: true,
        additional_metrics: true,
    }
}

/// All combinations of parts that there can be.
fn all_parts() -> Vec<Parts> {
    let without = |change: fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        parts
    };
    vec![
        parts(),
        without(|parts| parts.group_metrics = false),
        without(|parts| parts.additional_metrics = false),
        without(|parts| (parts.load_balancer, parts.target_group) = (None, None)),
        without(|parts| parts.target_group = None),
        without(|parts| parts.distribution = None),
        without(|parts| parts.auto_scaling_group = None),
        Parts { region: "eu-west-1".into(), account_id: "123456789012".into(), ..Parts::default() },
    ]
}

fn shown(resource: &Resource) -> Value {
    json!({"address": resource.address.to_string(), "content": resource.content, "tags": resource.tags})
}

/// Whoever changes this file raises [`REVISION`], for an older agent must not overwrite what a newer one made.
/// The file's name holds it: `UPDATE_EXPECT=1` writes the new one, and the old one goes.
#[test]
fn everything_of_this_revision() {
    let Desired { resources, notes } = desired(&settings(), &parts());
    let all: Vec<Value> = resources.iter().map(shown).collect();
    let text = serde_json::to_string_pretty(&json!({"resources": all, "notes": notes})).unwrap();
    expect_file![format!("../../tests/golden/revision-{REVISION}.json")].assert_eq(&(text + "\n"));
}

#[test]
fn what_is_left_out_is_said_with_what_mends_it() {
    let parts = Parts { group_metrics: false, additional_metrics: false, target_group: None, ..parts() };
    let notes = desired(&settings(), &parts).notes;
    expect![[r#"
        left out: the alarms unhealthy-targets no-healthy-target response-time error-rate, 5 widgets; there is no target group: if there is, name it (provision.target_group)
        left out: the alarm asg-below-desired, the widget "Auto Scaling group: desired against in service (hosts)"; the Auto Scaling group sends no metrics of its own: aws autoscaling enable-metrics-collection --auto-scaling-group-name starttech-asg --granularity 1Minute --region eu-west-1
        left out: the alarm cache-hit-rate, the widget "CloudFront: cache hit rate (% of requests)"; the distribution sends no additional metrics: aws cloudfront create-monitoring-subscription --distribution-id E1EXAMPLE2345 --monitoring-subscription RealtimeMetricsSubscriptionConfig={RealtimeMetricsSubscriptionStatus=Enabled}
        17 alarms on 19 metrics, 3 composite alarms and 1 dashboard: about $6.40 a month by list price, less what the account's free tier still has (10 alarm metrics, 3 dashboards)"#]].assert_eq(&notes.join("\n"));

    let none = Settings { target_group: Wanted::Nothing, ..settings() };
    assert!(!desired(&none, &parts).notes.join(" ").contains("target group"), "the operator knows");

    let nothing = Parts { region: "eu-west-1".into(), account_id: "123456789012".into(), ..Parts::default() };
    let Desired { resources, notes } = desired(&settings(), &nothing);
    expect![[r"
        left out: the alarms cpu-warning cpu-critical cpu-credits memory disk instance-check asg-below-desired container-down container-restarts health-down error-rate-backend error-lines panics agent-silent agent-falling-behind events-dropped, 19 widgets; there is no Auto Scaling group: if there is, name it (host.auto_scaling_group)
        left out: the alarms unhealthy-targets no-healthy-target response-time error-rate load-balancer-5xx, 6 widgets; there is no load balancer: if there is, name it (provision.load_balancer)
        left out: the alarms cloudfront-error-rate cache-hit-rate, 3 widgets; there is no CloudFront distribution: if there is, name it (provision.distribution)
        1 dashboard: about $3.00 a month by list price, less what the account's free tier still has (10 alarm metrics, 3 dashboards)"]].assert_eq(&notes.join("\n"));
    let alarms = resources.iter().filter(|resource| resource.address.kind == Kind::Alarm).count();
    assert_eq!(alarms, 0, "every alarm is about a part");
}

#[test]
fn no_placeholder_is_ever_left() {
    for parts in all_parts() {
        for without_data in [false, true] {
            let settings = Settings { without_data, ..settings() };
            let Desired { resources, notes } = desired(&settings, &parts);
            assert!(notes.iter().all(|note| !note.contains("nothing stands for")), "{notes:#?}");
            for resource in &resources {
                let text = serde_json::to_string(&shown(resource)).unwrap();
                for left in ["${", "YOUR_", "null", "TODO"] {
                    assert!(!text.contains(left), "{left} in {text}");
                }
                // `<b>`, not `(?<route>…)` nor "below <".
                let text = text.replace("(?<", "");
                let open = text.match_indices('<').map(|(at, _)| text.get(at + 1..).unwrap_or_default());
                for rest in open {
                    assert!(!rest.starts_with(|c: char| c.is_alphabetic()), "a placeholder in {text}");
                }
            }
        }
    }
}

#[test]
fn everything_carries_the_mark_and_stands_in_the_order_of_kinds() {
    let Desired { resources, .. } = desired(&settings(), &parts());
    let current = Mark::current("starttech");
    for resource in &resources {
        if resource.address.kind != Kind::Subscription {
            assert_eq!(Mark::of(resource).as_ref(), Some(&current), "{}", resource.address);
        }
    }
    assert!(resources.is_sorted_by_key(|resource| resource.address.kind));
    let mut addresses: Vec<_> = resources.iter().map(|resource| &resource.address).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), resources.len());
    let kinds =
        Kind::ALL.map(|kind| resources.iter().filter(|resource| resource.address.kind == kind).count());
    assert_eq!(kinds, [2, 2, 4, 23, 3, 1, 13]);
}

#[test]
fn topics_are_for_alarms_of_this_account_and_the_named_roles() {
    let of = |settings: &Settings, parts: &Parts| -> Vec<(String, Value)> {
        let topics =
            desired(settings, parts).resources.into_iter().filter_map(|resource| match resource.content {
                Content::Topic { policy } => Some((resource.address.region, policy)),
                _ => None,
            });
        topics.collect()
    };
    let with = of(&settings(), &parts());
    assert_eq!(
        with.iter().map(|(region, _)| region.as_str()).collect::<Vec<_>>(),
        ["eu-west-1", "us-east-1"]
    );
    for (region, policy) in &with {
        let source = &policy["Statement"][0]["Condition"];
        assert_eq!(source["StringEquals"]["aws:SourceAccount"], "123456789012");
        assert_eq!(
            source["ArnLike"]["aws:SourceArn"],
            format!("arn:aws:cloudwatch:{region}:123456789012:alarm:*")
        );
        let condition = &policy["Statement"][1]["Condition"];
        assert_eq!(condition["StringEquals"]["aws:PrincipalAccount"], "123456789012");
    }
    let alone = Settings { publishers: Vec::new(), ..settings() };
    let parts = Parts { distribution: None, ..parts() };
    let without = of(&alone, &parts);
    assert_eq!(without.len(), 1);
    assert_eq!(without[0].1["Statement"].as_array().unwrap().len(), 1);
    let china = Parts { region: "cn-north-1".into(), ..parts };
    assert_eq!(
        super::topic::arn(&alone, &china, "cn-north-1"),
        "arn:aws-cn:sns:cn-north-1:123456789012:starttech-alarms"
    );
}

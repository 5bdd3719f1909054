//! Exports say what is provisioned, in the words of who reads them.

use std::collections::BTreeSet;

use expect_test::expect_file;
use serde_json::Value;

use super::{cloudformation, regions, terraform};
use crate::provision::Settings;
use crate::provision::desired::{Desired, desired};
use crate::provision::tests::{parts, settings};

fn all() -> Desired {
    desired(&settings(), &parts())
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn templates_of_both_regions() {
    let desired = all();
    assert_eq!(regions(&desired), ["eu-west-1", "us-east-1"]);
    let mut resources = 0;
    for region in regions(&desired) {
        let template = cloudformation(&desired, &region);
        expect_file![format!("../../../tests/golden/cloudformation-{region}.json")]
            .assert_eq(&pretty(&template));
        let of = template["Resources"].as_object().unwrap();
        // A topic's policy is a thing of its own there.
        resources += of.values().filter(|one| one["Type"] != "AWS::SNS::TopicPolicy").count();
        for (id, one) in of {
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
            for member in one["DependsOn"].as_array().into_iter().flatten() {
                assert!(of.contains_key(member.as_str().unwrap()), "{id} depends on {member}");
            }
        }
        assert!(!template.to_string().contains("arn:aws:sns"), "topics are referred to");
    }
    assert_eq!(resources, desired.resources.len(), "each is exported once");
}

#[test]
fn terraform_of_all_regions() {
    let exported = terraform(&all());
    expect_file!["../../../tests/golden/terraform.json"].assert_eq(&pretty(&exported));
    let resources = exported["resource"].as_object().unwrap();
    let count = |kind: &str| resources[kind].as_object().unwrap().len();
    let total: usize = resources.keys().map(|kind| count(kind)).sum();
    assert_eq!(total - count("aws_sns_topic_policy"), all().resources.len(), "each is exported once");
}

/// The arguments of the provider's documents.
/// <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cloudwatch_metric_alarm> and
/// those beside it, read by hand: no provider can be had where this is tested.
const ARGUMENTS: &[(&str, &str)] = &[
    ("aws_cloudwatch_log_group", "name retention_in_days skip_destroy tags"),
    ("aws_sns_topic", "name tags"),
    ("aws_sns_topic_policy", "arn policy"),
    ("aws_sns_topic_subscription", "topic_arn protocol endpoint"),
    (
        "aws_cloudwatch_metric_alarm",
        "alarm_name alarm_description actions_enabled alarm_actions ok_actions insufficient_data_actions \
         namespace metric_name dimensions statistic extended_statistic period unit metric_query \
         evaluation_periods datapoints_to_alarm threshold threshold_metric_id comparison_operator \
         treat_missing_data evaluate_low_sample_count_percentiles tags",
    ),
    ("metric_query", "id account_id expression label metric period return_data"),
    ("metric", "dimensions metric_name namespace period stat unit"),
    (
        "aws_cloudwatch_composite_alarm",
        "alarm_name alarm_description actions_enabled alarm_actions ok_actions insufficient_data_actions \
         alarm_rule actions_suppressor tags",
    ),
    ("actions_suppressor", "alarm extension_period wait_period"),
    ("aws_cloudwatch_dashboard", "dashboard_name dashboard_body"),
    ("aws_cloudwatch_query_definition", "name log_group_names query_string"),
];

fn check_arguments(kind: &str, arguments: &Value) {
    let (_, known) = ARGUMENTS.iter().find(|(known, _)| *known == kind).unwrap_or_else(|| panic!("{kind}"));
    let known: BTreeSet<&str> = known.split_whitespace().chain(["provider", "depends_on"]).collect();
    for (key, value) in arguments.as_object().unwrap() {
        assert!(known.contains(key.as_str()), "{kind} has no {key}");
        assert!(!value.is_null(), "{kind}: {key}");
        match key.as_str() {
            "metric_query" => value.as_array().unwrap().iter().for_each(|query| check_arguments(key, query)),
            "metric" | "actions_suppressor" => check_arguments(key, value),
            _ => {}
        }
    }
}

#[test]
fn the_provider_knows_every_argument() {
    let exported = terraform(&all());
    for (kind, of_kind) in exported["resource"].as_object().unwrap() {
        for (name, arguments) in of_kind.as_object().unwrap() {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
            check_arguments(kind, arguments);
            for member in arguments["depends_on"].as_array().into_iter().flatten() {
                let (kind, name) = member.as_str().unwrap().split_once('.').unwrap();
                assert!(exported["resource"][kind].get(name).is_some(), "{member}");
            }
        }
    }
}

#[test]
fn texts_are_no_templates_and_nothing_is_marked_as_ours() {
    let hostile = Settings {
        runbook: Some("https://wiki.example.com/${path}?x=%{y}".into()),
        container: "back${end}".into(),
        ..settings()
    };
    let desired = desired(&hostile, &parts());
    let text = terraform(&desired).to_string();
    let unescaped: Vec<&str> =
        text.split("$${").collect::<Vec<_>>().join("").match_indices("${").map(|_| "${").collect();
    let references = text.matches("${aws_sns_topic.").count();
    assert_eq!(unescaped.len(), references, "all that is left are references");
    assert!(text.contains("back$${end}") && text.contains("%%{y}"));
    for text in [text, cloudformation(&desired, "eu-west-1").to_string()] {
        assert!(!text.contains("Managed by starttech-agent") && !text.contains(r#""starttech-agent":"#));
        assert!(!text.contains(r#""Key":"starttech-agent""#));
    }
}

//! What a role lacks, as the policy to add to it.
//!
//! It makes no policy of what might be needed: only of what was refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Refusal;

/// Actions that are allowed on everything or not at all, whatever a refusal names.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>,
/// `…/list_amazoncloudwatchlogs.html`, `…/list_amazonsns.html`; of composite alarms:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>,
/// `…/API_DescribeAlarms.html`
const ON_EVERYTHING: [&str; 9] = [
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListMetrics",
    "cloudwatch:PutCompositeAlarm",
    "logs:DeleteQueryDefinition",
    "logs:DescribeLogGroups",
    "logs:DescribeQueryDefinitions",
    "logs:PutQueryDefinition",
    "sns:ListTopics",
    "sns:Unsubscribe",
];

/// A policy that allows what was refused and no more: one statement for actions on the same resources.
/// Without any, where nothing was refused for want of a right.
pub fn statement(refused: &[Refusal]) -> Value {
    let mut resources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for refusal in refused {
        if let Refusal::Denied { action, resource } = refusal {
            let whole = ON_EVERYTHING.contains(&action.as_str());
            resources.entry(action).or_default().insert(if whole { "*" } else { resource });
        }
    }
    let mut actions: BTreeMap<BTreeSet<&str>, BTreeSet<&str>> = BTreeMap::new();
    for (action, resources) in resources {
        actions.entry(resources).or_default().insert(action);
    }
    let mut statements: Vec<_> = actions.into_iter().collect();
    // As people look for them: by action.
    statements.sort_by(|(_, one), (_, other)| one.cmp(other));
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|(resources, actions)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(action: &str, resource: &str) -> Refusal {
        Refusal::Denied { action: action.to_owned(), resource: resource.to_owned() }
    }

    #[test]
    fn exactly_what_was_refused_is_allowed_and_what_goes_together_stands_together() {
        let refused = [
            denied("sns:Subscribe", "arn:topic"),
            denied("cloudwatch:PutMetricAlarm", "arn:b"),
            Refusal::Wrong("no right of any kind".to_owned()),
            denied("cloudwatch:PutMetricAlarm", "arn:a"),
            denied("sns:CreateTopic", "arn:topic"),
            denied("cloudwatch:PutMetricAlarm", "arn:a"),
        ];
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": ["cloudwatch:PutMetricAlarm"], "Resource": ["arn:a", "arn:b"] },
                { "Effect": "Allow", "Action": ["sns:CreateTopic", "sns:Subscribe"], "Resource": ["arn:topic"] },
            ],
        });
        assert_eq!(statement(&refused), expected);
        let composite = [denied("cloudwatch:PutCompositeAlarm", "arn:a"), denied("sns:ListTopics", "arn:*")];
        let everything = json!([
            { "Effect": "Allow", "Action": ["cloudwatch:PutCompositeAlarm", "sns:ListTopics"], "Resource": ["*"] },
        ]);
        assert_eq!(statement(&composite)["Statement"], everything, "narrower would not help");
        assert_eq!(statement(&refused[2..3])["Statement"], json!([]));
    }
}

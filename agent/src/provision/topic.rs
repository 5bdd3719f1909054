//! The topic that alarms mail through, who may publish to it, and who hears of it.
//!
//! One in each region that has alarms, for an alarm's topic must be in its own region. Knows no message.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parts::Parts;
use super::{Address, CLOUDFRONT_REGION, Content, Kind, Resource, Settings};

/// The regions that have a topic.
pub(super) fn regions(parts: &Parts) -> Vec<String> {
    let mut regions = vec![parts.region.clone()];
    if parts.distribution.is_some() && parts.region != CLOUDFRONT_REGION {
        regions.push(CLOUDFRONT_REGION.to_owned());
    }
    regions
}

/// The topics and their subscriptions.
pub(super) fn topics(settings: &Settings, parts: &Parts, tags: &BTreeMap<String, String>) -> Vec<Resource> {
    let topic = |region: &String| Resource {
        address: Address { kind: Kind::Topic, region: region.clone(), name: settings.topic.clone() },
        content: Content::Topic { policy: policy(settings, parts, region) },
        tags: tags.clone(),
    };
    let regions = regions(parts);
    let mut all: Vec<Resource> = regions.iter().map(topic).collect();
    for region in &regions {
        let mails = settings.emails.iter().map(|email| ("email", email));
        let scheme = |url: &String| if url.starts_with("https://") { "https" } else { "http" };
        let hooks = settings.webhooks.iter().map(|url| (scheme(url), url));
        all.extend(mails.chain(hooks).map(|(protocol, endpoint)| Resource {
            address: Address {
                kind: Kind::Subscription,
                region: region.clone(),
                name: format!("{}/{protocol}/{endpoint}", settings.topic),
            },
            content: Content::Subscription {
                topic_arn: arn(settings, parts, region),
                protocol: protocol.to_owned(),
                endpoint: endpoint.clone(),
            },
            tags: BTreeMap::new(),
        }));
    }
    all
}

/// Only alarms of this account, and the roles that are named, publish.
///
/// `CloudWatch` is the same service for everybody: without the conditions, anybody's alarm could mail here.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>
///
/// Roles are named by a condition on the account's principal, not as principals: the service replaces a role
/// that is a principal by its id, refuses the policy while there is no such role, and shows the id for ever
/// when it was deleted. The account itself as principal would leave it to the role's own policy. A role of this account whose own policy allows `sns:Publish` needs no place here.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn policy(settings: &Settings, parts: &Parts, region: &str) -> Value {
    let (partition, account, arn) = (partition(region), &parts.account_id, arn(settings, parts, region));
    let mut statements = vec![json!({
        "Sid": "AlarmsOfThisAccount",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:*")},
        },
    })];
    if !settings.publishers.is_empty() {
        // With and without a path before the name.
        let both = |role: &String| {
            ["", "*/"].map(|path| format!("arn:{partition}:iam::{account}:role/{path}{role}"))
        };
        let roles: Vec<String> = settings.publishers.iter().flat_map(both).collect();
        statements.push(json!({
            "Sid": "AgentsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {
                "StringEquals": {"aws:PrincipalAccount": account},
                "ArnLike": {"aws:PrincipalArn": roles},
            },
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The topic's ARN in a region.
pub fn arn(settings: &Settings, parts: &Parts, region: &str) -> String {
    format!("arn:{}:sns:{region}:{}:{}", partition(region), parts.account_id, settings.topic)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
pub(super) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

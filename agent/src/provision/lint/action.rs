//! What an alarm does: whether its actions are anything that alarms can call.
//!
//! It does not know which topics there are.

use super::Findings;
use super::draft::{Draft, texts};
use super::json::Value;
use super::placeholder;
use super::rule;

const LISTS: [&str; 3] = ["AlarmActions", "OKActions", "InsufficientDataActions"];

/// What alarms can call.
const SERVICES: [&str; 8] =
    ["sns", "lambda", "autoscaling", "ssm", "ssm-incidents", "swf", "automate", "aiops"];

/// Whether somebody hears of it, as far as the file tells.
pub(super) fn acts(draft: &Draft<'_>) -> bool {
    let off = draft.node("ActionsEnabled").is_some_and(|enabled| enabled.bool() == Some(false));
    let any = |list: &str| {
        draft.node(list).is_some_and(|node| match &node.value {
            Value::Array(items) => !items.is_empty(),
            Value::Null => false,
            _ => true,
        })
    };
    off || LISTS.iter().any(|list| any(list))
}

pub(super) fn judge(draft: &Draft<'_>, out: &mut Findings) {
    for list in LISTS {
        let Some(node) = draft.node(list) else { continue };
        let path = draft.path(list);
        let at = draft.at(list);
        if draft.native && !node.is_array() && !matches!(node.value, Value::Unknown) {
            out.add(
                &rule::ALARM_TYPE,
                at,
                &path,
                format!("{list} is an array of ARNs, not {}", node.kind()),
                "write [\"arn:…\"]",
            );
        }
        let actions = texts(node);
        if actions.len() > 5 {
            out.add(
                &rule::ALARM_TYPE,
                at,
                &path,
                format!("{list} has more than five actions"),
                "publish to one topic, and subscribe the others to it",
            );
        }
        for action in actions {
            if let Some(text) = action.str() {
                judge_one(draft, text, draft.origin(action.at()), &path, out);
            }
        }
    }
}

fn judge_one(draft: &Draft<'_>, action: &str, at: usize, path: &str, out: &mut Findings) {
    if placeholder::is_in(action) {
        return;
    }
    let topic = "write the topic's ARN: arn:aws:sns:eu-west-1:…:starttech-alarms";
    let parts: Vec<&str> = action.split(':').collect();
    let ["arn", _, service, region, _, rest @ ..] = parts.as_slice() else {
        let what = if action.contains('@') { "a mail address" } else { "no ARN" };
        out.add(
            &rule::ACTION_ARN,
            at,
            path,
            format!("the action {action:?} is {what}: nothing can call it"),
            topic,
        );
        return;
    };
    if !SERVICES.contains(service) {
        out.add(&rule::ACTION_ARN, at, path, format!("alarms cannot call anything of {service:?}"), topic);
        return;
    }
    if *service == "sns" && rest.len() > 1 {
        let message = "this is the ARN of a subscription, not of its topic";
        out.add(&rule::ACTION_ARN, at, path, message, "leave the last part out");
        return;
    }
    let own = draft.entry.place.node.text("AlarmArn").and_then(|arn| arn.split(':').nth(3));
    let cloudfront = draft.text("Namespace") == Some("AWS/CloudFront");
    if cloudfront && own.is_none() && *region != "us-east-1" && !region.is_empty() {
        let message =
            format!("an alarm on CloudFront is in us-east-1, and so is what it calls; this is in {region}");
        out.add(&rule::CLOUDFRONT_REGION, at, path, message, "make a topic in us-east-1, and name that");
    } else if let Some(own) = own.filter(|own| own != region && !region.is_empty()) {
        let message = format!("the alarm is in {own}, and this action in {region}");
        out.add(&rule::ACTION_REGION, at, path, message, format!("name one in {own}"));
    }
}

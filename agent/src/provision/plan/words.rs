//! What a thing is, in a line: its name as one says it, and the members that tell most.

use serde_json::Value;

use crate::alarms::definition::{Alarm, Comparison, Composite};
use crate::provision::{Address, Content, Kind, Resource};

/// The longest line that is still read.
const LONG: usize = 72;

/// How a person calls it; where it is not in `home`, with its region.
pub fn name(address: &Address, home: &str) -> String {
    let mut name = address.name.clone();
    if address.kind == Kind::Subscription {
        let mut parts = address.name.splitn(3, '/').skip(1);
        let (protocol, end) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        name = format!("{protocol} {}", endpoint(end));
    }
    if address.region != home {
        name.push_str(" in ");
        name.push_str(&address.region);
    }
    clean(&name)
}

/// Without anything that a terminal would obey: others write into the account, too.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{b7}' } else { c }).collect()
}

/// Of a URL, the host: what follows is often a key to it.
pub(super) fn endpoint(endpoint: &str) -> String {
    let Some((scheme, rest)) = endpoint.split_once("://") else { return endpoint.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = if rest.len() > host.len() { "/…" } else { "" };
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or(host))
}

/// What it does, in a line.
pub(super) fn gist(resource: &Resource) -> String {
    match &resource.content {
        Content::LogGroup { retention_in_days: Some(days) } => format!("{days} days"),
        Content::LogGroup { retention_in_days: None } => "for ever".to_owned(),
        Content::Topic { .. } => String::new(),
        Content::Subscription { topic_arn, .. } => {
            format!("of {}", topic_arn.rsplit(':').next().unwrap_or(topic_arn))
        }
        Content::Alarm(alarm) => metric_alarm(alarm),
        Content::CompositeAlarm(alarm) => composite(alarm),
        Content::Dashboard { dashboard_body } => {
            let widgets = dashboard_body.get("widgets").and_then(Value::as_array).map_or(0, Vec::len);
            format!("{widgets} widgets")
        }
        Content::SavedQuery { log_group_names, .. } => format!("on {}", log_group_names.join(", ")),
    }
}

/// `CPUUtilization Average > 70 for 2 of 3 × 5 min`
fn metric_alarm(alarm: &Alarm) -> String {
    let shown = alarm.metrics.iter().find(|query| query.return_data);
    let what = match (&alarm.metric_name, shown) {
        (Some(metric), _) => {
            let statistic = alarm.statistic.as_ref().or(alarm.extended_statistic.as_ref());
            format!("{metric} {}", statistic.map_or("", String::as_str))
        }
        (None, Some(query)) => match (&query.label, &query.expression, &query.metric_stat) {
            (Some(label), ..) => label.clone(),
            (None, Some(expression), _) => expression.clone(),
            (None, None, Some(stat)) => format!("{} {}", stat.metric.metric_name, stat.stat),
            (None, None, None) => query.id.clone(),
        },
        (None, None) => String::new(),
    };
    let stats = alarm
        .metrics
        .iter()
        .filter_map(|query| query.period.or(query.metric_stat.as_ref().map(|stat| stat.period)));
    let period = alarm.period.or(stats.max()).unwrap_or_default();
    let least = alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods);
    let sign = match alarm.comparison_operator {
        Comparison::GreaterThanOrEqualToThreshold => "≥",
        Comparison::GreaterThanThreshold | Comparison::GreaterThanUpperThreshold => ">",
        Comparison::LessThanThreshold | Comparison::LessThanLowerThreshold => "<",
        Comparison::LessThanOrEqualToThreshold => "≤",
        Comparison::LessThanLowerOrGreaterThanUpperThreshold => "outside of",
    };
    let threshold = alarm.threshold.map_or("its band".to_owned(), |threshold| threshold.to_string());
    format!(
        "{} {sign} {threshold} for {least} of {} × {}",
        cut(&what, LONG),
        alarm.evaluation_periods,
        duration(period)
    )
}

fn composite(alarm: &Composite) -> String {
    let rule = alarm.alarm_rule.replace("ALARM(", "").replace(['"', ')'], "");
    let suppressor = alarm
        .actions_suppressor
        .as_ref()
        .map(|arn| format!(", not while {}", arn.rsplit(':').next().unwrap_or(arn)));
    format!("{}{}", cut(&rule, LONG), suppressor.unwrap_or_default())
}

fn duration(seconds: u32) -> String {
    match seconds {
        _ if seconds > 0 && seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds > 0 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// At most so many characters, the last of them a sign that there are more.
pub(super) fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_known_by_its_host() {
        for (written, shown) in [
            ("a@example.com", "a@example.com"),
            ("https://example.com", "https://example.com"),
            ("https://events.example.com/integration/0123secret/enqueue", "https://events.example.com/…"),
            ("https://user:secret@example.com:8443/x?key=1", "https://example.com:8443/…"),
            ("https://example.com?key=1", "https://example.com/…"),
        ] {
            assert_eq!(endpoint(written), shown);
        }
    }

    #[test]
    fn a_subscription_is_called_by_whom_it_tells() {
        let address = Address {
            kind: Kind::Subscription,
            region: "us-east-1".into(),
            name: "topic/https/https://example.com/a".into(),
        };
        assert_eq!(name(&address, "us-east-1"), "https https://example.com/…");
        assert_eq!(name(&address, "eu-west-1"), "https https://example.com/… in us-east-1");
    }

    #[test]
    fn periods_are_said_in_the_unit_that_fits() {
        assert_eq!([10, 60, 300, 90, 3600].map(duration), ["10 s", "1 min", "5 min", "90 s", "1 h"]);
    }
}

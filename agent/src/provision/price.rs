//! What the resources cost a month, in words.
//!
//! List prices of the first tier in eu-west-1, <https://aws.amazon.com/cloudwatch/pricing/>: a standard alarm
//! costs by the metrics it looks at. Log groups, topics and saved queries cost nothing by being there.

use super::{Content, Resource};

/// Dollars a month for each metric of a standard alarm.
const ALARM_METRIC: f64 = 0.10;
/// Dollars a month.
const COMPOSITE: f64 = 0.50;
/// Dollars a month.
const DASHBOARD: f64 = 3.00;

/// A sentence; none where nothing costs anything.
pub(super) fn sentence(resources: &[Resource]) -> Option<String> {
    let (mut alarms, mut metrics, mut composites, mut dashboards) = (0_u32, 0_u32, 0_u32, 0_u32);
    for resource in resources {
        match &resource.content {
            Content::Alarm(alarm) => {
                let stats = alarm.metrics.iter().filter(|query| query.metric_stat.is_some()).count();
                alarms += 1;
                metrics += u32::try_from(stats).unwrap_or(u32::MAX).max(1);
            }
            Content::CompositeAlarm(_) => composites += 1,
            Content::Dashboard { .. } => dashboards += 1,
            _ => {}
        }
    }
    let dollars = f64::from(metrics) * ALARM_METRIC
        + f64::from(composites) * COMPOSITE
        + f64::from(dashboards) * DASHBOARD;
    let count = |count: u32, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let alarms = count(alarms, "alarm").map(|alarms| format!("{alarms} on {metrics} metrics"));
    let parts = [alarms, count(composites, "composite alarm"), count(dashboards, "dashboard")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let (last, others) = parts.split_last()?;
    let all = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    // The free tier: ten alarm metrics and three dashboards of an account.
    Some(format!(
        "{all}: about ${dollars:.2} a month by list price, less what the account's free tier still has \
         (10 alarm metrics, 3 dashboards)"
    ))
}

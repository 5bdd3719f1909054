//! How often each action is called, and how often the account may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Calls a second, of the actions that provisioning uses.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const QUOTAS: [(&str, usize); 14] = [
    ("cloudwatch:DeleteAlarms", 3),
    ("cloudwatch:DescribeAlarms", 9),
    ("cloudwatch:GetDashboard", 10),
    ("cloudwatch:ListMetrics", 25),
    ("cloudwatch:PutCompositeAlarm", 3),
    ("cloudwatch:PutDashboard", 10),
    ("cloudwatch:PutMetricAlarm", 3),
    ("cloudwatch:SetAlarmState", 3),
    ("cloudwatch:TagResource", 20),
    ("logs:CreateLogGroup", 10),
    ("logs:DescribeLogGroups", 10),
    ("logs:PutRetentionPolicy", 10),
    ("sns:ListTopics", 30),
    ("sns:Subscribe", 100),
];

const SECOND: Duration = Duration::from_secs(1);

/// When each action was called.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    times: BTreeMap<String, Vec<Instant>>,
    throttled: BTreeMap<String, usize>,
}

impl Calls {
    /// Counts a call; gives whether it is within the quota. Calls that were throttled count, too.
    pub(crate) fn note(&mut self, action: &str, now: Instant) -> bool {
        let times = self.times.entry(action.to_owned()).or_default();
        let recent = times.iter().rev().take_while(|time| now.duration_since(**time) < SECOND).count();
        times.push(now);
        QUOTAS.iter().all(|(of, quota)| *of != action || recent < *quota)
    }

    /// The call that was noted last was refused for it.
    pub(crate) fn note_throttled(&mut self, action: &str) {
        *self.throttled.entry(action.to_owned()).or_default() += 1;
    }

    pub(crate) fn count(&self, action: &str) -> usize {
        self.times.get(action).map_or(0, Vec::len)
    }

    pub(crate) fn throttled(&self, action: &str) -> usize {
        self.throttled.get(action).copied().unwrap_or_default()
    }

    pub(crate) fn all_throttled(&self) -> &BTreeMap<String, usize> {
        &self.throttled
    }

    /// The most calls in any second.
    pub(crate) fn highest_rate(&self, action: &str) -> usize {
        let times = self.times.get(action).map_or(&[][..], Vec::as_slice);
        let within = |first: usize| {
            times[first..].iter().take_while(|time| time.duration_since(times[first]) < SECOND).count()
        };
        (0..times.len()).map(within).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_alarm_of_a_second_is_one_too_many() {
        let (mut calls, began) = (Calls::default(), Instant::now());
        let mut put = |ms| calls.note("cloudwatch:PutMetricAlarm", began + Duration::from_millis(ms));
        assert_eq!([0, 300, 600, 900, 1_950].map(&mut put), [true, true, true, false, true]);
        assert_eq!(calls.highest_rate("cloudwatch:PutMetricAlarm"), 4);
        assert_eq!(calls.count("cloudwatch:PutMetricAlarm"), 5);
        assert!((0..100).all(|_| calls.note("sts:GetCallerIdentity", began)));
    }
}

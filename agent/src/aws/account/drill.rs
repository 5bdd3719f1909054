//! What a fire drill asks of the account: how alarms stand, who hears of them, and to set an alarm's state.
//!
//! When that may be done, and what to set it back to, it refuses to know.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::answer::{Call, Failed};
use super::{ALARMS, AwsAccount, list};
use crate::provision::{Address, Held, Refusal, State};

// Quotas: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const SET_STATE: Call = Call::new(ALARMS, "SetAlarmState", 3);
const DESCRIBE: Call = Call::new(ALARMS, "DescribeAlarms", 9);

impl AwsAccount {
    /// Every alarm of the region.
    ///
    /// # Errors
    /// It may not be looked at, or cannot.
    pub async fn alarms(&self, region: &str) -> Result<Vec<Held>, Refusal> {
        self.read_alarms(region).await
    }

    /// Who has subscribed to the topic, or was asked to.
    ///
    /// # Errors
    /// It may not be looked at, or cannot.
    pub async fn subscriptions(&self, topic_arn: &str) -> Result<Vec<Held>, Refusal> {
        let region = topic_arn.split(':').nth(3).unwrap_or(&self.home);
        self.read_subscriptions(region, topic_arn).await
    }

    /// Whether it can be done is tried anew, whatever was found out just now: what was set must be set back.
    ///
    /// # Errors
    /// The role may not, the alarm is not there, or nobody answers; then it may have been done.
    pub async fn set_state(&self, alarm: &Address, value: &str, reason: &str) -> Result<(), Refusal> {
        let Address { region, name, .. } = alarm;
        self.pace.forget_down(SET_STATE, region);
        let arn = self.arn("cloudwatch", region, &format!("alarm:{name}"));
        let set = self.clients(region).alarms.set_alarm_state();
        let set = set.alarm_name(name).state_value(StateValue::from(value)).state_reason(reason);
        let told = self.call(SET_STATE, region, &arn, || set.clone().send()).await;
        told.map(|_| ()).map_err(Failed::refusal)
    }

    /// How the alarm stands now; `None` if it is gone.
    ///
    /// # Errors
    /// It may not be looked at, or cannot.
    pub async fn state_of(&self, alarm: &Address) -> Result<Option<State>, Refusal> {
        let Address { region, name, .. } = alarm;
        self.pace.forget_down(DESCRIBE, region);
        let every = self.arn("cloudwatch", region, "alarm:*");
        let kinds = vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
        let ask = self.clients(region).alarms.describe_alarms();
        let ask = ask.alarm_names(name).set_alarm_types(Some(kinds));
        let page = self.call(DESCRIBE, region, &every, || ask.clone().send()).await;
        let page = page.map_err(Failed::refusal)?;
        let metric = list(page.metric_alarms)
            .into_iter()
            .filter_map(|alarm| super::alarms::from_metric(region, alarm));
        let composite = list(page.composite_alarms)
            .into_iter()
            .filter_map(|alarm| super::alarms::from_composite(region, alarm));
        Ok(metric
            .chain(composite)
            .find(|held| held.resource.address.name == *name)
            .and_then(|held| held.state))
    }
}

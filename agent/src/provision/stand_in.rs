//! The agent's own alarms where there is no account: with a platform that stands in for the real one, so that
//! their tests need neither network nor credentials.
//!
//! It knows nothing of tests.

use super::desired::desired;
use super::parts::Parts;
use super::{Content, Settings, Wanted};
use crate::alarms::definition::{Alarm, Composite};

/// Parts that may be missing, by the names of their keys.
pub const PARTS: [&str; 4] = ["auto_scaling_group", "load_balancer", "target_group", "distribution"];

/// The alarms of these settings, with every part that the settings do not rule out and `without` does not name.
pub fn alarms(settings: &Settings, without: &[&str]) -> (Vec<Alarm>, Vec<Composite>) {
    let part = |wanted: &Wanted, key: &str, stand_in: &str| match wanted {
        Wanted::Nothing => None,
        _ if without.contains(&key) => None,
        Wanted::Named(name) => Some(name.clone()),
        Wanted::Find => Some(stand_in.to_owned()),
    };
    let load_balancer = part(&settings.load_balancer, "load_balancer", "app/starttech-alb/0123456789abcdef");
    let target_group =
        part(&settings.target_group, "target_group", "targetgroup/starttech-tg/0123456789abcdef");
    let parts = Parts {
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        auto_scaling_group: part(&settings.auto_scaling_group, "auto_scaling_group", "starttech-asg"),
        target_group: target_group.filter(|_| load_balancer.is_some()),
        load_balancer,
        distribution: part(&settings.distribution, "distribution", "E1STANDIN00000"),
        group_metrics: true,
        additional_metrics: true,
    };
    let (mut alarms, mut composites) = (Vec::new(), Vec::new());
    for resource in desired(settings, &parts).resources {
        match resource.content {
            Content::Alarm(alarm) => alarms.push(alarm),
            Content::CompositeAlarm(composite) => composites.push(composite),
            _ => {}
        }
    }
    (alarms, composites)
}

#[cfg(test)]
mod tests;
